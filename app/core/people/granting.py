"""Giving roles and taking them away: nobody gives what they lack, and an owner always stays."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, select
from sqlalchemy.orm import Session, aliased

from app.addresses import BadAddress, canonical
from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.errors import BeyondYours, LastOwner, NobodyThere, OwnRole, RoleHeld
from app.core.outbox import Cap, Kind
from app.core.people import rolebook, roles, users
from app.core.people.roles import OWNER, WORDS
from app.models.people import Role, RoleGrant, User


def grant(db: Session, role_id: int, email: str, *, by: int | None, origin: Origin) -> User:
    """Give the role to whom `email` names, and tell them by mail. The caller commits.

    `by` is who gives it, None for a command at the console. Counts at the next request; asks
    for a longer password when they next choose one. Raises `NotFound` (no such role),
    `NobodyThere`, `OwnRole`, `BeyondYours` or `RoleHeld`.
    """
    user = named(db, email)
    rolebook.change_alone(db)
    role = rolebook.get(db, role_id)
    check_within(db, by, role.permissions)
    if user.id == by:
        raise OwnRole
    if db.get(RoleGrant, (user.id, role_id), populate_existing=True) is not None:
        raise RoleHeld(person=user.email)
    db.add(RoleGrant(user_id=user.id, role_id=role_id, granted_at=clock.now(), granted_by=by))
    role.version += 1
    audit.record(db, Event.ROLE_GRANTED, origin, user_id=user.id, actor_id=by, role=role.name)
    _tell(db, user, role, by)
    return user


def withdraw(db: Session, role_id: int, user_id: int, *, by: int | None, origin: Origin) -> None:
    """Take the role from a person. The caller commits.

    Raises `NotFound` (no such role, or they do not have it), `OwnRole`, `BeyondYours` or
    `LastOwner`.
    """
    rolebook.change_alone(db)
    role = rolebook.get(db, role_id)
    if user_id == by:
        raise OwnRole
    check_within(db, by, role.permissions)
    which = delete(RoleGrant).where(RoleGrant.user_id == user_id, RoleGrant.role_id == role_id)
    if role.name == OWNER:
        which = which.where(_another_owner(user_id))
    taken = db.execute(which.execution_options(synchronize_session=False))
    if cast(CursorResult[Any], taken).rowcount == 0:
        rolebook.holder(db, role_id, user_id)
        raise LastOwner
    role.version += 1
    audit.record(db, Event.ROLE_WITHDRAWN, origin, user_id=user_id, actor_id=by, role=role.name)


def keep_an_owner(db: Session, *, without: int) -> None:
    """Raise `LastOwner` if nobody else is an owner who can sign in, once `without` is not.

    For whatever keeps a person out: deleting, suspending, an end date. What it found holds
    until the caller's transaction ends. Of somebody who is no owner it asks nothing.
    """
    rolebook.change_alone(db)
    owns = exists().where(
        RoleGrant.user_id == without, RoleGrant.role_id == Role.id, Role.name == OWNER
    )
    if db.scalar(select(and_(owns, ~_another_owner(without)))):
        raise LastOwner


def named(db: Session, email: str) -> User:
    """Whom an admin means by this address. Raises `NobodyThere`, also for what is no address."""
    try:
        found = users.find(db, canonical(email), email)
    except BadAddress:
        found = None
    if found is None:
        raise NobodyThere
    return found[0]


def check_within(db: Session, by: int | None, permissions: list[str] | set[str]) -> None:
    """Raise `BeyondYours` if `by` does not hold all of these; a command at the console does."""
    if by is not None and not roles.permissions_of(db, by).issuperset(permissions):
        raise BeyondYours


def _another_owner(user_id: int) -> ColumnElement[bool]:
    # Somebody who is kept out owns nothing that they could pass on.
    other = aliased(RoleGrant)
    owns = (
        select(other.user_id)
        .join(Role, Role.id == other.role_id)
        .join(User, User.id == other.user_id)
        .where(Role.name == OWNER, other.user_id != user_id, users.is_open())
    )
    return owns.exists()


def _tell(db: Session, user: User, role: Role, by: int | None) -> None:
    giver = db.get(User, by) if by is not None else None
    outbox.queue(
        db,
        Kind.ROLE_GRANTED,
        user.mailbox,
        user_id=user.id,
        locale=user.locale,
        cap=Cap.NONE,
        role=role.name,
        giver=giver.email if giver else None,
        can=[words for permission, words in WORDS.items() if permission.value in role.permissions],
    )
