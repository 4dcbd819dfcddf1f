"""What people saved from ChatGPT: whose, when, how long; taken out for its person, and deleted.

What it says stands on no page here (`core/learning/saved`).
"""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core import backlog, clock
from app.core.backlog import JobKind
from app.core.errors import NotFound, OtherCount
from app.core.learning import forgetting, saved
from app.core.learning.erasing import LARGE
from app.core.learning.forgetting import Scope
from app.core.learning.saved import Found, Sought
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted
from app.edge.ours import ours
from app.edge.words import say
from app.web.admin import bp
from app.web.admin.conversations import WhoseForm, may_write, read_day
from app.web.admin.conversations_deleting import read_days, read_number
from app.web.admin.conversations_files import STATES
from app.web.admin.downloads import CSV, file_answer


class ScopeForm(FlaskForm):
    """What is to be deleted, and the number that confirms it."""

    person = StringField(_l("Person"))
    older_than = StringField(_l("Older than, in days"))
    typed = StringField(_l("Number of conversations"))

    def validate_older_than(self, field: StringField) -> None:
        """A number of days, or nothing."""
        read_days(field.data)

    @property
    def scope(self) -> Scope:
        """What was typed, once it was found to be well-formed."""
        person = (self.person.data or "")[:254].strip()
        return Scope(person=person, older_than=read_days(self.older_than.data))


@bp.get("/conversations/saved")
@permitted(Permission.CONVERSATIONS_READ)
def conversations_saved() -> ResponseReturnValue:
    """List what people saved, newest first: whose it is and when, not what it says."""
    form = WhoseForm(request.args)
    before, found = request.args.get("before"), Found([], None)
    if form.validate():
        found = saved.find(db, _sought(form), before=before)
    arguments = form.arguments()
    further = url_for("admin.conversations_saved", **arguments, before=found.further)
    page = render_template(
        "admin/conversations_saved.html",
        form=form,
        rows=found.rows,
        arguments=arguments,
        before=before,
        days=ours().settings.SAVED_KEEP_DAYS,
        may_write=may_write(),
        next_url=further if found.further else None,
    )
    return page, 422 if form.errors else 200


def _sought(form: WhoseForm) -> Sought:
    return Sought(
        person=(form.person.data or "")[:254],
        since=read_day(form.since.data or ""),
        until=read_day(form.until.data or ""),
    )


@bp.post("/conversations/saved/export")
@permitted(Permission.CONVERSATIONS_READ)
@freshly_proven
def conversations_saved_export() -> ResponseReturnValue:
    """All that one person saved, with its text, as CSV: what they asked us for."""
    person = request.form.get("person", "")[:254]
    pieces = saved.write_csv(db, person, by=identity.user().id, origin=identity.origin())
    commit()
    file_name = f"saved-conversations-{clock.today():%Y-%m-%d}.csv"
    return file_answer(pieces, file_name, CSV)


@bp.get("/conversations/saved/delete")
@permitted(Permission.CONVERSATIONS_WRITE)
def conversations_saved_delete() -> ResponseReturnValue:
    """Ask what is to be deleted, and then say how much that is."""
    form = ScopeForm(request.args, meta={"csrf": False})
    asked = "preview" in request.args
    if asked and not form.validate():
        return _show_scope(form, asked=False), 422
    return _show_scope(form, asked=asked)


@bp.post("/conversations/saved/delete")
@permitted(Permission.CONVERSATIONS_WRITE)
@freshly_proven
def conversations_saved_delete_now() -> ResponseReturnValue:
    """Have the worker delete what was shown, if its number was typed."""
    form = ScopeForm()
    if not form.validate_on_submit():
        return _show_scope(form, asked=False), 422
    typed = read_number(form.typed.data)
    try:
        job = forgetting.order(
            db, form.scope, typed=typed, by=identity.user().id, origin=identity.origin()
        )
    except OtherCount as refusal:
        form.typed.errors = [say(refusal)]
        return _show_scope(form, asked=True), refusal.status
    commit()
    return redirect(url_for("admin.conversations_saved_job", job_id=job.id), 303)


def _show_scope(form: ScopeForm, *, asked: bool) -> str:
    return render_template(
        "admin/conversations_saved_delete.html",
        form=form,
        scope=form.scope if asked else None,
        extent=forgetting.measure(db, form.scope) if asked else None,
        large=LARGE,
    )


@bp.get("/conversations/saved/jobs/<int:job_id>")
@permitted(Permission.CONVERSATIONS_READ)
def conversations_saved_job(job_id: int) -> ResponseReturnValue:
    """How far the worker is with deleting."""
    job = backlog.get(db, min(job_id, LAST_ID))
    if job.kind != JobKind.SAVED_DELETE.value:
        raise NotFound
    return render_template(
        "admin/conversations_saved_job.html",
        job=job,
        state=STATES[job.state],
        is_open=job.state in backlog.OPEN,
    )
