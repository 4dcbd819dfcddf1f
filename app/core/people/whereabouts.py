"""Where a person is signed in, as they see it themselves, and how they end it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select, update
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


def of(db: Session, here: Presence, map_: Places | None, *, limit: int) -> list[Whereabouts]:
    """Where this person is signed in: this session first, then those that were used last."""
    rows = db.scalars(
        select(SignInSession)
        .where(
            SignInSession.user_id == here.user.id,
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > clock.now(),
        )
        .order_by(
            (SignInSession.id == here.session_id).desc(),
            SignInSession.last_seen_at.desc(),
            SignInSession.id.desc(),
        )
        .limit(limit)
    )
    return [
        Whereabouts(
            session,
            agents.read(session.user_agent),
            places.place_of(session.ip, map_),
            session.id == here.session_id,
        )
        for session in rows
        if not sessions.ran_out(session)
    ]


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
