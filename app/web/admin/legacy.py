"""The admin addresses of the legacy application: what moved leads on, what is not built says so.

Each names the permission that it needs, and answers in the legacy way: a page, or for programs
JSON with `success` and `error`.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask import stream_with_context as in_request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core.errors import N_
from app.core.people.roles import Permission
from app.core.roster import exports, imports
from app.edge.db import db
from app.edge.guards import permitted
from app.edge.refusals import wants_json
from app.web.admin import bp as admin
from app.web.admin import menu
from app.web.admin.roster import roster_upload

bp = Blueprint("admin_legacy", __name__)
bp.context_processor(menu)

# A file comes by the same way as on the roster page: it is checked and shown, and not applied.
admin.add_url_rule("/upload_authorized_users_csv", "roster_upload", roster_upload, methods=["POST"])


@dataclass(frozen=True)
class Later:
    """Addresses that wait for one page: which it will be, and what does the job until then."""

    permission: Permission
    words: str
    way_on: str
    """The endpoint of the page that is of use today."""
    routes: str
    """A method and a path in each line."""


LATER = [
    Later(
        Permission.PEOPLE_WRITE,
        N_(
            "Accounts are not made from a file any more: upload the file on the page Roster, and"
            " its people register by themselves. Or add somebody by hand, who then gets a mail."
        ),
        "admin.people_add",
        "POST /admin/upload_user_csv",
    ),
    Later(
        Permission.ROSTER_READ,
        N_(
            "A list is checked for people who stand in it twice when it is uploaded: the page"
            " Roster shows them before anything changes."
        ),
        "admin.roster",
        """
        GET /admin/check_duplicates
        POST /admin/remove_duplicates
        """,
    ),
]

EMERGENCIES = {
    "/emergency_disable_access_control": N_(
        "In the former application this address opened every program to everybody, for good, as"
        " soon as it was visited. Here visiting it changes nothing. A switch that ends by itself"
        " is going to stand on the page Roster. Today programs are opened by a list that names"
        " their LO Root IDs."
    ),
    "/emergency_fix_user_lo_ids": N_(
        "In the former application this address rewrote the LO Root IDs of everybody as soon as"
        " it was visited. Here visiting it changes nothing, because nothing needs it: they follow"
        " the list in force, and the page Roster puts a better one there."
    ),
}


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
    headers = {"Content-Disposition": 'attachment; filename="authorized_users.csv"'}
    return Response(in_request(exports.write_list(db)), mimetype="text/csv", headers=headers)


def _answer(words: str, way_on: str, status: int) -> ResponseReturnValue:
    if wants_json():
        facts = {"message": _(words)} if status == 200 else {"success": False, "error": _(words)}
        return jsonify(facts), status
    page = render_template("admin/legacy.html", words=_(words), way_on=url_for(way_on))
    return page, status


def _add(route: str, permission: Permission, words: str, way_on: str, status: int = 501) -> None:
    @permitted(permission)
    def view(**_place: str) -> ResponseReturnValue:
        return _answer(words, way_on, status)

    method, path = route.split()
    name = path.split("<")[0].strip("/").replace("/", "_")
    bp.add_url_rule(path, f"{method.lower()}_{name}", view, methods=[method])


for _later in LATER:
    for _route in _later.routes.strip().splitlines():
        _add(_route, _later.permission, _later.words, _later.way_on)

for _path, _words in EMERGENCIES.items():
    _add(f"GET {_path}", Permission.ROSTER_WRITE, _words, "admin.roster", status=200)
    _add(f"POST {_path}", Permission.ROSTER_WRITE, _words, "admin.roster")
