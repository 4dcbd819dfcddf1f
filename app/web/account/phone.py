"""One's own number, to which codes go by WhatsApp: proven here, and removed here."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TelField
from wtforms.validators import DataRequired

from app import phones
from app.core.entry import own_phone
from app.core.entry.own_phone import AddressFirst, NumberNotFree
from app.core.errors import NotFound, Refusal, TooManyTries, WrongCode
from app.core.proof.codes import NotSixDigits, RanOut
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, signed_in
from app.edge.limits import door
from app.edge.ours import ours, terms
from app.edge.refusals import headers_of
from app.edge.ways import code_opens
from app.edge.words import say
from app.phones import BadNumber
from app.web.account import bp, owned, present

ASKED = "adding_phone"
"""Where the cookie keeps the number that a code went to."""

NO_NUMBER = _l("Enter a number like +44 7700 900123")


class NumberForm(FlaskForm):
    """The number to be."""

    phone = TelField(_l("WhatsApp number"), [DataRequired(NO_NUMBER)], id="own-phone")


class CodeForm(FlaskForm):
    """What came there."""

    code = StringField(_l("Code"), [DataRequired(_l("Enter the code from WhatsApp"))])


@bp.route("/account/phone", methods=["GET", "POST"])
@door
@signed_in
@freshly_proven
def phone() -> ResponseReturnValue:
    """Take a number and send a code there."""
    _check_offered()
    form = NumberForm()
    refusal: Refusal | None = None
    if form.validate_on_submit():
        try:
            return _send(form.phone.data)
        except BadNumber:
            form.phone.errors = [NO_NUMBER]
        except (AddressFirst, TooManyTries) as said:
            refusal = said
            form.form_errors.append(say(said))
    here = present()
    page = render_template(
        "account/phone.html",
        form=form,
        phone=own_phone.of(db, here.user.id),
        address_proven=here.user.verified_at is not None,
        has_role=here.has_role,
    )
    return _answer(page, form, refusal)


@bp.route("/account/phone/code", methods=["GET", "POST"])
@door
@signed_in
@freshly_proven
def phone_code() -> ResponseReturnValue:
    """Take the code: from now on the number signs this person in."""
    _check_offered()
    number = session.get(ASKED)
    if not number:
        return redirect(url_for("account.phone"), 303)
    form = CodeForm()
    refusal: Refusal | None = None
    if form.validate_on_submit():
        try:
            here = present()
            own_phone.prove(
                db, here.user, number, form.code.data, but_session=here.session_id,
                terms=terms(), origin=identity.origin(),
            )  # fmt: skip
        except (
            AddressFirst, NotSixDigits, NumberNotFree, RanOut, TooManyTries, WrongCode
        ) as said:  # fmt: skip
            refusal = said
            form.code.errors = [say(said)]
        else:
            commit()
            session.pop(ASKED)
            flash(_("Codes go to this number from now on. A mail to you says so too."), "success")
            return redirect(url_for("account.page"), 303)
    minutes = int(ours().settings.CODE_LIFETIME // 60)
    page = render_template("account/phone_code.html", form=form, number=number, minutes=minutes)
    return _answer(page, form, refusal)


@bp.post("/account/phone/remove")
@signed_in
@freshly_proven
def phone_remove() -> ResponseReturnValue:
    """Take the number away; a code on its way there is dead, and so is what it opened elsewhere."""
    here = present()
    own_phone.remove_own(
        db, here.user, identity.origin(), but_session=here.session_id,
        by_code=code_opens(has_role=here.has_role), closed=owned.closed(here),
    )  # fmt: skip
    commit()
    flash(_("The number is removed. A mail to you says so too."), "success")
    return redirect(url_for("account.page"), 303)


def _check_offered() -> None:
    if not ours().settings.whatsapp:
        raise NotFound


def _send(typed: str) -> ResponseReturnValue:
    settings = ours().settings
    number = own_phone.ask(
        db,
        present().user,
        phones.canonical(typed, settings.PHONE_REGION),
        lifetime=timedelta(seconds=settings.CODE_LIFETIME),
        terms=terms(),
        origin=identity.origin(),
    )
    commit()
    session[ASKED] = number
    return redirect(url_for("account.phone_code"), 303)


def _answer(page: str, form: FlaskForm, refusal: Refusal | None) -> ResponseReturnValue:
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}
