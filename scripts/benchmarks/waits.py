"""How long people wait for pages and sign-ins, at a steady pace, while something else goes on."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

from scripts.benchmarks.browser import NEVER, Answer, Browser
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.samples import quantile
from scripts.benchmarks.served import PASSWORD

PAGE = "/program_select"
EVERY_PAGE, EVERY_SIGN_IN = 0.12, 0.6
"""Seconds from the start of one sample to the next, unless it takes longer."""

Visits = Iterator[tuple[Browser, str]]
"""Browsers that are known, without end, and the address that each signs in with."""


@dataclass
class Row:
    """How long each answer took; one that was not the wanted one never came."""

    times: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, ask: Callable[[], Answer], wanted: int) -> None:
        """Ask, and note the seconds until an answer of the status that is `wanted`."""
        try:
            answer = ask()
        except (OSError, http.client.HTTPException) as error:
            self.failures[type(error).__name__] += 1
        else:
            if answer.status == wanted:
                self.times.append(answer.seconds)
                return
            self.failures[str(answer.status)] += 1
        self.times.append(NEVER)

    def end(self, share: float = 0.99) -> float:
        """The seconds that `share` of all did not exceed."""
        return quantile(self.times, share)

    def says(self, name: str) -> str:
        """The middle, the end, and what went wrong."""
        failed = ", ".join(f"{count} × {what}" for what, count in sorted(self.failures.items()))
        return (
            f"{name}: p50 {milliseconds(self.end(0.5))}, p99 {milliseconds(self.end())}"
            f" of {len(self.times)}, failed: {failed or 'none'}"
        )


@dataclass
class Waits:
    """Pages of somebody who is signed in, and sign-ins from browsers that are known."""

    pages: Row = field(default_factory=Row)
    sign_ins: Row = field(default_factory=Row)

    def has(self, pages: int, sign_ins: int) -> bool:
        """Whether there are so many of both."""
        return len(self.pages.times) >= pages and len(self.sign_ins.times) >= sign_ins

    def watch(self, reader: Browser, visits: Visits, is_enough: Callable[[], bool]) -> None:
        """Read pages, and beside them sign in, until it is enough."""
        over = Event()
        reader.close()  # What was idle for seconds may be cut in the moment it is used.
        with ThreadPoolExecutor(1) as beside:
            signing_in = beside.submit(self._sign_in, visits, over)
            due = time.monotonic()
            while not is_enough():
                self.pages.add(lambda: reader.get(PAGE), 200)
                due = _pause(due, EVERY_PAGE)
            over.set()
            signing_in.result()

    def _sign_in(self, visits: Visits, over: Event) -> None:
        due = time.monotonic()
        while not over.is_set():
            visit(self.sign_ins, *next(visits))
            due = _pause(due, EVERY_SIGN_IN)


def visit(row: Row, browser: Browser, email: str) -> None:
    """Come back after the session's end: open the form, and time the sign-in itself."""
    browser.forget()
    with suppress(OSError, http.client.HTTPException):
        browser.get("/login")
    row.add(lambda: browser.sign_in(email, PASSWORD), 303)
    browser.close()


def ratio(name: str, rest: Row, during: Row, *, most: float | None, needed: int) -> Figure:
    """How much longer the end of a row is than it was at rest."""
    usual, now = rest.end(), during.end()
    return Figure(
        f"{name}, p99",
        # Where even at rest it failed, nothing can be compared.
        NEVER if NEVER in {usual, now} else now / usual,
        f"{milliseconds(now)} ÷ {milliseconds(usual)}",
        most=most,
        unit=" ×",
        samples=min(len(rest.times), len(during.times)),
        needed=needed,
    )


def milliseconds(seconds: float) -> str:
    """A time in words."""
    return "never" if seconds == NEVER else f"{seconds * 1000:.0f} ms"


def _pause(due: float, every: float) -> float:
    """Wait until the next sample is due; who is late goes on at once, and the pace with them."""
    due = max(due + every, time.monotonic())
    time.sleep(max(0.0, due - time.monotonic()))
    return due
