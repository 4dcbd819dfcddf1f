"""Password hashes: what is made, what verifies, and what counts as no password."""

import re
import time
import unicodedata

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import hashing
from app.models.people import User

ROUNDS = 4
WORDS = "three green kettles"


def make(password=WORDS):
    return hashing.hash_password(password, rounds=ROUNDS)


def fits(password, stored):
    return hashing.verify_password(password, stored, rounds=ROUNDS)


def test_a_hash_is_marked_bcrypt_of_the_asked_cost_and_never_twice_the_same():
    assert re.fullmatch(r"sha256\$\$2b\$04\$[./A-Za-z0-9]{53}", make())
    assert make() != make()
    assert WORDS not in make()


def test_the_password_verifies_and_another_does_not():
    stored = make()
    assert fits(WORDS, stored)
    for other in ("", WORDS + " ", WORDS.upper(), WORDS[:-1]):
        assert not fits(other, stored)


def test_passwords_that_differ_beyond_72_bytes_are_two():
    stored = make("x" * 72 + "one")
    assert fits("x" * 72 + "one", stored)
    assert not fits("x" * 72 + "two", stored)
    assert not fits("x" * 72, stored)


def test_a_password_with_a_nul_is_not_cut_there():
    assert not fits("kettle\0two", make("kettle\0one"))


def test_the_two_forms_of_an_accent_are_one_password():
    composed = unicodedata.normalize("NFC", "café au lait crème")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert fits(decomposed, make(composed))
    assert fits(composed, make(decomposed))


def test_letters_that_only_look_alike_are_two_passwords():
    assert not fits("ﬁve green kettles", make("five green kettles"))
    assert not fits("ſix green kettles", make("six green kettles"))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "plain text",
        "sha256$",
        "sha256$$2b$04$" + "." * 52,
        "sha256$$2b$04$" + "." * 54,
        "sha256$$2b$xx$" + "." * 53,
        "sha256$$2q$04$" + "." * 53,
        "sha256$$2b$04$" + "é" * 53,
        "sha256$$2b$04$" + " " * 53,
        "sha256$$2b$99$" + "." * 53,
        "sha256$$2b$04." + "." * 53,
        "sha256$$2b$04$" + "." * 53 + "\n",
        "x" * 67,
    ],
)
def test_a_hash_that_cannot_be_read_is_no_password(stored):
    assert not hashing.is_readable(stored)
    assert not fits("", stored)
    assert not fits(WORDS, stored)


def test_no_hash_is_no_password():
    assert not hashing.is_readable(None)
    assert not fits("", None)
    assert not fits(WORDS, None)


def test_the_decoy_is_behind_no_password():
    assert not fits(WORDS, "sha256$" + "$2b$04$" + "." * 53)


@pytest.mark.parametrize("password", ["\ud800", "kettle \udfff kettle", "x" * 100_000, "\0", ""])
def test_nothing_that_is_typed_breaks_the_check(password):
    assert not fits(password, make())
    assert not fits(password, None)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120))
def test_two_passwords_share_a_hash_only_if_they_are_equal_in_nfc(one, other):
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    assert fits(other, make(one)) is same


def test_a_hash_of_another_cost_is_to_be_made_anew():
    stored = make()
    assert not hashing.needs_rehash(stored, rounds=ROUNDS)
    assert hashing.needs_rehash(stored, rounds=5)
    assert hashing.needs_rehash(stored, rounds=12)


@pytest.mark.parametrize("stored", [None, "", "plain text"])
def test_an_account_without_a_password_costs_a_hash_too(stored):
    started = time.perf_counter()
    hashing.verify_password(WORDS, stored, rounds=8)
    without = time.perf_counter() - started
    # One hash at cost 8 takes 10 to 30 ms; answering without one takes far less than 1.
    assert without > 0.004


def test_a_hash_is_not_bcrypt_of_the_password_itself():
    assert not bcrypt.checkpw(WORDS.encode(), make().removeprefix("sha256$").encode())


def test_a_person_has_the_password_that_was_set():
    user = User()
    assert not user.has_password()
    assert not user.check_password(WORDS, rounds=ROUNDS)
    user.set_password(WORDS, rounds=ROUNDS)
    assert user.has_password()
    assert user.check_password(WORDS, rounds=ROUNDS)
    assert not user.check_password("another", rounds=ROUNDS)
    user.password_hash = ""
    assert not user.has_password()
