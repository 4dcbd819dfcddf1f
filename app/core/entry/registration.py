"""How a listed person gets an account: a mailed code first, then the password.

Step one answers alike for everybody and writes the same rows; only the mailbox learns more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import floods
from app.core.audit import Event, Origin
from app.core.entry import choosing, letters, opening, recovery
from app.core.entry.choosing import NotBoth
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, WrongCode
from app.core.proof import codes, links
from app.core.proof.links import Link
from app.models.access import Purpose


def begin(db: Session, last_name: str, email: str, *, terms: Terms, origin: Origin) -> str:
    """Answer a request to register by mail, whatever the truth is; the canonical address.

    Raises `BadAddress` for what is no address at all.
    """
    address = canonical(email)
    kind = letters.to_register(db, email, last_name)
    letters.send(db, kind, email, terms=terms)
    floods.record(db, Event.REGISTRATION_ASKED, origin, address=address, answer=kind.value)
    return address


def finish(
    db: Session, email: str, code: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Open the account of whoever has the mailed code, and let them in.

    The mail may have carried another code than one to register, which then does what it is for;
    see `recovery.choose_by_code`, whose refusals these are.
    """
    return recovery.choose_by_code(
        db, Purpose.REGISTRATION, email, code, password, terms=terms, origin=origin
    )


def read_link(db: Session, token: str, *, terms: Terms) -> dict[str, Any]:
    """What a mailed link carries: `address`, `digits`, `code_id`.

    Looking uses nothing up. Raises `LinkDead`.
    """
    facts = links.read(Link.REGISTRATION, token, lifetime=terms.code_lifetime, keys=terms.keys)
    if not codes.is_unused(db, facts["code_id"]):
        raise LinkDead
    return facts


def finish_by_link(
    db: Session, token: str, password: str, *, terms: Terms, origin: Origin
) -> Entered:
    """Open the account by the mailed link alone, which no count of wrong codes can close.

    Raises `LinkDead`, `NoLongerListed`, or `NotBoth` with what is wrong with the password.
    """
    facts = read_link(db, token, terms=terms)
    unfit = choosing.password_problem(password, facts["address"], terms)
    if unfit is not None:
        raise NotBoth(None, unfit)
    try:
        return opening.open_account(db, facts["address"], facts["code_id"], password, terms, origin)
    except WrongCode:
        raise LinkDead from None
