"""Who may ask: the key says which GPT it is, the token which person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, TypeVar

from flask import g, request
from flask.typing import ResponseReturnValue

from app.api.gpt import shapes, words
from app.core.entry import in_gpt, keys
from app.core.entry.access_tokens import Bearer, InvalidToken, NoToken
from app.core.entry.in_gpt import NobodyLeft, NoName
from app.core.entry.keys import KeyScope
from app.core.people import sessions
from app.edge import bearers, bodies
from app.edge.bodies import BadJson
from app.edge.db import commit, db
from app.edge.identity import network
from app.edge.limits import limiter
from app.models.access import ApiKey

View = Callable[[], ResponseReturnValue]
Some = TypeVar("Some", bound=shapes.WithToken)

PER_NETWORK = "300 per minute"
PER_KEY = "1200 per minute"
"""Requests to one path: a GPT has one key, and all its people come from a few networks."""

MOST_BYTES = 1_500_000
"""Of a body: what may be saved, with every character escaped."""


def keyed(view: View) -> View:
    """Let requests in that carry a key for this contract, before anything of them is read.

    Raises `InvalidKey`.
    """

    @wraps(view)
    def guarded() -> ResponseReturnValue:
        g.api_key = keys.check(db, request.headers.get("X-Api-Key", ""), KeyScope.GPT)
        commit()  # That it was used stands, whatever comes of the request.
        request.max_content_length = MOST_BYTES
        return view()

    per_network = limiter.limit(PER_NETWORK, key_func=network)
    per_key = limiter.limit(PER_KEY, key_func=_key_named)
    limited: View = per_network(per_key(guarded))
    return limited


def _key_named() -> str:
    return hashlib.sha256(request.headers.get("X-Api-Key", "").encode()).hexdigest()


def key() -> ApiKey:
    """The key of this request."""
    found: ApiKey = g.api_key
    return found


def asked(model: type[Some]) -> tuple[Bearer, Some]:
    """Whose conversations are meant, and the body of this request as `model`.

    The token stands in the header, or else in the body. Raises the contract's 401s, `WrongKind`,
    `BadJson`, or, once it is known who asks, `BadField`.
    """
    in_header = "Authorization" in request.headers
    try:
        body = bodies.read_object(model.model_fields)
    except BadJson:
        # The contract's answer to a body in which no token can be found.
        if in_header or _has_token():
            raise
        raise words.Unauthorized from None
    sent = body.get("token")
    try:
        token = bearers.token() if in_header else sent or ""
        if not isinstance(token, str):
            raise InvalidToken
        bearer = in_gpt.who(db, token, issuer=bearers.issuer())
    except InvalidToken as refusal:
        _refuse(refusal)
    if sessions.is_due(bearer.last_seen_at):
        sessions.note_seen_of(db, bearer.user.id, bearer.session_id)
        commit()
    return bearer, bodies.check(model, body | {"token": token})


def _refuse(refusal: InvalidToken) -> NoReturn:
    if isinstance(refusal, NoToken):
        raise words.TokenMissing from None
    if isinstance(refusal, NoName):
        raise words.NoUid from None
    if isinstance(refusal, NobodyLeft):
        raise words.UserGone from None
    raise words.Unauthorized from None


def _has_token() -> bool:
    try:
        read = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return False
    return isinstance(read, dict) and bool(read.get("token"))
