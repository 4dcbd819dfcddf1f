"""What is found about chats: whose they are, which program's, and in what shape."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select, table

from app.core.desk.adopt.cells import moment
from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.findings.finding import Finding, day
from app.core.desk.adopt.findings.people import shared_dates
from app.core.desk.adopt.legacy import CHATS, Legacy, col


def code_spellings(legacy: Legacy, choices: Choices) -> Finding:
    """T9: chats under another spelling of a program's code."""
    rows = [
        {"code": code, "program": program.code, "chats": many}
        for code, many in sorted(legacy.codes.items())
        if (program := legacy.program_of(code, choices.aliases)) and program.code != code
    ]
    words = "codes are other spellings of a program's; their chats move under its own"
    return Finding.of("code_spellings", words, rows)


def unknown_codes(legacy: Legacy, choices: Choices) -> Finding:
    """T9: chats of no program; they are kept."""
    rows = [
        {"code": code, "chats": many}
        for code, many in sorted(legacy.codes.items())
        if legacy.program_of(code, choices.aliases) is None
    ]
    words = "codes of chats belong to no program; name one with --alias CODE=PROGRAM"
    return Finding.of("unknown_codes", words, rows)


def orphan_chats(legacy: Legacy) -> Finding:
    """T10: chats of people who are no longer there."""
    if CHATS not in legacy.columns:
        return Finding("orphan_chats", "", [], 0)
    query = select(col("user_id"), func.count()).select_from(table(CHATS))
    found = legacy.connection.execute(
        query.where(legacy.of_nobody()).group_by(col("user_id"))
    ).all()
    rows = [{"user": user_id, "chats": many} for user_id, many in sorted(found)]
    words = "chats are of people who are gone (--orphans keep, delete or anonymise)"
    return Finding("orphan_chats", words, rows, sum(row["chats"] for row in rows))


def older_chats(legacy: Legacy) -> Finding:
    """T10: chats from before their owner was added, but where that date says nothing (T5)."""
    if not legacy.has(CHATS, "timestamp"):
        return Finding("older_chats", "", [], 0)
    shared = {row["date_added"] for row in shared_dates(legacy).rows}
    added = {p.id: p.date_added for p in legacy.people if str(p.date_added) not in shared}
    first = select(col("user_id"), func.min(col("timestamp"))).select_from(table(CHATS))
    found = legacy.connection.execute(first.group_by(col("user_id"))).all()
    rows = [
        {"user": user_id, "first_chat": day(began), "date_added": day(when)}
        for user_id, text in sorted(found)
        if (when := added.get(user_id))
        and (began := moment(text))
        and began < when - timedelta(days=1)
    ]
    words = "people have chats from before they were added: perhaps somebody else's"
    return Finding.of("older_chats", words, rows)


def old_chat_shape(legacy: Legacy) -> Finding:
    """T11: one row for each side of an exchange; the upgrade pairs them."""
    old = legacy.has(CHATS, "message", "sender") and not legacy.has(CHATS, "user_message")
    words = "chat rows are of the old shape, a row for each side; the upgrade pairs them"
    return Finding("old_chat_shape", words, [], legacy.count(CHATS) if old else 0)
