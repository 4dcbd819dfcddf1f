"""The token that a program sends for somebody (RFC 6750 §2.1), and who issues tokens here."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from flask import request

from app.core.entry import signin
from app.core.entry.access_tokens import InvalidToken, Issuer, NoToken
from app.core.errors import Refusal
from app.edge.callers import told_origin
from app.edge.db import db
from app.edge.identity import program_origin
from app.edge.ours import keys, ours

METHOD = "token"
"""What came to nothing, as the audit log has it."""

LONGEST = 4200
"""Characters of the whole header; a longer one is refused unread."""

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
"""One token and nothing beside it: of two headers a server makes one, with a comma between."""


def token() -> str:
    """The token in the header `Authorization`. Raises `NoToken` or `InvalidToken`."""
    header = request.environ.get("HTTP_AUTHORIZATION", "")
    if not header:
        raise NoToken
    found = _BEARER.fullmatch(header) if len(header) <= LONGEST else None
    if found is None:
        raise InvalidToken
    return found[1]


def refuse(refusal: Refusal, **facts: Any) -> NoReturn:
    """Remember that a token, or none, opened nothing at this door; raise `refusal`."""
    signin.refuse(
        db, refusal, METHOD, program_origin(), path=request.path, web_origin=told_origin(), **facts
    )


def issuer() -> Issuer:
    """This installation, as what signs tokens and what they are checked for."""
    return Issuer(ours().settings.PUBLIC_URL, keys())
