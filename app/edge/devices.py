"""The device cookie: that this browser signed in to an account before (OWASP's pattern).

It is signed, names the browser at random, and is bound to the accounts that came in with it: at
any other account it says nothing. It signs nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import cast

from flask import g, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.core.proof import guesses
from app.edge.ours import keys, ours

LIFETIME = 400 * 86400
"""Seconds that a browser is known; browsers keep no cookie longer (RFC 6265bis §5.5)."""

MOST = 8
"""Accounts that one browser is known to: people share computers."""


def name() -> str:
    """The random name of this browser; a new one where it has none yet."""
    return _read()[0]


def knows(email: str) -> bool:
    """Whether this browser signed in before with this address, as typed."""
    address = guesses.counted_form(email)
    marks = _read()[1]
    return any(_mark(address, key) in marks for key in keys())


def keep(response: Response, address: str) -> None:
    """Let the browser that gets this answer be known to the account of a canonical address."""
    name, marks = _read()
    mark = _mark(address, keys()[0])
    kept = [mark, *(each for each in marks if each != mark)][:MOST]
    response.set_cookie(
        _cookie(),
        _serializer().dumps([name, kept]),
        max_age=LIFETIME,
        secure=ours().settings.https,
        httponly=True,
        samesite="Lax",
    )


def _read() -> tuple[str, list[str]]:
    if "device" not in g:
        g.device = _stored() or (secrets.token_urlsafe(16), [])
    return cast(tuple[str, list[str]], g.device)


def _stored() -> tuple[str, list[str]] | None:
    try:
        name, marks = _serializer().loads(request.cookies.get(_cookie(), ""), max_age=LIFETIME)
    except (BadData, TypeError, ValueError):
        return None
    return name, marks


def _cookie() -> str:
    return "__Host-device" if ours().settings.https else "device"


def _serializer() -> URLSafeTimedSerializer:
    # The library signs with the last key of a list and verifies with all of them.
    return URLSafeTimedSerializer(list(reversed(keys())), salt="rollcall device cookie")


def _mark(address: str, key: str) -> str:
    # Keyed, so that nobody reads from a shared computer's cookie who else uses it.
    digest = hmac.new(b"rollcall device\0" + key.encode(), address.encode(), hashlib.sha256)
    return digest.hexdigest()[:24]
