"""Confirm the address of an account that was asked for: by the mailed code, or by the button."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core import clock
from app.core.entry import creating
from app.core.entry.choosing import NotBoth
from app.core.entry.creating import Linked
from app.core.entry.opening import Opened
from app.core.entry.signin import Entered
from app.core.errors import (
    CodeRanOut,
    CodesAway,
    LinkDead,
    Refusal,
    TooManyTries,
    WrongCode,
)
from app.core.proof.codes import NotSixDigits
from app.edge import identity
from app.edge.db import commit, db
from app.edge.dead_links import answer_dead
from app.edge.fields import DoorForm, code_field, new_password_field, remember_field
from app.edge.limits import at_fixed_time, door
from app.edge.ours import ours, terms
from app.edge.refusals import headers_of
from app.edge.welcome import home_of
from app.edge.words import say
from app.models.access import Registration
from app.web.create import bp, is_open

ASKED_AT = "look_at"
"""Under which name the cookie has when a mail was asked for last."""

RESEND_AFTER = timedelta(seconds=30)


class CodeForm(DoorForm):
    """The code from the mail."""

    code = code_field()


class PressForm(FlaskForm):
    """A button and its CSRF token."""


class PasswordForm(FlaskForm):
    """The password to be, for who came by the mail's link in another browser."""

    password = new_password_field()
    remember = remember_field()


@bp.route("/create-account/code", methods=["GET", "POST"])
@door
@at_fixed_time
def code() -> ResponseReturnValue:
    """Take the code in the browser that registered, and let its owner in."""
    row, token = identity.limited(), identity.look_token()
    if row is None or token is None:
        return _nothing_waits()
    form = CodeForm()
    if not form.validate_on_submit():
        return _show(form, row)
    try:
        entered = creating.prove_by_code(
            db, token, form.code.data, terms=terms(), origin=identity.origin()
        )
    except (CodeRanOut, CodesAway, NotSixDigits, TooManyTries, WrongCode) as refusal:
        if isinstance(refusal, CodeRanOut):
            _note_asked()
        return _show(form, row, refusal)
    return _welcome(entered)


@bp.post("/create-account/resend")
@door
@at_fixed_time
def resend() -> ResponseReturnValue:
    """Send what was asked for, again; what was sent before goes on working."""
    row, token = identity.limited(), identity.look_token()
    if row is None or token is None:
        return _nothing_waits()
    try:
        creating.send_again(db, token, is_open=is_open(), terms=terms(), origin=identity.origin())
    except (CodesAway, TooManyTries) as refusal:
        return _show(CodeForm(formdata=None), row, refusal)
    commit()
    _note_asked()
    flash(_("A new mail is on its way, if one can be sent to this address now."), "success")
    return redirect(url_for("create.code"), 303)


@bp.route("/create-account/<token>", methods=["GET", "POST"])
@door
def by_link(token: str) -> ResponseReturnValue:
    """The button of the mail: GET shows what a press does, and only the POST uses it up."""
    problem: NotBoth | None = None
    form: FlaskForm = PressForm()
    look = identity.look_token() if identity.limited() is not None else None
    try:
        linked = creating.read_link(db, token, look, terms=terms())
        if linked.takes_password:
            form = PasswordForm()
        if form.validate_on_submit():
            asked = {"remember": form.remember.data} if linked.takes_password else {}
            password = form.password.data if linked.takes_password else None
            return _welcome(
                creating.prove_by_link(
                    db, token, look, password, terms=terms(**asked), origin=identity.origin()
                )
            )
    except NotBoth as refusal:
        problem = refusal
        form.password.errors = [say(each) for each in refusal.by_field.values()]
    except LinkDead as refusal:
        again = url_for("create.begin" if is_open() else "recovery.forgot")
        return answer_dead(refusal, token, ask_at=again)
    return _show_link(form, linked, problem)


def _nothing_waits() -> ResponseReturnValue:
    if identity.presence() is not None:
        return redirect(url_for("programs.select"), 303)
    session.pop("signed_out", None)
    flash(
        _("No address waits to be confirmed in this browser. Use the button in our mail."), "info"
    )
    return redirect(url_for("create.begin" if is_open() else "signin.login"), 303)


def _note_asked() -> None:
    session[ASKED_AT] = clock.now().isoformat(timespec="seconds")


def _show(form: CodeForm, row: Registration, refusal: Refusal | None = None) -> ResponseReturnValue:
    if refusal is not None:
        form.code.errors = [*form.code.errors, say(refusal)]
    at = session.get(ASKED_AT)
    sent_at = datetime.fromisoformat(at) if at else row.created_at
    page = render_template(
        "create/code.html",
        form=form,
        email=row.email,
        minutes=int(ours().settings.CODE_LIFETIME // 60),
        sent_at=sent_at,
        wait=max(0, int((RESEND_AFTER - (clock.now() - sent_at)).total_seconds())),
        looks=ours().settings.LIMITED_SESSION == "look",
    )
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}


def _show_link(form: FlaskForm, linked: Linked, problem: NotBoth | None) -> ResponseReturnValue:
    page = render_template(
        "create/by_link.html",
        form=form,
        linked=linked,
        action=request.path,
        password_floor=terms().open_least,
    )
    return page, problem.status if problem else 422 if form.errors else 200


def _welcome(entered: Entered) -> ResponseReturnValue:
    target = home_of(entered.user.id)
    commit()
    response = identity.enter(entered, target)
    if isinstance(entered, Opened):
        flash(_("Welcome. Your address is confirmed, and your account is ready."), "success")
    else:
        flash(_("You are signed in."), "success")
    return response
