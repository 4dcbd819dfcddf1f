"""What the edge knows and the journeys need: keys, costs and lengths of life."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

from app.core.people.sessions import Lifetimes


@dataclass(frozen=True)
class Terms:
    """`rounds` is bcrypt's cost; `least` and what follows are characters of a password.

    `role_least` is for who has a role, `open_least` for who asked for their account themselves.

    `lane` is entered around every hash: how many are computed at once, and who waits, is the
    edge's to say. It may raise `Busy`.
    """

    keys: Sequence[str]
    code_lifetime: timedelta
    lifetimes: Lifetimes
    rounds: int
    least: int
    role_least: int
    service_words: Sequence[str]
    open_least: int = 12
    lane: Callable[[], AbstractContextManager[None]] = nullcontext
    remember: bool = False
    """Whether the browser wishes to be remembered that a new password lets in."""
