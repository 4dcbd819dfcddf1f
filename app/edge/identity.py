"""Who is asking: the session row that the cookie names, and where the request came from."""

from __future__ import annotations

import ipaddress
from typing import cast

from flask import Flask, Request, g, redirect, request, session
from flask_login import LoginManager
from werkzeug.wrappers import Response

from app.core.audit import Origin
from app.core.entry.signin import Entered
from app.core.errors import SignedOut
from app.core.people import limited as limited_sessions
from app.core.people import places, roles, sessions
from app.core.people.limited import RegistrationOver
from app.core.people.sessions import Presence
from app.edge import devices
from app.edge.db import commit, db
from app.edge.ours import ours
from app.edge.words import say
from app.models.access import Registration
from app.models.people import User

TOKEN = "sid"  # noqa: S105 - the name of a key in the cookie, not a secret
LOOK = "look"
"""The token of a limited session; see `core.people.limited`."""

FORMER = "former"
"""Whose session ended in this browser: a question that they were typing waits for them alone."""

login_manager = LoginManager()


def origin() -> Origin:
    """Where this request came from, by the hops that are configured and no others."""
    agent = request.user_agent.string or None
    return Origin(
        ip=request.remote_addr,
        user_agent=agent,
        reference=g.get("reference"),
        place=places.place_of(request.remote_addr, ours().places),
        device=devices.name(),
    )


def program_origin() -> Origin:
    """Where a program's request came from: as `origin`, but no cookie is looked at."""
    agent = request.user_agent.string or None
    return Origin(ip=request.remote_addr, user_agent=agent, reference=g.get("reference"))


def network() -> str:
    """What limits count by: the address, or the /64 of an IPv6 one, which is one household."""
    return network_of(request.remote_addr)


def neighbourhood() -> str:
    """The network around that: what one organisation or one rack of servers has."""
    return network_of(request.remote_addr, 24, 48)


def network_of(ip: str | None, of_four: int = 32, of_six: int = 64) -> str:
    """The network of an address: so many bits of an IPv4, and of an IPv6 one."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    bits = of_six if isinstance(address, ipaddress.IPv6Address) else of_four
    return str(ipaddress.ip_network((address, bits), strict=False))


def presence() -> Presence | None:
    """Who is signed in with this request's cookie; None if nobody is.

    Why a session ended is kept in `g.signed_out`, so that the answer can say it.
    """
    if "presence" not in g:
        g.presence = None
        token = session.get(TOKEN)
        if isinstance(token, str):
            try:
                g.presence = sessions.check_session(db, token)
            except SignedOut as refusal:
                g.signed_out = refusal
                session.pop(TOKEN)
                session[FORMER] = refusal.values.get("user_id")
                if type(refusal) is not SignedOut:
                    # The sign-in page says it, whichever page was asked for first.
                    session["signed_out"] = say(refusal)
            else:
                if sessions.note_seen(db, g.presence):
                    commit()
    return cast("Presence | None", g.presence)


def user() -> User:
    """The person who is signed in. Raises `SignedOut`, with the reason where there is one."""
    here = presence()
    if here is None:
        raise g.get("signed_out") or SignedOut()
    return here.user


def limited() -> Registration | None:
    """The registration whose address this browser has yet to prove; None where it has none.

    It names nobody: who looks around is still nobody for `presence`.
    """
    if "limited" not in g:
        g.limited = None
        token = look_token()
        if token is not None and presence() is None:
            g.limited = limited_sessions.find(db, token)
            if g.limited is None:
                session.pop(LOOK)
                session["signed_out"] = say(RegistrationOver())
    return cast("Registration | None", g.limited)


def has_role() -> bool:
    """Whether the person who is signed in has any role."""
    here = presence()
    return here is not None and here.has_role


def permissions() -> frozenset[str]:
    """What the person who is signed in may do beside learning."""
    here = presence()
    if here is None or not here.has_role:
        return frozenset()
    if "permissions" not in g:
        g.permissions = roles.permissions_of(db, here.user.id)
    return cast(frozenset[str], g.permissions)


def enter(entered: Entered, target: str) -> Response:
    """Put the session that was opened into a fresh cookie and go to `target`.

    Of the guest's cookie nothing survives but a question that the same person was asking.
    """
    draft, former = session.get("draft"), token()
    if former is not None:
        # Signing in anew ends what this browser was signed in with before.
        sessions.end_session(db, former, "replaced")
        commit()
    look = look_token()
    if look is not None and limited_sessions.end(db, look):
        commit()
    session.clear()
    session[TOKEN] = entered.token
    session.permanent = entered.remember
    if draft and draft["person"] == entered.user.id:
        session["draft"] = draft
    g.let_in = True
    response = redirect(target, 303)
    devices.keep(response, entered.user.counted_as)
    return response


def look_around(look: str, target: str, *, remember: bool) -> Response:
    """Put the token of a limited session into a fresh cookie and go to `target`."""
    former, looked = token(), look_token()
    if former is not None:
        # Somebody signed in here in another tab meanwhile: their cookie goes, and its session too.
        sessions.end_session(db, former, "replaced")
        commit()
    if looked is not None and limited_sessions.end(db, looked):
        commit()
    session.clear()
    session[LOOK] = look
    session.permanent = remember
    return redirect(target, 303)


def leave(target: str) -> Response:
    """Forget this browser's cookie, but for who it was, and go to `target`."""
    here = presence()
    session.clear()
    if here is not None:
        session[FORMER] = here.user.id
    return redirect(target, 303)


def token() -> str | None:
    """The token of the session that this request's cookie names."""
    value = session.get(TOKEN)
    return value if isinstance(value, str) else None


def look_token() -> str | None:
    """The token of the limited session that this request's cookie names."""
    value = session.get(LOOK)
    return value if isinstance(value, str) else None


def init_app(app: Flask) -> None:
    """Let Flask-Login know people by our own session rows."""
    login_manager.init_app(app)

    @login_manager.request_loader
    def load(_request: Request) -> User | None:
        here = presence()
        return None if here is None else here.user
