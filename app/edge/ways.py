"""By which ways a code goes out to somebody and comes back: one line for each."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from app import phones
from app.core.audit import Origin
from app.core.entry import by_code, by_phone, unreached
from app.core.entry.by_code import Door
from app.core.entry.terms import Terms
from app.core.proof.ways import Doors
from app.edge.ours import ours
from app.phones import BadNumber


class Way(Protocol):
    """What each of them has, as `by_code` does."""

    def ask(
        self, db: Session, subject: str, door: Door, /, *, terms: Terms, origin: Origin
    ) -> object:
        """Send a code to who may come in; the answer is the same for everybody."""

    def prove(
        self, db: Session, subject: str, typed: str, door: Door, /, *, terms: Terms, origin: Origin
    ) -> int:
        """Use a code up; the id of who it proves."""


def way(name: str, subject: str) -> Way:
    """The way to whom a member of a body names, `email` or `phone`.

    A number that no phone can have is one that nobody has: told apart it would be no more neutral.
    """
    if name == "email":
        return by_code
    return by_phone if ours().settings.whatsapp and _can_be(subject) else unreached


def _can_be(number: str) -> bool:
    try:
        phones.canonical(number)
    except BadNumber:
        return False
    return True


def doors() -> Doors:
    """Which doors of the site stand open here."""
    return Doors(**ours().settings.doors)


def code_opens(*, has_role: bool) -> bool:
    """Whether a code is a way into the site here, for who has a role or for who has none."""
    return doors().code_opens(has_role=has_role)
