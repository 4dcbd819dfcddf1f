"""How somebody is let in, whichever way they came, and where they are led."""

from __future__ import annotations

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from app.core.entry.opening import Opened
from app.core.entry.signin import Entered
from app.core.people import roles
from app.edge import identity
from app.edge.db import commit, db


def welcome(entered: Entered) -> ResponseReturnValue:
    """Sign somebody in who chose a password by mail, and say whether the account is new."""
    commit()
    response = identity.enter(entered, url_for("programs.select"))
    if isinstance(entered, Opened):
        words = _("Welcome, %(name)s. Your account is ready.", name=entered.user.last_name)
    else:
        words = _("Your password is set. All other devices were signed out.")
    flash(words, "success")
    return response


def home_of(user_id: int) -> str:
    """Where somebody is led who asked for no page: to ask before `come_in`, which commits."""
    # What follows a commit takes another connection and transaction.
    return url_for("admin.home" if roles.permissions_of(db, user_id) else "programs.select")


def come_in(entered: Entered, target: str) -> Response:
    """Keep what was done, sign the browser in, and greet who is here for the first time."""
    is_first = not entered.user.visit_count
    name = entered.user.last_name
    commit()
    response = identity.enter(entered, target)
    if is_first:
        words = _("Welcome, %(name)s. You are signed in.", name=name)
        flash(words if name else _("Welcome. You are signed in."), "success")
    return response
