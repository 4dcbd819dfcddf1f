"""PINs for chats: a public number, and a passphrase that is its secret.

The passphrase may be spoken: outer blanks and capitals do not count. It is hashed as slowly as a
password. Digests that came with a predecessor's database (one SHA-256 over passphrase and salt)
are wrapped in the slow hash, and replaced when the passphrase is given for the first time.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app import hashing
from app.core import clock
from app.core.errors import N_, PasswordRefused
from app.core.proof import passwords
from app.models.access import Credential, CredentialKind
from app.models.people import User

KIND = CredentialKind.PIN.value
FIRST, LAST = 10_000_000, 99_999_999
"""New PINs have eight digits and no nought in front: programs send them as numbers."""

LEAST, MOST = 8, 128
"""Characters of a passphrase, once it is in its normal form."""

DRAWN = 20
"""Numbers that are drawn before it is given up: of a million PINs one in ninety is taken."""

DIGITS = re.compile(r"[0-9]{4,12}")
LENGTH = N_("The passphrase needs %(least)s to %(most)s characters.")
GUESSABLE = N_("This passphrase is easy to guess. Three unrelated words make a good one.")


class NoneFree(Exception):
    """No number was free in `DRAWN` tries."""


@dataclass(frozen=True)
class Found:
    """A PIN with whose it is; `secret_hash` as it was read."""

    pin_id: int
    digits: str
    user: User
    secret_hash: str | None
    data: dict[str, Any]
    created_at: datetime

    @property
    def mark(self) -> str:
        """What tells it from every other PIN: a database may give an id that is free out again."""
        return f"{self.digits}.{self.created_at.timestamp()}"

    @property
    def is_legacy(self) -> bool:
        """Whether its hash is of a predecessor's digest, and not of the passphrase itself."""
        return bool(self.data.get("legacy"))


def normalise(passphrase: str) -> str:
    """What counts of a passphrase: no outer blanks, no capitals, one form of each letter."""
    return unicodedata.normalize("NFC", passphrase.strip().lower())


def read_digits(typed: int | str | None) -> str | None:
    """The digits of a PIN as a program sends it, or as a person types it; None for what is none."""
    if typed is None or isinstance(typed, bool):
        return None
    text = str(typed).replace(" ", "")
    return text if DIGITS.fullmatch(text) else None


def check_new(passphrase: str, *, known_words: Sequence[str]) -> str:
    """The normal form of a passphrase to be. Raises `PasswordRefused` with the reason."""
    normal = normalise(passphrase)
    if not LEAST <= len(normal) <= MOST:
        raise PasswordRefused(LENGTH, least=LEAST, most=MOST)
    try:
        return passwords.check_new(normal, least=LEAST, known_words=known_words)
    except PasswordRefused:
        raise PasswordRefused(GUESSABLE) from None


def hash_of(normal: str, *, rounds: int) -> str:
    """The text to store for a passphrase in its normal form; takes as long as a password's."""
    return hashing.hash_password(normal, rounds=rounds)


def matches(passphrase: str, found: Found | None, *, rounds: int) -> bool:
    """Whether this is the passphrase; takes as long for every PIN, and for one that nobody has."""
    secret = found.secret_hash if found else None
    # The predecessor took each letter as it came, in one code point or in two: what can be
    # spelt in two ways is hashed twice, whosever the PIN is.
    spellings = list(dict.fromkeys([normalise(passphrase), passphrase.strip().lower()]))
    if found is not None and found.is_legacy:
        salt = str(found.data.get("salt", ""))
        tries = [(_digest(each, salt), secret) for each in spellings]
    else:
        tries = [(spellings[0], secret), *((each, None) for each in spellings[1:])]
    found_right = [hashing.verify_password(text, stored, rounds=rounds) for text, stored in tries]
    return True in found_right


def needs_rehash(found: Found, *, rounds: int) -> bool:
    """Whether its hash is of another kind or cost than we make today."""
    secret = found.secret_hash or ""
    return found.is_legacy or hashing.needs_rehash(secret, rounds=rounds)


def find(db: Session, digits: str) -> Found | None:
    """The PIN with these digits, and whose it is."""
    return _found(db, Credential.identifier == digits)


def of(db: Session, user_id: int) -> Found | None:
    """The PIN of this person; None where they have none."""
    return _found(db, Credential.user_id == user_id)


def get(db: Session, pin_id: int) -> Found | None:
    """The PIN of this row, as it stands now."""
    return _found(db, Credential.id == pin_id)


def _found(db: Session, which: Any) -> Found | None:
    row = db.execute(
        select(Credential, User)
        .join(User, User.id == Credential.user_id)
        .where(Credential.kind == KIND, which)
        .order_by(Credential.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()
    if row is None:
        return None
    pin, user = row
    # What was read stays as it was read, whoever changes or deletes it meanwhile.
    db.expunge(user)
    return Found(pin.id, pin.identifier, user, pin.secret_hash, dict(pin.data), pin.created_at)


def free(db: Session) -> str:
    """A number that is nobody's PIN, for who is told one that opens nothing."""
    for _ in range(DRAWN):
        digits = _draw()
        if find(db, digits) is None:
            return digits
    raise NoneFree


def add(db: Session, user_id: int, secret_hash: str, data: dict[str, Any]) -> tuple[int, str]:
    """Give somebody a new PIN; the id of its row, and its digits. The caller commits."""
    rows = cast(Table, Credential.__table__)
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    for _ in range(DRAWN):
        digits = _draw()
        values = {
            "user_id": user_id, "kind": KIND, "identifier": digits, "secret_hash": secret_hash,
            "data": data, "created_at": clock.now(),
        }  # fmt: skip
        made = insert(rows).values(values).on_conflict_do_nothing().returning(rows.c.id)
        pin_id = db.scalar(made)
        if pin_id is not None:
            return int(pin_id), digits
    raise NoneFree


def change(db: Session, found: Found, **values: Any) -> bool:
    """Set columns of the PIN, if its secret is still the one that was read; False if it is not."""
    changed = db.scalar(
        update(Credential)
        .where(
            Credential.id == found.pin_id,
            Credential.secret_hash.is_not_distinct_from(found.secret_hash),
        )
        .values(**values)
        .returning(Credential.id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


def drop(db: Session, user_id: int) -> bool:
    """Take the PIN of this person away; whether there was one.

    This is what the first proof of a mailbox does, but for the proof by the PIN's own link: who
    set a PIN before may have been anybody.
    """
    gone = db.scalars(
        delete(Credential)
        .where(Credential.user_id == user_id, Credential.kind == KIND)
        .returning(Credential.id)
        .execution_options(synchronize_session=False)
    )
    return bool(gone.all())


def _draw() -> str:
    return str(FIRST + secrets.randbelow(LAST - FIRST + 1))


def _digest(normal: str, salt: str) -> str:
    return hashlib.sha256((normal + salt).encode("utf-8", "surrogatepass")).hexdigest()
