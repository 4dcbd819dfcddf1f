"""The conversations of mrwillis/gpt-user-auth as its database has them, and whose they are.

Its people stand in another service, which its database knows by their ids alone: who they are says
a table `users`, if somebody added one, or a file.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from app.core.desk.adopt.predecessors.source import Kind, Tables, UnfitSource, reference, when

TABLE, PEOPLE, CODES = "conversations", "users", "verification_codes"
HEADINGS = {"user_id", "uid", "userid", "localid", "id"}
"""What the first column of a file may be headed by."""

BATCH = 200
"""Conversations that are read at once: each can be a megabyte."""

LONGEST_SUMMARY = 500
SHORTEST = 80
"""Characters of what was said first that stand for a summary where there is none."""


@dataclass(frozen=True)
class Whose:
    """A person's id there, and what stands under it."""

    user_id: str
    conversations: int
    first_at: datetime | None


@dataclass(frozen=True)
class Talk:
    """A conversation as it comes over."""

    id: str
    user_id: str
    summary: str
    lines: list[str]
    created_at: datetime | None
    updated_at: datetime | None
    reference: str
    is_summary_long: bool
    """Whether `summary` is only the beginning; the whole of it is the last of `lines`."""

    @property
    def characters(self) -> int:
        """Of what was said."""
        return sum(map(len, self.lines))


class Store:
    """The database. Raises `UnfitSource` where it is another one."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tables = Tables(connection)
        there = self.tables.columns.get(TABLE, set())
        if not {"id", "user_id"} <= there or not there & {"raw_text", "content"}:
            raise UnfitSource(
                f"A table {TABLE} with id, user_id and raw_text (or content) is wanted in the"
                " database at --from."
            )

    def owners(self) -> list[Whose]:
        """Everybody who has conversations there."""
        rows = self.tables.clause(TABLE)
        first = func.min(rows.c.created_at) if "created_at" in rows.c else func.min(None)
        query = select(rows.c.user_id, func.count(), first).group_by(rows.c.user_id)
        found = self.connection.execute(query.order_by(rows.c.user_id))
        return [Whose(str(user), count, when(at)) for user, count, at in found]

    def addresses(self) -> dict[str, str]:
        """Addresses by id, from the table of people, if there is one."""
        if not {"uid", "email"} <= self.tables.columns.get(PEOPLE, set()):
            return {}
        rows = self.tables.clause(PEOPLE)
        query = select(rows.c.uid, rows.c.email).order_by(rows.c.uid)
        return {str(uid): str(email) for uid, email in self.connection.execute(query) if email}

    def counts(self) -> dict[str, int]:
        """How many rows each of its tables has."""
        return self.tables.counts([TABLE, PEOPLE, CODES])

    def identities(self) -> Iterator[list[tuple[str, str]]]:
        """The id and the person of every conversation, some thousands at a time."""
        rows = self.tables.clause(TABLE)
        query = select(rows.c.id, rows.c.user_id)
        for some in self._rows(query, 5000):
            yield [(str(own), str(user)) for own, user in some]

    def talks(self) -> Iterator[list[Talk]]:
        """Every conversation, some hundred at a time, in the order of their ids."""
        rows = self.tables.clause(TABLE)
        for some in self._rows(select(rows).order_by(rows.c.id, rows.c.user_id), BATCH):
            yield [_talk(row._mapping) for row in some]

    def _rows(self, query: Any, batch: int) -> Iterator[Any]:
        reading = self.connection.execution_options(stream_results=True, yield_per=batch)
        yield from reading.execute(query).partitions()


def reference_of(own: str, user_id: str) -> str:
    """By what a conversation is known when it comes again."""
    return reference(Kind.MRWILLIS, "conversation", own, user_id)


def reference_of_person(user_id: str) -> str:
    """By what a person is known when they come again."""
    return reference(Kind.MRWILLIS, "person", user_id)


def read_addresses(data: bytes) -> dict[str, str]:
    """Addresses by id, from a CSV file of two columns; further columns are not looked at.

    A first line of headings may be there. Raises `UnfitSource` with the line that is wrong.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnfitSource("--addresses: the file is not UTF-8.") from None
    found: dict[str, str] = {}
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        for row in rows:
            cells = [each.strip() for each in row[:2]]
            if not any(cells) or (not found and cells[0].lower() in HEADINGS):
                continue
            if len(cells) < 2 or not all(cells):
                raise UnfitSource(f"--addresses: line {rows.line_num} is not user_id,email.")
            if found.setdefault(cells[0], cells[1]) != cells[1]:
                raise UnfitSource(
                    f"--addresses: line {rows.line_num} gives {cells[0]!r} another address."
                )
    except csv.Error as error:
        raise UnfitSource(f"--addresses: line {rows.line_num}: {error}.") from None
    return found


def _talk(row: Mapping[Any, Any]) -> Talk:
    own, user_id = str(row["id"]), str(row["user_id"])
    lines = _lines(row.get("raw_text"))
    if row.get("raw_text") is None:
        lines = _lines(row.get("content"))
    summary = _clean(str(row.get("summary") or "")).strip()
    is_long = len(summary) > LONGEST_SUMMARY
    if is_long:
        # What is found and listed is bounded; nothing of it is lost.
        lines = [*lines, f"Summary: {summary}"]
        summary = summary[: LONGEST_SUMMARY - 1] + "…"
    created = when(row.get("created_at"))
    return Talk(
        id=_uuid(own, user_id),
        user_id=user_id,
        summary=summary or _beginning(lines),
        lines=lines,
        created_at=created,
        updated_at=when(row.get("updated_at")) or created,
        reference=reference_of(own, user_id),
        is_summary_long=is_long,
    )


def other_id(own: str, user_id: str) -> str:
    """Another id for a conversation whose own is taken: always the same one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"rollcall:{Kind.MRWILLIS.value}:{own}:{user_id}"))


def _uuid(own: str, user_id: str) -> str:
    try:
        return str(uuid.UUID(own))
    except ValueError:
        return other_id(own, user_id)


def _lines(value: Any) -> list[str]:
    """What was said, a line for each turn, whatever holds it: an array, JSON, plain text."""
    if value is None:
        return []
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return [_clean(value)]
        # In SQLite an array stands as text; a text that happens to be a number is a text.
        return _lines(parsed) if isinstance(parsed, list | dict) else [_clean(value)]
    if isinstance(value, list):
        return [_line(each) for each in value]
    return [_line(value)]


def _line(turn: Any) -> str:
    if isinstance(turn, str):
        return _clean(turn)
    if turn is None:
        return ""
    if isinstance(turn, dict):
        who, said = turn.get("role"), turn.get("content")
        if isinstance(who, str) and isinstance(said, str) and len(turn) == 2:
            return _clean(f"{who}: {said}")
    return _clean(json.dumps(turn, ensure_ascii=False))


def _clean(text: str) -> str:
    # PostgreSQL stores no NUL, and neither database half of a character.
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def _beginning(lines: list[str]) -> str:
    first = next((each.strip() for each in lines if each.strip()), "")
    return first if len(first) <= SHORTEST else first[: SHORTEST - 1] + "…"
