"""How many password hashes are computed at once in this process, and who waits for a turn.

bcrypt is dear on purpose: two cores make about ten hashes a second. Browsers that nobody knows
share one turn at a time and a queue of two; who finds it full is told so at once, before anything
is looked up. Everybody else has a lane of their own: browsers that signed in before, and who
proved something else first. So a flood of wrong passwords keeps neither them nor the pages waiting.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import g, has_request_context

from app.core import clock
from app.core.errors import Busy

AGAIN = timedelta(seconds=2)
"""When somebody who was turned away may come again."""


def _note(name: str, value: float) -> None:
    # Whoever hashes without a request has nobody who reads it.
    if has_request_context():
        setattr(g, name, value)


class Lane:
    """`at_once` hashes at a time; `queue` more may wait."""

    def __init__(self, at_once: int, queue: int) -> None:
        self._turns = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + queue)

    def is_full(self) -> bool:
        """Whether who came now would be turned away."""
        if self._places.acquire(blocking=False):
            self._places.release()
            return False
        return True

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Take a turn, waiting for it. Raises `Busy` at once where the queue is full."""
        if not self._places.acquire(blocking=False):
            _note("answer_at_once", True)
            raise Busy(clock.now() + AGAIN)
        try:
            with self._turns:
                # The fixed moment of an answer is counted from here: how long the queue was
                # says nothing about an account.
                _note("turn_began", time.monotonic())
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
            _note("answer_at_once", True)
            raise Busy(clock.now() + AGAIN)
        try:
            yield
        finally:
            with self._counting:
                self._inside -= 1


hall = Hall()
strangers = Lane(at_once=1, queue=2)
programs = Lane(at_once=1, queue=12)
"""Passphrases that come through a program: a busy one keeps nobody waiting who is at a page."""

friends = Lane(at_once=len(os.sched_getaffinity(0)), queue=24)
