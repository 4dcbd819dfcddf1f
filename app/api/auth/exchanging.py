"""Where a page of a client gets tokens for the code that it was handed."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from app.api.auth import bp, document, hearing
from app.api.auth.bodies import Exchange, Problem, Tokens
from app.api.auth.seats import let_in
from app.core.errors import CannotSignIn
from app.core.oauth import handing
from app.core.oauth.handing import InvalidGrant
from app.edge import identity
from app.edge.callers import by_page, page_of, web_origin
from app.edge.db import db
from app.edge.limits import door


@bp.post("/api/auth/token")
@document.operation(
    "exchangeCode",
    body=Exchange,
    answers=dict.fromkeys((400, 403, 413, 415, 429), Problem) | {200: Tokens},
)
@by_page
@door
def exchange() -> ResponseReturnValue:
    """Exchange a code for tokens.

    For the code that verify-otp gave a page of a client. Asked by that page or by its server, with
    the verifier that only they know; once, within a minute.
    """
    body = hearing.read(Exchange)
    page = page_of(body.client_id) if web_origin() is not None else None
    origin = identity.program_origin()
    handed = handing.take(
        db, body.client_id, body.code, body.code_verifier,
        web_origin=page.web_origin if page else None, origin=origin,
    )  # fmt: skip
    try:
        return let_in(handed.user_id, handed.method, origin, handed.client)
    except CannotSignIn:
        raise InvalidGrant from None
