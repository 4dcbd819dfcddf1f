"""Another address for one's own account: proven by a link that goes there, undone from the old one.

The page says the same whatever is true of the new address; the mail to it says the truth.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import audit, clock, outbox, throttle
from app.core.audit import Event, Origin
from app.core.entry import leaving, own_phone, renewing, unopened
from app.core.entry.terms import Terms
from app.core.errors import N_, AddressTaken, LinkDead, Refusal
from app.core.outbox import Cap, Kind
from app.core.people import limited, sessions, users
from app.core.people.sessions import Presence
from app.core.proof import links, stamps
from app.core.proof.links import Link
from app.core.roster import entitlements
from app.core.throttle import Limit
from app.models.access import SignInSession
from app.models.moves import AddressMove
from app.models.people import User
from app.models.rosters import RosterLine

LIFETIME = timedelta(hours=1)
"""How long the link to the new address works."""

MOST_A_DAY = Limit(tries=10, window=timedelta(days=1))
"""Addresses that one account may have mails sent to: each may be a stranger's."""

CHANGED = "address_changed"
"""The reason of sessions that ended because their person's address became another."""


class SameAddress(Refusal):
    """The new address is the one that the account has."""

    code = "same_address"
    status = 422
    words = N_("This is the address of your account already.")


class OnTheList(Refusal):
    """The list names its people by their addresses, so that it is the authority on them."""

    code = "on_the_list"
    status = 409
    words = N_(
        "You are on the list under this address, so only whoever keeps the list can change it."
        " Ask %(contact)s."
    )


class NotYours(LinkDead):
    """A link for one account, opened by who is signed in to another."""

    words = N_(
        "This link belongs to another account than the one that is signed in here."
        " Sign out, sign in to the other one, and open it again."
    )


def check_may(db: Session, user: User) -> None:
    """Raises `AddressFirst` or `OnTheList` where this person may not change their address."""
    own_phone.check_address(user)
    listed = exists().where(RosterLine.address == user.counted_as)
    if db.scalar(select(listed)):
        raise OnTheList


def ask(db: Session, user: User, email: str, *, origin: Origin) -> str:
    """Mail a link to the address that is to be this person's; its canonical form.

    Where it has an account already the mail says so instead, and the answer is the same. Raises
    what `check_may` does, `BadAddress`, `SameAddress` or `TooManyTries`. The caller commits.
    """
    check_may(db, user)
    address = canonical(email)
    if address == user.counted_as:
        raise SameAddress
    throttle.count(db, "ask:address:day", str(user.id), MOST_A_DAY)
    holder = next(iter(users.counted_as(db, address)), None)
    # Asked about nobody too, so that every address costs the same queries.
    is_free = unopened.is_nobodys(db, holder.id if holder else 0)
    reader = user if holder is None or is_free else holder
    is_taken = reader is not user
    # The stamp is of this moment: a mail that leaves late carries no fresher state.
    outbox.queue(
        db, Kind.ADDRESS_TAKEN if is_taken else Kind.ADDRESS_ASKED, address, user_id=user.id,
        locale=reader.locale, email=email.strip(), stamp=stamps.stamp_of(user),
    )  # fmt: skip
    audit.record(
        db, Event.ADDRESS_ASKED, origin, user_id=user.id, actor_id=user.id, new=address,
        answer="taken" if is_taken else "link",
    )  # fmt: skip
    return address


def read_link(db: Session, user: User, link: str, *, terms: Terms) -> str:
    """The new address, as it was typed, that a mailed link gives to who is signed in.

    Raises `LinkDead`, or its kind `NotYours`; looking uses nothing up.
    """
    facts = links.read(Link.ADDRESS, link, lifetime=LIFETIME, keys=terms.keys)
    if facts["user"] != user.id:
        raise NotYours
    if stamps.stamp_of(user) != facts["stamp"]:
        raise LinkDead
    return str(facts["email"])


def move(
    db: Session, here: Presence, token: str, link: str, *, terms: Terms, origin: Origin
) -> tuple[User, str]:
    """Give the account the address that the link proves; the person, and this session's new token.

    All other sessions end, and so do codes and links that were mailed before. The old mailbox is
    told, with a link that undoes it. Raises `LinkDead`, `AddressTaken`, what `check_may` does, or
    `SignedOut`. The caller commits.
    """
    entitlements.hold_list(db)  # An import at work holds people too: it is waited for first.
    users.hold(db, here.user.id)
    before = renewing.as_read(db, users.get(db, here.user.id)[0])
    email = read_link(db, before, link, terms=terms)
    check_may(db, before)
    address = canonical(email)
    make_free(db, address, origin)
    values = {"email": email, "address": address, "shared_address": None}
    claim(db, before, stamps.unmoved(before), **values)
    moved = AddressMove(
        user_id=before.id, email=before.email, address=before.address,
        shared_address=before.shared_address, to_address=address, moved_at=clock.now(),
    )  # fmt: skip
    db.add(moved)
    db.flush()  # The mail names the row by its id.
    leaving.leave(db, before)
    others = and_(SignInSession.user_id == before.id, SignInSession.id != here.session_id)
    sessions.end_all_of(db, others, CHANGED)
    entitlements.follow_list(db, User.id == before.id)
    _tell(db, before, moved, origin)
    return users.get(db, before.id)[0], sessions.change_token(db, token)


def make_free(db: Session, address: str, origin: Origin) -> None:
    """Let go of an account that somebody asked for with this address and never proved.

    Raises `AddressTaken` where several accounts of the legacy database share it.
    """
    if users.is_shared(db, address):
        raise AddressTaken
    let_go(db, address, origin)


def let_go(db: Session, address: str, origin: Origin) -> None:
    """Drop the account of this address where somebody asked for it and never proved it."""
    holder = select(User.id).where(User.address == address)
    unopened.drop(db, list(db.scalars(holder)), origin, why="address_moved")


def claim(db: Session, before: User, is_as_read: ColumnElement[bool], **values: Any) -> None:
    """Write the address, proven now, in one conditional UPDATE; registrations of it are over.

    Raises `AddressTaken`, or `LinkDead` where the account is no longer as it was read.
    """
    try:
        claimed = db.scalar(
            update(User)
            .where(User.id == before.id, is_as_read)
            .values(verified_at=clock.now(), **values)
            .returning(User.id)
            .execution_options(synchronize_session=False)
        )
    except IntegrityError:
        db.rollback()
        raise AddressTaken from None
    if claimed is None:
        raise LinkDead
    # Whoever asked for an account with this address gets none by somebody else's proof of it.
    if values["address"] is not None:
        limited.end_of(db, values["address"])


def _tell(db: Session, before: User, moved: AddressMove, origin: Origin) -> None:
    outbox.queue(
        db, Kind.ADDRESS_MOVED, before.mailbox, user_id=before.id, locale=before.locale,
        # No cap: whoever fills the mailbox with other alarms first must not keep this one back,
        # for it alone brings the account back, and the links of all others are dead by now.
        cap=Cap.NONE, move=moved.id, old=before.mailbox, new=moved.to_address,
        user_agent=origin.user_agent, place=origin.place, at=clock.now().isoformat(),
    )  # fmt: skip
    audit.record(
        db, Event.ADDRESS_MOVED, origin, user_id=before.id, actor_id=before.id,
        changed={"email": [before.email.strip(), moved.to_address]},
    )  # fmt: skip
