"""How somebody is let in who chose a password by mail, on whichever page they typed it."""

from __future__ import annotations

from flask import flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core.entry.opening import Opened
from app.core.entry.signin import Entered
from app.edge import identity
from app.edge.db import commit


def welcome(entered: Entered) -> ResponseReturnValue:
    """Keep what was done, sign the browser in, and say which of the two it was."""
    commit()
    response = identity.enter(entered, url_for("programs.select"))
    if isinstance(entered, Opened):
        words = _("Welcome, %(name)s. Your account is ready.", name=entered.user.last_name)
    else:
        words = _("Your password is set. All other devices were signed out.")
    flash(words, "success")
    return response
