"""Tokens that programs carry for a person: signed, short-lived, and dead once the session is.

A token names a row of `sessions` (`sid`), which every check here looks at, so that whatever ends
the session ends the token at once. Elsewhere it verifies by its signature until it runs out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import Connection, Select, bindparam, exists, select
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import signing
from app.core.entry.signing import ALGORITHM
from app.core.errors import N_, Refusal
from app.core.people import sessions, users
from app.database import UtcDateTime
from app.models.access import SigningKey, SignInSession
from app.models.people import User

LONGEST = 4096
"""Characters of a token; a longer one is refused unread."""

THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
"""What the name of a key looks like: a SHA-256 in base64url."""


class Audience(StrEnum):
    """For whom a token is; it opens nothing else."""

    API = "api"
    GPT = "gpt"


TYPES = {Audience.API: "at+jwt", Audience.GPT: "gpt+jwt"}
"""The `typ` of each kind (RFC 9068 §2.1), so that none passes for another (RFC 8725 §3.11)."""


class InvalidToken(Refusal):
    """A token that is forged, foreign, run out, or whose session is over."""

    code = "invalid_token"
    status = 401
    challenge = 'Bearer realm="rollcall", error="invalid_token"'
    """How the answer asks for a better one (RFC 6750 §3)."""
    words = N_("This token is not valid, or no longer.")


class NoToken(InvalidToken):
    """No token was sent."""

    code = "no_token"
    challenge = 'Bearer realm="rollcall"'
    words = N_("Send your access token.")


@dataclass(frozen=True)
class Bearer:
    """Whom a token stands for, and by which session."""

    user: User
    session_id: int
    client: str | None
    has_role: bool
    last_seen_at: datetime


@dataclass(frozen=True)
class Claim:
    """What a token of ours says: its signature holds, and nothing was looked up yet."""

    session_id: int
    user_id: int
    kid: str


@dataclass(frozen=True)
class Issuer:
    """Who issues: the address of this installation, and the secrets that its keys are under."""

    url: str
    keys: Sequence[str]


def issue(
    db: Session,
    user: User,
    session_id: int,
    audience: Audience,
    *,
    issuer: Issuer,
    lifetime: timedelta,
    **claims: Any,
) -> str:
    """A token of this session, good for `lifetime`; `claims` go into it beside the usual ones."""
    signer = signing.signer(db, keys=issuer.keys)
    now = int(clock.now().timestamp())
    payload = {
        "iss": issuer.url,
        "aud": audience_of(issuer.url, audience),
        "sub": user.public_id,
        "sid": str(session_id),
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        **claims,
    }
    header = {"alg": ALGORITHM, "kid": signer.kid, "typ": TYPES[audience]}
    return jwt.encode(header, payload, signer.key, algorithms=[ALGORITHM])


def audience_of(url: str, audience: Audience) -> str:
    """The `aud` of a kind of token: an address below the issuer's."""
    return f"{url}/{audience.value}"


def verify(db: Session, token: str, audience: Audience, *, issuer: Issuer) -> Bearer:
    """Whom this token stands for, in one query once its key is known. Raises `InvalidToken`."""
    claim = read(db, token, audience, issuer=issuer)
    asked = {"audience": audience.value, "kept_since": clock.now() - signing.KEPT}
    row = db.execute(_checking(), {**vars(claim), **asked}).one_or_none()
    if row is None:
        raise InvalidToken
    session, user, listed, has_role = row
    if session.ended_at is not None or sessions.ran_out(session):
        raise InvalidToken
    if users.shut_out_reason(user, listed=listed) is not None:
        raise InvalidToken
    return Bearer(user, session.id, session.client, bool(has_role), session.last_seen_at)


def end(db: Session, bearer: Bearer, origin: Origin) -> None:
    """Sign out: the session of this token is over, and with it all its tokens."""
    mine = SignInSession.id == bearer.session_id
    sessions.end_all_of(db, mine, "signed_out")
    whose = {"user_id": bearer.user.id, "actor_id": bearer.user.id}
    audit.record(db, Event.SESSION_ENDED, origin, **whose)


def read(db: Session | Connection, token: str, audience: Audience, *, issuer: Issuer) -> Claim:
    """What this token says, without a query once its key is known. Raises `InvalidToken`."""
    if not token:
        raise NoToken
    if len(token) > LONGEST:
        raise InvalidToken
    try:
        told = jwt.decode(
            token, lambda named: _key(db, named.headers().get("kid")), algorithms=[ALGORITHM]
        )
        _rules(issuer.url, audience).validate(told.claims)
        if told.header.get("typ") != TYPES[audience]:
            raise InvalidToken
        kid = told.header["kid"]
        return Claim(int(told.claims["sid"]), User.id_of(told.claims["sub"]), kid)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InvalidToken from None


@cache
def _rules(url: str, audience: Audience) -> jwt.JWTClaimsRegistry:
    return jwt.JWTClaimsRegistry(
        now=lambda: int(clock.now().timestamp()),
        iss={"essential": True, "value": url},
        aud={"essential": True, "value": audience_of(url, audience)},
        exp={"essential": True},
        sub={"essential": True},
        sid={"essential": True},
    )


_known: dict[str, ECKey] = {}
"""Keys that were looked up; a `kid` is the thumbprint of its key, so that none ever changes."""


def _key(db: Session | Connection, kid: object) -> ECKey:
    # It is anybody's to write, and a database takes not everything.
    if not isinstance(kid, str) or not THUMBPRINT.fullmatch(kid):
        raise InvalidToken
    if kid not in _known:
        found = db.scalar(select(SigningKey.public).where(SigningKey.kid == kid))
        if found is None:
            raise InvalidToken
        _known[kid] = signing.public_key(kid, found["x"], found["y"])
    return _known[kid]


@cache
def _checking() -> Select[SignInSession, User, bool, bool]:
    return sessions.with_owners().where(
        SignInSession.id == bindparam("session_id"),
        SignInSession.user_id == bindparam("user_id"),
        SignInSession.audience == bindparam("audience"),
        # A key that was taken out, or replaced long ago, verifies nothing any more.
        exists().where(
            SigningKey.kid == bindparam("kid"),
            signing.verifies(bindparam("kept_since", type_=UtcDateTime())),
        ),
    )
