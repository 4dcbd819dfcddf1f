"""`scripts/bench console`: how long the pages of the console take among a million rows.

What a page asks the database, without a browser, on its first page and on its last. Of several
looks the middle one counts, after one that nobody counts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from app.database import make_engine, make_sessions
from scripts.benchmarks import databases, figures
from scripts.benchmarks.console import logs, people
from scripts.benchmarks.console.looks import MILLION
from scripts.benchmarks.figures import Chapter

PARTS = {"people": people, "logs": logs}


def main() -> int:
    """Fill a database, measure every page, print the figures; 1 if one missed its bound."""
    asked = _options()
    kind = "postgresql" if asked.postgres else "sqlite"
    with TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user than root.
        with databases.fresh(kind, folder / kind) as url:
            chapters = _measure(url, [asked.only] if asked.only else [*PARTS], asked.rows)
    about = figures.machine() | {"rows": asked.rows, "database": kind}
    print((figures.as_json if asked.json else figures.as_text)(about, chapters))
    return 0 if figures.held(chapters) else 1


def _measure(url: str, parts: list[str], rows: int) -> list[Chapter]:
    chapters = []
    engine = make_engine(url)
    for name in parts:
        print(f"Filling: {rows:,} rows of {name} …", file=sys.stderr)
        PARTS[name].fill(engine, rows)
        print("Measuring …", file=sys.stderr)
        with make_sessions(engine)() as db:
            chapters += PARTS[name].measure(db, rows)
    engine.dispose()
    return chapters


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench console", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    parser.add_argument("--only", choices=PARTS, help="this part")
    parser.add_argument("--rows", type=int, default=MILLION, help="of each table (1000000)")
    parser.add_argument(
        "--postgres", action="store_true", help="a PostgreSQL of this run's own, not SQLite"
    )
    return parser.parse_args()


sys.exit(main())
