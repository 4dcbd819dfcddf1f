"""The admin area: its pages, the permission of each, and the menu made of the same list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _

from app.core.desk import insight
from app.core.errors import N_, NotAllowed
from app.core.learning import emergency
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import db
from app.models.people import User
from app.models.rosters import ImportState

bp = Blueprint("admin", __name__, url_prefix="/admin")

AREAS = [
    ("admin.home", N_("Overview"), None),
    ("admin.roster", N_("Roster"), Permission.ROSTER_READ),
    ("admin.people", N_("People"), Permission.PEOPLE_READ),
    ("admin.explain", N_("Can't get in?"), Permission.PEOPLE_READ),
    ("admin.invitations", N_("Invitations"), Permission.PEOPLE_HELP),
    ("admin.programs", N_("Programs"), Permission.PROGRAMS_READ),
    ("admin.conversations", N_("Conversations"), Permission.CONVERSATIONS_READ),
    ("admin.outbox", N_("Outbox"), Permission.OUTBOX_READ),
    ("admin.jobs", N_("Jobs"), Permission.JOBS_READ),
    ("admin.roles", N_("Roles"), Permission.ROLES_READ),
    ("admin.keys", N_("API keys"), Permission.KEYS_READ),
    ("admin.clients", N_("Widget clients"), Permission.KEYS_READ),
    ("admin.audit", N_("Audit log"), Permission.AUDIT_READ),
    ("admin.insight", N_("Insight"), Permission.INSIGHT_READ),
]
"""Every area: its first page, its name, and what seeing it asks for."""

FORMERLY = {"search_term": "q", "chatbot_code": "program", "user_id": "person"}
"""What the legacy page looked for conversations by, and what the same is called here."""


@dataclass(frozen=True)
class Area:
    """One entry of the menu."""

    endpoint: str
    label: str
    active: bool


@bp.before_request
def guard() -> None:
    """Let nobody past who has no role at all; each page asks for its own permission besides."""
    identity.user()
    if not identity.permissions():
        raise NotAllowed


@bp.context_processor
def menu() -> dict[str, Any]:
    """The areas that this person may see, and what says on every page that all is open."""
    held = identity.permissions()
    here = (request.endpoint or "").split("_")[0]
    areas = [
        Area(endpoint, _(label), endpoint == here)
        for endpoint, label, permission in AREAS
        if permission is None or permission.value in held
    ]
    return {"admin_areas": areas, "can": held, "find_emergency": lambda: emergency.standing(db)}


@bp.get("", strict_slashes=False)
def home() -> ResponseReturnValue:
    """What needs an admin, and how things stand."""
    if FORMERLY.keys() & request.args.keys():
        # The legacy page showed conversations here; these looked for them.
        sought: dict[str, Any] = {
            ours: request.args.get(theirs) or None for theirs, ours in FORMERLY.items()
        }
        return redirect(url_for("admin.conversations", **sought))
    found = insight.overview(db)
    applied_by = found.in_force.applied_by if found.in_force else None
    admin = db.get(User, applied_by) if applied_by else None
    return render_template(
        "admin/home.html", found=found, applied_by=admin.email if admin else None,
        todo=_todo(found),
    )  # fmt: skip


def _todo(found: insight.Overview) -> list[tuple[str, list[tuple[str, str]]]]:
    """What waits for a person: words, and what can be done, each an address and its words."""
    things = []
    if found.waiting is not None:
        name = found.waiting.file_name
        if found.waiting.state == ImportState.HELD.value:
            words = _("The list %(file)s is held: somebody has to let it go.", file=name)
        else:
            words = _("The list %(file)s was checked and waits.", file=name)
        address = url_for("admin.roster_preview", import_id=found.waiting.id)
        things.append((words, [(address, _("Look at it"))]))
    open_yet = found.listed - found.registered
    if open_yet and (acts := _for_the_unregistered()):
        words = ngettext(
            "%(open)s of %(listed)s person on the list has not registered.",
            "%(open)s of %(listed)s people on the list have not registered.",
            found.listed, open=format_decimal(open_yet), listed=format_decimal(found.listed),
        )  # fmt: skip
        things.append((words, acts))
    if found.failed_mails:
        words = _("Some mails could not be delivered.")
        things.append((words, [(url_for("admin.outbox", state="failed"), _("See why"))]))
    return things


def _for_the_unregistered() -> list[tuple[str, str]]:
    held, acts = identity.permissions(), []
    if Permission.PEOPLE_READ.value in held:
        acts.append((url_for("admin.people_unregistered"), _("Download")))
    if Permission.PEOPLE_HELP.value in held:
        acts.append((url_for("admin.invitations"), _("Send an invitation")))
    return acts
