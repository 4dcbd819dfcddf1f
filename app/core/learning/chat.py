"""A question and its answer: asked against the quota, kept, paged, cleared.

The edge drives a question in three steps, each a transaction of its own, because no transaction
may wait for an answerer: `ask()`, then the answerer, then `keep()` or `withdraw()`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import EmptyQuestion, QuestionTooLong
from app.core.learning import disclaimers, programs, quota
from app.core.learning.questions import Question
from app.models.conversations import Exchange
from app.models.programs import Program

PAGE = 50
"""Exchanges that are shown at once."""


@dataclass(frozen=True)
class Turn:
    """A question that holds its place in the quota and waits for an answer."""

    user_id: int
    program_id: int
    program_code: str
    day: date
    quota: int
    remaining: int
    question: Question


def ask(db: Session, user_id: int, code: str, text: str, *, limit: int) -> Turn:
    """Check everything anew and reserve a place in the quota; the caller commits.

    `limit` is in characters. Raises `UnknownProgram`, `ProgramClosed`, `DisclaimerNotAccepted`,
    `EmptyQuestion`, `QuestionTooLong` or `QuotaUsedUp`.
    """
    program = programs.enter_program(db, user_id, code)
    disclaimers.check(db, user_id, program)
    text = _storable(text.replace("\r\n", "\n")).strip()
    if not text:
        raise EmptyQuestion
    if len(text) > limit:
        raise QuestionTooLong(limit=limit, length=len(text))
    left = quota.reserve(db, user_id, program)
    return Turn(
        user_id=user_id,
        program_id=program.id,
        program_code=program.code,
        day=clock.today(),
        quota=program.quota,
        remaining=left,
        question=_question(program, text),
    )


def keep(db: Session, turn: Turn, answer: str) -> Exchange:
    """Store the question with its answer; the caller commits."""
    exchange = Exchange(
        user_id=turn.user_id,
        program_code=turn.program_code,
        user_message=turn.question.text,
        bot_message=_storable(answer),
        timestamp=clock.now(),
        is_visible=True,
    )
    db.add(exchange)
    return exchange


def withdraw(db: Session, turn: Turn) -> None:
    """No answer came: give the place in the quota back; the caller commits."""
    quota.give_back(db, turn.user_id, turn.program_id, turn.day)


def page(
    db: Session, user_id: int, program: Program, *, before: int | None = None, size: int = PAGE
) -> tuple[Sequence[Exchange], bool]:
    """The newest visible exchanges in the order they were said, and whether there are older ones.

    `before` is the id of the oldest exchange already seen.
    """
    query = (
        select(Exchange)
        .where(
            Exchange.user_id == user_id,
            Exchange.program_code.in_(programs.spellings_of(program)),
            Exchange.is_visible.is_(True),
        )
        .order_by(Exchange.id.desc())
        .limit(size + 1)
    )
    if before is not None:
        query = query.where(Exchange.id < before)
    found = list(db.scalars(query))
    return found[:size][::-1], len(found) > size


def clear(db: Session, user_id: int, code: str, origin: Origin) -> None:
    """Hide this person's exchanges with a program from them. What was asked still counts.

    Raises `UnknownProgram` or `ProgramClosed`.
    """
    program = programs.enter_program(db, user_id, code)
    db.execute(
        update(Exchange)
        .where(
            Exchange.user_id == user_id,
            Exchange.program_code.in_(programs.spellings_of(program)),
            Exchange.is_visible.is_(True),
        )
        .values(is_visible=False)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        db, Event.CHAT_CLEARED, origin, user_id=user_id, actor_id=user_id, program=program.code
    )


def last_program(db: Session, user_id: int) -> str | None:
    """The code under which this person asked last; None if they never did."""
    return db.scalar(
        select(Exchange.program_code)
        .where(Exchange.user_id == user_id)
        .order_by(Exchange.id.desc())
        .limit(1)
    )


def _question(program: Program, text: str) -> Question:
    changed = program.updated_at or program.created_at
    return Question(
        program=program.name,
        content=program.content,
        role=program.system_prompt_role,
        guidelines=program.system_prompt_guidelines,
        text=text,
        version=f"{program.code}@{changed.isoformat() if changed else ''}",
    )


def _storable(text: str) -> str:
    # Neither NUL nor half a surrogate pair, which JSON can carry, can be stored.
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
