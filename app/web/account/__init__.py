"""One's own account: who one is, the password, where one is signed in."""

from __future__ import annotations

from flask import Blueprint, render_template, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.core.entry import changing
from app.core.learning import keeping, reasons
from app.core.people import places, whereabouts
from app.core.people import profile as profiles
from app.core.people.agents import Agent
from app.core.people.sessions import Presence
from app.core.proof import pins
from app.edge import identity
from app.edge.db import db
from app.edge.guards import signed_in
from app.edge.ours import ours
from app.web.account import naming, owned

bp = Blueprint("account", __name__)

MOST_LISTED = 50
"""Sessions that the page shows; all the others can be ended together."""

METHODS = {
    "api": _l("with a code, in another program"),
    "code": _l("with a code by mail"),
    "first_admin": _l("by the link of the first start"),
    "github": _l("with GitHub"),
    "google": _l("with Google"),
    "gpt": _l("with a code, in ChatGPT"),
    "oidc": _l("with an account elsewhere"),
    "password": _l("with your password"),
    "registration": _l("when you registered"),
    "reset": _l("with a new password, by mail"),
    "setup": _l("with your first password, by mail"),
    "whatsapp": _l("with a code by WhatsApp"),
}
"""How a session was opened, in words; see `core.entry.signin.admit`."""


@bp.get("/account")
@signed_in
def page() -> ResponseReturnValue:
    """Show what there is to look after."""
    here = present()
    shown, more = whereabouts.of(db, here, ours().places, limit=MOST_LISTED)
    return render_template(
        "account/page.html",
        user=here.user,
        profile=profiles.of(db, here.user),
        languages=naming.language,
        countries=naming.country,
        ways=owned.ways_of(here),
        pin=pins.of(db, here.user.id),
        changed_at=changing.changed_at(db, here.user.id),
        reasons=reasons.of(db, here.user),
        saved=keeping.count(db, here.user.id),
        whereabouts=shown,
        more=more,
        methods=METHODS,
        name_of=name_of,
        whence=whence,
    )


def present() -> Presence:
    """Who is signed in, and by which session. Raises `SignedOut`."""
    identity.user()
    here = identity.presence()
    assert here is not None  # Else there would be no user.
    return here


def name_of(agent: Agent) -> str:
    """A browser and its system, in the reader's words."""
    browser = agent.browser or _("An unknown browser")
    if agent.system is None:
        return browser
    words: str = _("%(browser)s on %(system)s", browser=browser, system=agent.system)
    return words


def whence(place: str | None) -> str:
    """Where a session came from, in the reader's words."""
    if place is None:
        words: str = _("From an unknown place")
    else:
        words = _("From %(place)s", place=_(place) if place == places.LOCAL else place)
    return words


def carry(token: str) -> None:
    """Let this browser's cookie name its session by the new token; the rest of it stays."""
    session[identity.TOKEN] = token
