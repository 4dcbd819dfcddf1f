"""Who stands twice: accounts that share an address, and lines of the list that were left out.

A list in force has one person for each address, so that nothing in it is there to be removed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.roster import ledger
from app.core.roster.columns import TWO_NAMES
from app.models.people import User
from app.models.rosters import RosterProblem

MOST = 100
"""Addresses and lines that are told; who has more mends these first."""


@dataclass(frozen=True)
class Duplicates:
    """`shared` has the accounts of each address that several have, `lines` what the last import
    said of addresses that stand twice in its file."""

    shared: dict[str, list[User]]
    lines: list[RosterProblem]


def find(db: Session) -> Duplicates:
    """The first of them; nothing is changed."""
    forms = (
        select(User.shared_address)
        .where(User.shared_address.is_not(None))
        .group_by(User.shared_address)
        .having(func.count() > 1)
        .order_by(User.shared_address)
        .limit(MOST)
    )
    accounts = select(User).where(User.shared_address.in_(forms)).order_by(User.id)
    shared: dict[str, list[User]] = {}
    for user in db.scalars(accounts):
        shared.setdefault(user.shared_address or "", []).append(user)
    return Duplicates(dict(sorted(shared.items())), _lines(db))


def _lines(db: Session) -> list[RosterProblem]:
    """Lines with a second last name, and remarks about a second spelling of an address."""
    import_id = ledger.in_force(db)
    if import_id is None:
        return []
    of_email = RosterProblem.is_remark.is_(True) & (RosterProblem.column == "email")
    twice = (RosterProblem.reason == TWO_NAMES) | of_email
    lines = select(RosterProblem).where(RosterProblem.import_id == import_id, twice)
    return list(db.scalars(lines.order_by(RosterProblem.line, RosterProblem.id).limit(MOST)))
