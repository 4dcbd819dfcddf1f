"""What stands here already under the addresses of a predecessor's people."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.people import users
from app.models.access import Credential, CredentialKind
from app.models.people import RoleGrant, Status, User
from app.models.predecessors import BroughtOver
from app.models.rosters import ListInForce

BATCH = 500
"""Values that one statement names."""

Value = TypeVar("Value", int, str)


@dataclass(frozen=True)
class Account:
    """Somebody who has an account here."""

    user_id: int
    is_verified: bool
    """Whether their mailbox was ever proven here."""
    has_way_in: bool
    """Whether a password or anything like it was set, by whomever."""
    has_pin: bool
    has_role: bool

    @property
    def is_owners(self) -> bool:
        """Whether nobody but the mailbox's owner can be in it."""
        return self.is_verified or not self.has_way_in


@dataclass(frozen=True)
class Standing:
    """What is here of the addresses, the PINs and the rows that come."""

    accounts: Mapping[str, Account]
    """By canonical address."""
    shared: Collection[str]
    """Canonical addresses that several accounts of the legacy application share."""
    pins: Collection[str]
    """The digits that are somebody's PIN here."""
    came: Collection[str]
    """The references of rows that came over before."""


@dataclass(frozen=True)
class NewPerson:
    """Somebody who gets an account."""

    address: str
    created_at: datetime
    verified_at: datetime | None = None
    suspended: bool = False
    locale: str | None = None


def stand(
    db: Session,
    *,
    addresses: Collection[str],
    pins: Collection[str] = (),
    references: Collection[str] = (),
    hold: bool = False,
) -> Standing:
    """Look at what is here; `hold` keeps the accounts as they are until the transaction ends."""
    if hold and db.get_bind().dialect.name == "sqlite":
        # A write that changes nothing begins the one writing transaction that SQLite allows.
        db.execute(update(ListInForce).values(id=ListInForce.id))
    accounts: dict[str, Account] = {}
    shared: set[str] = set()
    for some in batches(addresses):
        accounts |= _accounts(db, some, hold=hold)
        shared |= set(db.scalars(select(User.shared_address).where(User.shared_address.in_(some))))
    taken = {
        digits
        for some in batches(pins)
        for digits in db.scalars(
            select(Credential.identifier).where(
                Credential.kind == CredentialKind.PIN.value, Credential.identifier.in_(some)
            )
        )
    }
    return Standing(accounts, shared, taken, came(db, references))


def batches(values: Collection[Value]) -> Iterator[list[Value]]:
    """The values in order, each once, as many at a time as a statement names."""
    ordered = iter(sorted(set(values)))
    while some := list(islice(ordered, BATCH)):
        yield some


def came(db: Session, references: Collection[str]) -> set[str]:
    """Which of these rows came over before."""
    return {
        each
        for some in batches(references)
        for each in db.scalars(select(BroughtOver.reference).where(BroughtOver.reference.in_(some)))
    }


def remember(db: Session, references: Collection[str]) -> None:
    """Write down that these rows came over."""
    now = clock.now()
    rows = [{"reference": each, "brought_at": now} for each in references]
    if rows:
        db.execute(insert(BroughtOver), rows)


def make(db: Session, people: Collection[NewPerson]) -> dict[str, int]:
    """Make accounts that no door made, which nothing tidies away; the ids by address."""
    rows = [
        {
            "last_name": "",
            "email": each.address,
            "address": each.address,
            "status": (Status.INACTIVE if each.suspended else Status.ACTIVE).value,
            "visit_count": 0,
            "date_added": each.created_at,
            "verified_at": each.verified_at,
            "locale": each.locale,
        }
        for each in people
    ]
    if not rows:
        return {}
    made = db.execute(insert(User).returning(User.id, User.address), rows)
    return {str(address): user_id for user_id, address in made}


def _accounts(db: Session, addresses: Collection[str], *, hold: bool) -> dict[str, Account]:
    if hold and db.get_bind().dialect.name == "postgresql":
        # Whoever gives one of them a way in meanwhile waits, as the new row names the account.
        held = select(User.id).where(User.address.in_(addresses)).order_by(User.id)
        db.execute(held.with_for_update())
    owns = exists().where(Credential.user_id == User.id)
    query = select(
        User.address,
        User.id,
        User.verified_at.is_not(None),
        users.has_password() | owns,
        owns.where(Credential.kind == CredentialKind.PIN.value),
        exists().where(RoleGrant.user_id == User.id),
    ).where(User.address.in_(addresses))
    found = db.execute(query).all()
    return {str(row[0]): Account(row[1], *(bool(each) for each in row[2:])) for row in found}
