"""How long people wait who belong here, while strangers flood `/login` with wrong passwords.

The same is measured twice, at rest and during the flood: pages of somebody who is signed in, at a
steady pace, and beside them sign-ins from browsers that are known, each with a network of its own.
The flood is one other process on the same cores (`flooders`), not reniced: it takes what it can.
It tries the people who are measured, people who are not there, and others.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from scripts.benchmarks.browser import Browser
from scripts.benchmarks.figures import Chapter
from scripts.benchmarks.served import cpu_seconds
from scripts.benchmarks.signin.ground import Ground
from scripts.benchmarks.waits import PAGE, Row, Visits, Waits, ratio, visit

CLIENTS = 20
NAMES = {f"{PAGE}, signed in": (5, 500), "sign-in, known browser": (4, 100)}
"""What is measured: how much longer it may take, and the samples that a verdict needs."""


def measure(ground: Ground) -> Chapter:
    """Measure at rest, then during the flood."""
    regulars = [(ground.browser(), email) for email in ground.people["regular"]]
    reader = ground.browser()
    for browser, email in [*regulars, (reader, ground.people["warming"][0])]:
        visit(Row(), browser, email)
    visits = cycle(regulars)
    rest = _waits(ground, reader, visits)
    with _flooded(ground) as told:
        during = _waits(ground, reader, visits)
    pairs = ((rest.pages, during.pages), (rest.sign_ins, during.sign_ins))
    rows = dict(zip(NAMES, pairs, strict=True))
    figures = [
        ratio(name, *rows[name], most=most, needed=ground.needs(needed))
        for name, (most, needed) in NAMES.items()
    ]
    remarks = [
        row.says(f"{name}, {when}")
        for name, pair in rows.items()
        for when, row in zip(("at rest", "flooded"), pair, strict=True)
    ]
    return Chapter(f"During a flood from {CLIENTS} addresses ÷ at rest", figures, remarks + told)


def _waits(ground: Ground, reader: Browser, visits: Visits) -> Waits:
    waits, size = Waits(), ground.size
    waits.watch(reader, visits, lambda: waits.has(size.pages, size.known))
    return waits


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
