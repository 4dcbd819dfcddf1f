"""How long a page of the list of people takes: every filter, order and search of the page.

Each on the first page and on the last.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.core.people.directory import find
from app.core.people.orders import SORTS, Order, Place
from app.core.people.wanted import Wanted
from scripts.benchmarks.console.looks import page
from scripts.benchmarks.figures import Chapter

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


def measure(db: Session, people: int) -> list[Chapter]:
    """The time of the first and of the last page in each order, for everything wanted."""
    chapters = []
    for sort in SORTS:
        order, found = Order.read(sort, ""), []
        for name, facts in WANTED.items():
            wanted = Wanted.read(facts)
            for which, place in (("first", None), ("last", Place(None, backwards=True))):
                look = partial(find, db, wanted, order, place)
                found.append(page(f"{name}, {which}", db, people, look))
        chapters.append(Chapter(f"People sorted by {sort}", found, []))
    return chapters


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
