"""How often a network may knock, and when a door answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from flask import g, request
from flask_limiter import Limiter

from app.core.proof import guesses
from app.edge.db import db
from app.edge.identity import network
from app.edge.ours import ours

P = ParamSpec("P")
R = TypeVar("R")

limiter = Limiter(key_func=network, headers_enabled=True)

DOOR = "60 per minute"
"""Posts to one door from one network; an office shares one address."""

PER_ADDRESS = "60 per 15 minutes"
"""Posts to one door about one address, whichever networks they come from."""

CHAT = "120 per minute"


def typed_address() -> str:
    """The address that this request is about, in its canonical form where it has one."""
    return guesses.counted_form(request.form.get("email", ""))


def door(view: Callable[P, R]) -> Callable[P, R]:
    """Limit the posts to a door, per network and per address that they are about."""
    per_network = limiter.limit(DOOR, methods=["POST"])
    per_address = limiter.limit(
        PER_ADDRESS,
        key_func=typed_address,
        methods=["POST"],
        exempt_when=lambda: not request.form.get("email", "").strip(),
    )
    return cast(Callable[P, R], per_network(per_address(view)))


def at_fixed_time(view: Callable[P, R]) -> Callable[P, R]:
    """Answer a POST that let nobody in at a fixed moment, whatever was found on the way.

    The moment is `ANSWER_TIME` seconds after the request began, or the next multiple of it where
    the work took longer. The wait holds no transaction.
    """

    @wraps(view)
    def timed(*args: P.args, **kwargs: P.kwargs) -> R:
        started = time.monotonic()
        try:
            return view(*args, **kwargs)
        finally:
            # Who was turned away before anything was looked up learns nothing by the time.
            if request.method == "POST" and not g.get("let_in") and not g.get("answer_at_once"):
                db.rollback()
                _wait_from(started)

    return timed


def _wait_from(started: float) -> None:
    span = ours().settings.ANSWER_TIME
    if span > 0:
        taken = time.monotonic() - started
        time.sleep(max(1, math.ceil(taken / span)) * span - taken)
