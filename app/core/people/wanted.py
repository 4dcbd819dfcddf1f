"""Which people are wanted: the filters of the list of people, as conditions of SQL.

A filter that only few may meet also says how to read those few from an index of their own, so
that nothing is found by looking at a million rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    column,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.orm import Session

from app.core import clock
from app.core.people import users
from app.models.people import Role, RoleGrant, User, UserLoRootId

SEARCH = table("people_search", column("rowid"))
"""SQLite's index of all parts of names and addresses; its triggers keep it."""

SOON = timedelta(days=30)
LONGEST = 200
"""Characters of a search that are read."""

CHOICES = {
    "status": ("active", "suspended"),
    "password": ("yes", "no"),
    "roster": ("listed", "off", "never"),
    "seen": ("never", "30", "not90"),
    "expiry": ("expired", "soon"),
}
"""What each filter of few choices can be."""

MOMENTS = ("seen", "expiry")
"""The filters that are about a moment, by which a list can be sorted too."""


@dataclass(frozen=True)
class Wanted:
    """What the people to be found have in common; what is empty filters nothing.

    `q` is any part of a name or address, several words all of them; `role` and `lo` are a role's
    name and an LO Root ID, to the letter.
    """

    q: str = ""
    status: str = ""
    password: str = ""
    roster: str = ""
    role: str = ""
    lo: str = ""
    seen: str = ""
    expiry: str = ""

    @classmethod
    def read(cls, given: Any) -> Wanted:
        """What a query string or a job says; what cannot be meant filters nothing."""
        values = {each.name: str(given.get(each.name) or "") for each in fields(cls)}
        for name, known in CHOICES.items():
            values[name] = values[name] if values[name] in known else ""
        for name in ("q", "role", "lo"):
            values[name] = values[name].replace("\0", "").strip()[:LONGEST]
        return cls(**values)

    def facts(self) -> dict[str, str]:
        """What was filled in, by name: for a query string or a job."""
        return {name: value for name, value in asdict(self).items() if value}

    @property
    def words(self) -> list[str]:
        """The words of the search, in lower case."""
        return self.q.lower().split()


@dataclass(frozen=True)
class Part:
    """One condition on `User`; `ids` reads those who meet it from an index, where they may be few.

    `by_search` says that this index is the one of parts of names and addresses, `of_users` that it
    is one of the table `users` itself, which the condition finds. `moment` is the order of the list
    that goes by the moment which the condition is about, and so by the same index.
    """

    condition: ColumnElement[bool]
    ids: Select[Any] | None = None
    by_search: bool = False
    of_users: bool = False
    moment: str = ""


@dataclass(frozen=True)
class Span:
    """People with an id above `low` and up to `high`."""

    low: int
    high: int


def conditions(db: Session, wanted: Wanted, span: Span | None = None) -> ColumnElement[bool]:
    """The one SQL condition under which a `User` is wanted, of those in the `span` if any."""
    met = [_searched(db, wanted, span)] if wanted.words else []
    met += [each.condition for each in parts(db, wanted) if not each.by_search]
    if span is not None:
        met += [User.id > span.low, User.id <= span.high]
    return and_(*met) if met else and_(text("1 = 1"))


def parts(db: Session, wanted: Wanted) -> list[Part]:
    """What must hold of the wanted people, each condition by itself."""
    found = [_search(db, wanted)] if wanted.words else []
    if wanted.role:
        held = RoleGrant.role_id.in_(select(Role.id).where(Role.name == wanted.role))
        ids = select(RoleGrant.user_id).where(held)
        found.append(Part(exists().where(RoleGrant.user_id == User.id, held), ids))
    if wanted.lo:
        holds = UserLoRootId.lo_root_id == wanted.lo
        ids = select(UserLoRootId.user_id).where(holds)
        found.append(Part(exists().where(UserLoRootId.user_id == User.id, holds), ids))
    for name in ("status", "password", "roster", "seen", "expiry"):
        if choice := getattr(wanted, name):
            found.append(_choice(name, choice))
    return found


def _choice(name: str, choice: str) -> Part:
    condition = _meaning(name, choice)
    if (name, choice) in {("status", "active"), ("password", "yes"), ("roster", "listed")}:
        return Part(condition)
    moment = name if name in MOMENTS else ""
    return Part(condition, select(User.id).where(condition), of_users=True, moment=moment)


