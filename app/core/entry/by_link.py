"""How somebody signs in by the button of the mail that has their code: one press instead of six.

The link names the code that it was mailed with, and both are used up together. Wrong codes do not
kill it: nobody can guess it. It opens our pages alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core.audit import Origin
from app.core.entry import by_code, signin
from app.core.entry.by_code import Door
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, NoLongerListed, PasswordNeeded, WrongCode
from app.core.proof import codes, links
from app.core.proof.links import Link


@dataclass(frozen=True)
class Linked:
    """What a link says: to which mailbox it went, with which code; the mark of who asked."""

    mailbox: str
    code_id: int
    asked_by: str


def read(db: Session, token: str, *, terms: Terms) -> Linked:
    """What this link says. Raises `LinkDead` or `CodesAway`; looking uses nothing up."""
    facts = links.read(Link.SIGN_IN, token, lifetime=terms.code_lifetime, keys=terms.keys)
    if not codes.is_unused(db, facts["code_id"]):
        raise LinkDead
    return Linked(facts["mailbox"], facts["code_id"], facts["asked_by"])


def mailbox_of(token: str, *, terms: Terms) -> str:
    """To whom this link was mailed, however old it is. Raises `LinkDead` for what is not ours."""
    mailbox: str = links.read_expired(Link.SIGN_IN, token, keys=terms.keys)["mailbox"]
    return mailbox


def prove(db: Session, linked: Linked, door: Door, *, origin: Origin) -> int:
    """Use up the link and its code; the id of its person, who is still to be let in.

    Raises `LinkDead`, which is committed as refused; the caller commits all else.
    """
    try:
        return by_code.claim(db, linked.mailbox, linked.code_id, door, origin)
    except (LinkDead, NoLongerListed, PasswordNeeded, WrongCode) as late:
        db.rollback()
        address = canonical(linked.mailbox)
        signin.refuse(db, LinkDead(), door.purpose.value, origin, address=address, why=late.code)
