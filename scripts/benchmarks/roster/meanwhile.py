"""How long people wait who sign in and read while lists are imported, beside their wait at rest.

Against a server as `scripts/run` starts it. Two lists take turns, so that each import takes a
million lines out and brings a million others; who is measured stands on both.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from app.config import ROOT
from scripts.benchmarks.browser import Browser, networks
from scripts.benchmarks.figures import Chapter, Figure
from scripts.benchmarks.roster import sample
from scripts.benchmarks.served import OWN, Served, served
from scripts.benchmarks.waits import PAGE, Row, Waits, ratio, visit

COST = 12
REGULARS = 20
NEEDED = {"sqlite": (200, 30), "postgresql": (500, 80)}
"""Pages and sign-ins that a verdict needs."""

MOST = {"sqlite": None, "postgresql": 3}
"""Times as long as at rest. SQLite has one writer at a time: who signs in waits for it."""


def measure(engine: str, folder: Path, lines: int, *, is_judged: bool) -> Chapter:
    """Measure at rest, then while imports go on, one after another."""
    pages, sign_ins = NEEDED[engine] if is_judged else (5, 1)
    regular = REGULARS if is_judged else 1
    database = OWN if engine == "postgresql" else None
    with served(cost=COST if is_judged else 4, database=database) as server:
        emails = server.put_in({"regular": (regular + 1, {})})["regular"]
        lists = [_list(folder, name, lines, emails) for name in ("p", "q")]
        ips = islice(networks(), len(emails))
        regulars = [
            (Browser(server.port, ip, "Bench/1"), email)
            for ip, email in zip(ips, emails, strict=True)
        ]
        for browser, email in regulars:
            visit(Row(), browser, email)
        reader, visits = regulars.pop()[0], cycle(regulars)
        rest, during = Waits(), Waits()
        rest.watch(reader, visits, lambda: rest.has(pages, sign_ins))
        imports = _imports(server, cycle(lists))
        during.watch(reader, visits, lambda: next(imports) and during.has(pages, sign_ins))
    title = f"{engine}: while {lines} lines are imported ÷ at rest"
    return Chapter(title, *_figures(engine, rest, during))


def _figures(engine: str, rest: Waits, during: Waits) -> tuple[list[Figure], list[str]]:
    names = (f"{PAGE}, signed in", "sign-in, known browser")
    rows = ((rest.pages, during.pages), (rest.sign_ins, during.sign_ins))
    failed = sum(row.failures.total() for row in (during.pages, during.sign_ins))
    figures = [
        ratio(name, *pair, most=MOST[engine], needed=needed)
        for name, pair, needed in zip(names, rows, NEEDED[engine], strict=True)
    ]
    samples = {"samples": len(during.pages.times), "needed": NEEDED[engine][0]}
    floor = "while lists were imported"
    figures.append(Figure("answers that failed", failed, floor, most=0, **samples))
    remarks = [
        row.says(f"{name}, {when}")
        for name, pair in zip(names, rows, strict=True)
        for when, row in zip(("at rest", "meanwhile"), pair, strict=True)
    ]
    return figures, remarks


def _imports(server: Served, lists: Iterator[Path]) -> Iterator[bool]:
    """Import the lists in turn; yields while one goes on whether another has just ended."""
    settings = {
        name: str(value)
        for name in ("DATABASE_URL", "DATA_DIR", "FLASK_SECRET_KEY")
        if (value := getattr(server.settings, name))
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "rollcall", "roster", "import"]
    for path in lists:
        with subprocess.Popen(
            [*command, str(path), "--apply", "--force", "--json"],
            cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL,
        ) as importing:  # fmt: skip
            while importing.poll() is None:
                yield False
        if importing.returncode:
            raise RuntimeError(f"the import of {path.name} ended with {importing.returncode}")
        yield True


def _list(folder: Path, name: str, lines: int, emails: list[str]) -> Path:
    path = folder / f"{name}.csv"
    sample.write(path, lines, name=name)
    with path.open("a", encoding="utf-8") as file:
        for email in emails:
            file.write(f"B1,Bench,{email},Active,A class,2026-03-02,LO-01\n")
    return path
