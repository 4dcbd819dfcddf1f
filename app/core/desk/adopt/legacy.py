"""A legacy database read as it stands, whatever its shape, before the upgrade or after it.

Everything is read once, in a few statements over whole tables, and kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Integer,
    and_,
    column,
    func,
    inspect,
    null,
    select,
    table,
)

from app.addresses import BadAddress, canonical
from app.core.desk.adopt.cells import moment, text_of
from app.core.desk.adopt.person import Person
from app.core.learning.programs import names_of
from app.database import OF_SEARCH
from app.models.people import Source

LEFTOVER_COLUMNS = {
    "users": [
        "current_program", "User_Status", "lo_root_id", "is_active", "Registration_Date",
        "Expiration_Date", "is_admin",
    ],
    "chatbot_contents": ["lo_root_ids"],
}  # fmt: skip
UNREADABLE, ANSWERS = "unreadable_dates", "chat_history_answers"
"""Where the upgrade keeps texts that are no dates, and rows of old answers with more in them than
the row of the question could take."""

LEFTOVER_TABLES = ["lo_mappings", "chatbot_lo_root_ids", UNREADABLE, ANSWERS]
HELD, ASKED, CHATS = "user_lo_root_ids", "chatbot_lo_root_association", "chat_history"
MOMENTS = {
    "users": ["date_added", "expiry_date"],
    "chatbot_contents": ["created_at", "updated_at"],
    CHATS: ["timestamp"],
    "disclaimer_acceptances": ["accepted_at"],
}
"""The columns that hold moments: in SQLite any text can stand there."""

ANONYMOUS = 0
"""The `user_id` of chats that were made anonymous: no person ever has it."""


def col(name: str) -> ColumnClause[Any]:
    """A column of whatever type, quoted where its name needs it."""
    return column(name)


@dataclass(frozen=True)
class LegacyProgram:
    """What a repair needs to know of a program."""

    id: int
    code: str
    name: str
    guidelines: str | None


class Legacy:
    """The database behind `connection`. Columns that are not there read as NULL."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        inspector = inspect(connection)
        self.columns: dict[str, list[str]] = {
            name: [each["name"] for each in inspector.get_columns(name)]
            for name in sorted(inspector.get_table_names())
            if not name.startswith(OF_SEARCH)
        }

    def has(self, name: str, *columns: str) -> bool:
        """Whether there is this table, with all these columns."""
        return name in self.columns and set(columns) <= set(self.columns[name])

    def rows(
        self, name: str, *columns: str, where: ColumnElement[bool] | None = None
    ) -> Iterator[Any]:
        """These columns of a table, as the driver gives them."""
        if name not in self.columns:
            return
        there = self.columns[name]
        wanted = [col(each) if each in there else null().label(each) for each in columns]
        query = select(*wanted).select_from(table(name))
        yield from self.connection.execute(query if where is None else query.where(where))

    def count(self, name: str, where: ColumnElement[bool] | None = None) -> int:
        """How many rows a table has."""
        query = select(func.count()).select_from(table(name))
        return self.connection.scalar(query if where is None else query.where(where)) or 0

    @cached_property
    def people(self) -> list[Person]:
        """Everybody, by id."""
        names = [*Person._fields[:-1], "enforced", "address"]
        found = []
        for *facts, enforced, address in self.rows("users", *names):
            waits = not enforced if self.has("users", "enforced") else address is None
            person = Person._make([*facts, waits])
            found.append(
                person._replace(
                    last_name=text_of(person.last_name) or "",
                    email=text_of(person.email),
                    status=text_of(person.status),
                    date_added=moment(person.date_added),
                    expiry_date=moment(person.expiry_date),
                )
            )
        return sorted(found, key=lambda each: each.id)

    @cached_property
    def is_new(self) -> bool:
        """Whether somebody waits for the maintainer's choice: it was never adopted."""
        return any(person.waits for person in self.people)

    @cached_property
    def bad_dates(self) -> list[tuple[str, int, str, str]]:
        """Table, id, column and text of what stands where a moment should, and is none."""
        names = ("table_name", "row_id", "column_name", "value")
        found = [tuple(row) for row in self.rows(UNREADABLE, *names)]
        for name, columns in MOMENTS.items():
            for each in columns if self.has(name, "id") else ():
                rows = self.rows(name, "id", each)
                found += [
                    (name, row, each, str(value))
                    for row, value in rows
                    if value is not None and moment(value) is None
                ]
        return sorted(found)

    @cached_property
    def forms(self) -> dict[int, str]:
        """The canonical address of each person who has one."""
        found = {}
        for person in self.people:
            try:
                found[person.id] = canonical(person.email or "")
            except BadAddress:
                continue
        return found

    @cached_property
    def sharing(self) -> dict[str, list[int]]:
        """The canonical addresses that several people share, with their ids."""
        groups: dict[str, list[int]] = defaultdict(list)
        for person_id, form in self.forms.items():
            groups[form].append(person_id)
        return {form: ids for form, ids in groups.items() if len(ids) > 1}

    @cached_property
    def held(self) -> set[tuple[int, str]]:
        """Who holds which LO Root ID, as it is spelled."""
        return {(user_id, lo) for user_id, lo in self.rows(HELD, "user_id", "lo_root_id")}

    @cached_property
    def explained(self) -> set[tuple[int, str]]:
        """What of it is held for another reason than that it came with the database."""
        other = col("source") != Source.LEGACY.value
        rows = self.rows("entitlements", "user_id", "lo_root_id", where=other)
        return {(user_id, lo) for user_id, lo in rows}

    @cached_property
    def asked(self) -> set[tuple[int, str]]:
        """Which program asks for which LO Root ID."""
        return {(program, lo) for program, lo in self.rows(ASKED, "chatbot_id", "lo_root_id")}

    @cached_property
    def programs(self) -> list[LegacyProgram]:
        """Every program, by id."""
        rows = self.rows("chatbot_contents", "id", "code", "name", "system_prompt_guidelines")
        return sorted((LegacyProgram(*row) for row in rows), key=lambda each: each.id)

    @cached_property
    def codes(self) -> dict[str, int]:
        """The codes that chats stand under, and how many."""
        code = col("program_code")
        query = select(code, func.count()).select_from(table(CHATS)).group_by(code)
        return dict(self.connection.execute(query).all()) if CHATS in self.columns else {}

    @cached_property
    def last_asked(self) -> dict[int, datetime]:
        """When each person asked something last."""
        if not self.has(CHATS, "timestamp"):
            return {}
        last = func.max(col("timestamp"))
        query = select(col("user_id"), last).select_from(table(CHATS))
        rows = self.connection.execute(query.group_by(col("user_id")))
        return {user_id: when for user_id, value in rows if (when := moment(value))}

    @cached_property
    def leftovers(self) -> list[tuple[str, str | None]]:
        """Tables, and columns of tables, that older versions of the legacy program left."""
        found: list[tuple[str, str | None]] = [
            (name, each)
            for name, columns in LEFTOVER_COLUMNS.items()
            for each in columns
            if self.has(name, each)
        ]
        return found + [(name, None) for name in LEFTOVER_TABLES if name in self.columns]

    def of_nobody(self) -> ColumnElement[bool]:
        """The condition that the `user_id` of a row names a person who is not there."""
        people = table("users", column("id", Integer))
        gone = col("user_id").not_in(select(people.c.id))
        return and_(gone, col("user_id") != ANONYMOUS)

    def program_of(self, code: str, aliases: Mapping[str, str]) -> LegacyProgram | None:
        """The program that chats of this code belong to; None where that is not certain.

        An alias of the maintainer's decides, then the code itself, then the aliases that every
        installation has; a code that is not exact counts in any case and with outer blanks.
        """
        wanted = aliases.get(code, code)
        if exact := [each for each in self.programs if each.code == wanted]:
            return exact[0]
        plain = wanted.strip().casefold()
        places: dict[int, list[LegacyProgram]] = defaultdict(list)
        for each in self.programs:
            if plain in (names := names_of(each.code)):
                places[names.index(plain)].append(each)
        nearest = places[min(places)] if places else []
        return nearest[0] if len(nearest) == 1 else None
