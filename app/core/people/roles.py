"""What people may do beside learning: permissions, and the roles that bundle them."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from sqlalchemy import Select, bindparam, exists, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import N_, LinkDead
from app.models.people import Role, RoleGrant

OWNER = "owner"


class Permission(StrEnum):
    """What an admin page asks for."""

    AUDIT_READ = "audit:read"
    CONVERSATIONS_READ = "conversations:read"
    CONVERSATIONS_WRITE = "conversations:write"
    INSIGHT_READ = "insight:read"
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    KEYS_READ = "keys:read"
    KEYS_WRITE = "keys:write"
    OUTBOX_READ = "outbox:read"
    OUTBOX_WRITE = "outbox:write"
    PEOPLE_HELP = "people:help"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    PROGRAMS_READ = "programs:read"
    PROGRAMS_WRITE = "programs:write"
    ROLES_READ = "roles:read"
    ROLES_WRITE = "roles:write"
    ROSTER_READ = "roster:read"
    ROSTER_WRITE = "roster:write"


AREAS = {
    "people": N_("People"),
    "roster": N_("Roster"),
    "programs": N_("Programs"),
    "conversations": N_("Conversations"),
    "insight": N_("Figures"),
    "audit": N_("Audit log"),
    "outbox": N_("Outbox"),
    "jobs": N_("Jobs"),
    "keys": N_("API keys"),
    "roles": N_("Roles"),
}
"""What permissions are about, in the order in which people read them."""

WORDS = {
    Permission.PEOPLE_READ: N_("See everybody, what they hold, and why somebody cannot get in."),
    Permission.PEOPLE_HELP: N_("Help people: send mails again, invite, end sessions, lift pauses."),
    Permission.PEOPLE_WRITE: N_("Add, change, suspend and delete people."),
    Permission.ROSTER_READ: N_("See the list, its history, and what an import would change."),
    Permission.ROSTER_WRITE: N_("Upload, apply and undo lists."),
    Permission.PROGRAMS_READ: N_("See the programs and who can open them."),
    Permission.PROGRAMS_WRITE: N_("Make, change and delete programs."),
    Permission.CONVERSATIONS_READ: N_("Read and export what people wrote in conversations."),
    Permission.CONVERSATIONS_WRITE: N_("Delete conversations, and set how long they are kept."),
    Permission.INSIGHT_READ: N_("See the figures: sign-ins, failures, active people."),
    Permission.AUDIT_READ: N_("Read and export the audit log: who did what, when, from where."),
    Permission.OUTBOX_READ: N_("See which mails were sent, and what the mail server said."),
    Permission.OUTBOX_WRITE: N_("Send mails again, and send test mails."),
    Permission.JOBS_READ: N_("See what runs in the background, and how far it is."),
    Permission.JOBS_WRITE: N_("Stop background work, and try it again."),
    Permission.KEYS_READ: N_("See which programs have a key to the API."),
    Permission.KEYS_WRITE: N_("Make keys by which programs may ask the API, and revoke them."),
    Permission.ROLES_READ: N_("See the roles and who has them."),
    Permission.ROLES_WRITE: N_("Make and change roles, give them and take them away."),
}
"""What each permission lets somebody do, a sentence each, area by area."""


def permissions_of(db: Session, user_id: int) -> frozenset[str]:
    """The permissions that this person's roles add up to."""
    rows = db.scalars(_permitting(), {"user_id": user_id})
    return frozenset(permission for row in rows for permission in row)


@cache
def _permitting() -> Select[list[str]]:
    # Made once: every sign-in asks.
    granted = select(Role.permissions).join(RoleGrant, RoleGrant.role_id == Role.id)
    return granted.where(RoleGrant.user_id == bindparam("user_id"))


def has_any(db: Session, user_id: int) -> bool:
    """Whether this person has any role."""
    return bool(db.scalar(select(exists().where(RoleGrant.user_id == user_id))))


def names_of(db: Session, user_ids: list[int]) -> dict[int, list[str]]:
    """The role names of each of these people, in one query; people without a role are absent."""
    rows = db.execute(
        select(RoleGrant.user_id, Role.name)
        .join(Role, RoleGrant.role_id == Role.id)
        .where(RoleGrant.user_id.in_(user_ids))
        .order_by(Role.name)
    )
    names: dict[int, list[str]] = {}
    for user_id, name in rows:
        names.setdefault(user_id, []).append(name)
    return names


def owner_stamp(db: Session) -> int:
    """What a link that offers ownership is stamped with: it changes when an owner is made."""
    return db.execute(select(Role.version).where(Role.name == OWNER)).scalar_one()


def has_owner(db: Session) -> bool:
    """Whether anybody owns this installation yet."""
    return (
        db.scalar(
            select(RoleGrant.user_id)
            .join(Role, RoleGrant.role_id == Role.id)
            .where(Role.name == OWNER)
            .limit(1)
        )
        is not None
    )


def make_owner(db: Session, user_id: int, *, stamp: int) -> None:
    """Give the owner role under a link's `stamp`. Raises `LinkDead` where it moved on.

    The stamp is compared and moved in one statement, so of two uses of a link one wins.
    """
    claimed = db.execute(
        update(Role)
        .where(Role.name == OWNER, Role.version == stamp)
        .values(version=Role.version + 1)
        .returning(Role.id)
    ).first()
    if claimed is None:
        raise LinkDead
    db.add(RoleGrant(user_id=user_id, role_id=claimed.id, granted_at=clock.now()))
