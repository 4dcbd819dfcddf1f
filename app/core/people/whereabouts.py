"""Where a person is signed in, as they see it themselves, and how they end it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import NotFound
from app.core.people import agents, places, sessions
from app.core.people.agents import Agent
from app.core.people.places import Places
from app.core.people.sessions import Presence
from app.models.access import SignInSession

ENDED = "ended"
"""The reason of sessions that their person ended from another one."""


@dataclass(frozen=True)
class Whereabouts:
    """A session that lives: what it runs in, where that is, and whether it is the one asking."""

    session: SignInSession
    agent: Agent
    place: str | None
    is_this: bool


def of(
    db: Session, here: Presence, map_: Places | None, *, limit: int
) -> tuple[list[Whereabouts], bool]:
    """Where this person is signed in: this session first, then those that were used last.

    At most `limit` of them, and whether there are more.
    """
    rows = db.scalars(
        select(SignInSession)
        .where(_lives(db, here.user.id))
        .order_by(
            (SignInSession.id == here.session_id).desc(),
            SignInSession.last_seen_at.desc(),
            SignInSession.id.desc(),
        )
        .limit(limit + 1)
    ).all()
    shown = [
        Whereabouts(
            session,
            agents.read(session.user_agent),
            places.place_of(session.ip, map_),
            session.id == here.session_id,
        )
        for session in rows[:limit]
    ]
    return shown, len(rows) > limit


def _lives(db: Session, user_id: int) -> ColumnElement[bool]:
    """The SQL condition of this person's sessions that neither ended nor ran out."""
    now = clock.now()
    session = SignInSession
    open_ = and_(session.user_id == user_id, session.ended_at.is_(None), session.expires_at > now)
    # Databases add seconds to a moment each in their own way, and there are few idle times: a
    # setting makes one, and sessions keep what it was.
    spans = db.scalars(select(session.idle_seconds).where(open_).distinct())
    within = [
        and_(session.idle_seconds == span, session.last_seen_at > now - timedelta(seconds=span))
        for span in spans
        if span is not None
    ]
    return and_(open_, or_(session.idle_seconds.is_(None), *within))


def end_one(db: Session, here: Presence, session_id: int, origin: Origin) -> Agent:
    """End one of this person's own sessions; what it ran in.

    Raises `NotFound` for one that is over, was never there, or is somebody else's.
    """
    person = here.user.id
    row = db.execute(
        update(SignInSession)
        .where(
            SignInSession.id == session_id,
            SignInSession.user_id == person,
            SignInSession.ended_at.is_(None),
        )
        .values(ended_at=clock.now(), end_reason=ENDED)
        .returning(SignInSession.user_agent)
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        raise NotFound
    audit.record(
        db, Event.SESSION_ENDED, origin, user_id=person, actor_id=person, session=session_id
    )
    return agents.read(row.user_agent)


def end_others(db: Session, here: Presence, origin: Origin) -> None:
    """End all of this person's sessions but the one that asks."""
    person = here.user.id
    others = and_(SignInSession.user_id == person, SignInSession.id != here.session_id)
    sessions.end_all_of(db, others, ENDED)
    audit.record(
        db, Event.SESSION_ENDED, origin, user_id=person, actor_id=person, session="all others"
    )
