"""How often a network may knock, and when a door answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from flask_limiter import Limiter

from app.edge.db import db
from app.edge.identity import network
from app.edge.ours import ours

P = ParamSpec("P")
R = TypeVar("R")

limiter = Limiter(key_func=network, headers_enabled=True)

DOOR = "60 per minute"
"""Posts to one door from one network; an office shares one address."""

CHAT = "120 per minute"


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
            if request.method == "POST" and not g.get("let_in"):
                db.rollback()
                _wait_from(started)

    return timed


def _wait_from(started: float) -> None:
    span = ours().settings.ANSWER_TIME
    if span > 0:
        taken = time.monotonic() - started
        time.sleep(max(1, math.ceil(taken / span)) * span - taken)
