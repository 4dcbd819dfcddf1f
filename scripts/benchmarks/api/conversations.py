"""Saving a conversation and reading a first page: among a million of them, beside a thousand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import NOWHERE
from app.core.learning import keeping, memory, seeking
from app.core.learning.content import Text
from app.database import make_engine, make_sessions
from app.models.conversations import Exchange
from app.models.people import User
from scripts.benchmarks import databases
from scripts.benchmarks.figures import Chapter, Figure

FEW, MANY = 1_000, 1_000_000
EACH = 100
"""Conversations that one person saved, in both databases."""

MOST = 1.2
"""How many times as long it may take among many as among few."""

ROUNDS, NEEDED = 200, 100
SAID = [f"{who}: {'What is an open question? ' * 4}" for who in ("Learner", "Coach") * 3]

FILL = (
    "INSERT INTO saved_conversations (id, user_id, summary, raw_text, characters, words,"
    " content_hash, once, created_at, updated_at)"
    " WITH RECURSIVE numbers(n) AS"
    " (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows - 1)"
    " SELECT {id}, 1 + n % :people, 'Practised open questions.', '[\"Learner: hello\"]', 14,"
    " 'practised open questions.', {hash}, {hash}, {moment}, {moment} FROM {rows}"
)
SQLITE = {
    "id": "lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-8'"
    " || substr(h, 18, 3) || '-' || substr(h, 21, 12))",
    "hash": "lower(h)",
    # One draw for each row: drawn in two places it would be two.
    "rows": "(SELECT n, hex(randomblob(16)) AS h FROM numbers)",
    "moment": "datetime('2026-03-02', '+' || n || ' seconds') || '.000000'",
}
POSTGRES = {
    "id": "gen_random_uuid()::text",
    "hash": "md5(n::text)",
    "rows": "numbers",
    "moment": "timestamp '2026-03-02' + n * interval '1 second'",
}


def measure(folder: Path, *, quick: bool, kinds: Iterable[str]) -> list[Chapter]:
    """A chapter for each kind of database; a quick run has fewer rows and judges nothing."""
    return [_measure(kind, folder, quick=quick) for kind in kinds]


def _measure(kind: str, folder: Path, *, quick: bool) -> Chapter:
    rounds = 20 if quick else ROUNDS
    with ExitStack() as stack:
        opened = []
        for rows in (FEW, FEW * 20 if quick else MANY):
            url = stack.enter_context(databases.fresh(kind, folder / f"{kind}-{rows}"))
            engine = make_engine(url)
            stack.callback(engine.dispose)
            db = stack.enter_context(make_sessions(engine)())
            opened.append((db, _fill(db, kind, rows)))
        figures = [
            _figure("save", _save(), opened, rounds),
            _figure("first page", _page, opened, rounds),
            _figure("search", _search, opened, rounds, most=None),
        ]
    return Chapter(f"Saved conversations, {kind}", figures, [f"{EACH} of one person in both"])


def _fill(db: Session, kind: str, rows: int) -> User:
    """Fill a database, and give the person whose conversations are measured."""
    people = rows // EACH
    now = clock.now()
    db.execute(
        insert(User),
        [
            {"last_name": "L", "email": f"p{n}@x.example", "address": f"p{n}@x.example",
             "status": "Active", "date_added": now}
            for n in range(people)
        ],
    )  # fmt: skip
    parts = POSTGRES if kind == "postgresql" else SQLITE
    db.execute(text(FILL.format(**parts)), {"rows": rows, "people": people})
    user = db.get_one(User, 1)
    db.execute(
        insert(Exchange),
        [
            {"user_id": user.id, "program_code": "BCC", "user_message": "Why?",
             "bot_message": "So.", "timestamp": now - timedelta(days=n), "is_visible": True}
            for n in range(EACH)
        ],
    )  # fmt: skip
    db.commit()
    db.execute(text("ANALYZE"))
    db.commit()
    return user


def _figure(
    name: str,
    act: Callable[[Session, User], object],
    opened: list[tuple[Session, User]],
    rounds: int,
    *,
    most: float | None = MOST,
) -> Figure:
    times: list[list[float]] = [[] for _ in opened]
    for turn in range(rounds + 5):
        # In turns, so that what else the machine does weighs on both alike.
        for taken, (db, user) in zip(times, opened, strict=True):
            started = time.perf_counter()
            act(db, user)
            db.commit()
            if turn >= 5:
                taken.append(time.perf_counter() - started)
    few, many = map(median, times)
    words = f"{many * 1000:.2f} ms beside {few * 1000:.2f} ms"
    return Figure(
        f"{name}, among many ÷ among few", many / few, words, " ×", most=most,
        samples=rounds, needed=NEEDED,
    )  # fmt: skip


def _save() -> Callable[[Session, User], object]:
    numbers = count()

    def save(db: Session, user: User) -> object:
        content = Text(f"No. {next(numbers)}", SAID, "Open questions")
        return keeping.save(db, user.id, content, client="bench", origin=NOWHERE)

    return save


def _page(db: Session, user: User) -> object:
    return memory.page(db, user)


def _search(db: Session, user: User) -> object:
    return seeking.search(db, user, "practised questions")
