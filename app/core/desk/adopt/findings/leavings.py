"""What is found beside people and chats: empty values, odd guidelines, and what was left over."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_

from app.core.desk.adopt.findings.finding import Finding
from app.core.desk.adopt.findings.people import MARKUP
from app.core.desk.adopt.legacy import CHATS, Legacy, col


def empty_values(legacy: Legacy) -> Finding:
    """T12: NULLs that are read as a certain value, or as none."""
    meanings = {
        (CHATS, "timestamp"): "shown without a date",
        ("chatbot_contents", "is_active"): "hidden",
        ("chatbot_contents", "char_limit"): "50000",
        ("chatbot_contents", "category"): "standard",
    }
    rows = []
    for (name, each), meaning in meanings.items():
        if legacy.has(name, each):
            empty: ColumnElement[bool] = col(each).is_(None)
            if each == "category":
                empty = or_(empty, col(each) == "")
            if many := legacy.count(name, empty):
                rows.append({"column": f"{name}.{each}", "rows": many, "read_as": meaning})
    return Finding.of("empty_values", "columns have rows without a value", rows)


def odd_guidelines(legacy: Legacy) -> Finding:
    """T14: guidelines for the model that hold markup of a page."""
    rows = (
        {"program": each.code, "begins": (each.guidelines or "")[:60]}
        for each in legacy.programs
        if MARKUP.search(each.guidelines or "")
    )
    return Finding.of("odd_guidelines", "programs' guidelines hold markup of some page", rows)


def leftovers(legacy: Legacy) -> Finding:
    """What older versions left in the database, and whether anything is in it."""
    rows = []
    for name, each in legacy.leftovers:
        held = col(each).is_not(None) if each else None
        place = f"{name}.{each}" if each else name
        rows.append({"leftover": place, "rows": legacy.count(name, held)})
    words = "columns and tables are left over; --drop-leftovers takes them away"
    return Finding.of("leftovers", words, rows)
