"""Where people are signed in: rows that cookies name by a random token.

Ending a row ends the cookie at the next request, in every process. Only a hash of the token is
kept, so a copy of the database opens nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import Origin
from app.core.errors import N_, SignedOut
from app.core.people import users
from app.database import hardly_waiting
from app.hashing import hash_token
from app.models.access import SignInSession
from app.models.people import RoleGrant, User

SEEN_EVERY = timedelta(minutes=5)
"""`last_seen_at` is written at most this often."""

PROOF_LASTS = timedelta(minutes=10)
"""How long a proof of who somebody is opens what is sensitive."""

NOT_ME = "not_me"
"""The reason of sessions that their owner disowned: their browser is no friend."""

ROWS = cast(Table, SignInSession.__table__)
WRITING = insert(ROWS).returning(ROWS.c.id)
"""Statements of every sign-in are made once: making one takes longer than carrying it out."""

KEPT = timedelta(days=90)
"""How long an ended session is still listed before it is tidied away."""


@dataclass(frozen=True)
class Lifetimes:
    """How long sessions live: `idle` without a request, `whole` in all, `remembered` instead."""

    idle: timedelta
    whole: timedelta
    remembered: timedelta


@dataclass(frozen=True)
class Seat:
    """What a session is beside that of a browser: for whom its tokens are, and until when."""

    audience: str
    lifetime: timedelta
    client: str | None = None
    """By which client or key it was opened, by name."""


@dataclass(frozen=True)
class Opened:
    """A session that was opened: its id, and the token that names it, kept nowhere but there."""

    session_id: int
    token: str


@dataclass(frozen=True)
class Presence:
    """Somebody who is signed in, and by which session."""

    user: User
    session_id: int
    has_role: bool
    last_seen_at: datetime
    proved_at: datetime | None

    @property
    def proven_lately(self) -> bool:
        """Whether they proved who they are within `PROOF_LASTS`, so that nobody else sits here."""
        return self.proved_at is not None and clock.now() <= self.proved_at + PROOF_LASTS


class TakenOffList(SignedOut):
    """Signed out because an import dropped the person; the answer to their next request."""

    words = N_(
        "You were taken off the list on %(date)s, so we signed you out. %(contact)s can help."
    )


def open_session(
    db: Session,
    user_id: int,
    *,
    method: str,
    remember: bool,
    lifetimes: Lifetimes,
    origin: Origin,
    seat: Seat | None = None,
) -> Opened:
    """Write a session of `user_id`, of a browser or of a `seat`; its id and its token."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    whole = lifetimes.remembered if remember else lifetimes.whole
    session_id = db.scalars(
        WRITING,
        {
            "token_hash": hash_token(token),
            "user_id": user_id,
            "method": method,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + (seat.lifetime if seat else whole),
            "idle_seconds": None if remember or seat else int(lifetimes.idle.total_seconds()),
            "ip": origin.ip,
            "user_agent": origin.user_agent[:400] if origin.user_agent else None,
            "device": origin.device,
            "proved_at": now,
            "audience": seat.audience if seat else None,
            "client": seat.client if seat else None,
        },
    ).one()
    return Opened(session_id, token)


def was_here(db: Session, user_id: int, device: str | None) -> bool:
    """Whether this browser was signed in as `user_id` before, and that was not disowned."""
    if device is None:
        return False
    return db.scalar(_having_been_here(), {"user_id": user_id, "device": device}) is not None


@cache
def _having_been_here() -> Select[int]:
    return (
        select(SignInSession.id)
        .where(
            SignInSession.user_id == bindparam("user_id"),
            SignInSession.device == bindparam("device"),
            SignInSession.end_reason.is_distinct_from(NOT_ME),
        )
        .limit(1)
    )


def check_session(db: Session, token: str) -> Presence:
    """Who the token's session belongs to, in one query.

    Raises `SignedOut` where it ended, ran out, or its person may no longer be here.
    """
    row = db.execute(_checking(), {"token_hash": hash_token(token)}).one_or_none()
    if row is None:
        raise SignedOut
    session, user, listed, has_role = row
    if session.ended_at is not None and session.end_reason == "off_list":
        raise TakenOffList(date=session.ended_at.date(), user_id=user.id)
    if session.ended_at is not None or ran_out(session):
        raise SignedOut(user_id=user.id)
    if users.shut_out_reason(user, listed=listed) is not None:
        raise SignedOut(user_id=user.id)
    return Presence(user, session.id, bool(has_role), session.last_seen_at, session.proved_at)


