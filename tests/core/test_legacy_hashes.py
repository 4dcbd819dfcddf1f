"""Passwords of the legacy application: each format signs in once and is ours afterwards."""

import hashlib

import bcrypt
import pytest
from sqlalchemy import select
from werkzeug.security import generate_password_hash

from app import hashing
from app.models.people import User

ADA = "ada@learn.agency.example"
WORDS = "three green kettles"


def made(kind, password=WORDS):
    if kind == "bcrypt":
        return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    if kind == "bcrypt 2a":
        return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4, b"2a")).decode()
    return generate_password_hash(password, kind)


KINDS = ["pbkdf2:sha256:260000", "pbkdf2:sha256:1000000", "scrypt:32768:8:1", "bcrypt", "bcrypt 2a"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_legacy_password_signs_in_and_becomes_ours(visitors, people, db, kind):
    people.account(ADA, password=None, password_hash=made(kind))
    assert visitors().sign_in(ADA, "a wrong password").status_code == 401
    assert visitors().sign_in(ADA, WORDS).status_code == 303
    stored = db.scalar(select(User.password_hash))
    assert hashing.OURS.fullmatch(stored)
    assert visitors().sign_in(ADA, WORDS).status_code == 303
    assert visitors().sign_in(ADA, "a wrong password").status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_decomposed_letter_fits_a_hash_of_the_composed_one(kind):
    stored = made(kind, "caf\u00e9 kettles")
    assert hashing.verify_password("cafe\u0301 kettles", stored, rounds=4)


def test_plain_bcrypt_looks_at_72_bytes_and_ours_at_all():
    long, other = "x" * 72 + "a", "x" * 72 + "b"
    assert hashing.verify_password(other, made("bcrypt", long), rounds=4)
    assert not hashing.verify_password(other, hashing.hash_password(long, rounds=4), rounds=4)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "plain text",
        "md5$abc$" + hashlib.md5(b"x").hexdigest(),
        "pbkdf2:sha256:99999999$salt$" + "0" * 64,
        "pbkdf2:sha256:0$salt$" + "0" * 64,
        "pbkdf2:sha512:1000$salt$" + "0" * 128,
        "scrypt:1048576:64:16$salt$" + "0" * 128,
        "scrypt:3:8:1$salt$" + "0" * 128,
        "scrypt:32768:0:1$salt$" + "0" * 128,
        "$2b$31$" + "." * 53,
        "$2b$12$short",
        "sha256$$2b$12$short",
        "\0",
    ],
)
def test_what_cannot_be_read_is_no_password_and_no_crash(stored):
    assert not hashing.is_readable(stored)
    assert not hashing.verify_password(WORDS, stored, rounds=4)


@pytest.mark.parametrize("password", ["\ud800", "a\0b", "x" * 5000])
@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_password_is_a_wrong_one(kind, password):
    assert not hashing.verify_password(password, made(kind), rounds=4)
