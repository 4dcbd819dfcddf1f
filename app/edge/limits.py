"""How often an address and its network may knock, and when a door answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from flask import g, request
from flask_limiter import Limiter
from werkzeug.exceptions import TooManyRequests

from app.edge import devices
from app.edge.db import db, wake_if_wanted
from app.edge.identity import neighbourhood, network
from app.edge.lanes import hall
from app.edge.ours import ours

P = ParamSpec("P")
R = TypeVar("R")

limiter = Limiter(key_func=network)
"""It sets no headers: its own `Retry-After` would stand on every answer, and over ours."""

DOOR = "60 per minute"
"""Posts to one door from one address (an IPv6 /64); an office shares one."""

NEIGHBOURS = "600 per minute"
"""Posts to one door from one network: an IPv4 /24, or an IPv6 /48."""

CHAT = "120 per minute"

SERVERS = "1200 per minute"
"""Posts to one path from one address of a server that asks for hundreds of people."""

REFUSED = "60 per minute"
"""Requests to one path from one address that were refused for what they showed: a key, a token."""

PER_KEY = "1200 per minute"
"""Requests to one path with one API key, behind which all the people of a GPT are."""


def door(view: Callable[P, R]) -> Callable[P, R]:
    """Limit the posts to a door, per address that they come from and per network around it.

    What is typed is no key here: a stranger could use up what an owner needs.
    """
    per_address = limiter.limit(DOOR, methods=["POST"])
    per_network = limiter.limit(NEIGHBOURS, key_func=neighbourhood, methods=["POST"])
    return cast(Callable[P, R], per_network(per_address(view)))


def wide_door(view: Callable[P, R]) -> Callable[P, R]:
    """Limit the posts to where servers ask for their people; what is refused counts by itself."""
    return cast(Callable[P, R], limiter.limit(SERVERS, methods=["POST"])(view))


def aside(count: Callable[[], None]) -> Callable[[], None]:
    """Have the limit of `count` refuse this one request at once.

    It closes no gate: others at the same address show a right key, and go on.
    """

    @wraps(count)
    def counted() -> None:
        g.gate_stays_open = True
        try:
            count()
        except TooManyRequests:
            g.answer_at_once = True
            raise

    return counted


@aside
@limiter.limit(REFUSED)
def count_refused() -> None:
    """Count what was refused for its key or token. Raises `TooManyRequests`."""


@aside
@limiter.limit(PER_KEY, key_func=lambda: str(g.api_key.id))
def count_for_key() -> None:
    """Count what `g.api_key` let in. Raises `TooManyRequests`."""


def open_again_at() -> float:
    """When the limit that this request ran into takes another one, in seconds since 1970."""
    met = limiter.current_limit
    return float(met.reset_at) if met else time.time() + 60


def seconds_left() -> int:
    """Seconds until then."""
    return max(1, math.ceil(open_again_at() - time.time()))


def at_fixed_time(view: Callable[P, R]) -> Callable[P, R]:
    """Answer a POST that let nobody in at a fixed moment, whatever was found on the way.

    The moment is `ANSWER_TIME` seconds after the request began, or got its turn to hash, or the
    next multiple of it where the work took longer. The wait holds no transaction. It holds a
    thread, so that no more than half of them may stand at doors, and some more for browsers that
    were here before; who comes then gets `Busy` at once. What was malformed, or turned away
    before anything was looked up, tells nothing by its time and does not wait.
    """

    @wraps(view)
    def timed(*args: P.args, **kwargs: P.kwargs) -> R:
        if request.method != "POST":
            return view(*args, **kwargs)
        known = devices.known_since(request.form.get("email", "")) is not None
        places = ours().settings.WEB_THREADS
        with hall(places * 3 // 4 if known else places // 2):
            started = time.monotonic()
            try:
                return view(*args, **kwargs)
            finally:
                if not g.get("let_in") and not g.get("answer_at_once"):
                    db.rollback()
                    # Waking takes the time of a write, which must lie before the moment too.
                    wake_if_wanted()
                    wait_from(g.get("turn_began", started))

    return timed


def wait_from(started: float) -> None:
    """Wait for the moment after `started` at which an answer tells nothing by its time.

    The transaction must be over.
    """
    span = ours().settings.ANSWER_TIME
    if span > 0:
        taken = time.monotonic() - started
        time.sleep(max(1, math.ceil(taken / span)) * span - taken)
