"""How the first admin comes in: a one-time link that only the console shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import hashing
from app.addresses import canonical
from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import AddressTaken, LinkDead
from app.core.outbox import Kind
from app.core.people import names, roles, users
from app.core.proof import links, passwords
from app.core.proof.links import Link
from app.models.people import Status, User

LIFETIME = timedelta(hours=24)


def mint_link(db: Session, *, keys: Sequence[str]) -> str:
    """A token that makes one owner, once, within `LIFETIME`. Any new owner ends it."""
    return links.mint(Link.FIRST_ADMIN, {"stamp": roles.owner_stamp(db)}, keys=keys)


def check_link(db: Session, token: str, *, keys: Sequence[str]) -> int:
    """The stamp of a token that still works. Raises `LinkDead`; uses nothing up."""
    facts = links.read(Link.FIRST_ADMIN, token, lifetime=LIFETIME, keys=keys)
    stamp = int(facts["stamp"])
    if stamp != roles.owner_stamp(db):
        raise LinkDead
    return stamp


def enter(
    db: Session,
    token: str,
    *,
    last_name: str,
    email: str,
    password: str,
    test_mail: bool,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Open an owner's account by the console's link and let them in.

    Raises `LinkDead`, `NoName`, `BadAddress`, `PasswordRefused` or `AddressTaken`.
    """
    stamp = check_link(db, token, keys=terms.keys)
    name = names.checked_name(last_name)
    address = canonical(email)
    typed = [name, address, address.partition("@")[0], *terms.service_words]
    password = passwords.check_new(password, least=terms.role_least, known_words=typed)
    db.rollback()  # No transaction waits for bcrypt.
    with terms.lane():
        password_hash = hashing.hash_password(password, rounds=terms.rounds)
    if users.is_shared(db, address):
        raise AddressTaken
    user = User(
        last_name=name,
        email=email.strip(),
        address=address,
        status=Status.ACTIVE.value,
        date_added=clock.now(),
        password_hash=password_hash,
    )
    db.add(user)
    try:
        db.flush()  # A second account for the address is a clash here, to be said in words.
    except IntegrityError:
        db.rollback()
        raise AddressTaken from None
    roles.make_owner(db, user.id, stamp=stamp)
    audit.record(db, Event.ADMIN_APPOINTED, origin, user_id=user.id, actor_id=user.id)
    if test_mail:
        outbox.queue(db, Kind.ADMIN_TEST, address, user_id=user.id)
    return signin.admit(
        db, user.id, "first_admin", origin, remember=False, lifetimes=terms.lifetimes
    )
