"""Invitations: set-up mails to people who are awaited and have no account, or no password, yet.

A job writes them at a set rate, a minute's worth at a time, so that other work has its turn. Each
batch is one transaction: it claims the addresses, makes the accounts that are missing, and writes
the mails, so that a worker that died left a batch done or not begun. Nobody gets two, because the
address is the key of the table in which it is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.desk import awaited
from app.core.desk.awaited import Scope
from app.core.desk.people import guarding, standing
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import N_, NotFound, Refusal
from app.core.outbox import Cap, Kind
from app.core.people import users
from app.core.roster import entitlements
from app.models.invitations import Invitation
from app.models.people import Status, User
from app.models.records import Job

BATCH = 25
"""People who are written to in one transaction: it holds up no sign-in for long."""

EARLY = timedelta(seconds=15)
"""How much before its moment a minute's worth may go: the clock of the worker is coarse."""


class NobodyToInvite(Refusal):
    """Everybody in question has a password, or was written to lately."""

    code = "nobody_to_invite"
    status = 409
    words = N_(
        "Nobody waits for an invitation: all of them have a password, or were written to lately."
    )


class NotToBeInvited(Refusal):
    """A person whom a mail would not help: not on the list, or shut out."""

    code = "not_to_be_invited"
    status = 409
    words = N_("A mail would not help: this person is not on the list, or may not come in now.")


def start(db: Session, scope: Scope, *, by: int | None, origin: Origin) -> Job:
    """Put the invitations of this scope into the backlog. The caller commits.

    Raises `NobodyToInvite`.
    """
    found = awaited.preview(db, scope, limit=0)
    if found.is_all and not found.waiting:
        raise NobodyToInvite
    job = backlog.add(db, JobKind.INVITE, by=by, scope=asdict(scope))
    audit.record(db, Event.INVITATIONS_BEGAN, origin, actor_id=by, job_id=job.id, **_told(scope))
    return job


def stop(db: Session, job_id: int, *, by: int | None, origin: Origin) -> bool:
    """Ask the job to end; False where it was over. The caller commits. Raises `NotFound`."""
    get(db, job_id)
    asked = backlog.ask_to_stop(db, job_id)
    if asked:
        audit.record(db, Event.INVITATIONS_STOPPED, origin, actor_id=by, **_so_far(db, job_id))
    return asked


def resume(db: Session, job_id: int, *, by: int | None, origin: Origin) -> bool:
    """Let a job that was stopped or failed go on where it was; False for any other.

    The caller commits. Raises `NotFound`.
    """
    get(db, job_id)
    goes_on = backlog.try_again(db, job_id)
    if goes_on:
        audit.record(db, Event.INVITATIONS_RESUMED, origin, actor_id=by, **_so_far(db, job_id))
    return goes_on


def _so_far(db: Session, job_id: int) -> dict[str, Any]:
    job = get(db, job_id)
    return {"job_id": job.id, "done": job.done, "total": job.total}


def get(db: Session, job_id: int) -> Job:
    """The job of this id. Raises `NotFound`, also for a job of another kind."""
    job = backlog.get(db, job_id)
    if job.kind != JobKind.INVITE.value:
        raise NotFound
    return job


def invite(db: Session, job: Job, *, rate: int, terms: Terms) -> dict[str, Any]:
    """Do the job: write at most `rate` mails, then wait for the next minute by `PutOff`.

    It commits as it goes, and returns how many were invited in all once nobody is left.
    """
    scope = Scope(**job.facts["scope"])
    if job.total is None:
        backlog.report(db, job, done=0, total=awaited.count(db, scope), note="inviting")
        job = backlog.get(db, job.id)
    paid_until = _paid_until(job)
    if paid_until - clock.now() > EARLY:
        raise backlog.PutOff(paid_until - EARLY)
    left, done = rate, job.done
    while left > 0:
        entitlements.hold_list(db)
        batch = awaited.next_batch(
            db, scope, after=job.facts.get("after", ""), limit=min(BATCH, left)
        )
        if not batch.addresses:
            return {"invited": done}
        written = _write(
            db, batch.addresses, scope, terms=terms, job=job, by=job.created_by, origin=NOWHERE
        )
        left, done = left - len(batch.addresses), done + written
        paid_until += timedelta(minutes=written / rate)
        job.facts = job.facts | {"after": batch.place, "paid_until": paid_until.isoformat()}
        backlog.report(db, job, done=done)
    if not awaited.next_batch(db, scope, after=job.facts["after"], limit=1).addresses:
        return {"invited": done}
    raise backlog.PutOff(paid_until - EARLY)


