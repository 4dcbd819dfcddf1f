"""The second step of an import: how the file was read, and what its columns are."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core.people.roles import Permission
from app.core.roster import imports, uploads
from app.core.roster.columns import COLUMNS, NEEDED, doubled
from app.core.roster.files import FileRefused
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import permitted
from app.edge.words import say
from app.models.rosters import ImportState, RosterImport
from app.web.admin import bp
from app.web.admin.roster import MODES
from app.web.admin.roster_parts import COLUMN_WORDS, ENCODINGS, may_write, names_of

IGNORED = ""
"""What a column is that is not used."""


class ColumnsForm(FlaskForm):
    """How the file is read and what it does; the columns themselves are as many as the file has."""

    encoding = StringField(_l("Read it as"))
    mode = StringField(_l("What it does to the list in force"))


@bp.get("/roster/<int:import_id>/columns")
@permitted(Permission.ROSTER_READ)
def roster_columns(import_id: int) -> ResponseReturnValue:
    """Show how the file was read, with its first values, and ask what its columns are."""
    found = imports.get(db, import_id)
    if found.state != ImportState.UPLOADED.value:
        return redirect(url_for("admin.roster_preview", import_id=import_id))
    form = ColumnsForm(formdata=None, encoding=found.encoding, mode=found.mode)
    return _show(found, form, found.mapping or {})


@bp.post("/roster/<int:import_id>/columns")
@permitted(Permission.ROSTER_WRITE)
def roster_check(import_id: int) -> ResponseReturnValue:
    """Have the whole file checked in the background, by what was said about its columns."""
    found = imports.get(db, import_id)
    form = ColumnsForm()
    if request.form.get("again"):
        return _read_again(found, form)
    mapping, wrong = _chosen(found)
    if wrong:
        form.form_errors.extend(wrong)
        return _show(found, form, mapping), 422
    try:
        imports.start_check(
            db,
            import_id,
            mapping=mapping,
            encoding=form.encoding.data or None,
            mode=_mode(found, form),
            by=identity.user().id,
        )
    except FileRefused as refusal:
        db.rollback()
        form.form_errors.append(say(refusal))
        return _show(imports.get(db, import_id), form, mapping), refusal.status
    commit()
    return redirect(url_for("admin.roster_preview", import_id=import_id), 303)


def _read_again(found: RosterImport, form: ColumnsForm) -> ResponseReturnValue:
    """Show the file read in another encoding: it is taken in anew, and the former put aside."""
    by, origin = identity.user().id, identity.origin()
    try:
        with uploads.fetched(db, found.id) as file:
            again = imports.receive(
                db,
                cast(BinaryIO, file),
                file_name=found.file_name,
                mode=_mode(found, form),
                encoding=form.encoding.data or None,
                by=by,
                origin=origin,
            )
        imports.discard(db, found.id, by=by, origin=origin)
    except FileRefused as refusal:
        db.rollback()
        form.form_errors.append(say(refusal))
        return _show(imports.get(db, found.id), form, found.mapping or {}), refusal.status
    commit()
    return redirect(url_for("admin.roster_columns", import_id=again.id), 303)


def _mode(found: RosterImport, form: ColumnsForm) -> str:
    return form.mode.data if form.mode.data in MODES else found.mode


def _chosen(found: RosterImport) -> tuple[dict[str, int], list[str]]:
    """Our columns as the form names them, and what is wrong with that, in words."""
    mapping: dict[str, int] = {}
    wrong = []
    for index in range(len(found.columns or [])):
        name = request.form.get(f"column-{index}", IGNORED)
        if name not in COLUMNS:
            continue
        if name in mapping:
            words = _("Two columns are set to “%(name)s”. Choose one of them.")
            wrong.append(words % {"name": _(COLUMN_WORDS[name])})
        mapping.setdefault(name, index)
    for name in NEEDED:
        if name not in mapping:
            words = _("No column is set to “%(name)s”, and a list cannot do without it.")
            wrong.append(words % {"name": _(COLUMN_WORDS[name])})
    return mapping, wrong


def _show(found: RosterImport, form: ColumnsForm, mapping: dict[str, int]) -> str:
    used = {index: name for name, index in mapping.items()}
    columns: list[dict[str, Any]] = found.columns or []
    twice = {
        name: [place + 1 for place in places]
        for name, places in doubled([column["name"] for column in columns]).items()
        if name not in mapping
    }
    missing = [name for name in NEEDED if name not in mapping and name not in twice]
    same = imports.nothing_to_do(db, found.sha256)
    return render_template(
        "admin/roster_columns.html",
        form=form,
        upload=found,
        columns=[(column, used.get(index, IGNORED)) for index, column in enumerate(columns)],
        choices=[(name, _(COLUMN_WORDS[name]), name in NEEDED) for name in COLUMNS],
        missing=[_(COLUMN_WORDS[name]) for name in missing],
        twice=[(_(COLUMN_WORDS[name]), places) for name, places in twice.items()],
        encodings=ENCODINGS,
        modes=MODES,
        same=same,
        names=names_of([same] if same else []),
        may_write=may_write(),
    )
