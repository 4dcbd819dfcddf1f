"""Whose the conversations of mrwillis/gpt-user-auth are, and who of its people gets an account.

Conversations go into an account only if nobody but the mailbox's owner can be in it: one whose
mailbox was proven, or that nobody can enter before they prove it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.addresses import BadAddress, canonical
from app.core.desk.adopt.findings.finding import Finding
from app.core.desk.adopt.predecessors import accounts, mrwillis
from app.core.desk.adopt.predecessors.accounts import Standing
from app.core.desk.adopt.predecessors.mrwillis import Store, Whose

LEFT = {
    "unknown_owner": "people are known by an id alone: say by --addresses FILE (user_id,email)"
    " whose their conversations are; they do not come",
    "bad_address": "people have no email address that can be read: they do not come",
    "shared_here": "people have an address that several accounts here share: they do not come",
    "not_proven_here": "people have an account here whose mailbox was never proven, and which"
    " somebody can enter: their conversations do not come; once they proved it (a code by mail"
    " does), bring them over again",
    "gone": "people came before, and their account is no longer here: they do not come again",
}


@dataclass(frozen=True)
class Owner:
    """Somebody of the predecessor, with the address that names them."""

    user_id: str
    email: str | None
    address: str | None
    conversations: int
    first_at: datetime | None

    @property
    def row(self) -> dict[str, Any]:
        """How a report names them."""
        return {
            "user_id": self.user_id,
            "email": self.email,
            "conversations": self.conversations,
        }


@dataclass
class Plan:
    """What is to be done; each person stands in one of `made`, `here` and `left`."""

    owners: list[Owner]
    made: dict[str, list[Owner]] = field(default_factory=lambda: defaultdict(list))
    """Who gets an account, by address: several ids there can be one person."""
    here: dict[str, int] = field(default_factory=dict)
    """Ids of accounts that are here, by the person's id there."""
    left: dict[str, list[Owner]] = field(default_factory=lambda: defaultdict(list))
    came: set[str] = field(default_factory=set)
    """Ids there of people who came before."""
    conversations: int = 0
    """How many are to come."""

    def __bool__(self) -> bool:
        return bool(self.made or self.conversations)

    @property
    def left_ids(self) -> set[str]:
        """Whose conversations do not come."""
        return {each.user_id for owners in self.left.values() for each in owners}

    def findings(self, store: Store) -> list[Finding]:
        """What people are told before anything is changed."""
        found = [
            Finding.of(name, words, [each.row for each in self.left[name]])
            for name, words in LEFT.items()
            if self.left[name]
        ]
        alike = [each.row for owners in self.made.values() if len(owners) > 1 for each in owners]
        if alike:
            words = "people share an address with others of them, but for capitals: they become one"
            found.append(Finding.of("same_address", words, alike))
        if codes := store.counts().get(mrwillis.CODES):
            found.append(Finding("codes", "mailed codes do not come: they end", [], codes))
        return found


def sort(db: Session, store: Store, addresses: Mapping[str, str], *, hold: bool = False) -> Plan:
    """Say what becomes of everybody; `addresses` of a file count more than the database's own.

    `hold` keeps it true until the transaction ends.
    """
    owners = list(_owners(store, {**store.addresses(), **addresses}))
    references = {mrwillis.reference_of_person(each.user_id): each.user_id for each in owners}
    here = accounts.stand(
        db,
        addresses={each.address for each in owners if each.address},
        references=references,
        hold=hold,
    )
    plan = Plan(owners, came={references[each] for each in here.came})
    for owner in owners:
        _place(plan, owner, here)
    plan.conversations = _count_new(db, store, plan)
    return plan


def _owners(store: Store, addresses: Mapping[str, str]) -> list[Owner]:
    known = {each.user_id: each for each in store.owners()}
    found = []
    for user_id in sorted({*known, *addresses}):
        email = addresses.get(user_id)
        whose = known.get(user_id, Whose(user_id, 0, None))
        try:
            address = canonical(email) if email else None
        except BadAddress:
            address = None
        found.append(Owner(user_id, email, address, whose.conversations, whose.first_at))
    return found


def _place(plan: Plan, owner: Owner, here: Standing) -> None:
    if owner.address is None:
        plan.left["bad_address" if owner.email else "unknown_owner"].append(owner)
    elif owner.address in here.shared:
        plan.left["shared_here"].append(owner)
    elif account := here.accounts.get(owner.address):
        if account.is_owners:
            plan.here[owner.user_id] = account.user_id
        elif owner.conversations:
            plan.left["not_proven_here"].append(owner)
    elif owner.user_id in plan.came:
        if owner.conversations:
            plan.left["gone"].append(owner)
    else:
        plan.made[owner.address].append(owner)


def _count_new(db: Session, store: Store, plan: Plan) -> int:
    left, count = plan.left_ids, 0
    for some in store.identities():
        references = {mrwillis.reference_of(*each) for each in some if each[1] not in left}
        count += len(references) - len(accounts.came(db, references))
    return count
