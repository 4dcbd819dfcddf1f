"""Register: last name and address first, then the mailed code and a password."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.addresses import BadAddress
from app.core import clock
from app.core.entry import registration
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
from app.edge.ours import ours, terms
from app.edge.refusals import headers_of
from app.edge.welcome import welcome
from app.edge.words import say

bp = Blueprint("register", __name__)

RESEND_AFTER = timedelta(seconds=30)


class WhoForm(DoorForm):
    """Step 1: who somebody says they are."""

    last_name = last_name_field()
    email = email_field("register-email")


class ProofForm(DoorForm):
    """Step 2: the code from the mail, and the password to be."""

    email = email_field("register-email")
    code = code_field()
    password = new_password_field()
    remember = remember_field()


@bp.route("/register", methods=["GET", "POST"])
@door
@at_fixed_time
def begin() -> ResponseReturnValue:
    """Take a name and an address; the answer is the same for everybody, the mail is not."""
    if ours().settings.REGISTRATION == "open":
        return redirect(url_for("create.begin"), 303)
    form = WhoForm()
    if form.validate_on_submit():
        try:
            return _send(form.last_name.data, form.email.data)
        except BadAddress:
            form.email.errors.append(NO_ADDRESS)
    return render_template("register/begin.html", form=form), 422 if form.errors else 200


@bp.post("/register/resend")
@door
@at_fixed_time
def resend() -> ResponseReturnValue:
    """Send what step 1 sent, again."""
    asked = session.get("registering")
    if not asked:
        return redirect(url_for("register.begin"), 303)
    flash(_("A new mail is on its way, if one can be sent to this address now."), "success")
    return _send(asked["last_name"], asked["email"])


@bp.route("/register/password", methods=["GET", "POST"])
@door
@at_fixed_time
def finish() -> ResponseReturnValue:
    """Take the code and a password, open the account and sign in."""
    form = ProofForm()
    asked = session.get("registering") or {}
    if not form.email.data:
        form.email.data = asked.get("email")
    if form.validate_on_submit():
        try:
            entered = registration.finish(
                db,
                form.email.data,
                form.code.data,
                form.password.data,
                terms=terms(remember=form.remember.data),
                origin=identity.origin(),
            )
        except BadAddress:
            form.email.errors.append(NO_ADDRESS)
        except NotBoth as refusal:
            return _show(form, asked, refusal=refusal)
        except LinkDead as overtaken:
            # The address has an account by now.
            return answer_dead(overtaken, None, ask_at=url_for("recovery.forgot"))
        else:
            return welcome(entered)
    return _show(form, asked)


@bp.route("/register/password/<token>", methods=["GET", "POST"])
@door
def finish_by_link(token: str) -> ResponseReturnValue:
    """The button in the mail: step 2 with address and code filled in; the POST uses it up."""
    try:
        facts = registration.read_link(db, token, terms=terms())
        form = ProofForm(email=facts["address"], code=facts["digits"])
        asked = {"email": facts["address"]}
        if form.validate_on_submit():
            entered = registration.finish_by_link(
                db,
                token,
                form.password.data,
                terms=terms(remember=form.remember.data),
                origin=identity.origin(),
            )
            return welcome(entered)
    except NotBoth as refusal:
        return _show(form, asked, refusal=refusal, token=token)
    except LinkDead as refusal:
        return answer_dead(refusal, token, ask_at=url_for("register.begin"))
    return _show(form, asked, token=token)


def _send(last_name: str, email: str) -> ResponseReturnValue:
    registration.begin(db, last_name, email, terms=terms(), origin=identity.origin())
    commit()
    session["registering"] = {
        "last_name": last_name[:200],
        "email": email.strip()[:254],
        "at": clock.now().isoformat(timespec="seconds"),
    }
    return redirect(url_for("register.finish"), 303)


def _show(
    form: ProofForm,
    asked: dict[str, str],
    *,
    refusal: NotBoth | None = None,
    token: str | None = None,
) -> ResponseReturnValue:
    for name, problem in (refusal.by_field if refusal else {}).items():
        form[name].errors = [*form[name].errors, say(problem)]
    sent_at = datetime.fromisoformat(asked["at"]) if asked.get("at") else None
    waited = clock.now() - sent_at if sent_at else RESEND_AFTER
    page = render_template(
        "register/finish.html",
        form=form,
        carried=bool(asked) and asked["email"] == form.email.data,
        action=request.path,
        by_link=token is not None,
        sent_at=sent_at,
        wait=max(0, int((RESEND_AFTER - waited).total_seconds())),
        minutes=int(ours().settings.CODE_LIFETIME // 60),
        password_floor=ours().settings.PASSWORD_MIN_LENGTH,
    )
    headers = headers_of(refusal) if refusal else {}
    return page, (refusal.status if refusal else 422 if form.errors else 200), headers