def _meaning(name: str, choice: str) -> ColumnElement[bool]:
    now = clock.now()
    today = datetime.combine(now.date(), datetime.min.time(), tzinfo=now.tzinfo)
    # Word for word as the indexes of these few say it, else no database would use them.
    not_active: ColumnElement[bool] = literal_column("lower(trim(users.status)) <> 'active'")
    closed: ColumnElement[bool] = and_(not_active, User.enforced.is_(True))
    seen, ends = User.last_seen_at, User.expiry_date
    meanings: dict[tuple[str, str], ColumnElement[bool]] = {
        ("status", "active"): not_(closed),
        ("status", "suspended"): closed,
        ("password", "yes"): users.has_password(),
        ("password", "no"): not_(users.has_password()),
        ("roster", "listed"): User.listed.is_(True),
        ("roster", "off"): and_(text("users.from_roster AND NOT users.listed")),
        ("roster", "never"): and_(text("NOT users.from_roster")),
        ("seen", "never"): seen.is_(None),
        ("seen", "30"): seen >= now - timedelta(days=30),
        ("seen", "not90"): seen < now - timedelta(days=90),
        ("expiry", "expired"): and_(ends < today, User.enforced.is_(True)),
        ("expiry", "soon"): and_(ends >= today, ends < today + SOON),
    }
    return meanings[name, choice]


def _search(db: Session, wanted: Wanted) -> Part:
    condition = and_(*(_has(db, word) for word in wanted.words))
    long = [word for word in wanted.words if len(word) > 2]
    if db.get_bind().dialect.name == "sqlite" and long:
        short = [_has(db, word) for word in wanted.words if len(word) < 3]
        ids = select(SEARCH.c.rowid).where(_match(long))
        if short:
            ids = ids.join(User, User.id == SEARCH.c.rowid).where(*short)
        return Part(condition, ids, by_search=True)
    if long:
        return Part(condition, select(User.id).where(condition), by_search=True, of_users=True)
    begins = and_(*(_begins(db, word) for word in wanted.words))
    return Part(begins, select(User.id).where(begins), by_search=True, of_users=True)


def _searched(db: Session, wanted: Wanted, span: Span | None) -> ColumnElement[bool]:
    part = _search(db, wanted)
    if part.ids is None or db.get_bind().dialect.name != "sqlite" or not _is_long(wanted):
        return part.condition
    # Only the index knows letters of other scripts in both cases.
    ids = part.ids
    if span is not None:
        ids = ids.where(SEARCH.c.rowid > span.low, SEARCH.c.rowid <= span.high)
    return User.id.in_(ids)


def _is_long(wanted: Wanted) -> bool:
    return any(len(word) > 2 for word in wanted.words)


def _match(words: list[str]) -> ColumnElement[bool]:
    phrases = " ".join('"' + word.replace('"', '""') + '"' for word in words)
    return literal_column("people_search").op("MATCH", is_comparison=True)(phrases)


def _has(db: Session, word: str) -> ColumnElement[bool]:
    """Whether the name or the address has this part."""
    if db.get_bind().dialect.name == "sqlite":
        spelt = {word, word.upper(), word.title()}
        columns = (User.last_name, User.email)
        return or_(*(each.icontains(one, autoescape=True) for each in columns for one in spelt))
    return parts_text().contains(word, autoescape=True)


def _begins(db: Session, word: str) -> ColumnElement[bool]:
    """Whether the name or the address begins with these one or two letters."""
    if db.get_bind().dialect.name == "sqlite":
        columns = (User.last_name.collate("NOCASE"), User.email.collate("NOCASE"))
        spelt = {word, word.upper(), word.title()} if not word.isascii() else {word}
        return or_(
            *(
                and_(each >= one, each < f"{one}\U0010ffff")
                for each in columns
                for one in sorted(spelt)
            )
        )
    # A blank stands before the address, and the index knows where words begin.
    return or_(
        parts_text().startswith(word, autoescape=True),
        parts_text().contains(f" {word}", autoescape=True),
    )


def parts_text() -> ColumnElement[str]:
    """Name and address in one lower-case text, as PostgreSQL's index of their parts has it."""
    return func.lower(User.last_name + literal_column("' '") + User.email)
