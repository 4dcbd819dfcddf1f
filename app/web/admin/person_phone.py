"""The number that signs a person in, taken away by an admin."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core.desk.people import parting
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.web.admin import bp


@bp.post("/people/<int:user_id>/phone/remove")
@permitted(Permission.PEOPLE_HELP)
@freshly_proven
def people_phone_remove(user_id: int) -> ResponseReturnValue:
    """Take it away: the phone was lost, or the number is somebody else's now."""
    parting.from_number(db, user_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("The number is removed. A mail to them says so too."), "success")
    return redirect(url_for("admin.people_person", user_id=user_id), 303)
