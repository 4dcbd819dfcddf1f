"""Who may ask: the key says which GPT it is, the token which person."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, TypeVar

from flask import g, request
from flask.typing import ResponseReturnValue

from app.api.gpt import shapes, words
from app.core.entry import in_gpt, keys, signin
from app.core.entry.access_tokens import Bearer, InvalidToken, NoToken
from app.core.entry.in_gpt import NobodyLeft, NoName
from app.core.entry.keys import InvalidKey, KeyScope
from app.core.people import sessions
from app.edge import bearers, bodies
from app.edge.bodies import BadJson
from app.edge.db import commit, db
from app.edge.identity import program_origin
from app.edge.limits import aside, count_for_key, count_refused, limiter
from app.models.access import ApiKey, Purpose

View = Callable[[], ResponseReturnValue]
Some = TypeVar("Some", bound=shapes.WithToken)

PER_SESSION = "120 per minute"
"""Requests to one path with one token: a chat that runs in circles."""

SAID: dict[type[InvalidToken], type[words.Unauthorized]] = {
    NoToken: words.TokenMissing,
    NoName: words.NoUid,
    NobodyLeft: words.UserGone,
}
"""The contract's word for a token that opens nothing; for all others it is `Unauthorized`."""

MOST_BYTES = 1_500_000
"""Of a body: what may be saved, with every character escaped."""


def keyed(view: View) -> View:
    """Let requests in that carry a key for this contract, before anything of them is read.

    All people of a GPT come from a few networks. So the key is looked at first, and a network is
    only told to wait for what showed no right one. Raises `InvalidKey` or `TooManyRequests`.
    """

    @wraps(view)
    def guarded() -> ResponseReturnValue:
        try:
            g.api_key = keys.check(db, request.headers.get("X-Api-Key", ""), KeyScope.GPT)
        except InvalidKey as refusal:
            count_refused()
            signin.refuse(db, refusal, Purpose.GPT.value, program_origin(), path=request.path)
        commit()  # That it was used stands, whatever comes of the request.
        count_for_key()
        request.max_content_length = MOST_BYTES
        return view()

    return guarded


@aside
@limiter.limit(PER_SESSION, key_func=lambda: str(g.session_id))
def _count_for_session() -> None:
    """Count what the token of this session opened."""


def key() -> ApiKey:
    """The key of this request."""
    found: ApiKey = g.api_key
    return found


def asked(model: type[Some]) -> tuple[Bearer, Some]:
    """Whose conversations are meant, and the body of this request as `model`.

    The token stands in the header, or else in the body. Raises the contract's 401s, `WrongKind`,
    `BadJson`, or, once it is known who asks, `BadField` or `TooManyRequests`.
    """
    in_header = "Authorization" in request.headers
    try:
        body = bodies.read_object(model.model_fields)
    except BadJson:
        # The contract's answer to a body in which no token can be found.
        if in_header or _has_token():
            raise
        _refuse(InvalidToken())
    sent = body.get("token")
    try:
        token = bearers.token() if in_header else sent or ""
        if not isinstance(token, str):
            raise InvalidToken
        bearer = in_gpt.who(db, token, issuer=bearers.issuer())
    except InvalidToken as refusal:
        _refuse(refusal)
    g.session_id = bearer.session_id
    _count_for_session()
    if sessions.is_due(bearer.last_seen_at):
        sessions.note_seen_of(db, bearer.user.id, bearer.session_id)
        commit()
    return bearer, bodies.check(model, body | {"token": token})


def _refuse(refusal: InvalidToken) -> NoReturn:
    said = SAID.get(type(refusal), words.Unauthorized)
    bearers.refuse(said(), why=refusal.code, through=key().name)


def _has_token() -> bool:
    try:
        read = json.loads(request.get_data())
    except (ValueError, RecursionError):
        return False
    return isinstance(read, dict) and bool(read.get("token"))
