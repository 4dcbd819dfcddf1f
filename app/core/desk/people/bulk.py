"""The same done to many people: ticked ones, or all who meet a filter, in the background.

The job holds the filter, not the ids: who meets it is asked when their turn comes. People are taken
in spans of ids, each in one transaction with the mark of how far the job is, so that a job whose
worker died goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.core import audit, backlog
from app.core.audit import Event, Origin
from app.core.backlog import JobKind
from app.core.desk.people import removing, standing
from app.core.errors import N_, Refusal
from app.core.people import bounds, directory, sessions
from app.core.people.wanted import Span, Wanted
from app.models.access import SignInSession
from app.models.people import Status, User
from app.models.records import Job

STEP = 2000
"""Ids of one span, and so people of one transaction at most."""

MOST_TICKED = 500
"""People who can be named one by one."""

LARGE = 100
"""People from which on the number has to be typed."""


class Action(StrEnum):
    """What can be done to many at once."""

    DELETE = "delete"
    END_SESSIONS = "end_sessions"
    EXTEND = "extend"
    RESTORE = "restore"
    SUSPEND = "suspend"


class NobodyLeft(Refusal):
    """None of those who were chosen may be changed in bulk."""

    code = "nobody_left"
    status = 409
    words = N_("There is nobody to do that to. Choose other people.")


class OtherNumber(Refusal):
    """The number that was typed is not the number of people."""

    code = "other_number"
    status = 422
    words = N_("Type the number %(number)s, so that it is certain that you mean all of them.")


@dataclass(frozen=True)
class Choice:
    """Whom: the people with these ids, or without ids all who are wanted."""

    wanted: Wanted
    ids: Sequence[int] = ()

    def met(self) -> list[ColumnElement[bool]]:
        """The conditions beside those of the filter."""
        return [User.id.in_(self.ids)] if self.ids else []

    @property
    def filter(self) -> Wanted:
        """What must hold of them; who is ticked is meant whatever the filter says."""
        return Wanted() if self.ids else self.wanted


def count(db: Session, choice: Choice, *, by: int | None) -> tuple[int, int]:
    """How many would be changed, and how many of those chosen are left out."""
    met = choice.met()
    chosen = directory.count(db, choice.filter, *met)
    able = directory.count(db, choice.filter, *met, bounds.in_bulk(db, by))
    return able, chosen - able


def begin(
    db: Session,
    action: Action,
    choice: Choice,
    *,
    typed: str = "",
    keep_chats: bool = True,
    until: date | None = None,
    by: int | None,
    origin: Origin,
) -> Job:
    """Put the work into the backlog. The caller commits.

    `until` is the last day of accounts that are extended, None for the usual term. Raises
    `NobodyLeft`, `OtherNumber` or `PastDate`.
    """
    standing.good_until(until)
    number, _left_out = count(db, choice, by=by)
    if not number:
        raise NobodyLeft
    plain = "".join(each for each in typed if each.isdigit())
    if number >= LARGE and plain != str(number):
        raise OtherNumber(number=number)
    day: dict[str, Any] = {"until": until.isoformat()} if until and action is Action.EXTEND else {}
    audit.record(
        db, Event.PEOPLE_CHANGED, origin, actor_id=by, action=action.value, people=number,
        filter=choice.filter.facts(), ticked=len(choice.ids), **day,
    )  # fmt: skip
    return backlog.add(
        db, JobKind.PEOPLE, by=by,
        action=action.value, filter=choice.filter.facts(), ids=list(choice.ids[:MOST_TICKED]),
        keep_chats=keep_chats, people=number, upto=directory.newest_id(db), at=0, changed=0,
        ip=origin.ip, reference=origin.reference, **day,
    )  # fmt: skip


def carry_out(db: Session, job: Job) -> dict[str, Any]:
    """Do the work of a job, from where it stands; what came of it. Commits as it goes."""
    facts = job.facts
    upto, by = int(facts["upto"]), job.created_by
    choice = Choice(Wanted.read(facts["filter"]), facts["ids"])
    met = choice.met()
    backlog.report(db, job, total=facts["people"], note="people")
    while job.facts["at"] < upto:
        span = _next(db, choice, job.facts["at"], upto)
        able = [*met, bounds.in_bulk(db, by)]
        ids = directory.ids_between(db, choice.filter, span, *able)
        changed = _act(db, job, ids) if ids else 0
        # In one transaction with what it tells of: what is marked is done, and done once.
        job.facts = job.facts | {
            "at": span.high,
            "visited": job.facts.get("visited", 0) + len(ids),
            "changed": job.facts["changed"] + changed,
        }
        backlog.report(db, job, done=job.facts["visited"], facts=job.facts)
    return {"changed": job.facts["changed"]}


def _next(db: Session, choice: Choice, low: int, upto: int) -> Span:
    """The next span of ids with people in it: ticked ones need no walk through all ids."""
    ids = select(User.id).where(User.id > low).order_by(User.id)
    if choice.ids:
        ids = ids.where(*choice.met())
    first = db.scalar(ids.limit(1))
    return Span(low, upto) if first is None else Span(first - 1, min(first - 1 + STEP, upto))


def _act(db: Session, job: Job, ids: list[int]) -> int:
    """Do the job's action to these people; how many it changed."""
    facts = job.facts
    action = Action(facts["action"])
    origin = Origin(ip=facts.get("ip"), reference=facts.get("reference"))
    if action is Action.DELETE:
        removing.remove_all(
            db, ids, keep_chats=facts["keep_chats"], by=job.created_by, origin=origin, job=job.id
        )
        return len(ids)
    change, event = CHANGES[action]
    changed = change(db, ids, facts)
    about: dict[int, dict[str, Any]] = {user_id: {} for user_id in changed}
    day = {"until": facts["until"]} if "until" in facts else {}
    audit.record_all(db, event, origin, about, actor_id=job.created_by, job=job.id, **day)
    return len(changed)


