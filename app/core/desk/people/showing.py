"""One person as an admin sees them: what they hold and why, where they are, what was mailed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.desk.people import guarding, removing, ways_in
from app.core.desk.people.ways_in import WayIn
from app.core.learning import keeping, programs
from app.core.people import agents, places, roles, sessions, users
from app.core.people.agents import Agent
from app.core.people.places import Places
from app.core.proof import guesses
from app.core.proof.ways import Doors
from app.models.access import SignInSession, TryCount
from app.models.people import Entitlement, User
from app.models.programs import Program
from app.models.records import AuditEntry, OutgoingMessage
from app.models.rosters import RosterLine

SHOWN = 20
"""Of each thing that there may be many of."""


@dataclass(frozen=True)
class Open:
    """A session that lives: what it runs in and roughly where."""

    session: SignInSession
    agent: Agent
    place: str | None


@dataclass(frozen=True)
class Person:
    """All that the page says. `reason` is why they may not enter; None if they may.

    `held` are pairs of an LO Root ID and where it comes from; `paused_until` is None where sign-in
    is not paused.
    """

    user: User
    reason: str | None
    roles: list[str]
    held: list[Entitlement]
    programs: list[Program]
    lines: list[RosterLine]
    open: list[Open]
    mails: list[OutgoingMessage]
    entries: list[AuditEntry]
    chats: int
    saved: int
    paused_until: datetime | None
    may_touch: bool
    may_lift: bool
    ways: list[WayIn]

    @property
    def has_way_in(self) -> bool:
        """Whether anything they have signs them in on the site."""
        return any(each.opens_site for each in self.ways)


def show(db: Session, user_id: int, *, by: int, map_: Places | None, doors: Doors) -> Person:
    """Everything about one person, each thing in one query. Raises `NotFound`.

    `doors` are those that stand open here.
    """
    guarding.person(db, user_id)
    user, listed = users.get(db, user_id)
    has_role = roles.has_any(db, user_id)
    return Person(
        user=user,
        reason=users.shut_out_reason(user, listed=listed),
        roles=roles.names_of(db, [user_id]).get(user_id, []),
        held=_held(db, user_id),
        programs=programs.listing(db, user_id).all_open,
        lines=_lines(db, user),
        open=_open(db, user_id, map_),
        mails=_mails(db, user),
        entries=_entries(db, user_id),
        chats=removing.count_chats(db, user_id),
        saved=keeping.count(db, user_id),
        paused_until=_paused_until(db, user),
        may_touch=guarding.may_touch(db, user_id, by),
        may_lift=guarding.may_lift(db, user.counted_as, by),
        ways=ways_in.of(db, user, doors=doors, has_role=has_role),
    )


def _held(db: Session, user_id: int) -> list[Entitlement]:
    rows = select(Entitlement).where(Entitlement.user_id == user_id)
    return list(db.scalars(rows.order_by(Entitlement.lo_root_id, Entitlement.source).limit(200)))


def _lines(db: Session, user: User) -> list[RosterLine]:
    rows = select(RosterLine).where(RosterLine.address == user.counted_as)
    return list(db.scalars(rows.order_by(RosterLine.line, RosterLine.id).limit(200)))


def _open(db: Session, user_id: int, map_: Places | None) -> list[Open]:
    rows = db.scalars(
        select(SignInSession)
        .where(
            SignInSession.user_id == user_id,
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > clock.now(),
        )
        .order_by(SignInSession.last_seen_at.desc(), SignInSession.id.desc())
        .limit(SHOWN)
    )
    return [
        Open(each, agents.read(each.user_agent), places.place_of(each.ip, map_))
        for each in rows
        if not sessions.ran_out(each)
    ]


def _mails(db: Session, user: User) -> list[OutgoingMessage]:
    whose = or_(OutgoingMessage.user_id == user.id, OutgoingMessage.recipient == user.mailbox)
    rows = select(OutgoingMessage).where(whose)
    return list(db.scalars(rows.order_by(OutgoingMessage.id.desc()).limit(SHOWN)))


def _entries(db: Session, user_id: int) -> list[AuditEntry]:
    rows = select(AuditEntry).where(AuditEntry.user_id == user_id)
    return list(db.scalars(rows.order_by(AuditEntry.id.desc()).limit(SHOWN)))


def _paused_until(db: Session, user: User) -> datetime | None:
    return db.scalar(
        select(func.max(TryCount.window_ends_at)).where(
            TryCount.scope.in_([guesses.ACCOUNT, guesses.PIN]),
            TryCount.subject == user.counted_as,
            TryCount.window_ends_at > clock.now(),
            TryCount.count >= guesses.LIMIT.tries,
        )
    )
