"""What was said in the chats of the site, as the lines of conversations (`core/learning/days`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from app.core.learning import days
from app.core.learning.content import LONGEST_SUMMARY
from app.core.learning.pieces import Conversation, Head, Kept
from app.models.conversations import Exchange
from app.models.programs import Program

ASKED, TOLD = "Learner: ", "Program: "
"""How the two lines of an exchange begin."""


def read(
    db: Session,
    user_id: int,
    public_id: str,
    asked: Sequence[Head],
    *,
    in_a_row: bool = False,
    most: int | None = None,
) -> dict[str, Conversation]:
    """What was said in these conversations, by their ids, in one query.

    `in_a_row` says that none of this person's stands between them, so that one look is enough.
    Of one that has more than `most` characters, at least so many of the first ones are read.
    """
    if not asked:
        return {}
    rows = _exchanges(user_id, _in_a_row(asked) if in_a_row else or_(*map(days.of, asked)))
    if most is not None and any(head.characters > most for head in asked):
        rows = _begun(rows, most)
    by_place = {(code, head.created_at.date()): head for head in asked for code in head.codes}
    said: dict[str, list[Row[Any]]] = {}
    for row in db.execute(rows):
        head = by_place.get((row.program_code, row.timestamp.date()))
        if head is not None:
            said.setdefault(head.id, []).append(row)
    wanted = {head.id: head for head in asked}
    names = _names(db)
    return {
        each: _conversation(wanted[each], public_id, names, exchanges)
        for each, exchanges in said.items()
    }


def _exchanges(user_id: int, when: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    row = Exchange
    return (
        select(row.id, row.program_code, row.timestamp, row.user_message, row.bot_message)
        .where(*days.mine(user_id), when)
        .order_by(row.timestamp, row.id)
    )


def _begun(rows: Select[*tuple[Any, ...]], most: int) -> Select[*tuple[Any, ...]]:
    # Each conversation is bounded by itself, so that a long one takes nothing from the others.
    # One that is spelled in two ways is read that far in both, and so without a gap.
    one = Exchange.program_code, func.date(Exchange.timestamp)
    until = func.sum(days.size()).over(
        partition_by=one, order_by=(Exchange.timestamp, Exchange.id)
    )  # fmt: skip
    counted = rows.order_by(None).add_columns((until - days.size()).label("before")).subquery().c
    return (
        select(counted.program_code, counted.timestamp, counted.user_message, counted.bot_message)
        .where(counted.before < most)
        .order_by(counted.timestamp, counted.id)
    )


def _conversation(
    head: Head, public_id: str, names: dict[str, str], exchanges: Sequence[Row[Any]]
) -> Conversation:
    first = exchanges[0]
    title = names.get(days.key_of(first.program_code), first.program_code)
    lines = [
        line for each in exchanges for line in (ASKED + each.user_message, TOLD + each.bot_message)
    ]
    summary = f"{title}: {first.user_message}"
    if len(summary) > LONGEST_SUMMARY:
        summary = summary[: LONGEST_SUMMARY - 1] + "…"
    return Conversation(
        head.id, public_id, Kept.SITE, title[:200], summary, lines, head.created_at,
        head.updated_at,
    )  # fmt: skip


def _in_a_row(asked: Sequence[Head]) -> ColumnElement[bool]:
    # Of the first and the last day there may be others, long ones too, that nobody asked for.
    places = [head.created_at.date() for head in asked]
    first, last = min(places), max(places)
    codes = {
        day: sorted(set().union(*(head.codes for head in asked if head.created_at.date() == day)))
        for day in (first, last)
    }
    return and_(
        days.from_to(first, last),
        or_(Exchange.timestamp >= days.end_of(first), Exchange.program_code.in_(codes[first])),
        or_(Exchange.timestamp < days.start_of(last), Exchange.program_code.in_(codes[last])),
    )


def _names(db: Session) -> dict[str, str]:
    # There are few programs, and rows name them in many spellings.
    return {
        days.key_of(code): name for code, name in db.execute(select(Program.code, Program.name))
    }
