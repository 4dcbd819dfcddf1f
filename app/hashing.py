"""Password hashes: makes bcrypt over a pre-hash, reads it again, says when to hash anew.

A new hash is stored as `sha256$` followed by bcrypt's own text. The pre-hash takes the whole
password into account (bcrypt alone stops at 72 bytes) and is keyed with a fixed label, not with
an application secret: rotating a secret must not end every password.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata

from flask_bcrypt import Bcrypt

MARK = "sha256$"
PRE_HASH_LABEL = b"rollcall password pre-hash 1"
READABLE = re.compile(r"sha256\$\$2[aby]\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}")


def hash_password(password: str, *, rounds: int) -> str:
    """The text to store for `password`; `rounds` is bcrypt's cost (log2 of its iterations)."""
    hashed: bytes = Bcrypt().generate_password_hash(_pre_hash(password), rounds)
    return MARK + hashed.decode("ascii")


def verify_password(password: str, stored: str | None, *, rounds: int) -> bool:
    """Whether `password` is the one behind `stored`.

    Where `stored` is nothing we can read, a decoy of cost `rounds` is computed all the same, so
    that an account without a password answers no sooner than one with a wrong password.
    """
    if stored is not None and is_readable(stored):
        return bool(Bcrypt().check_password_hash(stored.removeprefix(MARK), _pre_hash(password)))
    Bcrypt().check_password_hash(_decoy(rounds), _pre_hash(password))
    return False


def is_readable(stored: str | None) -> bool:
    """Whether somebody can sign in with this hash: anything else counts as no password."""
    return stored is not None and READABLE.fullmatch(stored) is not None


def needs_rehash(stored: str, *, rounds: int) -> bool:
    """Whether a readable hash was made at another cost than `rounds`."""
    return int(stored.removeprefix(MARK).split("$")[2]) != rounds


def _pre_hash(password: str) -> bytes:
    # A lone surrogate fits no password of ours, and is to be a wrong one, not a failure.
    normal = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(PRE_HASH_LABEL, normal, hashlib.sha256))


def _decoy(rounds: int) -> str:
    # A well-formed bcrypt text that no password is behind: a check against it costs the full
    # price.
    return f"$2b${rounds:02d}$" + "." * 53