def _suspend(db: Session, ids: list[int], _facts: Mapping[str, Any]) -> list[int]:
    changed = _set(db, ids, User.status != Status.INACTIVE.value, status=Status.INACTIVE.value)
    sessions.end_all_of(db, SignInSession.user_id.in_(changed), standing.BY_ADMIN)
    return changed


def _restore(db: Session, ids: list[int], _facts: Mapping[str, Any]) -> list[int]:
    return _set(db, ids, User.status != Status.ACTIVE.value, status=Status.ACTIVE.value)


def _extend(db: Session, ids: list[int], facts: Mapping[str, Any]) -> list[int]:
    day = facts.get("until")
    until = standing.good_until(date.fromisoformat(day) if day else None)
    return _set(db, ids, User.expiry_date < until, expiry_date=until)


def _end_sessions(db: Session, ids: list[int], _facts: Mapping[str, Any]) -> list[int]:
    whose = SignInSession.user_id.in_(ids)
    open_ = select(SignInSession.user_id).where(whose, SignInSession.ended_at.is_(None))
    changed = sorted(set(db.scalars(open_)))
    sessions.end_all_of(db, whose, standing.BY_ADMIN)
    return changed


def _set(db: Session, ids: list[int], differs: ColumnElement[bool], **values: Any) -> list[int]:
    if "status" in values:
        values["enforced"] = True
    changed = db.scalars(
        update(User)
        .where(User.id.in_(ids), differs)
        .values(**values)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(changed)


Change = Callable[[Session, list[int], Mapping[str, Any]], list[int]]

CHANGES: dict[Action, tuple[Change, Event]] = {
    Action.SUSPEND: (_suspend, Event.ACCOUNT_SUSPENDED),
    Action.RESTORE: (_restore, Event.ACCOUNT_RESTORED),
    Action.EXTEND: (_extend, Event.ACCOUNT_EXTENDED),
    Action.END_SESSIONS: (_end_sessions, Event.SESSION_ENDED),
}
"""What changes rows alone, given the facts of the job: it returns the ids of those it changed."""
