"""What a page of others is handed in place of tokens: a code, good once, for a minute.

It is bound to the client, to the origin of the page, and to a challenge whose verifier never left
that page (RFC 7636), so that who reads it on its way can do nothing with it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from sqlalchemy import delete, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.errors import N_, Refusal
from app.core.oauth import clients
from app.core.oauth.clients import ClientNotAllowed, UnknownClient
from app.hashing import hash_token
from app.models.oauth import ClientCode

LIFETIME = timedelta(seconds=60)
CHALLENGE = r"^[A-Za-z0-9_-]{43}$"
"""SHA-256 in base64url without padding (RFC 7636 §4.2); S256 is the only method."""

VERIFIER = r"^[A-Za-z0-9._~-]{43,128}$"
"""RFC 7636 §4.1."""

METHOD = "client"
"""The way in, as the audit log has what came to nothing."""


class InvalidGrant(Refusal):
    """A code that is unknown, used, run out, or another's: which one is told to nobody."""

    code = "invalid_grant"
    status = 400
    words = N_("This code is wrong, was used already, has run out, or is for another page.")


@dataclass(frozen=True)
class Handed:
    """Whom a code stood for, how they proved it, and the name of the client that has it."""

    user_id: int
    method: str
    client: str


def hand(
    db: Session,
    client_id: str,
    user_id: int,
    *,
    web_origin: str,
    challenge: str,
    method: str,
    origin: Origin,
) -> str:
    """The code for a page of a client whose person just proved who they are. The caller commits."""
    text = secrets.token_urlsafe(32)
    db.add(
        ClientCode(
            code_hash=hash_token(text),
            client_id=client_id,
            origin=web_origin,
            challenge=challenge,
            user_id=user_id,
            method=method,
            expires_at=clock.now() + LIFETIME,
        )
    )
    audit.record(
        db, Event.CLIENT_CODE_HANDED, origin, user_id=user_id, actor_id=user_id, method=method,
        client=client_id, web_origin=web_origin,
    )  # fmt: skip
    return text


def take(
    db: Session,
    client_id: str,
    code: str,
    verifier: str,
    *,
    web_origin: str | None,
    origin: Origin,
) -> Handed:
    """Use up a code; for whom it was. `web_origin` is None where no page asks, but a server.

    One conditional statement claims it, so that of many at once one wins. The caller commits.
    Raises `UnknownClient`, `ClientNotAllowed` or `InvalidGrant`, which are committed as refused.
    """
    try:
        client = clients.known(db, client_id)
    except UnknownClient as refusal:
        refuse(db, refusal, client_id, origin, web_origin=web_origin)
    if web_origin is not None and web_origin not in client.origins:
        refuse(db, ClientNotAllowed(), client_id, origin, web_origin=web_origin)
    origins = client.origins if web_origin is None else [web_origin]
    taken = db.execute(_claim(client.client_id, code, verifier, origins)).one_or_none()
    if taken is None:
        refuse(db, InvalidGrant(), client.client_id, origin, web_origin=web_origin)
    return Handed(taken.user_id, taken.method, client.name)


def refuse(
    db: Session, refusal: Refusal, client_id: str, origin: Origin, *, web_origin: str | None
) -> NoReturn:
    """Remember that a client, or who called itself one, was turned away; raise `refusal`.

    It is committed as refused. Of an id that is none of ours nothing is kept: it may be a secret
    that went into the wrong field.
    """
    named = client_id[: clients.LONGEST_ID] if client_id.startswith(clients.PREFIX) else None
    signin.refuse(db, refusal, METHOD, origin, client=named, web_origin=web_origin)


def _claim(
    client_id: str, code: str, verifier: str, origins: list[str]
) -> ReturningUpdate[int, str]:
    now = clock.now()
    return (
        update(ClientCode)
        .where(
            ClientCode.code_hash == hash_token(code),
            ClientCode.client_id == client_id,
            ClientCode.challenge == challenge_of(verifier),
            ClientCode.origin.in_(origins),
            ClientCode.used_at.is_(None),
            ClientCode.expires_at > now,
        )
        .values(used_at=now)
        .returning(ClientCode.user_id, ClientCode.method)
        .execution_options(synchronize_session=False)
    )


def challenge_of(verifier: str) -> str:
    """The challenge that a verifier answers, by S256; of what is none, one that nothing has."""
    if not re.fullmatch(VERIFIER, verifier):
        return ""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def tidy(db: Session) -> None:
    """Drop the codes that ran out."""
    db.execute(delete(ClientCode).where(ClientCode.expires_at < clock.now()))
