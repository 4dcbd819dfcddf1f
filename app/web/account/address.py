"""Another address for one's account: asked for here, confirmed by the link that goes there."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField
from wtforms.validators import DataRequired

from app.addresses import BadAddress
from app.core.entry import own_address
from app.core.entry.own_address import OnTheList, SameAddress
from app.core.entry.own_phone import AddressFirst
from app.core.errors import LinkDead, Refusal, TooManyTries
from app.edge import devices, identity
from app.edge.db import commit, db
from app.edge.dead_links import answer_dead
from app.edge.fields import NO_ADDRESS, DoorForm
from app.edge.guards import freshly_proven, signed_in
from app.edge.limits import at_fixed_time, door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.words import say
from app.models.people import User
from app.web.account import bp, carry, present


class AddressForm(DoorForm):
    """The address to be."""

    email = EmailField(_l("New email address"), [DataRequired(NO_ADDRESS)], id="new-email")


class PressForm(FlaskForm):
    """A button and its CSRF token."""


@bp.route("/account/email", methods=["GET", "POST"])
@door
@at_fixed_time
@signed_in
@freshly_proven
def email() -> ResponseReturnValue:
    """Take a new address and mail a link there; the answer is the same whoever has it."""
    user = present().user
    form = AddressForm()
    refusal: Refusal | None = None
    if form.validate_on_submit():
        try:
            return _send(user, form.email.data)
        except BadAddress:
            form.email.errors = [NO_ADDRESS]
        except SameAddress as said:
            refusal = said
            form.email.errors = [say(said)]
        except (AddressFirst, OnTheList, TooManyTries) as said:
            refusal = said
            form.form_errors.append(say(said))
    page = render_template("account/email.html", form=form, user=user, why_not=_why_not(user))
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}


@bp.route("/account/email/<token>", methods=["GET", "POST"])
@door
@signed_in
def email_by_link(token: str) -> ResponseReturnValue:
    """The button of the mail to the new address: only the POST moves the account there.

    Whoever got that mail by a slip of the pen is not signed in here, and moves nothing.
    """
    here = present()
    form = PressForm()
    try:
        if form.validate_on_submit():
            return _moved(token)
        new = own_address.read_link(db, here.user, token, terms=terms())
    except LinkDead as refusal:
        return answer_dead(refusal, None, ask_at=url_for("account.email"))
    return render_template("account/email_by_link.html", form=form, user=here.user, new=new)


def _send(user: User, typed: str) -> ResponseReturnValue:
    address = own_address.ask(db, user, typed, origin=identity.origin())
    commit()
    words = _(
        "Check your mail at %(new)s. The link there works for 1 hour; until you confirm,"
        " nothing changes.",
        new=address,
    )
    flash(words, "info")
    return redirect(url_for("account.page"), 303)


def _moved(link: str) -> ResponseReturnValue:
    user, fresh = own_address.move(
        db, present(), identity.token() or "", link, terms=terms(), origin=identity.origin()
    )
    commit()
    carry(fresh)
    words = _(
        "Your address is %(new)s from now on. All other devices were signed out, and a mail to"
        " the old address says how to undo it.",
        new=user.email,
    )
    flash(words, "success")
    response = redirect(url_for("account.page"), 303)
    # This browser is no stranger to the account under its new address either.
    devices.keep(response, user.counted_as)
    return response


def _why_not(user: User) -> Refusal | None:
    try:
        own_address.check_may(db, user)
    except (AddressFirst, OnTheList) as refusal:
        return refusal
    return None
