"""The PIN by which chats know somebody who has an account on the site: add, change, remove."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import DataRequired

from app.core.entry import own_pin
from app.core.entry.own_pin import MailboxFirst
from app.core.errors import Busy, PasswordRefused, Refusal
from app.core.proof import pins
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, signed_in
from app.edge.limits import door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.words import say
from app.web.account import bp, present


class PinForm(FlaskForm):
    """The passphrase to be."""

    passphrase = PasswordField(
        _l("Passphrase"), [DataRequired(_l("Enter a passphrase"))], id="new-passphrase"
    )


@bp.route("/account/pin", methods=["GET", "POST"])
@door
@signed_in
@freshly_proven
def pin() -> ResponseReturnValue:
    """Show the PIN, and take a passphrase for it; without a PIN yet, give one."""
    user = present().user
    form = PinForm()
    problem: Refusal | None = None
    if form.validate_on_submit():
        try:
            digits = own_pin.choose(
                db, user, form.passphrase.data, terms=terms(), origin=identity.origin()
            )
        except PasswordRefused as refusal:
            form.passphrase.errors = [say(refusal)]
            problem = refusal
        except (Busy, MailboxFirst) as refusal:
            form.form_errors.append(say(refusal))
            problem = refusal
        else:
            commit()
            words = _("Your PIN is %(pin)s. Give it to a chat with your passphrase.", pin=digits)
            flash(words, "success")
            return redirect(url_for("account.page"), 303)
    found = pins.of(db, user.id)
    page = render_template(
        "account/pin.html", form=form, pin=found, email=user.email, may=user.verified_at is not None
    )
    status = problem.status if problem else 422 if form.errors else 200
    return page, status, headers_of(problem) if problem else {}


@bp.post("/account/pin/remove")
@signed_in
@freshly_proven
def remove_pin() -> ResponseReturnValue:
    """Take the PIN away; chats know its person by it no more."""
    own_pin.remove(db, present().user, origin=identity.origin())
    commit()
    flash(_("Your PIN is removed. Chats know you by it no more."), "success")
    return redirect(url_for("account.page"), 303)
