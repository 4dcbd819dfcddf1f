"""The programs, as a plain list."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from app.core.learning import programs as learning
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted
from app.web.admin import bp


@bp.get("/programs")
@permitted(Permission.PROGRAMS_READ)
def programs() -> ResponseReturnValue:
    """List every program, what opens it, and for how many people it is open."""
    return render_template("admin/programs.html", programs=learning.all_programs(db))
