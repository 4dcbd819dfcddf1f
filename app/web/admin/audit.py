"""The audit log: who did what, when, and from where."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from app.core import audit as records
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted, row_id
from app.web.admin import bp

PAGE = 50


@bp.get("/audit")
@permitted(Permission.AUDIT_READ)
def audit() -> ResponseReturnValue:
    """List the entries, newest first."""
    found = records.latest(db, before=row_id("before"), limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return render_template(
        "admin/audit.html",
        entries=shown,
        people=records.people_in(db, shown),
        next_url=url_for("admin.audit", before=shown[-1].id) if more else None,
    )
