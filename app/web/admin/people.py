"""The people who have an account, as a plain list."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core.errors import N_
from app.core.people import roles, users
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted, row_id
from app.web.admin import bp

PAGE = 50
STATES = {
    None: (N_("May enter"), "good"),
    "expired": (N_("Expired"), "warn"),
    "off_list": (N_("Off the list"), "warn"),
    "suspended": (N_("Suspended"), "bad"),
}


@bp.get("/people")
@permitted(Permission.PEOPLE_READ)
def people() -> ResponseReturnValue:
    """List people, newest first, or those with some words in name or address."""
    q = request.args.get("q", "")[:200]
    before = row_id("before")
    found = users.latest(db, search=q, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return render_template(
        "admin/people.html",
        q=q,
        count=users.count(db),
        people=shown,
        roles=roles.names_of(db, [row.user.id for row in shown]),
        states=STATES,
        next_url=url_for("admin.people", q=q or None, before=shown[-1].user.id) if more else None,
    )
