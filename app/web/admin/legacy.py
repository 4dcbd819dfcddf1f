"""The admin addresses of the legacy application, of which these lead on or read the list.

Each names the permission that it needs, and answers in the legacy way: a page, or for programs
JSON with `success` and `error`.
"""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.core.people.roles import Permission
from app.core.roster import exports, imports
from app.core.taken import Taken
from app.edge.db import db
from app.edge.guards import permitted
from app.web.admin import bp as admin
from app.web.admin import menu
from app.web.admin.downloads import csv_answer
from app.web.admin.roster import roster_upload

bp = Blueprint("admin_legacy", __name__)
bp.context_processor(menu)

# A file comes by the same way as on the roster page: it is checked and shown, and not applied.
admin.add_url_rule("/upload_authorized_users_csv", "roster_upload", roster_upload, methods=["POST"])


@bp.get("/users")
@bp.get("/admin/manage_users")
@permitted(Permission.PEOPLE_READ)
def users() -> ResponseReturnValue:
    """Lead to the page of people, with what was searched for."""
    search = request.args.get("search") or request.args.get("q")
    return redirect(url_for("admin.people", q=search))


@bp.get("/admin/authorized_users_status")
@permitted(Permission.ROSTER_READ)
def list_status() -> ResponseReturnValue:
    """How the list in force stands: rows and people, as JSON."""
    in_force = imports.in_force(db)
    people, rows = imports.count_in_force(db)
    applied_at = imports.get(db, in_force).applied_at if in_force else None
    return jsonify(
        file_exists=in_force is not None,
        total_users=rows,
        active_users=people,
        last_modified=applied_at.isoformat() if applied_at else None,
    )


@bp.get("/admin/download_authorized_users_csv")
@permitted(Permission.ROSTER_READ)
def list_download() -> ResponseReturnValue:
    """The list in force as a file."""
    return csv_answer(exports.write_list(db), "authorized_users.csv", Taken.IN_FORCE)
