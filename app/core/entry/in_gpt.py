"""Coming in through a custom GPT: a code by mail, then a token that is good for a day.

The token opens what somebody saved and nothing else. It is a session like any other: whatever
ends the sessions of its person ends it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from joserfc.jws import extract_compact
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.core.audit import Origin
from app.core.entry import access_tokens, by_code, signin
from app.core.entry.access_tokens import Audience, Bearer, InvalidToken, Issuer
from app.core.entry.by_code import Door
from app.core.entry.terms import Terms
from app.core.errors import N_
from app.core.people.sessions import Seat
from app.models.people import User

LIFETIME = timedelta(days=1)
"""How long a token is good, as the contract that we inherited has it."""

METHOD = "gpt"


class NobodyLeft(InvalidToken):
    """A token that was signed for somebody whose account is gone."""

    code = "nobody_left"
    words = N_("User not found")


class NoName(InvalidToken):
    """A token of ours that says not by the contract's claim whose it is."""

    code = "no_name"
    words = N_("Invalid token format")


@dataclass(frozen=True)
class LetIn:
    """Somebody who came in through a GPT, and the token that says so."""

    user: User
    token: str


def enter(
    db: Session, email: str, typed: str, door: Door, *, client: str, terms: Terms, issuer: Issuer,
    origin: Origin,
) -> LetIn:  # fmt: skip
    """Let somebody in by the code that was mailed to `email`; `client` names the GPT's key.

    Raises what `by_code.prove` and `signin.admit` raise, whose refusals are committed; the caller
    commits all else.
    """
    user_id = by_code.prove(db, email, typed, door, terms=terms, origin=origin)
    entered = signin.admit(
        db, user_id, METHOD, origin, remember=False, lifetimes=terms.lifetimes,
        seat=Seat(Audience.GPT.value, LIFETIME, client),
    )  # fmt: skip
    user = entered.user
    token = access_tokens.issue(
        db, user, entered.session_id, Audience.GPT, issuer=issuer, lifetime=LIFETIME,
        uid=user.public_id, email=user.mailbox,
    )  # fmt: skip
    return LetIn(user, token)


def who(db: Session, token: str, *, issuer: Issuer) -> Bearer:
    """Whom a token stands for. Raises `NoToken`, `NoName`, `NobodyLeft` or `InvalidToken`."""
    claim = access_tokens.read(db, token, Audience.GPT, issuer=issuer)
    if "uid" not in json.loads(extract_compact(token.encode()).payload):
        raise NoName
    try:
        return access_tokens.verify(db, token, Audience.GPT, issuer=issuer)
    except InvalidToken:
        if not db.scalar(select(exists().where(User.id == claim.user_id))):
            raise NobodyLeft from None
        raise
