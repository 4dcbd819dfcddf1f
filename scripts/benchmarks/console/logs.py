"""How long pages of what happened take: audit log, mails, conversations, and the dashboard."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.core import clock, mailbox
from app.core.desk import entries, trends
from app.core.desk.entries import Filters
from app.core.learning import transcripts
from app.core.learning.transcripts import Asked
from app.core.mailbox import Filter
from app.core.outbox import Kind
from app.database import LAST_ID
from app.models.records import MessageState, OutgoingMessage
from scripts.benchmarks.console.looks import page
from scripts.benchmarks.figures import Chapter, Figure

MOST_OF_DASHBOARD = 300
"""Milliseconds that the dashboard may take at ten million events."""

HOURS = 2 * 365 * 24
EVENTS = 10_000_000
"""What the roll-ups of these hours add up to."""

SORTS = (
    "(SELECT 'sign_in:admitted' AS event, 'password' AS kind, '' AS reason"
    " UNION ALL SELECT 'sign_in:admitted', 'code', ''"
    " UNION ALL SELECT 'sign_in:refused', 'password', 'wrong_password'"
    " UNION ALL SELECT 'sign_in:refused', 'password', 'unknown'"
    " UNION ALL SELECT 'mail:sent', 'new_device', ''"
    " UNION ALL SELECT 'mail:failed', 'setup', ''"
    " UNION ALL SELECT 'password:changed', '', ''"
    " UNION ALL SELECT 'chat:asked', 'SAFETY', ''"
    " UNION ALL SELECT 'chat:asked', 'MI', '') AS sorts"
)
NUMBERS = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows}) "
ROWS = [
    "INSERT INTO audit_entries (at, event, user_id, actor_id, ip, details, address) {numbers}"
    "SELECT {ago}, CASE WHEN n % 50 = 0 THEN 'sign_in:refused' WHEN n % 9999 = 0 THEN"
    " 'roster:applied' ELSE 'sign_in:admitted' END, n % 300000 + 1, CASE WHEN n % 100 = 0"
    " THEN 3 END, '10.0.' || (n % 200) || '.' || (n % 250), '{{}}',"
    " CASE WHEN n % 50 = 0 THEN 'p' || (n % 300000) || '@learn.example' END FROM n",
    "INSERT INTO outgoing_messages (kind, recipient, facts, state, attempts, created_at, due_at)"
    " {numbers}SELECT CASE WHEN n % 3 = 0 THEN 'setup' ELSE 'new_device' END,"
    " 'p' || (n % 300000) || '@learn.example', '{{}}', CASE WHEN n % 997 = 0 THEN 'failed'"
    " ELSE 'sent' END, 1, {ago}, {ago} FROM n",
    "INSERT INTO chat_history (user_id, program_code, user_message, bot_message, timestamp,"
    " is_visible) {numbers}SELECT n % 300000 + 1, CASE WHEN n % 2 = 0 THEN 'SAFETY' ELSE"
    " 'MI' END, 'How do I report case ' || n || '?', CASE WHEN n % 5000 = 0 THEN 'Ask the"
    " ombudsman.' ELSE 'Write it down the same day.' END, {ago}, {yes} FROM n",
]
ROLLUPS = [
    "INSERT INTO audit_rollups (period, event, begins_at, kind, reason, count) {numbers}"
    "SELECT 'hour', event, {hour}, kind, reason, {each} FROM n, {sorts}",
    "INSERT INTO audit_rollups (period, event, begins_at, kind, reason, count) {numbers}"
    "SELECT 'day', event, {hour}, kind, reason, {each} * 24 FROM n, {sorts} WHERE n % 24 = 1",
    "INSERT INTO active_people (period, begins_at, user_id) {numbers}"
    "SELECT 'day', {day}, person FROM n, (WITH RECURSIVE p(person) AS (SELECT 1 UNION ALL"
    " SELECT person + 1 FROM p WHERE person < 1000) SELECT person FROM p) AS people"
    " WHERE n % 24 = 1",
]
BACK = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', '{now}', '-' || ({count}) || ' seconds') || '.000000'",
    "postgresql": "CAST('{now}+00' AS timestamptz) - ({count}) * interval '1 second'",
}


def fill(engine: Engine, rows: int) -> None:
    """Put so many entries, mails and exchanges, and two years of roll-ups, into a database."""
    is_sqlite = engine.dialect.name == "sqlite"
    now = clock.now().strftime("%Y-%m-%d %H:00:00")
    today = clock.now().strftime("%Y-%m-%d 00:00:00")
    back = BACK[engine.dialect.name]
    words = {
        "ago": back.format(now=now, count=f"({rows} - n) * 60"),
        "hour": back.format(now=today, count="(n - 1) * 3600"),
        "day": back.format(now=today, count="n / 24 * 86400"),
        "each": EVENTS // HOURS // 9,
        "sorts": SORTS,
        "yes": 1 if is_sqlite else "true",
    }
    with engine.begin() as connection:
        for number, statements in ((rows, ROWS), (HOURS, ROLLUPS)):
            for each in statements:
                numbers = NUMBERS.format(rows=number)
                connection.execute(text(each.format(numbers=numbers, **words)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if is_sqlite else "VACUUM ANALYZE"))


def measure(db: Session, rows: int) -> list[Chapter]:
    """The first and the last page of each list, and the dashboard of each span."""
    return [_audit(db, rows), _mails(db, rows), _conversations(db, rows), _dashboard(db)]


def _audit(db: Session, rows: int) -> Chapter:
    today = clock.today()
    wanted = {
        "everything": Filters(),
        "an event": Filters(what="sign_in:refused"),
        "a rare event": Filters(what="roster:applied"),
        "an area": Filters(what="sign_in"),
        "a person": Filters(person="p700@learn.example"),
        "an address of the net": Filters(ip="10.0.7.7"),
        "ten days": Filters(since=today - timedelta(days=20), until=today - timedelta(days=10)),
        "an event on ten days": Filters(
            what="sign_in:refused",
            since=today - timedelta(days=20),
            until=today - timedelta(days=10),
        ),
    }
    found = [
        page(f"{name}, {which}", db, rows, partial(entries.search, db, each, before=before))
        for name, each in wanted.items()
        for which, before in (("first", LAST_ID), ("last", 51))
    ]
    return Chapter("Audit log", found, [])


def _mails(db: Session, rows: int) -> Chapter:
    today = clock.today()
    wanted = {
        "all": Filter(),
        "failed": Filter(state=MessageState.FAILED),
        "a kind": Filter(kind=Kind.SETUP),
        "a recipient": Filter(recipient="p700@learn.example"),
        "ten days": Filter(first_day=today - timedelta(days=20), last_day=today),
    }
    oldest = db.get(OutgoingMessage, 51)
    place = (oldest.created_at, oldest.id) if oldest else None
    found = [
        page(f"{name}, {which}", db, rows, partial(mailbox.find, db, each, before=before))
        for name, each in wanted.items()
        for which, before in (("first", None), ("last", place))
    ]
    return Chapter("Outbox", found, [])


def _conversations(db: Session, rows: int) -> Chapter:
    wanted = {
        "all": Asked(),
        "a program": Asked(program="SAFETY"),
        "a person": Asked(person="700"),
        "a common word": Asked(words="report"),
        "a rare word": Asked(words="ombudsman"),
        "a word that is nowhere": Asked(words="zeppelin"),
        "a rare word and a program": Asked(words="ombudsman", program="SAFETY"),
    }
    found = [
        page(f"{name}, {which}", db, rows, partial(_find, db, each, before))
        for name, each in wanted.items()
        for which, before in (("first", None), ("last", 51))
    ]
    return Chapter("Conversations", found, [])


def _find(db: Session, asked: Asked, before: int | None) -> object:
    return transcripts.find(db, transcripts.wanted(db, asked), before=before)


def _dashboard(db: Session) -> Chapter:
    found: list[Figure] = [
        page(span.value, db, EVENTS, partial(trends.read, db, span), MOST_OF_DASHBOARD)
        for span in trends.Span
    ]
    remark = f"Roll-ups of two years that add up to {EVENTS:,} events."
    return Chapter("Dashboard", found, [remark])
