"""What was said, for those who look after it: searched in words, and read as it was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, lazyload, load_only

from app.addresses import BadAddress, canonical
from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.learning import programs, words
from app.core.learning.wanted import Wanted, read_terms
from app.core.learning.words_in_postgres import BUDGET
from app.models.conversations import Exchange
from app.models.people import User
from app.models.programs import Program
from app.models.records import AuditEntry

PAGE = 50
"""Exchanges that are shown at once."""

AROUND = 90
"""Characters of an excerpt on either side of the first word that was looked for."""

NOTED_AGAIN_AFTER = timedelta(hours=1)
"""How long one entry stands for all that somebody reads of one person."""


@dataclass(frozen=True)
class Asked:
    """What an admin typed to find exchanges, before it is known whom and what it means."""

    words: str = ""
    program: str = ""
    person: str = ""
    """An address, or the id of an account that may be gone."""
    since: date | None = None
    until: date | None = None

    def as_facts(self) -> dict[str, Any]:
        """The same as words that a job or an audit entry can keep; nothing for what is empty."""
        facts = {"words": self.words, "program": self.program, "person": self.person}
        for name, day in (("since", self.since), ("until", self.until)):
            facts[name] = day.isoformat() if day else ""
        return {name: value for name, value in facts.items() if value}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Asked:
        """What `as_facts` was made of."""
        read: dict[str, Any] = {
            name: date.fromisoformat(value) if name in ("since", "until") else value
            for name, value in facts.items()
        }
        return cls(**read)


@dataclass(frozen=True)
class Row:
    """An exchange with whose it is; `user` is None where the account is gone."""

    exchange: Exchange
    user: User | None


@dataclass(frozen=True)
class Found:
    """A page of exchanges, newest first; `further` is where the next one goes on, None at the end.

    `stopped` says that time ran out, and that there may be more on this page.
    """

    rows: list[Row]
    further: int | None
    stopped: bool = False


def wanted(db: Session, asked: Asked) -> Wanted:
    """Which exchanges are meant: a program by any spelling of its code, a person by address."""
    return Wanted(
        terms=read_terms(asked.words),
        programs=spellings(db, asked.program) if asked.program.strip() else None,
        people=people_called(db, asked.person) if asked.person.strip() else None,
        since=asked.since,
        until=asked.until,
    )


def find(
    db: Session,
    sought: Wanted,
    *,
    before: int | None = None,
    limit: int = PAGE,
    budget: float = BUDGET,
) -> Found:
    """The newest exchanges that fit, hidden ones too; `before` is where the last page ended.

    `budget` are the seconds after which no older ones are looked at.
    """
    newest = words.newest(db, sought, before=before, limit=limit + 1, budget=budget)
    ids = newest.ids[:limit]
    query = select(Exchange, User).outerjoin(User, User.id == Exchange.user_id)
    rows = db.execute(query.where(Exchange.id.in_(ids)).order_by(Exchange.id.desc()))
    further = ids[-1] if len(newest.ids) > limit else newest.reached
    return Found(
        [Row(exchange, user) for exchange, user in rows], further, newest.reached is not None
    )


def read(
    db: Session,
    user_id: int,
    codes: frozenset[str] | None,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> tuple[list[Exchange], bool, bool]:
    """A page of what one person said, in the order of saying it; and whether there is older, newer.

    `codes` are the spellings of one program, None means all. `before` and `after` are ids that
    the page ends or begins beside; without either it is the newest page.
    """
    whose: list[ColumnElement[bool]] = [Exchange.user_id == user_id]
    if codes is not None:
        whose.append(Exchange.program_code.in_(sorted(codes)))
    query = select(Exchange).where(*whose).limit(limit + 1)
    if after is not None:
        found = list(db.scalars(query.where(Exchange.id > after).order_by(Exchange.id)))
        shown, more = found[:limit], len(found) > limit
        return shown, _has(db, whose, Exchange.id <= after), more
    if before is not None:
        query = query.where(Exchange.id < before)
    found = list(db.scalars(query.order_by(Exchange.id.desc())))
    newer = before is not None and _has(db, whose, Exchange.id >= before)
    return found[:limit][::-1], len(found) > limit, newer


def _has(db: Session, whose: list[ColumnElement[bool]], where: ColumnElement[bool]) -> bool:
    return db.scalar(select(Exchange.id).where(*whose, where).limit(1)) is not None


def note_reading(db: Session, user_id: int, code: str | None, *, by: int, origin: Origin) -> None:
    """Write down that somebody read what this person said, once an hour. The caller commits."""
    recent = select(AuditEntry.details).where(
        AuditEntry.user_id == user_id,
        AuditEntry.event == Event.CONVERSATION_READ.value,
        AuditEntry.actor_id == by,
        AuditEntry.at > clock.now() - NOTED_AGAIN_AFTER,
    )
    if any(details.get("program") == code for details in db.scalars(recent)):
        return
    audit.record(db, Event.CONVERSATION_READ, origin, user_id=user_id, actor_id=by, program=code)


def spellings(db: Session, code: str) -> frozenset[str]:
    """The codes under which rows may name the program that is meant by `code`.

    Of a program that is no more the code itself is known, in the usual cases.
    """
    code = code.strip()
    found = programs.called(choices(db), code)
    return frozenset(programs.spellings(found.code if found else code) | {code})


def choices(db: Session) -> list[Program]:
    """Every program, by name, with its id, code and name alone."""
    narrow = load_only(Program.id, Program.code, Program.name)
    query = select(Program).options(narrow, lazyload(Program.lo_root_ids))
    return list(db.scalars(query.order_by(func.lower(Program.name), Program.id)))


def people_called(db: Session, typed: str) -> frozenset[int]:
    """The ids that are meant by an id or an address; none for an address that nobody has.

    Several legacy accounts may share an address. An id is taken as it is: what was said
    outlives an account.
    """
    typed = typed.strip()
    if re.fullmatch(r"[0-9]{1,9}", typed):
        return frozenset({int(typed)})
    typed = typed.replace("\0", "").encode("utf-8", "ignore").decode()
    same = [User.email == typed]
    try:
        address = canonical(typed)
    except BadAddress:
        pass
    else:
        same += [User.address == address, User.shared_address == address]
    return frozenset(db.scalars(select(User.id).where(or_(*same))))


def excerpt(text: str, terms: Sequence[str] | None) -> list[tuple[str, bool]]:
    """A piece of `text` around the first of `terms`, as pairs: the piece, and whether it is one.

    Terms are found as letters, so that a mark may stand where the index of words sees none.
    """
    text = " ".join(text[:20_000].split())
    pattern = "|".join(re.escape(each) for each in sorted(terms or (), key=len, reverse=True))
    first = re.search(pattern, text, re.IGNORECASE) if pattern else None
    start = max(0, first.start() - AROUND) if first else 0
    end = min(len(text), start + 2 * AROUND)
    cut = ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
    if not pattern:
        return [(cut, False)]
    pieces = re.split(f"({pattern})", cut, flags=re.IGNORECASE)
    return [(piece, number % 2 == 1) for number, piece in enumerate(pieces) if piece]
