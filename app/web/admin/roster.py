"""The roster: the list in force, a place to upload another, and what was uploaded before."""

from __future__ import annotations

import io
from typing import BinaryIO

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import StringField, TextAreaField

from app.core import audit
from app.core.audit import Event
from app.core.errors import N_, ListRefused, Refusal
from app.core.people.roles import Permission
from app.core.roster import exports, imports
from app.core.roster.columns import COLUMNS
from app.core.roster.files import FileRefused
from app.core.taken import Taken
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import permitted, row_id
from app.edge.ours import ours
from app.edge.words import say
from app.models.rosters import Mode
from app.web.admin import bp
from app.web.admin.downloads import CSV, csv_answer, file_answer
from app.web.admin.roster_parts import AT_WORK, STATES, WAITING, may_write, names_of

PAGE = 20
"""Imports on one page of the history."""

EXAMPLE = "P00001,Lovelace,ada.lovelace@agency.example,Active,Coaching 1,2026-09-01,CLASS-1"
"""The line of the template, which says by its look what each column is for."""

MODES = {
    Mode.REPLACE.value: N_("Replace the list: whoever is not in this file goes"),
    Mode.ADD.value: N_("Add and change only: nobody goes"),
}
"""What a file may do to the list in force."""


class UploadForm(FlaskForm):
    """A list as a file or as pasted text, and what it does to the list in force."""

    file = FileField(_l("Roster file"))
    pasted = TextAreaField(_l("The list as text"))
    mode = StringField(_l("What it does to the list in force"), default=Mode.REPLACE.value)


@bp.get("/roster")
@permitted(Permission.ROSTER_READ)
def roster() -> ResponseReturnValue:
    """The list in force, a place to upload another, and what was uploaded before."""
    return _show(UploadForm(formdata=None))


@bp.post("/roster")
@permitted(Permission.ROSTER_WRITE)
def roster_upload() -> ResponseReturnValue:
    """Take a list in and lead to what its columns mean; nothing changes yet."""
    form = UploadForm()
    sent = _sent(form)
    if sent is None:
        form.file.errors = [_("Choose a file, or paste the list as text.")]
        return _show(form), 422
    stream, name = sent
    try:
        taken = imports.receive(
            db,
            stream,
            file_name=name,
            mode=form.mode.data if form.mode.data in MODES else Mode.REPLACE.value,
            encoding=None,
            by=identity.user().id,
            origin=identity.origin(),
        )
    except (FileRefused, ListRefused) as refusal:
        return _refused(form, refusal)
    commit()
    return redirect(url_for("admin.roster_columns", import_id=taken.id), 303)


@bp.get("/roster/template")
@permitted(Permission.ROSTER_READ)
def roster_template() -> ResponseReturnValue:
    """A file with the seven columns and one line, to be filled in."""
    lines = f"\ufeff{','.join(COLUMNS)}\r\n{EXAMPLE}\r\n"
    return file_answer(iter([lines]), "roster-template.csv", CSV)


@bp.get("/roster/download")
@permitted(Permission.ROSTER_READ)
def roster_download() -> ResponseReturnValue:
    """The list in force as a file that can be changed and uploaded again."""
    return csv_answer(exports.write_list(db), "roster.csv", Taken.IN_FORCE)


def _sent(form: UploadForm) -> tuple[BinaryIO, str] | None:
    """What was sent, and its name: the file if there is one, or else the text."""
    file = form.file.data
    if file:
        return file.stream, file.filename
    text = (form.pasted.data or "").strip()
    return (io.BytesIO(text.encode("utf-8", "replace")), _("Pasted text")) if text else None


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
    field = form.file if form.file.data else form.pasted
    field.errors = [say(refusal)]
    return _show(form), refusal.status


def _show(form: UploadForm) -> str:
    before = row_id("before")
    found = imports.history(db, before=before, limit=PAGE + 1)
    history, more = found[:PAGE], len(found) > PAGE
    in_force = imports.in_force(db)
    listed = imports.get(db, in_force) if in_force else None
    people, lines = imports.count_in_force(db)
    waiting = [each for each in history if each.state in WAITING | AT_WORK]
    return render_template(
        "admin/roster.html",
        form=form,
        in_force=listed,
        people=people,
        lines=lines,
        history=history,
        waiting=waiting[0] if waiting and before is None else None,
        names=names_of([*history, *([listed] if listed else [])]),
        states=STATES,
        modes=MODES,
        limit=f"{ours().settings.UPLOAD_LIMIT} MB",
        may_write=may_write(),
        before=before,
        next_url=url_for("admin.roster", before=history[-1].id) if more else None,
    )
