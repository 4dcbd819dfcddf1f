"""Adding people from a file: send it, see what becomes of each line, and say yes once."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, StringField, TextAreaField

from app.core import sheets
from app.core.desk.awaited import LINK_LASTS
from app.core.desk.people import bulk, proposing
from app.core.desk.people.bulk import OtherNumber
from app.core.desk.people.enrolling import TooManyRows
from app.core.desk.people.proposing import Fate, NobodyNew, NotWaiting, TooManyBytes
from app.core.errors import N_
from app.core.people.roles import Permission
from app.core.roster.columns import NEEDED
from app.core.roster.files import FileRefused
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted, row_id
from app.edge.ours import ours
from app.edge.words import say
from app.web.admin import bp
from app.web.admin.downloads import CSV, file_answer
from app.web.admin.invitations import takes
from app.web.admin.roster_parts import ENCODINGS

PAGE = 100
"""Lines of a file on one page."""

EXAMPLE = ["Lovelace", "ada.lovelace@agency.example", "Active", "CLASS-1; CLASS-2"]
"""The line of the template, which says by its look what each column is for."""

FATES = {
    Fate.NEW: (N_("Will be added"), "good"),
    Fate.THERE: (N_("Has an account already"), "calm"),
    Fate.INACTIVE: (N_("Not active"), "calm"),
    Fate.WRONG: (N_("Left out"), "bad"),
    Fate.MORE: (N_("Worth a look"), "warn"),
}
"""What becomes of a line, in words and tone, in the order of the page."""


class PeopleFileForm(FlaskForm):
    """People as a file or as pasted text."""

    file = FileField(_l("File of people"))
    pasted = TextAreaField(_l("The people as text"))
    encoding = StringField(_l("Read it as"), default=proposing.ENCODINGS[0])


class AddAllForm(FlaskForm):
    """The yes: whether they get a mail, and how many people they are."""

    mail = BooleanField(_l("Mail each of them a link to set their password"), default=True)
    number = StringField(_l("Number of people"))


@bp.get("/people/add-file")
@permitted(Permission.PEOPLE_WRITE)
def people_file() -> ResponseReturnValue:
    """A place to send a file of people to."""
    return _show(PeopleFileForm(formdata=None))


@bp.post("/people/add-file")
@permitted(Permission.PEOPLE_WRITE)
def people_file_take() -> ResponseReturnValue:
    """Keep a file, and lead to what would become of its lines; nobody is added yet."""
    form = PeopleFileForm()
    sent = _sent(form)
    if sent is None:
        form.file.errors = [_("Choose a file, or paste the people as text.")]
        return _show(form), 422
    (stream, name), by = sent, identity.user().id
    db.rollback()  # No transaction waits for a file to be read.
    try:
        kept = proposing.keep(db, stream, file_name=name, encoding=form.encoding.data, by=by)
    except (FileRefused, TooManyBytes, TooManyRows) as refusal:
        db.rollback()
        field = form.file if form.file.data else form.pasted
        field.errors = [say(refusal)]
        return _show(form), refusal.status
    commit()
    return redirect(url_for("admin.people_file_preview", file_id=kept.id), 303)


@bp.get("/people/add-file/template")
@permitted(Permission.PEOPLE_WRITE)
def people_file_template() -> ResponseReturnValue:
    """A file with the columns and one line, to be filled in."""
    return file_answer(sheets.write_csv(NEEDED, [EXAMPLE]), "people-template.csv", CSV)


@bp.get("/people/add-file/<int:file_id>")
@permitted(Permission.PEOPLE_WRITE)
def people_file_preview(file_id: int) -> ResponseReturnValue:
    """What would become of each line, and the one button that adds them."""
    try:
        return _preview(file_id, AddAllForm(formdata=None))
    except NotWaiting as refusal:
        return _gone(refusal)


@bp.post("/people/add-file/<int:file_id>")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_file_add(file_id: int) -> ResponseReturnValue:
    """Add them, and have the worker mail them where that is wanted."""
    form = AddAllForm()
    try:
        added, job = proposing.add(
            db,
            file_id,
            typed=form.number.data or "",
            mail=form.mail.data,
            by=identity.user().id,
            origin=identity.origin(),
        )
    except (NobodyNew, OtherNumber) as refusal:
        db.rollback()
        form.number.errors = [say(refusal)]
        return _preview(file_id, form), refusal.status
    except NotWaiting as refusal:
        db.rollback()
        return _gone(refusal)
    commit()
    count = format_decimal(added)
    flash(ngettext("%(count)s person was added.", "%(count)s people were added.", added,
                   count=count), "success")  # fmt: skip
    if job is not None and Permission.PEOPLE_HELP.value in identity.permissions():
        return redirect(url_for("admin.invitations_sending", job_id=job.id), 303)
    return redirect(url_for("admin.people"), 303)


@bp.post("/people/add-file/<int:file_id>/discard")
@permitted(Permission.PEOPLE_WRITE)
def people_file_discard(file_id: int) -> ResponseReturnValue:
    """Put the file aside; nobody is added."""
    if proposing.discard(db, file_id, by=identity.user().id):
        commit()
        flash(_("The file was put aside. Nobody was added."), "info")
    return redirect(url_for("admin.people_file"), 303)


def _sent(form: PeopleFileForm) -> tuple[BinaryIO, str] | None:
    """What was sent, and its name: the file if there is one, or else the text."""
    if form.file.data:
        return form.file.data.stream, form.file.data.filename
    text = (form.pasted.data or "").strip()
    if not text:
        return None
    form.encoding.data = proposing.ENCODINGS[0]
    return io.BytesIO(text.encode("utf-8", "replace")), _("Pasted text")


def _show(form: PeopleFileForm) -> str:
    return render_template(
        "admin/people_file.html",
        form=form,
        encodings=ENCODINGS,
        rows=proposing.MOST_ROWS,
        limit=f"{proposing.MOST_BYTES // 1_000_000} MB",
    )


def _preview(file_id: int, form: AddAllForm) -> str:
    found = proposing.preview(db, file_id, by=identity.user().id)
    asked, after = request.args.get("show", ""), row_id("after") or 0
    show = Fate(asked) if asked in set(Fate) else None
    rows = [row for row in found.rows if show in {None, row.fate} and row.number > after]
    here: dict[str, Any] = {"file_id": file_id, "show": show.value if show else None}
    last = rows[PAGE - 1].number if len(rows) > PAGE else None
    return render_template(
        "admin/people_file_preview.html",
        found=found,
        form=form,
        rows=rows[:PAGE],
        show=show,
        fates=FATES,
        takes=takes(found.new),
        rate=ours().settings.INVITE_RATE,
        hours=LINK_LASTS,
        is_large=found.new >= bulk.LARGE,
        first_url=url_for("admin.people_file_preview", **here) if after else None,
        next_url=url_for("admin.people_file_preview", **here, after=last) if last else None,
    )


def _gone(refusal: NotWaiting) -> ResponseReturnValue:
    flash(say(refusal), "info")
    return redirect(url_for("admin.people_file"), 303)
