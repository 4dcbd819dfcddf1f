"""Refresh tokens: each is good once, and one that comes twice ends its session (RFC 9700 §4.14.2).

A refresh token names its session by a handle and proves itself by a secret that moves each time.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.access_tokens import LONGEST, Audience, InvalidToken
from app.core.people import users
from app.hashing import hash_token
from app.models.access import SignInSession
from app.models.people import User

METHOD = "refresh"
"""The way in, as the audit log has it."""


def allow(db: Session, session_id: int, handle: str) -> str:
    """The first refresh token of a session that was just opened under `handle`."""
    fresh = secrets.token_urlsafe(32)
    db.execute(
        update(SignInSession)
        .where(SignInSession.id == session_id)
        .values(refresh_hash=hash_token(fresh))
        .execution_options(synchronize_session=False)
    )
    return f"{handle}.{fresh}"


def refresh(
    db: Session, token: str, audience: Audience, *, origin: Origin
) -> tuple[User, int, str]:
    """Renew a session's tokens: its person, its id, and the next refresh token.

    Each refresh token is good once. One that was used before is in two hands: its session ends,
    which is committed (RFC 9700 §4.14.2). Raises `InvalidToken`.
    """
    handle, _dot, secret = token.partition(".") if len(token) <= LONGEST else ("", "", "")
    fresh = secrets.token_urlsafe(32)
    now = clock.now()
    named = (
        SignInSession.token_hash == hash_token(handle),
        SignInSession.audience == audience.value,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > now,
    )
    renewed = db.execute(
        update(SignInSession)
        .where(*named, SignInSession.refresh_hash == hash_token(secret))
        .values(refresh_hash=hash_token(fresh), last_seen_at=now)
        .returning(SignInSession.id, SignInSession.user_id)
        .execution_options(synchronize_session=False)
    ).first()
    if renewed is None:
        whose = _end(db, named, "refresh_reused", origin)
        signin.refuse(db, InvalidToken(), METHOD, origin, user_id=whose)
    user, listed = users.get(db, renewed.user_id)
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        _end(db, (SignInSession.id == renewed.id,), reason, origin)
        signin.refuse(db, InvalidToken(), METHOD, origin, user_id=user.id, why=reason)
    audit.record(db, Event.TOKEN_RENEWED, origin, user_id=user.id, actor_id=user.id)
    return user, renewed.id, f"{handle}.{fresh}"


def _end(db: Session, named: tuple[Any, ...], reason: str, origin: Origin) -> int | None:
    ended = db.scalars(
        update(SignInSession)
        .where(*named, SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=reason)
        .returning(SignInSession.user_id)
        .execution_options(synchronize_session=False)
    ).first()
    if ended is not None:
        audit.record(db, Event.SESSION_ENDED, origin, user_id=ended, reason=reason)
    return ended
