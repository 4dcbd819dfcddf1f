"""`scripts/bench roster`: what an import of a long list takes, beside a bare table.

Each step runs in a process of its own, as the worker has one. The list is imported into an empty
database, then again with 1 % of its people changed. Both, and the bare table beside them, are timed
twice, each time in a new database, and the lesser time counts: what else a machine does only ever
adds to it. Then it is measured how long people wait who sign in and read meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.config import ROOT
from scripts.benchmarks import databases, figures
from scripts.benchmarks.figures import Chapter, Figure
from scripts.benchmarks.roster import meanwhile, pages, sample

LINES = 1_000_000
MOST_OF_CHECK = {"sqlite": 2.5, "postgresql": 4}
MOST_OF_APPLY = {"sqlite": 2.5, "postgresql": 12}
MOST_AGAIN = {"sqlite": 1, "postgresql": 0.6}
LEAST_OF_LEGACY = {"sqlite": 50, "postgresql": 30}
MOST_MEMORY = 300
ROUNDS = 2
"""How often a list of full length is imported into an empty database."""

LEGACY_SHARE = 50
"""The legacy way is timed on every fiftieth part of the list: its time grows with the lines."""


def main() -> int:
    """Measure both kinds of database; 1 if a figure missed its bound."""
    asked = _options()
    chapters = []
    with TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user than root.
        lists = _lists(folder, asked.lines)
        for engine in [asked.only] if asked.only else ["sqlite", "postgresql"]:
            print(f"Measuring: {engine} …", file=sys.stderr)
            rounds = [
                _round(engine, folder / f"{engine}-{number}", lists)
                for number in range(1, ROUNDS if asked.lines >= LINES else 1)
            ]
            with databases.fresh(engine, folder / engine) as url:
                rounds.append(_import_both(url, folder / engine, lists))
                legacy = _floor(url, lists["part"], "legacy") * LEGACY_SHARE
                chapters.append(_judge(engine, rounds, legacy, asked.lines))
                chapters.append(pages.measure(url, engine, asked.lines))
            if asked.lines >= LINES or asked.meanwhile:
                is_judged = asked.lines >= LINES
                found = meanwhile.measure(engine, folder, asked.lines, is_judged=is_judged)
                chapters.append(found)
    print((figures.as_json if asked.json else figures.as_text)(figures.machine(), chapters))
    return 0 if figures.held(chapters) else 1


Round = dict[str, dict[str, float]]
"""Of the bare table, the first import and the second: the seconds of each step, peak memory."""


def _round(engine: str, folder: Path, lists: dict[str, Path]) -> Round:
    with databases.fresh(engine, folder) as url:
        return _import_both(url, folder, lists)


def _import_both(url: str, data: Path, lists: dict[str, Path]) -> Round:
    bare = min(_floor(url, lists["whole"], "bare") for _ in range(2))
    imports = {name: _import(url, data, lists[name]) for name in ("whole", "changed")}
    return {"bare": {"load": bare}, **imports}


def _judge(engine: str, rounds: list[Round], legacy: float, lines: int) -> Chapter:
    def least(what: str, step: str) -> float:
        return min(each[what][step] for each in rounds)

    bare = least("bare", "load")
    first, second = (
        {step: least(name, step) for step in ("check", "apply")} for name in ("whole", "changed")
    )
    peak = max(each[name]["peak"] for each in rounds for name in ("whole", "changed"))
    both = first["check"] + first["apply"]
    said = f"beside {bare:.2f} s bare"
    samples = {"samples": lines, "needed": LINES}
    again = (second["check"] + second["apply"]) / both
    rows = [
        Figure("dry run ÷ bare table", first["check"] / bare, f"{first['check']:.2f} s {said}",
               unit=" ×", most=MOST_OF_CHECK[engine], **samples),
        Figure("apply ÷ bare table", first["apply"] / bare, f"{first['apply']:.2f} s {said}",
               unit=" ×", most=MOST_OF_APPLY[engine], **samples),
        Figure("again with 1 % changed ÷ the first", again,
               f"{second['check']:.2f} + {second['apply']:.2f} s of {both:.2f} s",
               unit=" ×", most=MOST_AGAIN[engine], **samples),
        Figure("the legacy way ÷ ours", legacy / both,
               f"{legacy:.0f} s for all, by {lines // LEGACY_SHARE} lines",
               unit=" ×", least=LEAST_OF_LEGACY[engine], **samples),
        Figure("peak memory", peak, "of the worker",
               unit=" MB", most=MOST_MEMORY, **samples),
    ]  # fmt: skip
    return Chapter(f"{engine}: {lines} lines, {lines // sample.EACH} people", rows, [])


def _lists(folder: Path, lines: int) -> dict[str, Path]:
    lists = {name: folder / f"{name}.csv" for name in ("whole", "changed", "part")}
    sample.write(lists["whole"], lines)
    sample.write(lists["changed"], lines, changed=1)
    sample.write(lists["part"], lines // LEGACY_SHARE)
    return lists


def _floor(url: str, path: Path, way: str) -> float:
    return float(_run("floors", url, str(path), way)["seconds"])


def _import(url: str, data: Path, path: Path) -> dict[str, float]:
    secret = "a secret of this benchmark alone, 0123456789"  # noqa: S105 - of no installation
    settings = {"DATABASE_URL": url, "DATA_DIR": str(data), "FLASK_SECRET_KEY": secret}
    return _run("one", str(path), **settings, LOG_LEVEL="error")


def _run(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"scripts.benchmarks.roster.{module}", *arguments],
        cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench roster", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    parser.add_argument("--lines", type=int, default=LINES, help=f"of the list ({LINES})")
    parser.add_argument("--meanwhile", action="store_true", help="on few lines too: who waits")
    parser.add_argument("--only", choices=MOST_OF_CHECK, help="this kind of database")
    return parser.parse_args()


sys.exit(main())
