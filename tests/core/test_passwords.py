"""Which new passwords are taken, and the reason that is said for each that is not."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import PasswordRefused
from app.core.proof import passwords

KNOWN = ["ada.lovelace@learn.agency.example", "ada.lovelace", "Rollcall"]


def check(password, *, least=8, known_words=KNOWN):
    return passwords.check_new(password, least=least, known_words=known_words)


def reason(password, **kwargs):
    with pytest.raises(PasswordRefused) as refused:
        check(password, **kwargs)
    assert refused.value.code == "password_refused"
    return refused.value.message


@pytest.mark.parametrize(
    "password",
    [
        "three green kettles",
        "gTr-9uQ!",
        "alllowercaseyetquiteunusual",
        "корабль под зелёным небом",
        "静かな青い橋と三羽の鳥",
        "🦉 reads 🫖 nightly",
        'an apostrophe\'s "quote" <b>&amp;</b>',
        "  blanks at both ends count  ",
        "x" + "0123456789abcdef" * 8 + " kettle",
    ],
)
def test_a_password_that_is_hard_to_guess_is_taken_whatever_it_is_made_of(password):
    assert check(password) == unicodedata.normalize("NFC", password)


def test_no_password_is_asked_for():
    assert reason("") == "Enter a password."


def test_one_that_is_too_short_is_told_how_long_it_is_and_must_be():
    assert reason("gTr-9uQ") == "A password needs 8 characters; this one has 7."
    assert reason("gTr-9uQ!", least=12) == "A password needs 12 characters; this one has 8."


def test_length_counts_characters_and_not_bytes():
    assert reason("ž" * 7) == "A password needs 8 characters; this one has 7."
    assert check("žřďťňěšč") == "žřďťňěšč"


def test_length_counts_after_accents_are_joined():
    decomposed = unicodedata.normalize("NFD", "éàü")
    assert reason(decomposed) == "A password needs 8 characters; this one has 3."


@pytest.mark.parametrize(
    "password",
    ["password", "Passw0rd", "12345678", "qwertyuiop", "iloveyou1", "aaaaaaaaaaaa", "abcdefgh"],
)
def test_a_common_password_is_refused_with_the_reason_and_a_tip(password):
    said = reason(password)
    assert "on lists of common ones" in said
    assert "Three unrelated words make a good one." in said


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace",
        "Ada.Lovelace1",
        "rollcall2026",
        "ROLLCALL!",
        "xada.lovelace@learn.agency.example",
    ],
)
def test_a_password_that_is_little_more_than_what_was_typed_beside_it_is_refused(password):
    said = reason(password)
    assert "little more than your name, your address or the name of this site" in said
    assert "Three unrelated words make a good one." in said


def test_what_was_typed_may_stand_in_a_password_that_has_more_to_it():
    assert check("rollcall over seven seas") == "rollcall over seven seas"


def test_a_name_that_was_not_typed_makes_no_difference():
    # Otherwise the answer would tell what the list knows about somebody.
    assert check("kowalczyk-72!", known_words=["ada@x.example", "ada"]) == "kowalczyk-72!"


def test_a_very_short_known_word_refuses_nothing():
    assert check("three green kettles", known_words=["th", ""]) == "three green kettles"


@pytest.mark.parametrize("password", ["three\0green kettles", "three \ud800 kettles"])
def test_a_broken_character_is_said(password):
    assert reason(password) == "This password has a broken character in it."


def test_four_thousand_bytes_are_taken_and_one_more_is_not():
    words = "three green kettles and a kite "
    text = (words * 200)[: passwords.MOST_BYTES]
    assert check(text) == text
    assert reason(text + "x") == "This password is too long: it can have 4096 bytes."
    assert reason("é" * 2049) == "This password is too long: it can have 4096 bytes."


def test_the_longest_password_is_judged_quickly():
    started = time.process_time()
    check(("9f3kQ-" * 700)[: passwords.MOST_BYTES])
    # The estimator alone would take seconds for all of it.
    assert time.process_time() - started < 0.1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(codec=None), max_size=80))
def test_any_text_is_taken_or_refused_in_words(password):
    try:
        taken = check(password)
    except PasswordRefused as refusal:
        taken = None
        said = refusal.message
    assert taken == unicodedata.normalize("NFC", password) if taken else said
