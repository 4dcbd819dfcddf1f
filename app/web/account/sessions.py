"""Where one is signed in: end one of the others, or all of them."""

from __future__ import annotations

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core.people import whereabouts
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, signed_in
from app.web.account import bp, name_of, present


@bp.post(f"/account/sessions/<int(max={LAST_ID}):session_id>/end")
@signed_in
@freshly_proven
def end_session(session_id: int) -> ResponseReturnValue:
    """End one session of one's own; it is dead at its next request."""
    agent = whereabouts.end_one(db, present(), session_id, identity.origin())
    commit()
    flash(_("Signed out: %(name)s.", name=name_of(agent)), "success")
    return redirect(url_for("account.page"), 303)


@bp.post("/account/sessions/end-others")
@signed_in
@freshly_proven
def end_others() -> ResponseReturnValue:
    """End every session of one's own but this one."""
    whereabouts.end_others(db, present(), identity.origin())
    commit()
    flash(_("You are signed in here alone now."), "success")
    return redirect(url_for("account.page"), 303)
