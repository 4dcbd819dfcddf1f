"""How somebody who has an account gets a new password, or a first one.

Every door answers alike for everybody and writes the same rows; the mail says the truth. The
mail carries a link, stamped with the state it was issued for, and a code as the way out.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import floods
from app.core.audit import Event, Origin
from app.core.entry import choosing, letters, opening, renewing, signin
from app.core.entry.choosing import NotBoth
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, Refusal, WrongCode
from app.core.outbox import Kind
from app.core.people import users
from app.core.proof import codes, links, stamps
from app.core.proof.codes import Fitting
from app.core.proof.links import Link
from app.models.access import Purpose
from app.models.people import User

LINKS = {Purpose.RESET: Link.RESET, Purpose.SETUP: Link.SETUP}
MAILED = (Link.RESET, Link.SETUP, Link.CREATE, Link.REGISTRATION, Link.NOT_ME, Link.UNPAUSE)
"""The links whose holders may ask for a new mail once they are dead."""


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


def ask_again(db: Session, token: str, *, terms: Terms, origin: Origin) -> None:
    """Answer whoever holds a link of ours that is dead by the mail that fits by now.

    It goes to the account's mailbox, or to the listed person's, whoever presses the button; under
    the caps of all mails. Raises `LinkDead` for what we never signed.
    """
    link, facts = signed(token, terms=terms)
    if "user" in facts:
        user = db.get(User, facts["user"])
        email = user.email if user else None
    else:
        email = facts.get("mailbox") or facts["address"]
    if email is None:
        return
    begun = link is Link.REGISTRATION
    kind = (letters.to_register if begun else letters.to_recover)(db, email, None)
    letters.send(db, kind, email, terms=terms)
    floods.record(
        db, Event.RECOVERY_ASKED, origin, address=canonical(email), answer=kind.value, link="dead"
    )


def signed(token: str, *, terms: Terms) -> tuple[Link, dict[str, Any]]:
    """What a mailed link of ours was for, and its facts, however old it is; or `LinkDead`."""
    for link in MAILED:
        try:
            return link, links.read_expired(link, token, keys=terms.keys)
        except LinkDead:
            continue
    raise LinkDead


def read_link(db: Session, purpose: Purpose, token: str, *, terms: Terms) -> User:
    """The person a mailed link was issued for, who may be here.

    Raises `LinkDead`; looking uses nothing up.
    """
    user, listed = _linked(db, purpose, token, terms)
    if users.shut_out_reason(user, listed=listed) is not None:
        raise LinkDead
    return renewing.as_read(db, user)


def choose_by_link(
    db: Session, purpose: Purpose, token: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Set the password of whom the link was mailed to, and let them in.

    Raises `LinkDead`, or `NotBoth` with what is wrong with the password.
    """
    user, listed = _linked(db, purpose, token, terms)
    _keep_out(db, user, listed, LinkDead(), purpose, terms, origin)
    user = renewing.as_read(db, user)
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
    """Set the password of whoever has the mailed code, and let them in; `purpose` is the page's.

    The neutral answer leads everybody to one page, whatever their mail carries: a code to
    register opens the account here too. Raises `BadAddress`, `NotBoth` with what is wrong with
    the code, the password, or both, and what `opening.open_account` raises.
    """
    address = canonical(email)
    found = users.find(db, address, email)
    mailbox = found[0].mailbox if found else address

    def send_again(ran_out: Purpose) -> None:
        answer = letters.to_register if ran_out is Purpose.REGISTRATION else letters.to_recover
        letters.send(db, answer(db, email, None), email, terms=terms)

    fitting = choosing.prove(
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
    try:
        if fitting.purpose is Purpose.REGISTRATION:
            return opening.open_account(db, address, fitting.code_id, password, terms, origin)
        return _set_by_code(db, email, fitting, password, terms, origin)
    except WrongCode as late:
        raise NotBoth(late, None) from None


def _set_by_code(
    db: Session, email: str, fitting: Fitting, password: str, terms: Terms, origin: Origin
) -> Entered:
    address = canonical(email)
    found = users.find(db, address, email)
    if found is None:
        raise WrongCode
    user, listed = found
    # Who asked for their account on our pages sets their first password, as who was given one.
    purpose = Purpose.SETUP if fitting.purpose is Purpose.CREATE else fitting.purpose
    _keep_out(db, user, listed, NotBoth(WrongCode(), None), purpose, terms, origin)
    user = renewing.as_read(db, user)
    unfit = renewing.problem_for(db, user, password, terms)
    if unfit is not None:
        choosing.refuse_password(db, purpose, address, unfit, origin)
    if not codes.is_unused(db, fitting.code_id):
        raise WrongCode
    try:
        return _let_in(db, user, purpose, password, terms, origin)
    except LinkDead:
        raise WrongCode from None


def _ask(db: Session, email: str, last_name: str | None, terms: Terms, origin: Origin) -> None:
    kind = letters.to_recover(db, email, last_name)
    letters.send(db, kind, email, terms=terms)
    address = canonical(email)
    floods.record(db, Event.RECOVERY_ASKED, origin, address=address, answer=kind.value)


def _linked(db: Session, purpose: Purpose, token: str, terms: Terms) -> tuple[User, bool]:
    lifetime = letters.lifetime_of(purpose, terms)
    facts = links.read(LINKS[purpose], token, lifetime=lifetime, keys=terms.keys)
    if db.get(User, facts["user"]) is None:
        raise LinkDead
    user, listed = users.get(db, facts["user"])
    if stamps.stamp_of(user) != facts["stamp"]:
        raise LinkDead
    return user, listed


def _keep_out(
    db: Session,
    user: User,
    listed: bool,
    refusal: Refusal,
    purpose: Purpose,
    terms: Terms,
    origin: Origin,
) -> None:
    # Asked before anything is set: who was shut out after the mail went keeps the old password.
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        letters.send(db, Kind.SHUT_OUT, user.email, terms=terms)
        signin.refuse(db, refusal, purpose.value, origin, user_id=user.id, why=reason)


def _let_in(
    db: Session, user: User, purpose: Purpose, password: str, terms: Terms, origin: Origin
) -> Entered:
    method = purpose.value
    renewing.renew(
        db, user, password, method=method, proves_mailbox=True, terms=terms, origin=origin
    )
    return signin.admit(
        db, user.id, method, origin, remember=terms.remember, lifetimes=terms.lifetimes
    )
