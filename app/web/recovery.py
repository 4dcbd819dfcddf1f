"""A new password, or a first one: ask for the mail, then choose by its link or its code."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.addresses import BadAddress
from app.core.entry import recovery
from app.core.entry.choosing import NotBoth
from app.core.errors import LinkDead
from app.edge import identity
from app.edge.db import commit, db
from app.edge.dead_links import answer_dead
from app.edge.fields import (
    NO_ADDRESS,
    DoorForm,
    code_field,
    email_field,
    last_name_field,
    new_password_field,
    remember_field,
)
from app.edge.limits import at_fixed_time, door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.welcome import welcome
from app.edge.words import say
from app.models.access import Purpose

bp = Blueprint("recovery", __name__)

PAGES = {Purpose.RESET: "recovery.reset", Purpose.SETUP: "recovery.setup"}
ASKING = {Purpose.RESET: "recovery.forgot", Purpose.SETUP: "recovery.first_time"}


class AddressForm(DoorForm):
    """Whose password was forgotten."""

    email = email_field("forgot-email")


class FirstTimeForm(DoorForm):
    """Who was never here before but has an account."""

    last_name = last_name_field()
    email = email_field("first-time-email")


class CodeForm(DoorForm):
    """The code from the mail, and the password to be."""

    email = email_field("recovery-email")
    code = code_field()
    password = new_password_field()
    remember = remember_field()


class LinkForm(FlaskForm):
    """The password to be, for who came by the mail's link."""

    password = new_password_field()
    remember = remember_field()


@bp.route("/forgot-password", methods=["GET", "POST"])
@door
@at_fixed_time
def forgot() -> ResponseReturnValue:
    """Take an address; the answer is the same for everybody, the mail is not."""
    form = AddressForm()
    if form.validate_on_submit():
        try:
            recovery.ask_reset(db, form.email.data, terms=terms(), origin=identity.origin())
        except BadAddress:
            form.email.errors.append(NO_ADDRESS)
        else:
            return _asked(Purpose.RESET, form.email.data)
    return render_template("recovery/forgot.html", form=form), 422 if form.errors else 200


@bp.route("/first-time-password", methods=["GET", "POST"])
@door
@at_fixed_time
def first_time() -> ResponseReturnValue:
    """Take a name and an address of somebody who has an account but no password."""
    form = FirstTimeForm()
    if form.validate_on_submit():
        try:
            recovery.ask_setup(
                db,
                form.last_name.data,
                form.email.data,
                terms=terms(),
                origin=identity.origin(),
            )
        except BadAddress:
            form.email.errors.append(NO_ADDRESS)
        else:
            return _asked(Purpose.SETUP, form.email.data)
    return render_template("recovery/first_time.html", form=form), 422 if form.errors else 200


@bp.route("/reset-password", methods=["GET", "POST"])
@door
@at_fixed_time
def reset() -> ResponseReturnValue:
    """Take the code of a reset mail and a new password."""
    return _by_code(Purpose.RESET)


@bp.route("/setup-password", methods=["GET", "POST"])
@door
@at_fixed_time
def setup() -> ResponseReturnValue:
    """Take the code of a set-up mail and a first password."""
    return _by_code(Purpose.SETUP)


@bp.route("/reset-password/<token>", methods=["GET", "POST"])
@door
def reset_by_link(token: str) -> ResponseReturnValue:
    """The button of a reset mail: only the POST uses it up."""
    return _by_link(Purpose.RESET, token)


@bp.route("/setup-password/<token>", methods=["GET", "POST"])
@door
def setup_by_link(token: str) -> ResponseReturnValue:
    """The button of a set-up or welcome mail: only the POST uses it up."""
    return _by_link(Purpose.SETUP, token)


@bp.post("/new-link")
@door
@at_fixed_time
def ask_again() -> ResponseReturnValue:
    """Take a dead link, and mail its owner what fits by now; the answer does not say what."""
    token = request.form.get("token", "")
    try:
        recovery.ask_again(db, token, terms=terms(), origin=identity.origin())
    except LinkDead:
        return redirect(url_for("recovery.forgot"), 303)
    commit()
    flash(_("Check your mail. A new one is on its way, if one can be sent now."), "success")
    # In the browser that registered the code alone will do: its password waits there.
    waits = identity.limited() is not None
    return redirect(url_for("create.code" if waits else "recovery.reset"), 303)


def _asked(purpose: Purpose, email: str) -> ResponseReturnValue:
    commit()
    session["recovering"] = email.strip()[:254]
    return redirect(url_for(PAGES[purpose]), 303)


def _by_code(purpose: Purpose) -> ResponseReturnValue:
    form = CodeForm()
    carried = session.get("recovering")
    form.email.data = form.email.data or carried
    refusal = None
    if form.validate_on_submit():
        try:
            entered = recovery.choose_by_code(
                db,
                purpose,
                form.email.data,
                form.code.data,
                form.password.data,
                terms=terms(remember=form.remember.data),
                origin=identity.origin(),
            )
        except BadAddress:
            form.email.errors.append(NO_ADDRESS)
        except NotBoth as problems:
            refusal = problems
        except LinkDead as overtaken:
            # A code to register, but the address has an account by now.
            return answer_dead(overtaken, None, ask_at=url_for(ASKING[purpose]))
        else:
            return welcome(entered)
    return _show("recovery/by_code.html", form, purpose, refusal, carried=carried)


def _by_link(purpose: Purpose, token: str) -> ResponseReturnValue:
    form = LinkForm()
    problems = None
    try:
        if form.validate_on_submit():
            try:
                entered = recovery.choose_by_link(
                    db,
                    purpose,
                    token,
                    form.password.data,
                    terms=terms(remember=form.remember.data),
                    origin=identity.origin(),
                )
                return welcome(entered)
            except NotBoth as refusal:
                problems = refusal
        user = recovery.read_link(db, purpose, token, terms=terms())
    except LinkDead as refusal:
        return answer_dead(refusal, token, ask_at=url_for(ASKING[purpose]))
    return _show("recovery/by_link.html", form, purpose, problems, user=user)


def _show(
    template: str, form: FlaskForm, purpose: Purpose, refusal: NotBoth | None, **facts: object
) -> ResponseReturnValue:
    for name, problem in (refusal.by_field if refusal else {}).items():
        form[name].errors = [*form[name].errors, say(problem)]
    page = render_template(
        template,
        form=form,
        first=purpose is Purpose.SETUP,
        action=request.path,
        again=url_for(ASKING[purpose]),
        password_floor=terms().least,
        **facts,
    )
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}
