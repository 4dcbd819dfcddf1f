"""The roster: upload, preview, apply or put aside."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from sqlalchemy import select
from wtforms import BooleanField

from app.core import audit
from app.core.audit import Event
from app.core.errors import N_, ListRefused, ProblemsLeft, Refusal
from app.core.people.roles import Permission
from app.core.roster import imports
from app.core.roster.files import FileRefused
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import permitted
from app.edge.ours import ours
from app.edge.words import say
from app.models.people import User
from app.models.rosters import Change, ImportState, RosterImport
from app.web.admin import bp

SHOWN = 100
"""People, or problem lines, of each kind that the preview shows."""

STATES = {
    ImportState.APPLIED.value: (N_("Applied"), "good"),
    ImportState.CHECKED.value: (N_("Waiting"), "warn"),
    ImportState.DISCARDED.value: (N_("Put aside"), "calm"),
}
GROUPS = [
    (Change.ADDED, N_("New people")),
    (Change.REMOVED, N_("People who go")),
    (Change.CHANGED, N_("People who change")),
]


class UploadForm(FlaskForm):
    """A roster file, and whether it may be read as Windows-1252."""

    file = FileField(_l("Roster file"), [FileRequired(_l("Choose a file"))])
    cp1252 = BooleanField(_l("The file is in Windows-1252, not UTF-8"))


class ApplyForm(FlaskForm):
    """That the problem lines are left out."""

    leave_out = BooleanField(_l("Leave out the problem lines"))


@bp.get("/roster")
@permitted(Permission.ROSTER_READ)
def roster() -> ResponseReturnValue:
    """The list in force, a place to upload another, and what was uploaded before."""
    return _show(UploadForm())


@bp.post("/roster")
@permitted(Permission.ROSTER_WRITE)
def roster_upload() -> ResponseReturnValue:
    """Check a file and show what it would change; nothing changes yet."""
    form = UploadForm()
    if not form.validate_on_submit():
        return _show(form), 422
    file = form.file.data
    try:
        checked = imports.check(
            db,
            file.stream,
            file_name=file.filename or "",
            encoding="cp1252" if form.cp1252.data else None,
            by=identity.user().id,
            origin=identity.origin(),
        )
    except (FileRefused, ListRefused) as refusal:
        return _refused(form, refusal)
    commit()
    return redirect(url_for("admin.roster_preview", import_id=checked.id), 303)


@bp.get("/roster/<int:import_id>")
@permitted(Permission.ROSTER_READ)
def roster_preview(import_id: int) -> ResponseReturnValue:
    """What an import would change, or did."""
    return _preview(imports.get(db, import_id), ApplyForm())


@bp.post("/roster/<int:import_id>/apply")
@permitted(Permission.ROSTER_WRITE)
def roster_apply(import_id: int) -> ResponseReturnValue:
    """Make a checked import the list in force."""
    form = ApplyForm()
    found = imports.get(db, import_id)
    if found.problems and not form.leave_out.data:
        form.leave_out.errors = [say(ProblemsLeft())]
        return _preview(found, form), 422
    imports.apply(db, import_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("The new list is in force."), "success")
    return redirect(url_for("admin.roster_preview", import_id=import_id), 303)


@bp.post("/roster/<int:import_id>/discard")
@permitted(Permission.ROSTER_WRITE)
def roster_discard(import_id: int) -> ResponseReturnValue:
    """Put a checked import aside."""
    imports.discard(db, import_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("Put aside. The list in force stays as it was."), "info")
    return redirect(url_for("admin.roster"), 303)


def _refused(form: UploadForm, refusal: Refusal) -> ResponseReturnValue:
    db.rollback()
    audit.record(
        db,
        Event.ROSTER_REFUSED,
        identity.origin(),
        actor_id=identity.user().id,
        refusal=refusal.code,
        reason=refusal.message,
    )
    commit()
    form.file.errors = [say(refusal)]
    return _show(form), refusal.status


def _show(form: UploadForm) -> str:
    history = imports.history(db)
    in_force = imports.in_force(db)
    people, lines = imports.count_in_force(db)
    return render_template(
        "admin/roster.html",
        form=form,
        in_force=imports.get(db, in_force) if in_force else None,
        people=people,
        lines=lines,
        history=history,
        names=_names(history),
        states=STATES,
        limit=f"{ours().settings.UPLOAD_LIMIT} MB",
    )


def _preview(found: RosterImport, form: ApplyForm) -> str:
    groups = [
        {
            "change": change,
            "title": title,
            "count": getattr(found, change.value),
            "people": imports.changes_of(db, found.id, change, limit=SHOWN),
        }
        for change, title in GROUPS
    ]
    return render_template(
        "admin/roster_preview.html",
        form=form,
        preview=found,
        state=STATES[found.state],
        is_open=found.state == ImportState.CHECKED.value,
        changes_nothing=not (found.added or found.removed or found.changed),
        groups=groups,
        problems=imports.problems_of(db, found.id, limit=SHOWN),
        remarks=imports.problems_of(db, found.id, remarks=True, limit=SHOWN),
        shown=SHOWN,
    )


def _names(history: list[RosterImport]) -> dict[Any, str]:
    """The addresses of the admins who uploaded, by id, in one query."""
    ids = {each.created_by for each in history} | {each.applied_by for each in history}
    return dict(db.execute(select(User.id, User.email).where(User.id.in_(ids - {None}))).all())
