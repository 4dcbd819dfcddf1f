"""The roles as a page shows them: what each lets do, who has it, and what a change would take."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app.core.errors import NotFound
from app.core.people.roles import OWNER, Permission
from app.models.people import Role, RoleGrant, User


@dataclass(frozen=True)
class Standing:
    """A role, and how many people have it."""

    role: Role
    holders: int


@dataclass(frozen=True)
class Holder:
    """Somebody who has a role, since when, and the address of who gave it (None: a command)."""

    user: User
    granted_at: datetime
    granted_by: str | None


def all_roles(db: Session) -> list[Standing]:
    """Every role with the number of its holders: the owner's first, then by name."""
    holders = (
        select(func.count())
        .select_from(RoleGrant)
        .where(RoleGrant.role_id == Role.id)
        .scalar_subquery()
    )
    query = select(Role, holders).order_by(Role.name != OWNER, Role.name)
    rows = db.execute(query.execution_options(populate_existing=True))
    return [Standing(role, count) for role, count in rows]


def get(db: Session, role_id: int) -> Role:
    """The role of this id, as it stands now. Raises `NotFound`."""
    role = db.get(Role, role_id, populate_existing=True)
    if role is None:
        raise NotFound
    return role


def find(db: Session, name: str) -> Role:
    """The role of this name, in any case of letters. Raises `NotFound`."""
    for each in all_roles(db):
        if each.role.name.casefold() == name.strip().casefold():
            return each.role
    raise NotFound


def holders(
    db: Session, role_id: int, *, after: int | None = None, limit: int = 50
) -> list[Holder]:
    """Who has the role, in the order of their accounts; `after` is the last id already seen."""
    giver = aliased(User)
    query = (
        select(User, RoleGrant.granted_at, giver.email)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .outerjoin(giver, giver.id == RoleGrant.granted_by)
        .where(RoleGrant.role_id == role_id)
        .order_by(RoleGrant.user_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(RoleGrant.user_id > after)
    return [Holder(*row) for row in db.execute(query)]


def holder(db: Session, role_id: int, user_id: int) -> User:
    """The person of this id, if they have the role. Raises `NotFound`."""
    has = exists().where(RoleGrant.user_id == User.id, RoleGrant.role_id == role_id)
    user = db.scalars(select(User).where(User.id == user_id, has)).one_or_none()
    if user is None:
        raise NotFound
    return user


def would_lose(
    db: Session, role: Role, gone: Collection[str], *, user_id: int | None = None
) -> dict[str, int]:
    """How many holders would lose each of the permissions `gone` if `role` had them no more.

    Whom another role permits the same loses nothing; a permission that nobody would lose is
    absent. `user_id` asks about one holder alone.
    """
    others = [each.role for each in all_roles(db) if each.role.id != role.id]
    wanted = [each for each in Permission if each.value in gone and each.value in role.permissions]
    if not wanted:
        return {}
    columns = []
    for permission in wanted:
        giving = [each.id for each in others if permission.value in each.permissions]
        columns.append(_losing(role.id, giving, user_id))
    # One question for all of them, a number in each column.
    counts = db.execute(select(*columns)).one()
    found = zip(wanted, counts, strict=True)
    return {permission.value: count for permission, count in found if count}


def change_alone(db: Session) -> None:
    """Let one change of roles at a time go on, until the caller's transaction ends.

    All wait at the owner's row, so that each sees what the one before it left behind: what
    somebody may give, and who is the last owner, is asked after this.
    """
    db.execute(
        update(Role)
        .where(Role.name == OWNER)
        .values(version=Role.version)
        .execution_options(synchronize_session=False)
    )


def _losing(role_id: int, giving: list[int], user_id: int | None) -> ColumnElement[int]:
    other = aliased(RoleGrant)
    has_another = exists().where(other.user_id == RoleGrant.user_id, other.role_id.in_(giving))
    query = select(func.count()).select_from(RoleGrant).where(RoleGrant.role_id == role_id)
    if user_id is not None:
        query = query.where(RoleGrant.user_id == user_id)
    return query.where(~has_another).scalar_subquery()
