"""Making, changing and deleting roles, out of permissions that one holds oneself."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.errors import BadRole, EmptyRole, FixedRole, OwnRole, RoleChanged, RoleNameTaken
from app.core.people import granting, rolebook
from app.core.people.roles import OWNER, Permission
from app.models.people import Role, RoleGrant

LONGEST = 64
"""Characters of a role's name."""


def make(
    db: Session, name: str, permissions: Collection[Permission], *, by: int, origin: Origin
) -> Role:
    """Make a role that nobody has yet. The caller commits.

    Raises `BadRole` (or its kinds `RoleNameTaken`, `EmptyRole`) or `BeyondYours`.
    """
    rolebook.change_alone(db)
    name = _checked_name(db, name)
    held = _checked(permissions)
    granting.check_within(db, by, held)
    role = Role(name=name, permissions=held, version=0)
    db.add(role)
    db.flush()
    audit.record(db, Event.ROLE_MADE, origin, actor_id=by, role=name, permissions=held)
    return role


def change(
    db: Session,
    role_id: int,
    name: str,
    permissions: Collection[Permission],
    *,
    version: int,
    by: int,
    origin: Origin,
) -> Role:
    """Give the role this name and these permissions, for all who have it. The caller commits.

    `version` is the role's as it was when the effect was shown. Raises `NotFound`, `FixedRole`,
    `RoleChanged`, `OwnRole`, `BadRole` (or its kinds) or `BeyondYours`.
    """
    role = _to_change(db, role_id, version, by)
    name = _checked_name(db, name, own=role_id)
    held = _checked(permissions)
    gained, lost = set(held) - set(role.permissions), set(role.permissions) - set(held)
    granting.check_within(db, by, gained | lost)
    audit.record(
        db, Event.ROLE_CHANGED, origin, actor_id=by,
        role=role.name, name=name, gained=sorted(gained), lost=sorted(lost),
    )  # fmt: skip
    role.name, role.permissions = name, held
    role.version += 1
    return role


def remove(db: Session, role_id: int, *, version: int, by: int, origin: Origin) -> str:
    """Delete the role, and take it from all who have it; its name. The caller commits.

    Raises `NotFound`, `FixedRole`, `RoleChanged`, `OwnRole` or `BeyondYours`.
    """
    role = _to_change(db, role_id, version, by)
    granting.check_within(db, by, role.permissions)
    taken = db.scalars(
        delete(RoleGrant).where(RoleGrant.role_id == role_id).returning(RoleGrant.user_id)
    ).all()
    db.delete(role)
    audit.record(
        db, Event.ROLE_DELETED, origin, actor_id=by,
        role=role.name, permissions=role.permissions, people=len(taken),
    )  # fmt: skip
    return role.name


def _to_change(db: Session, role_id: int, version: int, by: int) -> Role:
    rolebook.change_alone(db)
    role = rolebook.get(db, role_id)
    if role.name == OWNER:
        raise FixedRole
    if role.version != version:
        raise RoleChanged
    if db.scalar(
        select(RoleGrant.role_id).where(RoleGrant.role_id == role_id, RoleGrant.user_id == by)
    ):
        raise OwnRole
    return role


def _checked_name(db: Session, typed: str, *, own: int | None = None) -> str:
    name = " ".join(typed.split())
    odd = any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} for letter in name)
    if not name or len(name) > LONGEST or odd:
        raise BadRole
    others = [each.role for each in rolebook.all_roles(db) if each.role.id != own]
    if name.casefold() in {each.name.casefold() for each in others}:
        raise RoleNameTaken
    return name


def _checked(permissions: Collection[Permission]) -> list[str]:
    if not permissions:
        raise EmptyRole
    return sorted({each.value for each in permissions})
