"""Tells the admins who may let a held import go that there is one, by mail and once."""

from __future__ import annotations

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.core import clock, outbox
from app.core.outbox import Kind
from app.core.people import users
from app.core.people.roles import Permission
from app.models.people import Role, RoleGrant, User
from app.models.rosters import RosterImport

MOST = 50
"""Admins who are written to, the longest here first: there are few, and one is enough."""


def tell_held(db: Session, found: RosterImport) -> None:
    """Write the mails about a held import in its own transaction, not to who uploaded it.

    Once for each import, however often it is checked again.
    """
    if found.told_at is not None:
        return
    found.told_at = clock.now()
    # What a role permits is a list in a column, and there are few roles.
    rows = db.execute(select(Role.id, Role.permissions))
    able = [role_id for role_id, held in rows if Permission.ROSTER_WRITE.value in held]
    admins = (
        select(User.id, func.coalesce(User.address, func.trim(User.email)), User.locale)
        .where(
            exists().where(RoleGrant.user_id == User.id, RoleGrant.role_id.in_(able)),
            User.id.is_distinct_from(found.created_by),
            users.is_open(),
        )
        .order_by(User.id)
        .limit(MOST)
    )
    uploader = db.get(User, found.created_by) if found.created_by is not None else None
    outbox.queue_selected(
        db, Kind.IMPORT_HELD, admins,
        import_id=found.id,
        file=found.file_name,
        uploader=uploader.email if uploader else None,
        rules=found.held,
        removed=found.removed,
        changed=found.changed,
        readdressed=found.pairs_confirmed,
        before=found.people_before,
    )  # fmt: skip
