"""How long people wait who belong here, while strangers flood `/login` with wrong passwords.

The same is measured twice, at rest and during the flood: pages of somebody who is signed in, at a
steady pace, and beside them sign-ins from browsers that are known, each with a network of its own.
The flood is one other process on the same cores (`flooders`), not reniced: it takes what it can.
It tries the people who are measured, people who are not there, and others.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

from scripts.benchmarks.browser import NEVER, Answer, Browser
from scripts.benchmarks.figures import Chapter, Figure
from scripts.benchmarks.samples import quantile
from scripts.benchmarks.served import PASSWORD, cpu_seconds
from scripts.benchmarks.signin.ground import PAGE, Ground

CLIENTS = 20
EVERY_PAGE, EVERY_SIGN_IN = 0.12, 0.6
"""Seconds from the start of one sample to the next, unless it takes longer."""

NAMES = {f"{PAGE}, signed in": (5, 500), "sign-in, known browser": (4, 100)}
"""What is measured: how much longer it may take, and the samples that a verdict needs."""

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
            f"{name}: p50 {_milliseconds(self.end(0.5))}, p99 {_milliseconds(self.end())}"
            f" of {len(self.times)}, failed: {failed or 'none'}"
        )


def measure(ground: Ground) -> Chapter:
    """Measure at rest, then during the flood."""
    regulars = [(ground.browser(), email) for email in ground.people["regular"]]
    reader = ground.browser()
    for browser, email in [*regulars, (reader, ground.people["warming"][0])]:
        _visit(Row(), browser, email)
    visits = cycle(regulars)
    rest = _wait_times(ground, reader, visits)
    with _flooded(ground) as told:
        during = _wait_times(ground, reader, visits)
    rows = dict(zip(NAMES, zip(rest, during, strict=True), strict=True))
    figures = [_ratio(ground, name, *rows[name], *bounds) for name, bounds in NAMES.items()]
    remarks = [
        row.says(f"{name}, {when}")
        for name, pair in rows.items()
        for when, row in zip(("at rest", "flooded"), pair, strict=True)
    ]
    return Chapter(f"During a flood from {CLIENTS} addresses ÷ at rest", figures, remarks + told)


@contextmanager
def _flooded(ground: Ground) -> Iterator[list[str]]:
    """Flood the server; the list tells afterwards what the flooders were answered."""
    told: list[str] = []
    emails = [*ground.people["regular"], *ground.people["victim"]]
    emails += [email.replace("victim", "nobody") for email in ground.people["victim"]]
    command = [sys.executable, "-m", "scripts.benchmarks.signin.flooders"]
    command += [str(ground.server.port), str(CLIENTS)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as flooders:
        assert flooders.stdin is not None
        assert flooders.stdout is not None
        flooders.stdin.write(json.dumps(emails) + "\n")
        flooders.stdin.flush()
        flooders.stdout.readline()
        spent = cpu_seconds(ground.server.web)
        try:
            yield told
        finally:
            spent = cpu_seconds(ground.server.web) - spent
            flooders.stdin.close()
            told += _account(json.loads(flooders.stdout.read()), spent)


def _account(seen: dict[str, Any], spent: float) -> list[str]:
    seconds = seen["seconds"]
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(seen["answers"].items()))
    return [
        f"the flooders' answers by status: {counts}, in {seconds:.0f} s",
        f"CPU meanwhile: server {spent / seconds:.2f} cores, flooders {seen['cores']:.2f}",
    ]


def _wait_times(ground: Ground, reader: Browser, visits: Visits) -> tuple[Row, Row]:
    """Read pages for as long as the sign-ins beside them take, and not fewer than are wanted."""
    pages, sign_ins = Row(), Row()
    reader.close()  # What was idle for seconds may be cut in the moment it is used.
    with ThreadPoolExecutor(1) as beside:
        signing_in = beside.submit(_sign_in_all, sign_ins, islice(visits, ground.size.known))
        due = time.monotonic()
        while len(pages.times) < ground.size.pages or not signing_in.done():
            pages.add(lambda: reader.get(PAGE), 200)
            due = _pause(due, EVERY_PAGE)
        signing_in.result()
    return pages, sign_ins


def _sign_in_all(row: Row, visits: Visits) -> None:
    due = time.monotonic()
    for browser, email in visits:
        _visit(row, browser, email)
        due = _pause(due, EVERY_SIGN_IN)


def _visit(row: Row, browser: Browser, email: str) -> None:
    """Come back after the session's end: open the form, and time the sign-in itself."""
    browser.forget()
    with suppress(OSError, http.client.HTTPException):
        browser.get("/login")
    row.add(lambda: browser.sign_in(email, PASSWORD), 303)
    browser.close()


def _pause(due: float, every: float) -> float:
    """Wait until the next sample is due; who is late goes on at once, and the pace with them."""
    due = max(due + every, time.monotonic())
    time.sleep(max(0.0, due - time.monotonic()))
    return due


def _ratio(ground: Ground, name: str, rest: Row, during: Row, most: float, needed: int) -> Figure:
    usual, flooded = rest.end(), during.end()
    return Figure(
        f"{name}, p99",
        # Where even at rest it failed, nothing can be compared.
        NEVER if NEVER in {usual, flooded} else flooded / usual,
        f"{_milliseconds(flooded)} ÷ {_milliseconds(usual)}",
        most=most,
        unit=" ×",
        samples=min(len(rest.times), len(during.times)),
        needed=ground.needs(needed),
    )


def _milliseconds(seconds: float) -> str:
    return "never" if seconds == NEVER else f"{seconds * 1000:.0f} ms"
