"""'Give my old address back': what whoever reads the old mailbox does about a change of address.

The link works without signing in, for 7 days, whatever became of the account since: a thief who
has it can change its password, and its address once more. It is dead once it was used, and once
an admin or a list gave the account its address.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import and_, delete, exists, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.entry import disowning, leaving, letters, own_address, renewing
from app.core.entry.terms import Terms
from app.core.errors import N_, AddressTaken, LinkDead
from app.core.outbox import Cap, Kind
from app.core.people import users
from app.core.proof import links
from app.core.proof.links import Link
from app.core.roster import entitlements
from app.models.moves import AddressMove
from app.models.people import User

LIFETIME = timedelta(days=7)
"""How long the old mailbox can take the account back."""


class OldAddressTaken(AddressTaken):
    """Somebody proved the old address since, and has an account with it."""

    words = N_("There is another account with the old address by now. %(contact)s can help.")


def read_link(db: Session, token: str, *, terms: Terms) -> AddressMove:
    """The move that a mailed link undoes. Raises `LinkDead`; looking uses nothing up."""
    facts = links.read(Link.ADDRESS_BACK, token, lifetime=LIFETIME, keys=terms.keys)
    move = db.get(AddressMove, facts["move"], populate_existing=True)
    if move is None or move.user_id != facts["user"] or move.undone_at is not None:
        raise LinkDead
    if clock.now() > move.moved_at + LIFETIME:
        raise LinkDead
    newest = (
        select(AddressMove.to_address)
        .where(AddressMove.user_id == move.user_id, AddressMove.undone_at.is_(None))
        .order_by(AddressMove.id.desc())
        .limit(1)
    )
    if db.scalar(select(User.address).where(User.id == move.user_id)) != db.scalar(newest):
        raise LinkDead
    return move


def give_back(db: Session, token: str, *, terms: Terms, origin: Origin) -> str:
    """Give the account its old address, end what opens it, and mail a way to a new password there.

    Returns the mailbox. The new mailbox is told too. Raises `LinkDead`, also for the second of two
    presses at once, or `OldAddressTaken` where somebody has it by now. The caller
    commits.
    """
    user_id = read_link(db, token, terms=terms).user_id
    entitlements.hold_list(db)  # An import at work holds people too: it is waited for first.
    users.hold(db, user_id)
    before = renewing.as_read(db, users.get(db, user_id)[0])
    move = read_link(db, token, terms=terms)  # Looked at once more, after `before`.
    open_still = exists().where(AddressMove.id == move.id, AddressMove.undone_at.is_(None))
    unmoved = and_(User.address.is_not_distinct_from(before.address), open_still)
    try:
        _make_free(db, move, origin)
        own_address.claim(
            db, before, unmoved, password_hash=None, email=move.email, address=move.address,
            shared_address=move.shared_address,
        )  # fmt: skip
    except AddressTaken:
        raise OldAddressTaken from None
    db.execute(
        update(AddressMove)
        # What came after it is over with it.
        .where(AddressMove.user_id == move.user_id, AddressMove.id >= move.id)
        .where(AddressMove.undone_at.is_(None))
        .values(undone_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    disowning.shut_all(db, before)
    leaving.leave(db, before)
    entitlements.follow_list(db, User.id == before.id)
    _tell(db, before, move, terms, origin)
    return move.address or move.email.strip()


def _make_free(db: Session, move: AddressMove, origin: Origin) -> None:
    """Raises `AddressTaken` where the old address is another account's alone by now."""
    if move.address is not None:
        own_address.make_free(db, move.address, origin)
    elif move.shared_address is not None:
        # Accounts that share it are told apart by their spelling; who has it alone is not.
        own_address.let_go(db, move.shared_address, origin)
        if any(each.address for each in users.counted_as(db, move.shared_address)):
            raise AddressTaken


def tidy(db: Session) -> None:
    """Forget the old addresses that no mailed link gives back any more. The caller commits."""
    db.execute(delete(AddressMove).where(AddressMove.moved_at < clock.now() - LIFETIME))


def _tell(db: Session, before: User, move: AddressMove, terms: Terms, origin: Origin) -> None:
    old = move.address or move.email.strip()
    outbox.queue(
        db, Kind.ADDRESS_MOVED, before.mailbox, user_id=before.id, locale=before.locale,
        cap=Cap.NONE, given_back=True, old=before.mailbox, new=old,
    )  # fmt: skip
    letters.send(db, Kind.RESET, move.email, terms=terms, cap=Cap.NONE)
    audit.record(
        db, Event.ADDRESS_GIVEN_BACK, origin, user_id=before.id,
        changed={"email": [before.mailbox, old]},
    )  # fmt: skip
