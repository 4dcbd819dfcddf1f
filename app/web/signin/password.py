"""Sign in by address and password."""

from __future__ import annotations

from flask import redirect, render_template, request, session, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, PasswordField
from wtforms.validators import DataRequired

from app.core.entry import signin
from app.core.errors import Busy, CannotSignIn, TooManyTries
from app.edge import devices, identity, lanes
from app.edge.db import commit, db
from app.edge.fields import DoorForm, remember_field
from app.edge.guards import safe_next
from app.edge.limits import at_fixed_time, door
from app.edge.ours import terms
from app.edge.refusals import headers_of
from app.edge.welcome import home_of
from app.edge.words import say
from app.web.signin import bp


class PasswordForm(DoorForm):
    """What signing in asks for."""

    email = EmailField(
        _l("Email"), [DataRequired(_l("Enter your email address"))], id="login-email"
    )
    password = PasswordField(
        _l("Password"), [DataRequired(_l("Enter your password"))], id="current-password"
    )
    remember = remember_field()


@bp.route("/login", methods=["GET", "POST"])
@door
@at_fixed_time
def login() -> ResponseReturnValue:
    """Ask for address and password, and let in who has both."""
    target = safe_next(request.form.get("next") or request.args.get("next"))
    if request.method == "GET" and identity.presence() is not None:
        return redirect(target or url_for("programs.select"))
    form = PasswordForm()
    status, headers = 200, {}
    if form.validate_on_submit():
        since = devices.known_since(form.email.data)
        try:
            entered = signin.with_password(
                db,
                form.email.data,
                form.password.data,
                remember=form.remember.data,
                known_since=since,
                terms=terms(lane=lanes.friends if since else lanes.strangers),
                origin=identity.origin(),
            )
        except (Busy, CannotSignIn, TooManyTries) as refusal:
            form.form_errors.append(say(refusal))
            status, headers = refusal.status, headers_of(refusal)
        else:
            target = target or home_of(entered.user.id)
            commit()
            return identity.enter(entered, target)
    elif form.errors:
        status = 422
    why = session.pop("signed_out", None)
    page = render_template("signin/login.html", form=form, next=target or "", why=why)
    return page, status, headers


@bp.route("/login_legacy", methods=["GET", "POST"])
def legacy() -> ResponseReturnValue:
    """Lead an old bookmark to the page; what it may post is dropped."""
    return redirect(url_for("signin.login"), 302 if request.method == "GET" else 303)


@bp.record_once
def _ask_old_pages_for_no_token(state: BlueprintSetupState) -> None:
    # The legacy page's form has no token of ours, and this view reads and changes nothing.
    state.app.extensions["csrf"].exempt(legacy)
