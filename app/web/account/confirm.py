"""Step-up: the password again before a sensitive change, then back to where one was."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField
from wtforms.validators import DataRequired

from app.core.entry import confirming
from app.core.errors import Busy, CannotSignIn, Refusal, TooManyTries
from app.edge import devices, identity
from app.edge.db import commit, db
from app.edge.guards import safe_next, signed_in
from app.edge.limits import door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.ways import code_opens
from app.edge.words import say
from app.web.account import bp, carry, present


class ConfirmForm(FlaskForm):
    """What only the person knows who signed in."""

    password = PasswordField(
        _l("Password"), [DataRequired(_l("Enter your password"))], id="current-password"
    )


@bp.route("/confirm", methods=["GET", "POST"])
@door
@signed_in
def confirm() -> ResponseReturnValue:
    """Ask for the password; a wrong one counts as a try to sign in."""
    here = present()
    said = request.form if request.method == "POST" else request.args
    target = safe_next(said.get("next")) or url_for("account.page")
    if request.method == "GET" and here.proven_lately:
        return redirect(target, 303)
    form = ConfirmForm()
    refusal = None
    if form.validate_on_submit():
        refusal = _prove(form)
        if refusal is None:
            if said.get("again"):
                flash(_("Thank you. Now press again."), "success")
            return redirect(target, 303)
    page = render_template(
        "account/confirm.html",
        form=form,
        email=here.user.email,
        next=target,
        again=bool(said.get("again")),
        has_password=here.user.has_password(),
        by_code=code_opens(has_role=here.has_role),
    )
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}


def _prove(form: ConfirmForm) -> Refusal | None:
    here = present()
    try:
        fresh = confirming.confirm(
            db,
            here,
            identity.token() or "",
            form.password.data,
            known_since=devices.known_since(here.user.email),
            terms=terms(),
            origin=identity.origin(),
        )
    except CannotSignIn as refusal:
        form.password.errors = [_("This is not your password. Try again.")]
        return refusal
    except (Busy, TooManyTries) as refusal:
        form.form_errors.append(say(refusal))
        return refusal
    commit()
    carry(fresh)
    return None
