"""What the sign-in widget asks on our own pages: a code, and to be let in by it, in JSON."""

from __future__ import annotations

import secrets
from typing import Self

from flask import Response, g, jsonify, session
from flask_wtf.csrf import generate_csrf
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.addresses import LONGEST_ADDRESS, BadAddress
from app.core.entry import by_phone, signin
from app.core.entry.by_code import Door
from app.core.errors import CannotSignIn, WrongCode
from app.core.learning import profiles
from app.edge import bodies, identity
from app.edge.bodies import BadField, Body
from app.edge.db import commit, db
from app.edge.limits import at_fixed_time, door
from app.edge.ours import code_door, lifetimes, terms
from app.edge.ways import way
from app.edge.welcome import come_in, home_of
from app.models.access import Purpose
from app.web.signin import bp
from app.web.signin.code import METHOD, while_open

METHODS = {"email": METHOD, "phone": by_phone.METHOD}
"""How a session was opened: what a number opened ends when the number goes."""

ASKED = "widget"
"""Under which name the cookie has the random name of this browser that codes are bound to."""


class Whom(Body):
    """Whom a code is for; one of the two."""

    email: str = Field(default="", max_length=LONGEST_ADDRESS)
    phone: str = Field(default="", pattern=r"^(\+[1-9][0-9]{6,14})?$")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.email) == bool(self.phone):
            raise PydanticCustomError("one_of", "Send either email or phone.")
        return self


class Proof(Whom):
    """Whom a code was for, and its digits as they were typed."""

    code: str = Field(max_length=32)


@bp.post("/login/code/ask")
@while_open
@door
@at_fixed_time
def widget_ask() -> Response:
    """Send a code; the answer is the same for everybody."""
    body = bodies.read(Whom)
    session.setdefault(ASKED, secrets.token_urlsafe(16))
    name, subject = _subject(body)
    at_door = _door()
    try:
        way(name, subject).ask(db, subject, at_door, terms=terms(), origin=identity.origin())
    except BadAddress as error:
        raise _malformed(name, error) from None
    commit()
    return jsonify(status="sent", expires_in=int(at_door.lifetime.total_seconds()))


@bp.post("/login/code/prove")
@while_open
@door
@at_fixed_time
def widget_prove() -> Response:
    """Let in whose the code is: the cookie is the session, and the answer says who they are."""
    body = bodies.read(Proof)
    name, subject = _subject(body)
    origin = identity.origin()
    try:
        user_id = way(name, subject).prove(
            db, subject, body.code, _door(), terms=terms(), origin=origin
        )
        entered = signin.admit(
            db, user_id, METHODS[name], origin, remember=False, lifetimes=lifetimes()
        )
    except BadAddress as error:
        raise _malformed(name, error) from None
    except CannotSignIn:
        raise WrongCode from None
    user = profiles.of(db, user_id)
    response = come_in(entered, home_of(user_id))
    # The cookie is a new one, and so is the token against forged forms.
    told = jsonify(user=user, next=response.location, csrf_token=generate_csrf())
    for cookie in response.headers.getlist("Set-Cookie"):
        told.headers.add("Set-Cookie", cookie)
    return told


def _subject(body: Whom) -> tuple[str, str]:
    return "email" if body.email else "phone", body.email or body.phone


def _door() -> Door:
    # Who never asked here has no requester, and so no code that could fit.
    return code_door(Purpose.SIGN_IN, session.get(ASKED) or "nobody")


def _malformed(name: str, error: BadAddress) -> BadField:
    g.answer_at_once = True
    return BadField(name, str(error))
