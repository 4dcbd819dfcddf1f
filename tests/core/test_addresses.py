"""The canonical address: what is one mailbox, what is two, and what is none."""

from __future__ import annotations

import string
import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from app.addresses import BadAddress, canonical

# Mostly signs that matter to an address, so that many of the texts are nearly one.
SIGNS = "aZ09kK-_.+'@@..!\u212a\u00e9e\u0301\u00df\u0130\u017f\uff41\u3002\u200b\u202e\x00\n \ud800"
LABELS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=65)
ENDINGS = st.sampled_from(["example", "Test", "local", "c0m", "x", "xn--p1ai", "co.uk", "ARPA"])
LOCALS = st.text(string.ascii_letters + string.digits + ".!#$%&'*+/=?^_`{|}~-", max_size=80)
ASCII_ADDRESSES = st.builds(
    lambda local, labels, ending: f"{local}@{'.'.join([*labels, ending])}",
    LOCALS,
    st.lists(LABELS, max_size=4),
    ENDINGS,
)
TEXTS = st.one_of(
    st.text(), st.text(SIGNS), st.builds("{}@{}.example".format, st.text(), st.text())
)


def in_the_library_alone(address: str) -> str | None:
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return found.normalized.lower() if "." in found.domain else None


def canonical_or_none(address: str) -> str | None:
    try:
        return canonical(address)
    except BadAddress:
        return None


@given(ASCII_ADDRESSES)
@example("a@b-.example")
@example("a@ab--c.example")
@example("a@x.xn--p1ai")
@example("a@b.c--d")
@example("a@" + "b" * 64 + ".example")
@example("a" * 245 + "@b.examp")
def test_the_fast_path_says_what_the_library_says(address: str) -> None:
    assert canonical_or_none(address) == in_the_library_alone(address)


@given(st.one_of(TEXTS, ASCII_ADDRESSES))
@example("J\u030cane@school.example")
@example("\u0130@school.example")
@example("\u212aim@\u212aim.example")
def test_a_canonical_address_stays_what_it_is(text: str) -> None:
    address = canonical_or_none(text)
    if address is not None:
        assert canonical(address) == address
        assert unicodedata.is_normalized("NFC", address)
        assert len(address) <= 254


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  Ann@School.Example \n", "ann@school.example"),
        ("ann.o'neil+x@school.example", "ann.o'neil+x@school.example"),
        ("Rene\u0301@school.example", "ren\u00e9@school.example"),
        ("ann@M\u00dcNCHEN.example", "ann@m\u00fcnchen.example"),
        ("ann@xn--mnchen-3ya.example", "ann@m\u00fcnchen.example"),
        ("ann@\uff53chool.example", "ann@school.example"),
        ("ann@school.test", "ann@school.test"),
        ("INFO@school.example", "info@school.example"),
    ],
)
def test_one_mailbox_has_one_address(typed: str, stored: str) -> None:
    assert canonical(typed) == stored


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0131an@school.example", "ian@school.example"),
        ("\u017fam@school.example", "sam@school.example"),
        ("\ufb01n@school.example", "fin@school.example"),
        ("stra\u00dfe@school.example", "strasse@school.example"),
        ("\u0430nn@school.example", "ann@school.example"),
        ("\uff41nn@school.example", "ann@school.example"),
    ],
)
def test_two_mailboxes_stay_two(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "ann",
        "ann@",
        "@school.example",
        "ann@@school.example",
        "ann@school",
        "ann@localhost",
        "ann@test",
        "ann@[127.0.0.1]",
        '"ann b"@school.example',
        "Ann <ann@school.example>",
        "<ann@school.example>",
        "ann@school..example",
        "ann.@school.example",
        "an n@school.example",
        "ann@school.example\r\nBcc: all@school.example",
        "ann\x00@school.example",
        "ann\u200b@school.example",
        "ann@sch\u200bool.example\u202e",
        "\u202eann@school.example",
        "ann\ud800@school.example",
        "ann@sch\ud800ool.example",
        "ann\uff20school.example",
        "a" * 250 + "@school.example",
        "\u0130" * 119 + "@school.example",
    ],
)
def test_what_is_no_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadAddress, match=r"\w{2,} \w{2,}"):
        canonical(text)
