"""Links in mails and on the console: signed, dated, each purpose with a salt of its own.

Nothing is stored for a link. It carries what it was issued for, and using it changes just that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from app.core import clock
from app.core.errors import LinkDead

SKEW = timedelta(seconds=60)
"""How far in the future a link may be dated: the clocks of two machines differ."""


class Link(StrEnum):
    """What a link is for; a token of one purpose opens no other."""

    ADDRESS = "address"
    ADDRESS_BACK = "address-back"
    CHAT_PROFILE = "chat-profile"
    CHAT_SIGNUP = "chat-signup"
    CREATE = "create"
    FIRST_ADMIN = "first-admin"
    NOT_ME = "not-me"
    REGISTRATION = "registration"
    RESET = "reset"
    SETUP = "setup"
    SIGN_IN = "sign-in"
    UNPAUSE = "unpause"


def mint(purpose: Link, facts: dict[str, Any], *, keys: Sequence[str]) -> str:
    """A token that carries `facts`, signed under the first of `keys`."""
    return _serializer(purpose, keys).dumps(facts)


def read_expired(purpose: Link, token: str, *, keys: Sequence[str]) -> dict[str, Any]:
    """The facts of a token of any age: whom it was mailed to. It opens nothing by that.

    Raises `LinkDead` for one that is forged or of another purpose.
    """
    return _load(purpose, token, keys)[0]


def read(purpose: Link, token: str, *, lifetime: timedelta, keys: Sequence[str]) -> dict[str, Any]:
    """The facts of a token. Raises `LinkDead` for one that is forged, of another purpose,
    older than `lifetime`, or dated in the future."""
    facts, dated = _load(purpose, token, keys)
    # The library's own check of the age would refuse the smallest difference between two clocks.
    if not -SKEW <= clock.now() - dated <= lifetime:
        raise LinkDead
    return facts


def _load(purpose: Link, token: str, keys: Sequence[str]) -> tuple[dict[str, Any], datetime]:
    try:
        facts, dated = _serializer(purpose, keys).loads(token, return_timestamp=True)
    except (BadData, UnicodeEncodeError):
        raise LinkDead from None
    if not isinstance(facts, dict):
        raise LinkDead
    return facts, dated


def _serializer(purpose: Link, keys: Sequence[str]) -> URLSafeTimedSerializer:
    # The library signs with the last key of a list and verifies with all of them.
    return URLSafeTimedSerializer(list(reversed(keys)), salt=f"rollcall link {purpose.value}")