def invite_one(db: Session, address: str, *, by: int | None, terms: Terms, origin: Origin) -> Kind:
    """Mail one person the way in that they need, now; which mail it is. The caller commits.

    Who is listed and has no account gets one; who has a password may choose a new one.
    Raises `AboveYou`, or `NotToBeInvited`.
    """
    entitlements.hold_list(db)
    found = users.find(db, address, address)
    if found is None:
        if not awaited.lines_of(db, [address]) or users.is_shared(db, address):
            raise NotToBeInvited
        at_once = Scope(again_after=0)
        if not _write(db, [address], at_once, terms=terms, job=None, by=by, origin=origin):
            raise NotToBeInvited
        return Kind.INVITATION
    user, listed = found
    guarding.check(db, user.id, by=by)
    if users.shut_out_reason(user, listed=listed) is not None:
        raise NotToBeInvited
    kind = Kind.RESET if user.has_password() else Kind.SETUP
    letters.send(db, kind, address, terms=terms, cap=Cap.INVITATION)
    audit.record(db, Event.ACCOUNT_INVITED, origin, user_id=user.id, actor_id=by, mail=kind.value)
    return kind


def _write(
    db: Session,
    addresses: Sequence[str],
    scope: Scope,
    *,
    terms: Terms,
    job: Job | None,
    by: int | None,
    origin: Origin,
) -> int:
    """Claim these addresses, make the accounts that are missing, write the mails; how many."""
    claimed = _claim(db, addresses, scope, job)
    on_list = _make_accounts(db, claimed)
    written = 0
    # Asked anew: somebody may have come in by themselves a moment ago.
    people = select(User, users.on_list()).where(User.address.in_(claimed)).order_by(User.address)
    for user, listed in db.execute(people.execution_options(populate_existing=True)).all():
        if user.has_password() or users.shut_out_reason(user, listed=listed) is not None:
            continue
        # It speaks of the list to those alone who are on it.
        kind = Kind.INVITATION if user.address in on_list else standing.setup_kind(user)
        # As every mail of its kind is written: with its caps, its code and its link.
        letters.send(db, kind, user.mailbox, terms=terms, cap=Cap.INVITATION)
        details = {"job_id": job.id} if job else {"mail": kind.value}
        audit.record(db, Event.ACCOUNT_INVITED, origin, user_id=user.id, actor_id=by, **details)
        written += 1
    return written


def _claim(db: Session, addresses: Sequence[str], scope: Scope, job: Job | None) -> list[str]:
    """Those of the addresses that nobody else invited meanwhile, by one statement."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    now = clock.now()
    job_id = job.id if job else None
    rows = [
        {"address": each, "job_id": job_id, "invited_at": now, "times": 1}
        for each in sorted(addresses)
    ]
    statement = insert(Invitation).values(rows)
    claiming = statement.on_conflict_do_update(
        index_elements=[Invitation.address],
        set_={"job_id": job_id, "invited_at": now, "times": Invitation.times + 1},
        where=Invitation.invited_at <= awaited.cutoff(scope, now),
    ).returning(Invitation.address)
    return list(db.scalars(claiming))


def _make_accounts(db: Session, addresses: Sequence[str]) -> set[str]:
    """Make the accounts that these people lack, holding what the list grants; who is on it."""
    lines = awaited.lines_of(db, addresses)
    there = set(db.scalars(select(User.address).where(User.address.in_(addresses))))
    now = clock.now()
    rows = [
        {
            "last_name": line.last_name, "email": line.email, "address": address,
            "status": Status.ACTIVE.value, "date_added": now, "visit_count": 0,
            "expiry_date": now + users.ACCOUNT_TERM, "from_roster": True,
        }
        for address, line in lines.items()
        if address not in there
    ]  # fmt: skip
    if rows:
        insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
        # Who registers at this very moment keeps the account that they made.
        db.execute(insert(User).on_conflict_do_nothing(), rows)
        entitlements.follow_list(db, User.address.in_([row["address"] for row in rows]))
    db.execute(
        update(Invitation)
        .where(Invitation.address.in_(addresses))
        .values(user_id=select(User.id).where(User.address == Invitation.address).scalar_subquery())
        .execution_options(synchronize_session=False)
    )
    return set(lines)


def _paid_until(job: Job) -> datetime:
    """Up to which moment the rate is used up by the mails that were written."""
    now = clock.now()
    noted = job.facts.get("paid_until")
    return max(now, datetime.fromisoformat(noted)) if noted else now


def _told(scope: Scope) -> dict[str, Any]:
    """The scope as the audit log tells it, without what was not asked."""
    told = asdict(scope) | {"ids": None, "ticked": len(scope.ids) or None}
    return {name: value for name, value in told.items() if value not in (None, "")}
