"""How many password hashes are computed at once in this process, and who waits for a turn.

bcrypt is dear on purpose: two cores make about ten hashes a second. Browsers that nobody knows
share one turn at a time and a queue of two; who finds it full is told so at once, before anything
is looked up. Everybody else has a lane of their own: browsers that signed in before, and who
proved something else first. So a flood of wrong passwords keeps neither them nor the pages waiting.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import g

from app.core import clock
from app.core.errors import Busy

AGAIN = timedelta(seconds=2)
"""When somebody who was turned away may come again."""


class Lane:
    """`at_once` hashes at a time; `queue` more may wait, any number where it is None."""

    def __init__(self, at_once: int, queue: int | None = None) -> None:
        self._turns = threading.BoundedSemaphore(at_once)
        self._places = None if queue is None else threading.BoundedSemaphore(at_once + queue)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Take a turn, waiting for it. Raises `Busy` at once where the queue is full."""
        if self._places is None:
            with self._turns:
                yield
            return
        if not self._places.acquire(blocking=False):
            g.answer_at_once = True
            raise Busy(clock.now() + AGAIN)
        try:
            with self._turns:
                yield
        finally:
            self._places.release()


class Hall:
    """Where people stand who wait for a door to answer: each of them holds a thread."""

    def __init__(self) -> None:
        self._inside = 0
        self._counting = threading.Lock()

    @contextmanager
    def __call__(self, most: int) -> Iterator[None]:
        """Stand among at most `most`. Raises `Busy` at once where they are that many already."""
        with self._counting:
            full = self._inside >= most
            self._inside += not full
        if full:
            g.answer_at_once = True
            raise Busy(clock.now() + AGAIN)
        try:
            yield
        finally:
            with self._counting:
                self._inside -= 1


hall = Hall()
strangers = Lane(at_once=1, queue=2)
friends = Lane(at_once=os.cpu_count() or 1)
