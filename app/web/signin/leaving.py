"""Sign out: GET shows a button, POST ends the session."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core.entry import signin
from app.core.people import limited
from app.edge import identity
from app.edge.db import commit, db
from app.web.signin import bp


@bp.route("/logout", methods=["GET", "POST"])
def logout() -> ResponseReturnValue:
    """End the session row, so that a saved copy of the cookie opens nothing."""
    if request.method == "GET":
        here, looking = identity.presence(), identity.limited()
        if here is None and looking is None:
            return redirect(url_for("signin.login"))
        return render_template("signin/logout.html", email=here.user.email if here else None)
    token = identity.token()
    if token is not None:
        signin.sign_out(db, token, identity.origin())
        commit()
    look = identity.look_token()
    if look is not None:
        limited.leave(db, look, identity.origin())
        commit()
    return identity.leave(url_for("signin.login"))
