"""The one form of a phone number."""

import pytest

from app.phones import BadNumber, canonical, masked

NUMBER = "+31612345678"


@pytest.mark.parametrize(
    "typed",
    [
        NUMBER, " +31 6 1234-5678 ", "0031612345678", "+31 (6) 1234 5678", "+31.6.1234.5678",
        "\uff0b\uff13\uff11\uff16\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "+31\u00a06\u20111234\u20135678",
    ],
)  # fmt: skip
def test_every_spelling_of_a_number_is_one(typed):
    assert canonical(typed) == NUMBER
    assert canonical(canonical(typed), "US") == NUMBER


def test_a_number_without_its_country_needs_a_region():
    assert canonical("06 12345678", "NL") == NUMBER
    assert canonical("(415) 523-8886", "US") == "+14155238886"
    with pytest.raises(BadNumber):
        canonical("06 12345678")


@pytest.mark.parametrize(
    "typed",
    [
        "", " ", "+", "12345", "+31 6 12", "+316123456789012", "+999 123 456", "ada@x.example",
        "1-800-FLOWERS", "+31612345678 ext. 3", "+31612345678;ext=3", "tel:+31612345678",
        "whatsapp:+31612345678", "+31612345678\0", "+1" * 30, "\ud800", "+" + "9" * 10_000,
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(BadNumber):
        canonical(typed)


def test_of_a_masked_number_two_digits_are_left():
    assert masked(NUMBER) == "••••••78"
    assert len(masked("+12345678")) == len(masked("+123456789012345"))
