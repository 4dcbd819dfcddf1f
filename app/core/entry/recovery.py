"""How somebody who has an account gets a new password, or a first one.

Every door answers alike for everybody and writes the same rows; the mail says the truth. The
mail carries a link, stamped with the state it was issued for, and a code as the way out.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import audit
from app.core.audit import Event, Origin
from app.core.entry import choosing, letters, renewing, signin
from app.core.entry.choosing import NotBoth
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, WrongCode
from app.core.people import users
from app.core.proof import codes, links, stamps
from app.core.proof.links import Link
from app.models.access import Purpose
from app.models.people import User

LINKS = {Purpose.RESET: Link.RESET, Purpose.SETUP: Link.SETUP}


def ask_reset(db: Session, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer "I forgot my password" by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    _ask(db, email, None, terms, origin)
    return address


def ask_setup(db: Session, last_name: str, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer "this is my first time" by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    _ask(db, email, last_name, terms, origin)
    return address


def read_link(db: Session, purpose: Purpose, token: str, *, terms: Terms) -> User:
    """The person a mailed link was issued for. Raises `LinkDead`; looking uses nothing up."""
    lifetime = letters.lifetime_of(purpose, terms)
    facts = links.read(LINKS[purpose], token, lifetime=lifetime, keys=terms.keys)
    user = db.get(User, facts["user"])
    if user is None or stamps.stamp_of(user) != facts["stamp"]:
        raise LinkDead
    return renewing.as_read(db, user)


def choose_by_link(
    db: Session, purpose: Purpose, token: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Set the password of whom the link was mailed to, and let them in.

    Raises `LinkDead`, or `NotBoth` with what is wrong with the password.
    """
    user = read_link(db, purpose, token, terms=terms)
    unfit = choosing.password_problem(password, user.mailbox, terms)
    if unfit is None:
        unfit = renewing.problem_for(db, user, password, terms)
    if unfit is not None:
        raise NotBoth(None, unfit)
    return _let_in(db, user, purpose, password, terms, origin)


def choose_by_code(
    db: Session,
    purpose: Purpose,
    email: str,
    code: str,
    password: str,
    *,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Set the password of whoever has the mailed code, and let them in.

    Raises `BadAddress`, or `NotBoth` with what is wrong with the code, the password, or both.
    """
    address = canonical(email)
    found = users.find(db, address, email)
    mailbox = found[0].mailbox if found else address

    def send_again() -> None:
        letters.send(db, letters.to_recover(db, email, None), email, terms=terms)

    code_id = choosing.prove(
        db,
        purpose,
        mailbox,
        code,
        password,
        counted_as=address,
        send_again=send_again,
        terms=terms,
        origin=origin,
    )
    found = users.find(db, address, email)
    if found is None:
        raise NotBoth(WrongCode(), None)
    user = renewing.as_read(db, found[0])
    unfit = renewing.problem_for(db, user, password, terms)
    if unfit is not None:
        choosing.refuse_password(db, purpose, address, unfit, origin)
    try:
        return _let_in(db, user, purpose, password, terms, origin, code_id=code_id)
    except (WrongCode, LinkDead):
        raise NotBoth(WrongCode(), None) from None


def _ask(db: Session, email: str, last_name: str | None, terms: Terms, origin: Origin) -> None:
    kind = letters.to_recover(db, email, last_name)
    letters.send(db, kind, email, terms=terms)
    address = canonical(email)
    audit.record(db, Event.RECOVERY_ASKED, origin, address=address, answer=kind.value)


def _let_in(
    db: Session,
    user: User,
    purpose: Purpose,
    password: str,
    terms: Terms,
    origin: Origin,
    *,
    code_id: int | None = None,
) -> Entered:
    method = purpose.value
    if code_id is not None and not codes.is_unused(db, code_id):
        raise WrongCode
    renewing.renew(
        db, user, password, method=method, proves_mailbox=True, terms=terms, origin=origin
    )
    return signin.admit(db, user.id, method, origin, remember=False, lifetimes=terms.lifetimes)
