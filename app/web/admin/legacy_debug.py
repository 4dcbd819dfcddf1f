"""The legacy application's three addresses for looking into things, as JSON; looking is audited."""

from __future__ import annotations

from flask import jsonify
from flask.typing import ResponseReturnValue

from app.core import audit
from app.core.audit import Event
from app.core.desk import explain
from app.core.errors import NotFound
from app.core.learning import catalogue, emergency, programs, quota
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, permitted, row_id
from app.edge.ways import doors
from app.models.people import User
from app.web.admin.legacy import bp


@bp.get("/debug_user/<int:user_id>")
@permitted(Permission.PEOPLE_READ)
def debug_user(user_id: int) -> ResponseReturnValue:
    """Why this person can or cannot get in, and which programs are open to them."""
    user = _user(user_id)
    me = identity.user().id
    found = explain.explain(db, str(user.id), doors=doors(), by=me)
    explain.note(db, found, by=me, origin=identity.origin())
    commit()
    account = {
        "id": user.id,
        "last_name": user.last_name,
        "email": user.email,
        "status": user.status,
        "expiry_date": user.expiry_date.isoformat() if user.expiry_date else None,
        "visit_count": user.visit_count or 0,
        "has_password": user.has_password(),
    }
    return jsonify({"user": account} | explain.facts(found))


@bp.get("/debug_access_control")
@permitted(Permission.PEOPLE_READ)
def debug_access_control() -> ResponseReturnValue:
    """Every program, the LO Root IDs that open it, and to how many accounts it is open."""
    listed = [
        {
            "code": program.code,
            "name": program.name,
            "is_active": bool(program.is_active),
            "lo_root_ids": [each.lo_root_id for each in program.lo_root_ids],
            "open_to": people.number,
        }
        for program, people in catalogue.listed(db, limit=1000)
    ]
    _note(None, looked_at="access_control")
    return jsonify(access_control=emergency.standing(db) is None, programs=listed)


@bp.get("/debug_quota/<code>")
@permitted(Permission.PEOPLE_READ)
def debug_quota(code: str) -> ResponseReturnValue:
    """How many questions somebody has left today in a program; without `user_id`: whoever asks."""
    given = row_id("user_id")
    user = _user(given) if given is not None else identity.user()
    program = programs.enter_program(db, user.id, code)
    left = quota.remaining(db, user.id, program)
    _note(user.id, looked_at="quota", program=program.code)
    return jsonify(
        program_code=program.code,
        user_id=user.id,
        quota=program.quota,
        used=program.quota - left,
        remaining=left,
    )


def _user(user_id: int) -> User:
    user = db.get(User, user_id) if user_id <= LAST_ID else None
    if user is None:
        raise NotFound
    return user


def _note(user_id: int | None, **details: str) -> None:
    admin = identity.user().id
    audit.record(
        db, Event.ACCOUNT_EXPLAINED, identity.origin(), user_id=user_id, actor_id=admin, **details
    )
    commit()
