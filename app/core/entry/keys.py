"""Keys by which programs knock: made and shown once, kept as hashes, revoked by name or id.

A key says which program asks, never which person.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import N_, NotFound, Refusal
from app.database import hardly_waiting
from app.hashing import hash_token
from app.models.access import ApiKey
from app.models.people import User

PREFIX = "rk_"
SHOWN = 8
"""Characters of a key by which an admin knows it again."""

USED_EVERY = timedelta(minutes=1)
"""`last_used_at` is written at most this often."""


class KeyScope(StrEnum):
    """What a key opens."""

    GPT = "gpt"
    SIGNUP = "signup"


class InvalidKey(Refusal):
    """No key, or one that is unknown, revoked, run out, or for something else."""

    code = "invalid_key"
    status = 401
    words = N_("Invalid API key")


class BadKey(Refusal):
    """A key that cannot be made: its name or its scopes will not do."""

    code = "bad_key"
    status = 422
    words = N_("Give the key a name of up to 64 characters, and at least one scope.")


class SeveralKeys(Refusal):
    """A name that several keys have."""

    code = "several_keys"
    status = 409
    words = N_("Several keys have this name. Say which one by its number.")


def create(
    db: Session,
    name: str,
    scopes: Sequence[KeyScope],
    *,
    expires_at: datetime | None = None,
    by: int | None,
    origin: Origin,
) -> tuple[ApiKey, str]:
    """Make a key; the row, and the text that is shown once. The caller commits.

    Raises `BadKey`.
    """
    name = name.strip()
    if not name or len(name) > 64 or not scopes or not name.isprintable():
        raise BadKey
    text = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(
        name=name,
        secret_hash=hash_token(text),
        shown=text[:SHOWN],
        scopes=sorted({scope.value for scope in scopes}),
        created_at=clock.now(),
        created_by=by,
        expires_at=expires_at,
    )
    db.add(row)
    db.flush()
    audit.record(db, Event.KEY_MADE, origin, actor_id=by, key_id=row.id, name=name)
    return row, text


def check(db: Session, text: str, scope: KeyScope) -> ApiKey:
    """The key that this text is, if it opens `scope`. Raises `InvalidKey`.

    Looked up by its hash, so that comparing takes no time that tells anything. That it was used
    is noted where SQLite can write at once; the caller commits.
    """
    row = db.scalars(select(ApiKey).where(ApiKey.secret_hash == hash_token(text))).one_or_none()
    now = clock.now()
    if row is None or row.revoked_at is not None or scope.value not in row.scopes:
        raise InvalidKey
    if row.expires_at is not None and row.expires_at <= now:
        raise InvalidKey
    if row.last_used_at is None or row.last_used_at <= now - USED_EVERY:
        with hardly_waiting(db):
            db.execute(
                update(ApiKey)
                .where(ApiKey.id == row.id)
                .where(or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now))
                .values(last_used_at=now)
                .execution_options(synchronize_session=False)
            )
    return row


def revoke(db: Session, key_id: int, *, by: int | None, origin: Origin) -> None:
    """End a key for good. The caller commits. Raises `NotFound` where there is none that lives."""
    ended = db.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        .values(revoked_at=clock.now())
    )
    if cast("CursorResult[object]", ended).rowcount != 1:
        raise NotFound
    audit.record(db, Event.KEY_REVOKED, origin, actor_id=by, key_id=key_id)


def get(db: Session, key_id: int) -> ApiKey:
    """A key that was not revoked. Raises `NotFound`."""
    row = db.get(ApiKey, key_id)
    if row is None or row.revoked_at is not None:
        raise NotFound
    return row


def find(db: Session, named: str) -> ApiKey:
    """The key that is meant by its id, or by a name that one living key has alone.

    Raises `NotFound`, or `SeveralKeys`.
    """
    if named.isdecimal() and len(named) < 10:
        return get(db, int(named))
    living = select(ApiKey).where(ApiKey.name == named, ApiKey.revoked_at.is_(None)).limit(2)
    rows = db.scalars(living).all()
    if not rows:
        raise NotFound
    if len(rows) > 1:
        raise SeveralKeys
    return rows[0]


def listing(db: Session) -> list[tuple[ApiKey, str | None]]:
    """All keys, newest first, revoked ones too, each with the address of who made it."""
    rows = db.execute(
        select(ApiKey, User.email)
        .outerjoin(User, User.id == ApiKey.created_by)
        .order_by(ApiKey.id.desc())
    )
    return [(row, email) for row, email in rows]
