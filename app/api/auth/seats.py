"""Sessions of `/api/auth`: opened for who proved who they are, and answered with their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, g, jsonify

from app.core.audit import Origin
from app.core.entry import access_tokens, refreshing, signin
from app.core.entry.access_tokens import Audience
from app.core.learning import profiles
from app.core.people.sessions import Seat
from app.edge.bearers import issuer
from app.edge.db import commit, db
from app.edge.ours import lifetimes, ours

TOKEN_LIFETIME = timedelta(minutes=15)


def let_in(user_id: int, method: str, origin: Origin, client: str | None = None) -> Response:
    """Open a session for somebody who proved who they are, and answer with its tokens.

    Raises `CannotSignIn`.
    """
    lifetime = timedelta(seconds=ours().settings.API_SESSION_LIFETIME)
    entered = signin.admit(
        db, user_id, method, origin, remember=False, lifetimes=lifetimes(),
        seat=Seat(Audience.API.value, lifetime, client),
    )  # fmt: skip
    refresh_token = refreshing.allow(db, entered.session_id, entered.token)
    answer = tokens_of(entered.user, entered.session_id, refresh_token)
    commit()
    g.let_in = True
    return answer


def tokens_of(person: Any, session_id: int, refresh_token: str) -> Response:
    """The answer with the tokens of a session, and whose it is."""
    access = access_tokens.issue(
        db, person, session_id, Audience.API, issuer=issuer(), lifetime=TOKEN_LIFETIME
    )
    return jsonify(
        access_token=access,
        token_type="Bearer",  # noqa: S106 - a word of RFC 6750
        expires_in=int(TOKEN_LIFETIME.total_seconds()),
        refresh_token=refresh_token,
        user=profiles.of(db, person.id),
    )
