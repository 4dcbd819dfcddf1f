"""Limited sessions: where somebody asked for an account, until the address is proven.

Each is the row of a registration. It names an address and never a person, and opens nothing that
is anybody's: the browser that has its token may look around, and prove the address.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import N_, SignedOut
from app.core.people.sessions import Lifetimes
from app.hashing import hash_token
from app.models.access import Registration

BATCH = 5000
"""Rows that one transaction tidies away."""


class RegistrationOver(SignedOut):
    """The limited session ended; the sign-in page says it to who goes on in that browser."""

    words = N_(
        "Your registration in this browser is over: its address was confirmed elsewhere, or it took"
        " too long. Sign in, or register again."
    )


def begin(db: Session, *, remember: bool, lifetimes: Lifetimes, **columns: Any) -> str:
    """Write the row of a registration, of the columns that say who asked; its token.

    It lives as long as a session does that nobody leaves idle.
    """
    token = secrets.token_urlsafe(32)
    now = clock.now()
    lasts = lifetimes.remembered if remember else lifetimes.whole
    db.add(
        Registration(
            token_hash=hash_token(token),
            remember=remember,
            created_at=now,
            expires_at=now + lasts,
            **columns,
        )
    )
    db.flush()
    return token


def find(db: Session, token: str) -> Registration | None:
    """The registration of this token as it stands now; None where it is over."""
    row = db.scalar(
        select(Registration)
        .where(Registration.token_hash == hash_token(token), _is_alive())
        .execution_options(populate_existing=True)
    )
    if row is not None:
        db.expunge(row)  # What was read stays as it was read, whoever ends it meanwhile.
    return row


def is_awaited(db: Session, address: str) -> bool:
    """Whether some browser waits for a proof of this canonical address."""
    found = exists().where(Registration.address == address, _is_alive())
    return bool(db.scalar(select(found)))


def end(db: Session, token: str) -> bool:
    """End the limited session of this token. Of two at once one ends it: True for that one."""
    return _end(db, Registration.token_hash == hash_token(token)) == 1


def leave(db: Session, token: str, origin: Origin) -> None:
    """End the limited session of somebody who signs out; a token that names none is fine too."""
    row = find(db, token)
    if row is not None and end(db, token):
        audit.record(db, Event.SESSION_ENDED, origin, address=row.address, limited=True)


def end_of(db: Session, address: str) -> None:
    """End every limited session of this canonical address, which was proven just now.

    With the rows go the passwords and the ways in that waited in them: they may be a stranger's.
    """
    _end(db, Registration.address == address)


def _end(db: Session, which: ColumnElement[bool]) -> int:
    ended = db.execute(
        update(Registration)
        .where(which, Registration.ended_at.is_(None))
        .values(ended_at=clock.now(), password_hash=None, kind=None, identifier=None)
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], ended).rowcount


def tidy(db: Session, keep: timedelta) -> int:
    """Drop one batch of rows that were written `keep` ago or longer; how many went."""
    old = select(Registration.id).where(Registration.created_at < clock.now() - keep).limit(BATCH)
    gone = db.execute(
        delete(Registration)
        .where(Registration.id.in_(old))
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], gone).rowcount


def asked_since(address: ColumnElement[str | None], moment: datetime) -> ColumnElement[bool]:
    """The SQL condition under which this address was asked for after `moment`, and still is."""
    live = (Registration.created_at >= moment, Registration.ended_at.is_(None))
    return exists().where(Registration.address == address, *live)


def _is_alive() -> ColumnElement[bool]:
    return and_(Registration.ended_at.is_(None), Registration.expires_at > clock.now())
