"""Whom somebody may have meant: the listed addresses nearest to one, and people by name.

Every question is bounded: by an index, and by how many rows are looked at.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.core.people import directory
from app.core.people.orders import Order
from app.core.people.wanted import Wanted
from app.core.roster.columns import surname_key
from app.models.people import User
from app.models.rosters import RosterLine

LETTERS = string.ascii_lowercase + string.digits + "._-"
LOOKED_AT = 200
"""Rows of the list that are compared for each way of being near."""

LIKE_ENOUGH = 0.72
"""The least share of letters that two addresses have in common to be called alike (difflib)."""

SHORTEST = 3
"""Letters that a part of an address needs to be looked up as a last name."""


class Near(StrEnum):
    """In what an address is near to another."""

    ALIKE = "alike"
    ANOTHER_DOMAIN = "another_domain"
    ONE_LETTER = "one_letter"
    SAME_NAME = "same_name"


@dataclass(frozen=True)
class Person:
    """Somebody who may be meant; `user_id` where they have an account, `near` where that is why."""

    address: str
    last_name: str
    user_id: int | None = None
    near: Near | None = None


def nearest(db: Session, address: str, *, limit: int = 5) -> list[Person]:
    """The listed people whose addresses are nearest to `address`, the nearest first."""
    local = address.rpartition("@")[0]
    found: dict[str, tuple[str, Near]] = {}
    ways: list[tuple[Near, ColumnElement[bool]]] = [
        (Near.ONE_LETTER, RosterLine.address.in_(set(_one_letter_off(address)))),
        (Near.ANOTHER_DOMAIN, _begins_with(f"{local}@")),
        (Near.SAME_NAME, RosterLine.surname_key.in_(_possible_names(local))),
        (Near.ALIKE, _begins_with(local[:SHORTEST])),
    ]
    for near, condition in ways:
        rows = select(RosterLine.address, RosterLine.last_name).where(condition).limit(LOOKED_AT)
        for other, last_name in db.execute(rows):
            if other not in found and other != address and _is_near(near, address, other):
                found[other] = (last_name, near)
    order = [near for near, _ in ways]
    ranked = sorted(
        found.items(), key=lambda item: (order.index(item[1][1]), -_ratio(address, item[0]), item)
    )
    return [Person(other, name, near=near) for other, (name, near) in ranked[:limit]]


def named(db: Session, name: str, *, limit: int = 20) -> list[Person]:
    """The people whose last name this may be, on the list or with an account, by address.

    A first name before it does no harm: the list has last names alone.
    """
    keys = {surname_key(name), surname_key(name.split()[-1])} if name.split() else set()
    lines = (
        select(RosterLine.address, RosterLine.last_name)
        .where(RosterLine.surname_key.in_(keys - {""}))
        .distinct()
        .limit(limit)
    )
    found = {address: Person(address, last_name) for address, last_name in db.execute(lines)}
    there = select(User.address, User.id).where(User.address.in_(found))
    for address, user_id in db.execute(there).all():
        if address is not None:
            found[address] = Person(address, found[address].last_name, user_id)
    for row in directory.find(db, Wanted(q=name), Order(), limit=limit).rows:
        address = row.user.mailbox
        found.setdefault(address, Person(address, row.user.last_name, row.user.id))
    return sorted(found.values(), key=lambda person: person.address)[:limit]


def _one_letter_off(address: str) -> Iterator[str]:
    """Every address that one letter more, less, other or swapped before the @ makes of this one.

    Behind the @ it is another domain, which is looked for as such.
    """
    local, at, domain = address.rpartition("@")
    for place in range(len(local) + 1):
        before, after = local[:place], local[place:]
        spelt = [before + letter + after for letter in LETTERS]
        if after:
            spelt += [before + letter + after[1:] for letter in [*LETTERS, ""]]
        if len(after) > 1:
            spelt.append(before + after[1] + after[0] + after[2:])
        yield from (each + at + domain for each in spelt)


def _begins_with(prefix: str) -> ColumnElement[bool]:
    # A range, because neither engine uses a plain index for LIKE in every collation.
    return RosterLine.address.between(prefix, f"{prefix}zzzz")


def _possible_names(local: str) -> set[str]:
    parts = {surname_key(part) for part in re.split(r"[._+\-\d]+", local)}
    return {part for part in parts if len(part) >= SHORTEST}


def _is_near(near: Near, address: str, other: str) -> bool:
    if near is Near.ONE_LETTER:
        return True
    if near is Near.ANOTHER_DOMAIN:
        return other.rpartition("@")[0] == address.rpartition("@")[0]
    least = 0.5 if near is Near.SAME_NAME else LIKE_ENOUGH
    return _ratio(address, other) >= least


def _ratio(one: str, other: str) -> float:
    # The domain is what most addresses of a list share, so that it says little.
    locals_ = one.rpartition("@")[0], other.rpartition("@")[0]
    whole = SequenceMatcher(None, one, other).ratio()
    return (whole + SequenceMatcher(None, *locals_).ratio()) / 2
