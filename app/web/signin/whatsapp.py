"""Sign in by a code on WhatsApp: the number first, then the code. Mail is offered beside it."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import StringField, TelField
from wtforms.validators import DataRequired

from app import phones
from app.core import carriers, clock
from app.core.entry import by_phone, signin
from app.core.entry.by_phone import WrongPhoneCode
from app.core.errors import (
    CannotSignIn,
    CodesAway,
    NotFound,
    Refusal,
    TooManyTries,
    WrongCode,
)
from app.core.proof.codes import NotSixDigits, RanOut
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import DoorForm, remember_field
from app.edge.guards import safe_next
from app.edge.limits import at_fixed_time, door
from app.edge.ours import code_door, ours, terms
from app.edge.refusals import headers_of
from app.edge.welcome import home_of
from app.edge.words import say
from app.models.access import Purpose
from app.phones import BadNumber
from app.web.signin import bp
from app.web.signin.code import LONGEST_WAY

ASKED = "whatsapp"
"""Where the cookie keeps what was asked for, and the secret that the code is bound to."""

RESEND_AFTER = timedelta(seconds=30)
NO_NUMBER = _l("Enter a number like +44 7700 900123")


class NumberForm(DoorForm):
    """Which phone the code goes to."""

    phone = TelField(_l("WhatsApp number"), [DataRequired(NO_NUMBER)], id="login-phone")
    remember = remember_field()


class CodeForm(DoorForm):
    """What came there."""

    code = StringField(_l("Code"), [DataRequired(_l("Enter the code from WhatsApp"))])


@bp.context_processor
def whatsapp_way() -> dict[str, bool]:
    """Whether the pages of signing in offer it; what is switched off is absent."""
    return {"whatsapp_sign_in": ours().settings.whatsapp}


@bp.route("/login/whatsapp", methods=["GET", "POST"])
@door
@at_fixed_time
def whatsapp() -> ResponseReturnValue:
    """Ask for a number; the answer is the same for every one, and few get a message."""
    _check_offered()
    target = safe_next(request.form.get("next") or request.args.get("next"))
    if request.method == "GET" and identity.presence() is not None:
        return redirect(target or url_for("programs.select"))
    if request.method == "POST" and "phone" not in request.form:
        # The button on the sign-in page: what else its form posts, a password too, is dropped.
        remember = "1" if request.form.get("remember") else None
        return redirect(url_for("signin.whatsapp", next=target, remember=remember), 303)
    form = NumberForm()
    if request.method == "GET":
        form.remember.data = "remember" in request.args
    refusal = None
    if form.validate_on_submit():
        try:
            number = phones.canonical(form.phone.data, ours().settings.PHONE_REGION)
            return _send(number, form.remember.data, target)
        except BadNumber:
            form.phone.errors = [NO_NUMBER]
        except (CodesAway, TooManyTries) as said:
            refusal = said
            form.form_errors.append(say(said))
    page = render_template(
        "signin/whatsapp.html", form=form, next=target or "", trouble=carriers.is_in_trouble(db)
    )
    return page, _status(form, refusal), headers_of(refusal) if refusal else {}


@bp.post("/login/whatsapp/resend")
@door
@at_fixed_time
def whatsapp_resend() -> ResponseReturnValue:
    """Send another code to the same number."""
    _check_offered()
    asked = session.get(ASKED)
    if not asked:
        return redirect(url_for("signin.whatsapp"), 303)
    try:
        answer = _send(asked["number"], asked["remember"], asked["next"])
    except (CodesAway, TooManyTries) as refusal:
        return _show_code(CodeForm(formdata=None), asked, refusal)
    flash(_("A new code is on its way, if one can be sent to this number now."), "success")
    return answer


@bp.route("/login/whatsapp/code", methods=["GET", "POST"])
@door
@at_fixed_time
def whatsapp_code() -> ResponseReturnValue:
    """Take the code, and let in whose number it went to."""
    _check_offered()
    asked = session.get(ASKED)
    if not asked:
        return redirect(url_for("signin.whatsapp"), 303)
    form = CodeForm()
    if not form.validate_on_submit():
        return _show_code(form, asked)
    refusal: Refusal
    try:
        user_id = by_phone.prove(
            db, asked["number"], form.code.data, code_door(Purpose.SIGN_IN, asked["requester"]),
            terms=terms(), origin=identity.origin(),
        )  # fmt: skip
        entered = signin.admit(
            db, user_id, by_phone.METHOD, identity.origin(),
            remember=asked["remember"], lifetimes=terms().lifetimes,
        )  # fmt: skip
    except CannotSignIn:
        refusal = WrongPhoneCode()  # Suspended meanwhile: that is said to nobody here.
    except (CodesAway, NotSixDigits, RanOut, TooManyTries, WrongCode) as said:
        refusal = said
    else:
        target = asked["next"] or home_of(user_id)
        commit()
        return identity.enter(entered, target)
    return _show_code(form, asked, refusal)


@bp.get("/login/whatsapp/state")
def whatsapp_state() -> ResponseReturnValue:
    """Whether WhatsApp fails now, for the page that waits: the same for every number.

    What became of one's own message is not said, for it would tell whose number is known.
    """
    if not session.get(ASKED):
        raise NotFound
    return jsonify(trouble=carriers.is_in_trouble(db))


def _check_offered() -> None:
    if not ours().settings.whatsapp:
        raise NotFound


def _send(number: str, remember: bool, target: str | None) -> ResponseReturnValue:
    # A resend leaves the earlier code good in this browser, so the secret stays what it was.
    before = session.get(ASKED) or {}
    requester = before.get("requester") or secrets.token_urlsafe(16)
    by_phone.ask(
        db, number, code_door(Purpose.SIGN_IN, requester), terms=terms(), origin=identity.origin()
    )
    commit()
    session[ASKED] = {
        "number": number,
        "requester": requester,
        "remember": bool(remember),
        "next": target if len(target or "") <= LONGEST_WAY else None,
        "at": clock.now().isoformat(timespec="seconds"),
    }
    return redirect(url_for("signin.whatsapp_code"), 303)


def _show_code(
    form: CodeForm, asked: dict[str, Any], refusal: Refusal | None = None
) -> ResponseReturnValue:
    if refusal is not None:
        form.code.errors = [*form.code.errors, say(refusal)]
    sent_at = datetime.fromisoformat(asked["at"])
    waited = clock.now() - sent_at
    page = render_template(
        "signin/whatsapp_code.html",
        form=form,
        number=asked["number"],
        next=asked["next"] or "",
        sent_at=sent_at,
        wait=max(0, int((RESEND_AFTER - waited).total_seconds())),
        minutes=int(ours().settings.CODE_LIFETIME // 60),
        trouble=carriers.is_in_trouble(db),
    )
    return page, _status(form, refusal), headers_of(refusal) if refusal else {}


def _status(form: DoorForm, refusal: Refusal | None) -> int:
    return refusal.status if refusal else 422 if form.errors else 200
