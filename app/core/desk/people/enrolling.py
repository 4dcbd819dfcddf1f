"""Makes accounts of a file at once: the account list of the legacy application (legacy.md §2.2).

Its people hold what the file says by an admin's hand, whatever the list in force says besides.
Nobody is mailed: who has no password can be sent a mail later, or asks for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO, cast

from sqlalchemy import Table, and_, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import N_, Refusal
from app.core.people import directory, users
from app.core.roster import entitlements
from app.core.roster.columns import TWO_NAMES, Line, Remark
from app.core.roster.files import open_file
from app.models.people import Entitlement, Source, Status, User

BATCH = 500
"""People of one statement."""

MOST_WARNINGS = 1000
"""Bad rows that are told one by one; the others are counted."""


class TooManyRows(Refusal):
    """A file with more rows than somebody can wait for."""

    code = "too_many_rows"
    status = 413
    words = N_(
        "The file has more than %(limit)s rows, too many to wait for. Send it in parts, or run:"
        " flask rollcall people add-all"
    )


@dataclass
class Person:
    """Somebody whom the file names, all rows of theirs together; `row` is the first of them."""

    row: int
    last_name: str
    surname_key: str
    email: str
    active: bool = False
    lo_root_ids: dict[str, None] = field(default_factory=dict)


@dataclass
class AccountList:
    """What a file says: people by canonical address, and what is wrong with which rows."""

    people: dict[str, Person] = field(default_factory=dict)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    """Number of the row, as a spreadsheet counts them, and the reason; `most_warnings` of them."""
    most_warnings: int = MOST_WARNINGS
    more_warnings: int = 0
    taken: set[int] = field(default_factory=set)
    """The rows among those of the warnings that are odd and taken all the same."""
    two_names: set[str] = field(default_factory=set)
    left_out: list[Person] = field(default_factory=list)
    """Who stands with two last names, and is not among the people."""

    @property
    def inactive(self) -> int:
        """How many people have no active row."""
        return sum(not each.active for each in self.people.values())

    def warn(self, row: int, reason: str, *, taken: bool = False) -> None:
        """Note what is wrong with a row, or odd about one that is `taken` all the same."""
        if len(self.warnings) < self.most_warnings:
            self.warnings.append((row, reason))
            if taken:
                self.taken.add(row)
        else:
            self.more_warnings += 1

    def take(self, line: Line) -> None:
        """Count a row in."""
        address, key = line.address, line.surname_key
        new = Person(line.number, line.last_name, key, line.email)
        person = self.people.setdefault(address, new)
        if person.surname_key != key:
            self.two_names.add(address)
            self.warn(line.number, TWO_NAMES)
        elif line.active:
            person.active = True
            person.lo_root_ids |= dict.fromkeys(line.lo_root_ids)


@dataclass(frozen=True)
class Enrolled:
    """How many accounts were made, their ids, and how many active people had one already."""

    added: int
    existing: int
    ids: list[int] = field(default_factory=list)


def read(
    stream: BinaryIO,
    *,
    encoding: str | None = None,
    most: int | None = None,
    most_warnings: int = MOST_WARNINGS,
) -> AccountList:
    """Read an account list to its end. Raises `FileRefused`, or `TooManyRows` beyond `most`."""
    found = AccountList(most_warnings=most_warnings)
    lines = 0
    for item in open_file(stream, encoding=encoding):
        lines += not isinstance(item, Remark)
        if most is not None and lines > most:
            raise TooManyRows(limit=f"{most:,}")
        if isinstance(item, Line):
            found.take(item)
        else:
            found.warn(item.number, item.reason, taken=isinstance(item, Remark))
    found.left_out = [found.people.pop(address) for address in found.two_names]
    found.warnings.sort()
    return found


def enrol(
    db: Session, found: AccountList, *, file_name: str, by: int | None, origin: Origin
) -> Enrolled:
    """Make the accounts that active people of a list lack, all or none. The caller commits.

    An address that has an account, in any spelling, keeps it as it is. It holds the database as
    an import does.
    """
    entitlements.hold_list(db)
    active = {address: each for address, each in found.people.items() if each.active}
    now, newest = clock.now(), directory.newest_id(db)
    # Asked and told all at once, and not batch by batch: to PostgreSQL a table that grows in a
    # transaction stays a small one, whose indexes it leaves alone.
    missing = active.keys() - {each for batch in _batches(active) for each in _taken(db, batch)}
    made: list[int] = []
    for batch in _batches(missing):
        ids = _insert(db, {each: active[each] for each in batch}, now)
        _grant(db, {ids[address]: active[address] for address in ids}, now)
        about: dict[int, dict[str, Any]] = {user_id: {} for user_id in ids.values()}
        audit.record_all(db, Event.ACCOUNT_ADDED, origin, about, actor_id=by)
        made += ids.values()
    entitlements.follow_list(db, and_(User.id > newest, User.date_added == now))
    result = Enrolled(len(made), len(active) - len(made), made)
    audit.record(
        db, Event.PEOPLE_ADDED, origin, actor_id=by, file=file_name,
        added=result.added, existing=result.existing, inactive=found.inactive,
        warnings=len(found.warnings) + found.more_warnings,
    )  # fmt: skip
    return result


def there(db: Session, found: AccountList) -> set[str]:
    """The canonical addresses of a list that an account has already, in any spelling."""
    return {each for batch in _batches(found.people) for each in _taken(db, batch)}


def _batches(addresses: Iterable[str]) -> Iterator[list[str]]:
    left = iter(sorted(addresses))
    while batch := list(islice(left, BATCH)):
        yield batch


def _taken(db: Session, addresses: list[str]) -> set[str]:
    """Those of the addresses that an account has, or several share."""
    own = select(User.address).where(User.address.in_(addresses))
    shared = select(User.shared_address).where(User.shared_address.in_(addresses))
    return {each for each in db.scalars(own.union(shared)) if each is not None}


def _insert(db: Session, people: dict[str, Person], now: datetime) -> dict[str, int]:
    """Make these accounts; their ids by address. Who comes in at this moment keeps their own."""
    rows = [
        {
            "last_name": each.last_name, "email": each.email, "address": address,
            "status": Status.ACTIVE.value, "date_added": now,
            "expiry_date": now + users.ACCOUNT_TERM,
        }
        for address, each in people.items()
    ]  # fmt: skip
    insert_new = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    table = cast(Table, User.__table__)
    made = insert_new(table).on_conflict_do_nothing().returning(table.c.address, table.c.id)
    return dict(db.execute(made, rows).all())


def _grant(db: Session, people: dict[int, Person], now: datetime) -> None:
    rows: Sequence[dict[str, Any]] = [
        {"user_id": user_id, "lo_root_id": each, "source": Source.ADMIN.value, "granted_at": now}
        for user_id, person in people.items()
        for each in person.lo_root_ids
    ]
    if rows:
        db.execute(insert(Entitlement), rows)
