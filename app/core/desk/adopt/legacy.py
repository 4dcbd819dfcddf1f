"""A legacy database read as it stands, whatever its shape, before the upgrade or after it.

Everything is read once, in a few statements over whole tables, and kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple

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
from app.core.learning.programs import ALIASES
from app.models.people import Source, Status

LEFTOVER_COLUMNS = {
    "users": [
        "current_program", "User_Status", "lo_root_id", "is_active", "Registration_Date",
        "Expiration_Date", "is_admin",
    ],
    "chatbot_contents": ["lo_root_ids"],
}  # fmt: skip
LEFTOVER_TABLES = ["lo_mappings", "chatbot_lo_root_ids"]
HELD, ASKED, CHATS = "user_lo_root_ids", "chatbot_lo_root_association", "chat_history"
ANONYMOUS = 0
"""The `user_id` of chats that were made anonymous: no person ever has it."""


def col(name: str) -> ColumnClause[Any]:
    """A column of whatever type, quoted where its name needs it."""
    return column(name)


class Person(NamedTuple):
    """A row of `users`; what the table has no column for is None."""

    id: int
    last_name: str
    email: str | None
    visit_count: int | None
    status: str | None
    date_added: datetime | None
    expiry_date: datetime | None
    password_hash: str | None
    waits: bool
    """Whether status and expiry date of this person do not count yet."""

    def known_status(self) -> Status | None:
        """The status that is meant, in any case and with blanks around it; None for other text.

        A table without the column has nobody Active: that is what the upgrade then writes.
        """
        text = (self.status or Status.INACTIVE.value).strip().casefold()
        return next((each for each in Status if each.casefold() == text), None)

    def has_run_out(self, today: date) -> bool:
        """Whether the expiry date is past; it is good through the whole of its day."""
        return self.expiry_date is not None and self.expiry_date.date() < today

    def would_be_shut_out(self, today: date) -> bool:
        """Whether a choice is owed: the status is inactive, or the expiry date past."""
        return self.waits and (
            self.known_status() is Status.INACTIVE
            or (self.known_status() is Status.ACTIVE and self.has_run_out(today))
        )


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
            added, expires = moment(person.date_added), moment(person.expiry_date)
            found.append(person._replace(date_added=added, expiry_date=expires))
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
        for wanted in (aliases.get(code), code, ALIASES.get(code.strip().upper())):
            plain = (wanted or "").strip().casefold()
            alike = [each for each in self.programs if each.code.strip().casefold() == plain]
            exact = [each for each in alike if each.code == wanted]
            if alike:
                return (exact or alike)[0] if exact or len(alike) == 1 else None
        return None


def moment(value: datetime | str | None) -> datetime | None:
    """A stored moment (naive UTC): SQLite keeps it as text. None for what is no moment."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return None
    return value
