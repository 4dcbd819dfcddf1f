"""Hashes of what proves somebody: slow ones of passwords, quick ones of our own random tokens.

A new hash of a password is stored as `sha256$` followed by bcrypt's own text. The pre-hash takes
the whole password into account (bcrypt alone stops at 72 bytes) and is keyed with a fixed label,
not with an application secret: rotating a secret must not end every password.

Legacy rows hold Werkzeug's `pbkdf2:sha256:…` and `scrypt:…`, and plain bcrypt. They are verified
within bounds of cost, and every one of them needs hashing anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata

from flask_bcrypt import Bcrypt
from werkzeug.security import check_password_hash

MARK = "sha256$"
PRE_HASH_LABEL = b"rollcall password pre-hash 1"
OURS = re.compile(r"sha256\$\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
PBKDF2 = re.compile(r"pbkdf2:sha256:(\d{1,7})\$[A-Za-z0-9]{1,64}\$[0-9a-f]{64}")
SCRYPT = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2})\$[A-Za-z0-9]{1,64}\$[0-9a-f]{128}")

MOST_ITERATIONS = 2_000_000
"""PBKDF2 iterations beyond which a stored hash is not computed: a row must not hold a thread."""

MOST_SCRYPT = 2**21
"""The greatest product of scrypt's n, r and p: 256 MiB and some half a second."""

BCRYPT_BYTES = 72
"""What plain bcrypt looks at; newer versions of the library refuse more."""


def hash_password(password: str, *, rounds: int) -> str:
    """The text to store for `password`; `rounds` is bcrypt's cost (log2 of its iterations)."""
    hashed: bytes = Bcrypt().generate_password_hash(_pre_hash(password), rounds)
    return MARK + hashed.decode("ascii")


def verify_password(password: str, stored: str | None, *, rounds: int) -> bool:
    """Whether `password` is the one behind `stored`.

    Where `stored` is nothing we can read, a decoy of cost `rounds` is computed all the same, so
    that an account without a password answers no sooner than one with a wrong password.
    """
    if stored is not None and is_readable(stored) and not OURS.fullmatch(stored):
        return any(_verify_legacy(spelling, stored) for spelling in _spellings(password))
    ours = stored is not None and is_readable(stored)
    text = stored.removeprefix(MARK) if ours and stored else _decoy(rounds)
    if Bcrypt().check_password_hash(text, _pre_hash(password)) and ours:
        return True
    # A wrong password that has two spellings costs two hashes everywhere, as it does where a
    # legacy hash has to be compared with both.
    for _spelling in _spellings(password)[1:]:
        Bcrypt().check_password_hash(text, _pre_hash(password))
    return False


def is_readable(stored: str | None) -> bool:
    """Whether somebody can sign in with this hash: anything else counts as no password."""
    if not isinstance(stored, str):  # Some databases hold bytes here.
        return False
    if found := PBKDF2.fullmatch(stored):
        return 0 < int(found[1]) <= MOST_ITERATIONS
    if found := SCRYPT.fullmatch(stored):
        n, r, p = (int(each) for each in found.groups())
        # RFC 7914 §2: n is a power of two greater than 1.
        return n > 1 and n & (n - 1) == 0 and 0 < n * r * p <= MOST_SCRYPT
    return OURS.fullmatch(stored) is not None or BCRYPT.fullmatch(stored) is not None


def needs_rehash(stored: str, *, rounds: int) -> bool:
    """Whether a readable hash is of another kind or cost than we make today."""
    if not OURS.fullmatch(stored):
        return True
    return int(stored.removeprefix(MARK).split("$")[2]) != rounds


def hash_token(token: str) -> str:
    """The text to store and to look up for a random token: SHA-256, in hex.

    Nobody guesses one of ours, so that nothing slow is needed. What came instead of one, a lone
    surrogate in it too, has a hash that nothing is stored under.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _verify_legacy(password: str, stored: str) -> bool:
    if stored.startswith("$2"):
        cut = password.encode("utf-8", "surrogatepass")[:BCRYPT_BYTES]
        return b"\0" not in cut and bool(Bcrypt().check_password_hash(stored, cut))
    try:
        return check_password_hash(stored, password)
    except UnicodeEncodeError:  # A lone surrogate was in no legacy password.
        return False


def _spellings(password: str) -> list[str]:
    # Legacy hashes were made of what was typed; some keyboards type é as two code points.
    return list(dict.fromkeys([password, unicodedata.normalize("NFC", password)]))


def _pre_hash(password: str) -> bytes:
    # A lone surrogate fits no password of ours, and is to be a wrong one, not a failure.
    normal = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(PRE_HASH_LABEL, normal, hashlib.sha256))


def _decoy(rounds: int) -> str:
    # A well-formed bcrypt text that no password is behind: a check against it costs the full
    # price.
    return f"$2b${rounds:02d}$" + "." * 53
