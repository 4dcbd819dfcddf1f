"""`scripts/bench people`: how long a page of the list of people takes among a million.

The core alone, without a browser: every filter, order and search that a page can ask for, on the
first page and on the last. Of several looks the middle one counts, after one that nobody counts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.config import ROOT
from app.core.people.directory import find
from app.core.people.orders import Order, Place
from app.core.people.wanted import Wanted
from app.database import make_engine, make_sessions
from scripts.benchmarks import figures
from scripts.benchmarks.figures import Chapter, Figure
from tests.servers import start_postgres

BOUND = 100
"""Milliseconds that a page may take."""

LOOKS = 5
SYLLABLES = ["an", "der", "son", "mo", "ri", "ka", "lin", "bur", "to", "va", "wes", "zu", "pe"]

WANTED: dict[str, dict[str, str]] = {
    "everybody": {},
    "search: one person": {"q": "777777"},
    "search: some thousands": {"q": "sonkalin"},
    "search: very many": {"q": "example"},
    "search: name and address": {"q": "zupeva p99"},
    "search: two letters": {"q": "zu"},
    "search: nobody": {"q": "qqqqq"},
    "suspended": {"status": "suspended"},
    "active": {"status": "active"},
    "without a password": {"password": "no"},
    "with a password": {"password": "yes"},
    "off the list": {"roster": "off"},
    "on the list": {"roster": "listed"},
    "never on a list": {"roster": "never"},
    "a role": {"role": "owner"},
    "an id that many hold": {"lo": "LO-1"},
    "an id that few hold": {"lo": "RARE"},
    "never seen": {"seen": "never"},
    "seen in 30 days": {"seen": "30"},
    "not seen for 90 days": {"seen": "not90"},
    "expired": {"expiry": "expired"},
    "expires soon": {"expiry": "soon"},
    "many filters": {"status": "active", "password": "yes", "roster": "listed", "lo": "LO-1"},
    "search and filters": {"q": "son", "password": "no", "roster": "listed"},
}

NUMBERS = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :people) "
)
PEOPLE = (
    "INSERT INTO users (last_name, email, address, visit_count, status, date_added, expiry_date,"
    " password_hash, enforced, from_roster, listed, last_seen_at) " + NUMBERS + "SELECT"
    " bench_names.name, 'p' || n || '@learn.example', 'p' || n || '@learn.example', 0,"
    " CASE WHEN n % 997 = 0 THEN 'Inactive' ELSE 'Active' END, {past}, {ends},"
    " CASE WHEN n % 3 = 0 THEN NULL ELSE '$2b$04$x' END, {yes}, n % 500 <> 0, n / 3 % 10 <> 0,"
    " CASE WHEN n / 7 % 2 = 0 THEN {seen} END"
    " FROM numbers JOIN bench_names ON bench_names.k = (n % 2000 * 919 + n / 2000) % 2000"
    " ORDER BY n"
)
DIALECTS = {
    "sqlite": {
        "past": "datetime('now', '-' || (n % 900) || ' days') || '.000000'",
        "ends": "datetime('now', (n % 1000 - 100) || ' days') || '.000000'",
        "seen": "datetime('now', '-' || (n / 3 * 7 % 400) || ' days') || '.000000'",
        "yes": "1",
    },
    "postgresql": {
        "past": "now() - make_interval(days => n % 900)",
        "ends": "now() + make_interval(days => n % 1000 - 100)",
        "seen": "now() - make_interval(days => n / 3 * 7 % 400)",
        "yes": "true",
    },
}
HELD = [
    "INSERT INTO user_lo_root_ids (user_id, lo_root_id) SELECT id, 'LO-' || (id % 3) FROM users",
    "INSERT INTO user_lo_root_ids (user_id, lo_root_id)"
    " SELECT id, 'RARE' FROM users WHERE id % 50000 = 7",
    "INSERT INTO role_grants (user_id, role_id, granted_at)"
    " SELECT users.id, roles.id, users.date_added FROM users JOIN roles ON roles.name = 'owner'"
    " WHERE users.id % 100000 = 3",
    "ANALYZE",
]


def main() -> int:
    """Fill a database, measure every page, print the figures; 1 if one missed its bound."""
    asked = _options()
    with _database(own_postgres=asked.postgres) as url:
        engine = make_engine(url)
        print(f"Filling: {asked.people} people …", file=sys.stderr)
        fill(engine, asked.people)
        print("Measuring …", file=sys.stderr)
        with make_sessions(engine)() as db:
            chapters = [measure(db, sort) for sort in ("added", "name", "seen", "expiry")]
        engine.dispose()
    about = figures.machine() | {"people": asked.people, "database": url.partition(":")[0]}
    print((figures.as_json if asked.json else figures.as_text)(about, chapters))
    return 0 if figures.held(chapters) else 1


def measure(db: Session, sort: str) -> Chapter:
    """The time of the first and of the last page in this order, for everything wanted."""
    found = []
    for name, facts in WANTED.items():
        wanted, order = Wanted.read(facts), Order.read(sort, "")
        for which, place in (("first", None), ("last", Place(None, backwards=True))):
            took = _middle(db, wanted, order, place)
            found.append(Figure(f"{name}, {which}", took, "", unit=" ms", most=BOUND))
    return Chapter(f"Sorted by {sort}", found, [])


def fill(engine: Engine, people: int) -> None:
    """Put so many invented people into an empty, migrated database."""
    names = [f"{a.title()}{b}{c}" for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES][:2000]
    dialect = engine.dialect.name
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bench_names (k INTEGER PRIMARY KEY, name TEXT)"))
        rows = [{"k": number, "name": name} for number, name in enumerate(names)]
        connection.execute(text("INSERT INTO bench_names VALUES (:k, :name)"), rows)
        statement = PEOPLE.format(**DIALECTS[dialect])
        connection.execute(text(statement), {"people": people})
        for each in HELD:
            if each != "ANALYZE" or dialect == "postgresql":
                connection.execute(text(each))
        connection.execute(text("DROP TABLE bench_names"))


def _middle(db: Session, wanted: Wanted, order: Order, place: Place | None) -> float:
    took = []
    for _ in range(LOOKS + 1):
        began = time.perf_counter()
        find(db, wanted, order, place)
        took.append((time.perf_counter() - began) * 1000)
        db.rollback()
        db.expunge_all()
    return statistics.median(took[1:])


@contextmanager
def _database(*, own_postgres: bool) -> Iterator[str]:
    with TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if not own_postgres:
            yield _migrated(f"sqlite:///{folder / 'people.db'}")
            return
        server = start_postgres(folder / "postgres")
        try:
            server.create("people")
            yield _migrated(server.url("people"))
        finally:
            server.stop()


def _migrated(url: str) -> str:
    alembic = Config(str(ROOT / "alembic.ini"))
    alembic.attributes["url"] = url
    command.upgrade(alembic, "head")
    return url


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench people", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    parser.add_argument("--people", type=int, default=1_000_000, help="how many there are")
    parser.add_argument(
        "--postgres", action="store_true", help="a PostgreSQL of this run's own, not SQLite"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
