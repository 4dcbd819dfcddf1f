"""The device cookie: that this browser signed in to an account before (OWASP's pattern).

It is signed, names the browser at random, and is bound to the accounts that came in with it: at
any other account it says nothing. It signs nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from datetime import UTC, datetime
from typing import cast

from flask import g, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from app.core import clock
from app.core.proof import guesses
from app.edge.ours import keys, ours

LIFETIME = 400 * 86400
"""Seconds that a browser is known; browsers keep no cookie longer (RFC 6265bis §5.5)."""

Mark = tuple[str, int]
"""An account, keyed, and when the browser last came in with it, in seconds since 1970."""

MOST = 8
"""Accounts that one browser is known to: people share computers."""


def name() -> str:
    """The random name of this browser; a new one where it has none yet."""
    return _read()[0]


def known_since(email: str) -> datetime | None:
    """When this browser last came in with this address, as typed; None if it never did."""
    address = guesses.counted_form(email)
    marks = dict(_read()[1])
    found = [marks[mark] for key in keys() if (mark := _mark(address, key)) in marks]
    return datetime.fromtimestamp(max(found), UTC) if found else None


def keep(response: Response, address: str) -> None:
    """Let the browser that gets this answer be known to the account of a canonical address."""
    name, marks = _read()
    mark = _mark(address, keys()[0])
    # Rounded up: what was done at the same moment led to this cookie.
    now = math.ceil(clock.now().timestamp())
    kept = [(mark, now), *(each for each in marks if each[0] != mark)][:MOST]
    response.set_cookie(
        cookie_name(),
        _serializer().dumps([name, kept]),
        max_age=LIFETIME,
        secure=ours().settings.https,
        httponly=True,
        samesite="Lax",
    )


def _read() -> tuple[str, list[Mark]]:
    if "device" not in g:
        g.device = _stored() or (secrets.token_urlsafe(16), [])
    return cast(tuple[str, list[Mark]], g.device)


def _stored() -> tuple[str, list[Mark]] | None:
    try:
        name, marks = _serializer().loads(request.cookies.get(cookie_name(), ""), max_age=LIFETIME)
        return str(name), [(str(mark), int(at)) for mark, at in marks]
    except (BadData, TypeError, ValueError):
        return None


def cookie_name() -> str:
    """What the cookie is called here; over https its name binds it to this host."""
    return "__Host-device" if ours().settings.https else "device"


def _serializer() -> URLSafeTimedSerializer:
    # The library signs with the last key of a list and verifies with all of them.
    return URLSafeTimedSerializer(list(reversed(keys())), salt="rollcall device cookie")


def _mark(address: str, key: str) -> str:
    # Keyed, so that nobody reads from a shared computer's cookie who else uses it.
    digest = hmac.new(b"rollcall device\0" + key.encode(), address.encode(), hashlib.sha256)
    return digest.hexdigest()[:24]
