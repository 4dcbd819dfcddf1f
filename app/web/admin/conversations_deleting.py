"""Deleting conversations, now or by and by: what goes is said and counted before anything does."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import ValidationError

from app.core.errors import OtherCount
from app.core.learning import erasing, retention, transcripts
from app.core.learning.erasing import LARGE, Scope
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.words import say
from app.web.admin import bp
from app.web.admin.conversations import may_write

NO_DAYS = _l("Enter a number of days, like 365")


class ScopeForm(FlaskForm):
    """What is to be deleted, and the number that confirms it."""

    program = StringField(_l("Program"))
    person = StringField(_l("Person"))
    older_than = StringField(_l("Older than, in days"))
    typed = StringField(_l("Number of exchanges"))

    def validate_older_than(self, field: Any) -> None:
        """A number of days, or nothing."""
        read_days(field.data)

    @property
    def scope(self) -> Scope:
        """What was typed, once it was found to be well-formed."""
        return Scope(
            program=(self.program.data or "")[:100].strip(),
            person=(self.person.data or "")[:254].strip(),
            older_than=read_days(self.older_than.data),
        )


class RetentionForm(FlaskForm):
    """For how many days a program's conversations are kept, and the number that confirms it."""

    program = StringField(_l("Program"))
    days = StringField(_l("Days"))
    typed = StringField(_l("Number of exchanges"))

    def validate_program(self, field: Any) -> None:
        """One has to be chosen."""
        if not (field.data or "").strip():
            raise ValidationError(_l("Choose a program"))

    def validate_days(self, field: Any) -> None:
        """A number of days, or nothing."""
        if read_days(field.data) == 0:
            raise ValidationError(NO_DAYS)


def read_days(typed: str | None) -> int | None:
    """A number of days; None for nothing. Raises `ValidationError`."""
    number = read_number(typed)
    if (typed or "").strip() and (number is None or number > retention.LONGEST):
        raise ValidationError(NO_DAYS)
    return number


def read_number(typed: str | None) -> int | None:
    """A number as people write it, with blanks, commas or dots between thousands; None for none."""
    text = "".join((typed or "").split()).replace(",", "").replace(".", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


@bp.get("/conversations/delete")
@permitted(Permission.CONVERSATIONS_WRITE)
def conversations_delete() -> ResponseReturnValue:
    """Ask what is to be deleted, and then say how much that is."""
    form = ScopeForm(request.args, meta={"csrf": False})
    asked = "preview" in request.args
    if asked and not form.validate():
        return _show_scope(form, asked=False), 422
    return _show_scope(form, asked=asked)


@bp.post("/conversations/delete")
@permitted(Permission.CONVERSATIONS_WRITE)
@freshly_proven
def conversations_delete_now() -> ResponseReturnValue:
    """Have the worker delete what was shown, if its number was typed."""
    form = ScopeForm()
    if not form.validate_on_submit():
        return _show_scope(form, asked=False), 422
    try:
        job = erasing.order(
            db,
            form.scope,
            typed=read_number(form.typed.data),
            by=identity.user().id,
            origin=identity.origin(),
        )
    except OtherCount as refusal:
        form.typed.errors = [say(refusal)]
        return _show_scope(form, asked=True), refusal.status
    commit()
    return redirect(url_for("admin.conversations_job", job_id=job.id), 303)


def _show_scope(form: ScopeForm, *, asked: bool) -> str:
    return render_template(
        "admin/conversations_delete.html",
        form=form,
        programs=transcripts.choices(db),
        scope=form.scope if asked else None,
        extent=erasing.measure(db, form.scope) if asked else None,
        large=LARGE,
    )


@bp.get("/conversations/retention")
@permitted(Permission.CONVERSATIONS_READ)
def conversations_retention() -> ResponseReturnValue:
    """For how many days each program's conversations are kept; and what a change would delete."""
    form = RetentionForm(request.args, meta={"csrf": False})
    asked = "preview" in request.args
    if asked and not form.validate():
        return _show_retention(form, asked=False), 422
    return _show_retention(form, asked=asked)


@bp.post("/conversations/retention")
@permitted(Permission.CONVERSATIONS_WRITE)
@freshly_proven
def conversations_retention_set() -> ResponseReturnValue:
    """Keep a program's conversations for so many days, or for good."""
    form = RetentionForm()
    if not form.validate_on_submit():
        return _show_retention(form, asked=False), 422
    try:
        kept = retention.keep(
            db,
            form.program.data,
            read_days(form.days.data),
            typed=read_number(form.typed.data),
            by=identity.user().id,
            origin=identity.origin(),
        )
    except OtherCount as refusal:
        form.typed.errors = [say(refusal)]
        return _show_retention(form, asked=True), refusal.status
    commit()
    name, days = kept.name, kept.days
    words = _("Conversations in %(name)s are kept for good.", name=name)
    if days is not None:
        words = _("Conversations in %(name)s are kept for %(days)s days.", name=name, days=days)
    flash(words, "success")
    return redirect(url_for("admin.conversations_retention"), 303)


def _show_retention(form: RetentionForm, *, asked: bool) -> str:
    days = read_days(form.days.data) if asked else None
    kept = retention.find(db, form.program.data) if asked else None
    return render_template(
        "admin/conversations_retention.html",
        form=form,
        kept=retention.all_kept(db),
        chosen=kept,
        days=days,
        over=retention.count_over(db, kept.code, days) if kept and days else 0,
        large=LARGE,
        may_write=may_write(),
    )
