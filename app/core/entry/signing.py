"""The keys that tokens are signed with: made, kept under the secret key, published, replaced.

The newest signs. The others verify until the tokens that they signed have died; `kid` is the
key's own thumbprint, so that no name can stand for another key.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from joserfc.jwk import ECKey
from sqlalchemy import ColumnElement, delete, exists, func, literal, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import N_, NotFound, Refusal
from app.database import UtcDateTime
from app.models.access import SigningKey

CURVE = "P-256"
ALGORITHM = "ES256"
"""ECDSA with P-256 and SHA-256 (RFC 7518 §3.4); nothing else is signed or accepted."""

KEPT = timedelta(days=2)
"""How long after its successor came a key still verifies: longer than any token lives."""


@dataclass(frozen=True)
class Signer:
    """The key that signs now."""

    kid: str
    key: ECKey


class NewestKey(Refusal):
    """The key that signs, which cannot be taken out."""

    code = "newest_key"
    status = 409
    words = N_("This key signs now. Make a new one first: flask rollcall keys rotate.")


class KeyLost(RuntimeError):
    """Two processes with different secrets made a key at once; the next try makes another."""


def signer(db: Session, *, keys: Sequence[str]) -> Signer:
    """The newest key that the secrets open; one is made now where there is none.

    None is there at a first start, and once the secret that they were under is gone. What lost
    keys signed still verifies.
    """
    rows = verifying(db)
    for row in rows:
        key = _unsealed(row.sealed, tuple(keys))
        if key is not None:
            return Signer(row.kid, key)
    made = _make(db, rows[0].serial + 1 if rows else 1, keys)
    key = _unsealed(made.sealed, tuple(keys))
    if key is None:
        raise KeyLost("another process made the newest signing key, under another secret")
    return Signer(made.kid, key)


def rotate(db: Session, *, keys: Sequence[str], origin: Origin) -> str:
    """Have a new key sign from now on; its `kid`. Nobody is signed out by it.

    The caller commits.
    """
    newest = db.scalar(select(func.max(SigningKey.serial))) or 0
    row = _make(db, newest + 1, keys)
    audit.record(db, Event.KEY_ROTATED, origin, kid=row.kid)
    return row.kid


def remove(db: Session, kid: str, *, origin: Origin) -> None:
    """Have a key verify nothing from now on: whoever has it may sign what they like.

    Tokens that it signed are dead at once; their sessions get new ones by their refresh tokens.
    Keys that verify nothing go with it, or a younger successor would give them new life. The
    caller commits. Raises `NotFound`, or `NewestKey` for the one that signs.
    """
    later = aliased(SigningKey)
    is_followed = exists().where(later.serial > SigningKey.serial)
    is_over = ~verifies(_kept_since())
    gone = db.scalars(
        delete(SigningKey)
        .where(is_followed, or_(SigningKey.kid == kid, is_over))
        .returning(SigningKey.kid)
        .execution_options(synchronize_session=False)
    ).all()
    if kid not in gone:
        is_there = db.scalar(select(exists().where(SigningKey.kid == kid)))
        raise NewestKey if is_there else NotFound
    audit.record(db, Event.KEY_REMOVED, origin, kid=kid)


def published(db: Session) -> dict[str, Any]:
    """All public keys that verify, newest first (RFC 7517 §5)."""
    return {"keys": [row.public for row in verifying(db)]}


def verifying(db: Session) -> list[SigningKey]:
    """The keys whose tokens may still live, newest first."""
    asked = select(SigningKey).where(verifies(_kept_since()))
    return list(db.scalars(asked.order_by(SigningKey.serial.desc())))


def verifies(kept_since: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition of a key whose tokens may still live; `kept_since` is `KEPT` ago.

    A key was replaced when its successor was made.
    """
    later = aliased(SigningKey)
    return ~exists().where(later.serial > SigningKey.serial, later.created_at <= kept_since)


def _kept_since() -> ColumnElement[Any]:
    return literal(clock.now() - KEPT, UtcDateTime())


@lru_cache(maxsize=64)
def public_key(kid: str, x: str, y: str) -> ECKey:
    """A published key, read once in each process."""
    return ECKey.import_key({"kty": "EC", "crv": CURVE, "x": x, "y": y, "kid": kid})


def _make(db: Session, serial: int, keys: Sequence[str]) -> SigningKey:
    made = ECKey.generate_key(CURVE, private=True)
    kid = made.thumbprint()
    named = {"kid": kid, "use": "sig", "alg": ALGORITHM}
    row = SigningKey(
        serial=serial,
        kid=kid,
        public={**made.as_dict(private=False), **named},
        sealed=_box(tuple(keys)).encrypt(json.dumps(made.as_dict(private=True)).encode()).decode(),
        created_at=clock.now(),
    )
    try:
        with db.begin_nested():
            db.add(row)
    except IntegrityError:
        # Another process made the same one first; that one is everybody's.
        return db.scalars(select(SigningKey).where(SigningKey.serial == serial)).one()
    return row


@lru_cache(maxsize=64)
def _unsealed(sealed: str, keys: tuple[str, ...]) -> ECKey | None:
    try:
        return ECKey.import_key(json.loads(_box(keys).decrypt(sealed.encode())))
    except InvalidToken:
        return None


@lru_cache(maxsize=8)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    boxes = []
    for key in keys:
        digest = hashlib.sha256(b"rollcall signing key\0" + key.encode()).digest()
        boxes.append(Fernet(base64.urlsafe_b64encode(digest)))
    return MultiFernet(boxes)
