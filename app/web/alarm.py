"""What somebody does who is told of a stranger, by mail: disown, take back, lift a pause."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.addresses import BadAddress
from app.core.entry import address_back, disowning, pausing
from app.core.errors import LinkDead, TooManyTries, WrongCode
from app.core.proof.codes import NotSixDigits, RanOut
from app.edge import devices, identity
from app.edge.db import commit, db
from app.edge.dead_links import answer_dead
from app.edge.fields import NO_ADDRESS, DoorForm, code_field, email_field
from app.edge.limits import at_fixed_time, door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.words import say

bp = Blueprint("alarm", __name__)


class PressForm(FlaskForm):
    """A button and its CSRF token."""


class LiftForm(DoorForm):
    """The code from the mail about a pause."""

    email = email_field("pause-email")
    code = code_field()


@bp.route("/not-me/<token>", methods=["GET", "POST"])
@door
def not_me(token: str) -> ResponseReturnValue:
    """The button of a mail about a new device: only the POST ends anything."""
    form = PressForm()
    try:
        if form.validate_on_submit():
            mailbox = disowning.disown(db, token, terms=terms(), origin=identity.origin())
            commit()
            session["recovering"] = mailbox
            flash(_("Every session was ended. Nobody gets in with the old password."), "success")
            return redirect(url_for("recovery.reset"), 303)
        user = disowning.read_link(db, token, terms=terms())
    except LinkDead as refusal:
        return _dead(refusal, token)
    return render_template("alarm/not_me.html", form=form, email=user.mailbox)


@bp.route("/address-back/<token>", methods=["GET", "POST"])
@door
def give_address_back(token: str) -> ResponseReturnValue:
    """The button of the mail to an old address: only the POST takes the account back there."""
    form = PressForm()
    try:
        if form.validate_on_submit():
            mailbox = address_back.give_back(db, token, terms=terms(), origin=identity.origin())
            commit()
            session["recovering"] = mailbox
            words = _("The account has its old address again, and every session was ended.")
            flash(words, "success")
            return redirect(url_for("recovery.reset"), 303)
        move = address_back.read_link(db, token, terms=terms())
    except LinkDead as refusal:
        return _dead(refusal, token)
    return render_template("alarm/address_back.html", form=form, move=move)


@bp.route("/lift-pause/<token>", methods=["GET", "POST"])
@door
def lift_by_link(token: str) -> ResponseReturnValue:
    """The button of a mail about a pause: only the POST lifts it."""
    form = PressForm()
    try:
        pause = pausing.read_link(db, token, terms=terms())
        if form.validate_on_submit():
            address = pausing.lift_by_link(db, token, terms=terms(), origin=identity.origin())
            return _pin_lifted() if pause.of_pin else _lifted(address)
    except LinkDead as refusal:
        return _dead(refusal, token)
    return render_template(
        "alarm/lift_by_link.html",
        form=form,
        email=pause.mailbox,
        ends_at=pause.ends_at,
        of_pin=pause.of_pin,
    )


@bp.route("/lift-pause", methods=["GET", "POST"])
@door
@at_fixed_time
def lift() -> ResponseReturnValue:
    """Take the code of a mail about a pause."""
    form = LiftForm()
    status, headers = 200, {}
    if form.validate_on_submit():
        try:
            address = pausing.lift_by_code(
                db, form.email.data, form.code.data, terms=terms(), origin=identity.origin()
            )
        except BadAddress:
            form.email.errors = [NO_ADDRESS]
        except (NotSixDigits, RanOut, TooManyTries, WrongCode) as refusal:
            commit()  # The last wrong try ended the codes, which must stand.
            form.code.errors = [say(refusal)]
            status, headers = refusal.status, headers_of(refusal)
        else:
            return _lifted(address)
    if form.errors and status == 200:
        status = 422
    return render_template("alarm/lift.html", form=form), status, headers


def _lifted(address: str) -> ResponseReturnValue:
    commit()
    flash(_("The pause is lifted. You can sign in on this device."), "success")
    response = redirect(url_for("signin.login"), 303)
    # Whoever read the mail is the owner: a stranger's next tries must not shut this browser out.
    devices.keep(response, address)
    return response


def _pin_lifted() -> ResponseReturnValue:
    # It was no browser that was kept back, so that none becomes known by this.
    commit()
    flash(_("The pause is lifted. Go back to the chat: your PIN works again."), "success")
    return redirect(url_for("signin.login"), 303)


def _dead(refusal: LinkDead, token: str) -> ResponseReturnValue:
    # Neither mail can be asked for; the way to a new password opens what both of them open.
    return answer_dead(refusal, token, ask_at=url_for("recovery.forgot"))