@cache
def _checking() -> Select[SignInSession, User, bool, bool]:
    # A token of the API is no cookie.
    return with_owners().where(
        SignInSession.token_hash == bindparam("token_hash"), SignInSession.audience.is_(None)
    )


def with_owners() -> Select[SignInSession, User, bool, bool]:
    """Sessions, each with its person, whether they are on the list, whether they have a role."""
    has_role = exists().where(RoleGrant.user_id == User.id)
    query = select(SignInSession, User, users.on_list(), has_role)
    return query.join(User, User.id == SignInSession.user_id)


def note_seen(db: Session, presence: Presence) -> bool:
    """Write that the session was used, if that was not written lately; True if it was to be."""
    if not is_due(presence.last_seen_at):
        return False
    note_seen_of(db, presence.user.id, presence.session_id)
    return True


def is_due(last_seen_at: datetime) -> bool:
    """Whether it is to be written again that a session was used."""
    return last_seen_at <= clock.now() - SEEN_EVERY


def note_seen_of(db: Session, user_id: int, session_id: int) -> None:
    """Write that this session of this person was used, unless that would have to wait.

    An import may hold the rows for long, and the note is worth no answer; the next request of the
    session tries again.
    """
    now = clock.now()
    with hardly_waiting(db):
        # The person's row comes first, as in every journey.
        _note(db, User, user_id, now)
        _note(db, SignInSession, session_id, now)


def _note(db: Session, of: type[User | SignInSession], id_: int, now: datetime) -> None:
    # Nothing refers to what changes, so that rows which refer to this one are not in the way.
    free = select(of.id).where(of.id == id_).with_for_update(skip_locked=True, key_share=True)
    noted = update(of).where(of.id.in_(free)).values(last_seen_at=now)
    db.execute(noted.execution_options(synchronize_session=False))


def prove_again(db: Session, token: str) -> str:
    """Note that the session's person proved anew who they are; the session's new token.

    Nothing else of the session moves, and the old token is dead. Raises `SignedOut` where the
    session ended, or got another token, in the meantime.
    """
    return _rename(db, token, proved_at=clock.now())


def change_token(db: Session, token: str) -> str:
    """The session's new token; the old one is dead. Raises `SignedOut` as `prove_again` does."""
    return _rename(db, token)


def end_session(db: Session, token: str, reason: str) -> int | None:
    """End the token's session; the id of its person, or None if it was over already."""
    row = db.execute(
        update(SignInSession)
        .where(SignInSession.token_hash == hash_token(token), SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=reason)
        .returning(SignInSession.user_id)
    ).first()
    return None if row is None else row.user_id


def end_all_of(db: Session, whose: ColumnElement[bool], reason: str) -> None:
    """End every session whose `SignInSession.user_id` meets the condition `whose`."""
    db.execute(_ending(whose, reason))


def end_opened_by(
    db: Session, user_id: int, method: str, reason: str, *, but_session: int | None = None
) -> int:
    """End this person's sessions that `method` opened, but for the one named; how many."""
    whose = and_(SignInSession.user_id == user_id, SignInSession.method == method)
    if but_session is not None:
        whose = and_(whose, SignInSession.id != but_session)
    return len(db.scalars(_ending(whose, reason).returning(SignInSession.id)).all())


def _ending(whose: ColumnElement[bool], reason: str) -> Update:
    return (
        update(SignInSession)
        .where(whose, SignInSession.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=reason)
        .execution_options(synchronize_session=False)
    )


def tidy(db: Session) -> None:
    """Drop the sessions that ended or ran out long ago."""
    db.execute(delete(SignInSession).where(SignInSession.expires_at < clock.now() - KEPT))


def ran_out(session: SignInSession) -> bool:
    """Whether the session came to its absolute end, or was idle for too long."""
    now = clock.now()
    if now >= session.expires_at:
        return True
    idle = session.idle_seconds
    return idle is not None and now >= session.last_seen_at + timedelta(seconds=idle)


def _rename(db: Session, token: str, **values: datetime) -> str:
    fresh = secrets.token_urlsafe(32)
    renamed = db.scalar(
        update(SignInSession)
        .where(SignInSession.token_hash == hash_token(token), SignInSession.ended_at.is_(None))
        .values(token_hash=hash_token(fresh), **values)
        .returning(SignInSession.id)
        .execution_options(synchronize_session=False)
    )
    if renamed is None:
        raise SignedOut
    return fresh
