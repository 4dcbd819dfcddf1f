"""Writing the conversations of mrwillis/gpt-user-auth, and the proof that all came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import NOWHERE, Event
from app.core.desk.adopt.predecessors import accounts, mrwillis
from app.core.desk.adopt.predecessors.accounts import NewPerson
from app.core.desk.adopt.predecessors.mrwillis import Store, Talk
from app.core.desk.adopt.predecessors.owners import Plan
from app.core.desk.adopt.predecessors.proof import Brought, Line, Sum
from app.core.desk.adopt.predecessors.source import Kind
from app.models.conversations import SavedConversation
from app.models.people import User

LONG = 90_000
"""Characters from which on a conversation is too long for one answer, and comes cut there."""


@dataclass
class Counts:
    """What is told of the conversations that came."""

    long: int = 0
    long_summaries: int = 0
    renamed: int = 0
    undated: int = 0

    def words(self) -> dict[str, int]:
        """Each with its words."""
        return {
            "of them, too long for one answer: kept whole, listed cut": self.long,
            "of them, with a long summary: its whole is the last line": self.long_summaries,
            "of them, under another id, as theirs was taken": self.renamed,
            "of them, without a time: the time of coming over stands there": self.undated,
        }


def bring(db: Session, store: Store, plan: Plan) -> Brought:
    """Make the accounts of `plan`, and bring what is people's.

    The caller commits if the proof holds, else it rolls back.
    """
    people, ids = _bring_people(db, plan)
    owners = {**plan.here}
    for address, several in plan.made.items():
        owners |= {each.user_id: ids[address] for each in several}
    line = Line("conversations", store.tables.count(mrwillis.TABLE), 0, 0)
    counts = Counts()
    for some in store.talks():
        _bring_some(db, some, owners, line, counts)
    told = {
        "accounts made, which open once their mailbox is proven": len(ids),
        "conversations": line.brought.rows,
        **counts.words(),
    }
    return Brought({words: count for words, count in told.items() if count}, [people, line])


def _bring_people(db: Session, plan: Plan) -> tuple[Line, dict[str, int]]:
    now = clock.now()
    new = [
        NewPerson(address, min((each.first_at or now for each in several), default=now))
        for address, several in plan.made.items()
    ]
    ids = accounts.make(db, new)
    came = [each for several in plan.made.values() for each in several]
    fresh = {*(each.user_id for each in came), *plan.here} - plan.came
    accounts.remember(db, [mrwillis.reference_of_person(each) for each in fresh])
    about: dict[int, dict[str, Any]] = {ids[each.address]: {"made": True} for each in new}
    audit.record_all(db, Event.ACCOUNT_BROUGHT, NOWHERE, about, predecessor=Kind.MRWILLIS.value)
    rest = len(plan.owners) - len(plan.here) - len(came)
    people = Line("people", len(plan.owners), len(plan.here), rest)
    for each in came:
        people.brought.add((each.address, ids[each.address or ""]))
    found = _found_people(db, ids.values())
    for each in came:
        # Several ids there can be one person here, who then counts for each of them.
        if found.get(each.address or "") is not None:
            people.found.add((each.address, found[each.address or ""]))
    return people, ids


def _found_people(db: Session, ids: Collection[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in accounts.batches(ids):
        query = select(User.address, User.id).where(User.id.in_(some), User.came_by.is_(None))
        found |= {str(address): user_id for address, user_id in db.execute(query)}
    return found


def _bring_some(
    db: Session, some: list[Talk], owners: Mapping[str, int], line: Line, counts: Counts
) -> None:
    mine = [each for each in some if each.user_id in owners]
    line.left += len(some) - len(mine)
    came = accounts.came(db, [each.reference for each in mine])
    line.before += len(came)
    new = _named(db, [each for each in mine if each.reference not in came], counts)
    rows = [_row(each, owners[each.user_id], counts) for each in new]
    if not rows:
        return
    db.execute(insert(SavedConversation), rows)
    accounts.remember(db, [each.reference for each in new])
    for row in rows:
        line.brought.add(_facts(row))
    _find(db, rows, line.found)


def _named(db: Session, talks: list[Talk], counts: Counts) -> list[Talk]:
    """The conversations with ids that nothing has here, nor another one of them."""
    query = select(SavedConversation.id).where(SavedConversation.id.in_(each.id for each in talks))
    taken = set(db.scalars(query))
    named = []
    for each in talks:
        if each.id in taken:
            counts.renamed += 1
            named.append(replace(each, id=mrwillis.other_id(each.id, each.user_id)))
        else:
            named.append(each)
        taken.add(each.id)
    return named


def _row(talk: Talk, user_id: int, counts: Counts) -> dict[str, Any]:
    now = clock.now()
    created = talk.created_at or now
    counts.undated += talk.created_at is None
    counts.long += talk.characters + len(talk.summary) > LONG
    counts.long_summaries += talk.is_summary_long
    said = json.dumps([None, talk.summary, talk.lines])
    return {
        "id": talk.id,
        "user_id": user_id,
        "title": None,
        "summary": talk.summary,
        "raw_text": talk.lines,
        "characters": talk.characters,
        "content_hash": hashlib.sha256(said.encode()).hexdigest(),
        "once": None,
        "client": None,
        "created_at": created,
        "updated_at": talk.updated_at or created,
    }


def _find(db: Session, rows: list[dict[str, Any]], found: Sum) -> None:
    own = SavedConversation
    query = select(
        own.id, own.user_id, own.summary, own.raw_text, own.characters, own.created_at,
        own.updated_at,
    ).where(own.id.in_([each["id"] for each in rows]))  # fmt: skip
    for each in db.execute(query).mappings():
        found.add(_facts(each))


def _facts(row: Mapping[Any, Any]) -> list[Any]:
    names = ("id", "user_id", "summary", "characters", "created_at", "updated_at")
    # One text for all lines: a checksum is of plain values.
    return [*(row[name] for name in names), json.dumps(row["raw_text"])]
