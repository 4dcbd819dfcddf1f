"""Who is on the list and has not registered, as a file for whoever reminds them by other ways."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import exists, not_, select
from sqlalchemy.orm import Session

from app.core.desk.awaited import Scope
from app.core.people import users
from app.core.sheets import BATCH, as_text, write_csv
from app.models.invitations import Invitation
from app.models.people import User
from app.models.rosters import Change, RosterChange, RosterLine

HEADER = ["Last Name", "Email", "Class", "Account", "Invited", "Mails"]
"""The names of the columns: invited is when last, in UTC; mails is how many there were."""


def write(db: Session, scope: Scope) -> Iterator[str]:
    """The text of the CSV file, in pieces: a row for each active person of the list by address.

    Those of `scope`'s import, class and LO Root ID alone, who have no account or no password.
    """
    return write_csv(HEADER, _rows(db, scope))


def _rows(db: Session, scope: Scope) -> Iterator[list[Any]]:
    # Whose address several legacy accounts share has one, if only a person can tell which.
    shared = select(User.shared_address).where(User.shared_address.is_not(None))
    # One query, which is fetched as it is read; the lines of a person follow one another.
    query = (
        select(
            RosterLine.address, RosterLine.last_name, RosterLine.email, RosterLine.class_name,
            User.id, Invitation.invited_at, Invitation.times,
        )
        .outerjoin(User, User.address == RosterLine.address)
        .outerjoin(Invitation, Invitation.address == RosterLine.address)
        .where(
            RosterLine.active.is_(True),
            not_(users.has_password()),
            RosterLine.address.not_in(shared),
            *_narrowed(scope),
        )
        .order_by(RosterLine.address, RosterLine.id)
        .execution_options(yield_per=BATCH)
    )  # fmt: skip
    for _address, lines in groupby(db.execute(query), key=lambda line: line.address):
        rows = list(lines)
        first = rows[0]
        classes = "; ".join(dict.fromkeys(each.class_name for each in rows if each.class_name))
        account = "none" if first.id is None else "without a password"
        invited, times = as_text(first.invited_at), first.times or 0
        yield [first.last_name, first.email, classes, account, invited, times]


def _narrowed(scope: Scope) -> Iterator[Any]:
    if scope.class_name:
        yield RosterLine.class_name == scope.class_name
    if scope.lo_root_id:
        yield RosterLine.lo_root_id == scope.lo_root_id
    if scope.import_id is not None:
        yield exists().where(
            RosterChange.import_id == scope.import_id,
            RosterChange.address == RosterLine.address,
            RosterChange.change == Change.ADDED.value,
        )
