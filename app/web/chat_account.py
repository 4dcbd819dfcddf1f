"""The pages behind the mails that were asked for in a chat: confirm an account, change a profile.

Their addresses are the predecessor's, which stand in mails and chats. Looking changes nothing:
scanners of mail look before people do.
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField

from app.core.entry import by_pin, chat_profile, chat_signup
from app.core.entry.chat_profile import NothingChanged
from app.core.errors import Busy, LinkDead, PasswordRefused, Refusal
from app.core.people.locales import DEFAULT, BadLocale
from app.core.proof.pins import Found
from app.edge import identity
from app.edge.db import commit, db
from app.edge.limits import door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.words import say

bp = Blueprint("chat_account", __name__, url_prefix="/web/@flancer64/gpt-user-auth")

STATUSES = {
    by_pin.ACTIVE: (_l("Active"), "good"),
    by_pin.BLOCKED: (_l("Paused or closed"), "bad"),
    by_pin.UNVERIFIED: (_l("Not confirmed"), "warn"),
}
"""How an account stands, in words, and their tone."""


class PressForm(FlaskForm):
    """Buttons and their CSRF token."""


class ProfileForm(FlaskForm):
    """What can be changed by a mailed link."""

    locale = StringField(_l("Language"), id="profile-locale")
    passphrase = PasswordField(_l("New passphrase"), id="new-passphrase")


@bp.route("/signup.html", methods=["GET", "POST"])
@door
def signup() -> ResponseReturnValue:
    """Show who asked for the account, and when; a press confirms it, another one deletes it."""
    token = request.args.get("token", "")
    form = PressForm()
    try:
        if form.validate_on_submit():
            if request.form.get("answer") == "not-me":
                return _disowned(token)
            pin = chat_signup.confirm(db, token, terms=terms(), origin=identity.origin())
            return _done("confirmed", email=pin.user.mailbox, pin=pin.digits)
        asked = chat_signup.read_link(db, token, terms=terms())
    except LinkDead as refusal:
        return _dead(refusal)
    return render_template("chat_account/signup.html", form=form, asked=asked)


def _disowned(token: str) -> ResponseReturnValue:
    whole = chat_signup.disown(db, token, terms=terms(), origin=identity.origin())
    return _done("deleted" if whole else "pin_deleted")


@bp.route("/update.html", methods=["GET", "POST"])
@door
def update() -> ResponseReturnValue:
    """Show the profile that the link opens; saving it uses the link up."""
    token = request.args.get("token", "")
    try:
        pin = chat_profile.read_link(db, token, terms=terms())
        form = ProfileForm(locale=pin.user.locale or DEFAULT)
        if not form.validate_on_submit():
            return _profile(form, pin, None)
        problem = _save(form, token)
    except LinkDead as refusal:
        return _dead(refusal)
    if problem is not None:
        return _profile(form, pin, problem)
    return _done("saved", email=pin.user.mailbox, pin=pin.digits)


def _save(form: ProfileForm, token: str) -> Refusal | None:
    try:
        chat_profile.save(
            db, token, form.locale.data, form.passphrase.data,
            terms=terms(), origin=identity.origin(),
        )  # fmt: skip
    except BadLocale as refusal:
        form.locale.errors = [say(refusal)]
        return refusal
    except PasswordRefused as refusal:
        form.passphrase.errors = [say(refusal)]
        return refusal
    except (Busy, NothingChanged) as refusal:
        form.form_errors.append(say(refusal))
        return refusal
    return None


def _profile(form: ProfileForm, pin: Found, problem: Refusal | None) -> ResponseReturnValue:
    words, tone = STATUSES[by_pin.status(db, pin.user)]
    page = render_template(
        "chat_account/update.html", form=form, pin=pin, status=words, tone=tone,
        made=pin.user.date_added or pin.created_at,
    )  # fmt: skip
    status = problem.status if problem else 422 if form.errors else 200
    return page, status, headers_of(problem) if problem else {}


@bp.get("/done.html")
def done() -> ResponseReturnValue:
    """Say what became of it, in the browser that did it."""
    became = session.get("chat_account")
    if not became:
        return redirect(url_for("signin.login"), 303)
    return render_template("chat_account/done.html", became=became)


def _done(what: str, *, email: str = "", pin: str = "") -> ResponseReturnValue:
    commit()
    session["chat_account"] = {"what": what, "email": email, "pin": pin}
    return redirect(url_for("chat_account.done"), 303)


def _dead(refusal: LinkDead) -> ResponseReturnValue:
    db.rollback()  # What the journey began before it was refused must not stand.
    words = _("It was used, it ran out, or a newer one was mailed since.")
    return render_template("chat_account/dead.html", words=words), refusal.status
