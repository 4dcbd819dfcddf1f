"""How somebody comes in whom a provider elsewhere knows: Google, GitHub, any OpenID Connect one.

They are known by provider and subject alone. An address opens an account, or is linked to one,
only where the provider vouches for it; else our own mail proves it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.entry import (
    claiming,
    creating,
    letters,
    linking,
    opening,
    owning,
    renewing,
    signin,
)
from app.core.entry.creating import Wish
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import N_, CannotSignIn, LinkDead, NoLongerListed, Refusal
from app.core.outbox import Kind
from app.core.people import names, roles, users
from app.core.proof import credentials, stamps
from app.core.proof.credentials import NotFree
from app.core.proof.social import Claim, NoAddress
from app.models.people import CameBy, Profile, User

TRIES = 4
"""How often it is looked anew where another request of the same person was first."""


class OpensNothing(Refusal):
    """The provider knows them, and they have no account here that is open: whatever the reason."""

    code = "opens_nothing"
    status = 403
    words = N_(
        "We know who you are there, but that address opens no account here. A mail to it says what"
        " to do."
    )


@dataclass(frozen=True)
class Waiting:
    """Somebody whose address is to be proven first; `token` is that of their limited session."""

    token: str


@dataclass(frozen=True)
class Asked:
    """Who asks, and on what terms: `is_open` lets people in who are on no list.

    `for_roles` links the account of somebody with a role, too, by its address alone; without it
    they connect it on their account page first.
    """

    claim: Claim
    is_open: bool
    for_roles: bool
    remember: bool
    terms: Terms
    origin: Origin


def come_in(db: Session, asked: Asked) -> Entered | Waiting:
    """Let in whom the provider knows, opening or linking an account where that may be.

    Raises, committed as refused, `NoAddress` or `OpensNothing`; a mail says the truth then. The
    caller commits.
    """
    tries = 0
    while True:
        try:
            return _come_in(db, asked)
        except (LinkDead, NotFree):
            # Another request was first, perhaps of the same person: what is there now?
            db.rollback()
            tries += 1
            if tries == TRIES:
                _refuse(db, asked, OpensNothing(), "overtaken")


def _come_in(db: Session, asked: Asked) -> Entered | Waiting:
    claim = asked.claim
    owner = credentials.owner_of(db, claim.kind, claim.identifier)
    if owner is not None:
        return _admit(db, asked, owner)
    if claim.email is None:
        _refuse(db, asked, NoAddress(provider=claim.provider))
    if not claim.vouched:
        return _prove_first(db, asked, claim.email)
    found = users.find(db, claim.address, claim.email)
    if found is None:
        return _admit(db, asked, _open(db, asked, claim.email))
    user, listed = found
    _keep_out(db, asked, user, listed=listed)
    if not asked.for_roles and roles.has_any(db, user.id):
        # What a role may do is kept behind more than a mailbox, and this is no more than one.
        kind = Kind.HAVE_ACCOUNT if user.has_password() else Kind.SETUP
        letters.send(db, kind, user.email, terms=asked.terms)
        _refuse(db, asked, OpensNothing(), "role", user.id)
    _link(db, asked, renewing.as_read(db, user))
    return _admit(db, asked, user.id)


def _admit(db: Session, asked: Asked, user_id: int) -> Entered:
    claim = asked.claim
    users.hold(db, user_id)
    if credentials.use(db, claim.kind, claim.identifier) != user_id:
        raise LinkDead
    user, listed = users.get(db, user_id)
    _keep_out(db, asked, user, listed=listed)
    try:
        return signin.admit(
            db, user_id, claim.kind.value, asked.origin, remember=asked.remember,
            lifetimes=asked.terms.lifetimes,
        )  # fmt: skip
    except CannotSignIn:
        raise OpensNothing from None


def _keep_out(db: Session, asked: Asked, user: User, *, listed: bool) -> None:
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        letters.send(db, Kind.SHUT_OUT, user.email, terms=asked.terms)
        _refuse(db, asked, OpensNothing(), reason, user.id)


def _prove_first(db: Session, asked: Asked, email: str) -> Waiting:
    claim = asked.claim
    way = (claim.kind, claim.identifier)
    wish = Wish(claim.full_name, email, None, way, asked.remember)
    token = creating.begin(
        db, wish, is_open=asked.is_open, terms=asked.terms, origin=asked.origin
    )  # fmt: skip
    return Waiting(token)


def _link(db: Session, asked: Asked, user: User) -> None:
    """Link it to the account that has the address, as it was read; raises `LinkDead`."""
    claim = asked.claim
    is_owners = user.verified_at is not None
    if is_owners:
        _hold(db, user)
        held = credentials.of(db, user.id, claim.kind)
        if any(each.identifier == claim.identifier for each in held):
            raise LinkDead  # It was linked just now, by another request of the same person.
        if held:
            # Another account there had this address before: it may have been somebody else's.
            letters.send(db, Kind.HAVE_ACCOUNT, user.email, terms=asked.terms)
            _refuse(db, asked, OpensNothing(), "other_linked", user.id)
    else:
        claiming.take_over(db, user, asked.origin)
        _name(db, user, claim.full_name)
    credentials.add(db, user.id, claim.kind, claim.identifier, name=claim.shown)
    linking.tell_added(
        db, user, claim.kind, provider=claim.provider, shown=claim.shown,
        origin=asked.origin, claimed=not is_owners,
    )  # fmt: skip


def _name(db: Session, user: User, full_name: str) -> None:
    """Call the owner as the provider does, and no longer as whoever asked for the account did."""
    if user.is_named:
        owning.name(db, user.id, full_name)
        return
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(last_name=names.last_word(full_name))
        .execution_options(synchronize_session=False)
    )
    db.merge(Profile(user_id=user.id, full_name=full_name or None))


def _hold(db: Session, user: User) -> None:
    held = db.scalar(
        update(User)
        .where(stamps.unmoved(user))
        .values(verified_at=User.verified_at)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if held is None:
        raise LinkDead


def _open(db: Session, asked: Asked, email: str) -> int:
    """Open an account for who has none; the id. Raises `LinkDead` where there is one by now."""
    claim, origin = asked.claim, asked.origin
    if users.is_shared(db, claim.address):
        letters.send(db, Kind.SPELLING, email, terms=asked.terms)
        _refuse(db, asked, OpensNothing(), "shared")
    try:
        user = opening.open_listed(db, claim.address, origin)
    except NoLongerListed:
        if not asked.is_open:
            letters.send(db, Kind.NO_ACCOUNT, email, terms=asked.terms)
            _refuse(db, asked, OpensNothing(), "no_account")
        user = opening.open_unlisted(db, claim.address, email, CameBy.OPEN, origin)
        user.last_name = names.last_word(claim.full_name)
    if claim.full_name:
        db.add(Profile(user_id=user.id, full_name=claim.full_name))
    credentials.add(db, user.id, claim.kind, claim.identifier, name=claim.shown)
    audit.record(
        db, Event.WAY_ADDED, origin, user_id=user.id, actor_id=user.id, kind=claim.kind.value
    )
    return user.id


def _refuse(
    db: Session, asked: Asked, refusal: Refusal, why: str | None = None, user_id: int | None = None
) -> NoReturn:
    details = {"why": why} if why else {}
    if user_id is None and asked.claim.email is not None:
        details["address"] = asked.claim.address
    signin.refuse(
        db, refusal, asked.claim.kind.value, asked.origin, user_id=user_id, **details
    )  # fmt: skip
