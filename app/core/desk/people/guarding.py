"""Whom an admin may not touch: themselves, who hands out roles, and the last owner."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, not_, select
from sqlalchemy.orm import Session

from app.core.errors import N_, NotFound, Refusal
from app.core.people import granting, roles
from app.core.people.roles import Permission
from app.models.people import Role, RoleGrant, User


class Yourself(Refusal):
    """Somebody who would shut themselves out."""

    code = "yourself"
    status = 409
    words = N_("That would shut you out yourself. Ask another admin to do it.")


class AboveYou(Refusal):
    """Somebody who may do more, changed by who may not: a new address would be a way to that."""

    code = "above_you"
    status = 403
    words = N_("This person may do things here that you may not. Ask an owner to do it.")


def person(db: Session, user_id: int) -> User:
    """The person with this id, as they stand now. Raises `NotFound`."""
    user = db.get(User, user_id, populate_existing=True)
    if user is None:
        raise NotFound
    return user


def check(db: Session, user_id: int, *, by: int | None, shuts_out: bool = False) -> User:
    """The person, if `by` may change them; None is a maintainer at the console, who may.

    `shuts_out` is for what ends their being here. Raises `NotFound`, `Yourself`, `AboveYou` or
    `LastOwner`.
    """
    user = person(db, user_id)
    if by is not None and by != user_id and not may_touch(db, user_id, by):
        raise AboveYou
    if shuts_out:
        if by == user_id:
            raise Yourself
        granting.keep_an_owner(db, without=user_id)
    return user


def may_touch(db: Session, user_id: int, by: int) -> bool:
    """Whether `by` may change this person: who may do nothing that `by` may not."""
    return roles.permissions_of(db, user_id) <= roles.permissions_of(db, by)


def in_bulk(db: Session, by: int | None) -> ColumnElement[bool]:
    """The SQL condition of those `User`s who may be changed many at once.

    Nobody who hands out roles, so that no press of a button empties the console of its owners;
    nobody who may do more than who presses, and not who presses. A maintainer at the console
    changes nobody with a role in bulk.
    """
    holds = exists().where(RoleGrant.user_id == User.id, RoleGrant.role_id.in_(_beyond(db, by)))
    return not_(holds) if by is None else and_(not_(holds), User.id != by)


def _beyond(db: Session, by: int | None) -> list[int]:
    # What a role permits is a list in a column, and there are few roles.
    own = roles.permissions_of(db, by) if by is not None else frozenset[str]()
    rows = db.execute(select(Role.id, Role.permissions))
    hands_out = Permission.ROLES_WRITE.value
    return [role_id for role_id, held in rows if hands_out in held or not own.issuperset(held)]
