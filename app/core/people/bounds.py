"""Whom many changes at once leave alone: who may do more than who asks for them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, not_, select
from sqlalchemy.orm import Session

from app.core.people import roles
from app.core.people.roles import Permission
from app.models.people import Role, RoleGrant, User


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
