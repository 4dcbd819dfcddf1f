"""A number that no channel reaches: asked for and tried as an address that nobody has.

The same answers, rows and counts as `by_code`, and no message. The audit log has of the number what
it has of every other: its end.
"""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy.orm import Session

from app import phones
from app.core import clock, floods, throttle
from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.by_code import MOST_ASKED, Door, worded
from app.core.entry.terms import Terms
from app.core.errors import TooManyTries, WrongCode
from app.core.proof import codes
from app.core.proof.codes import RanOut


def ask(db: Session, number: str, door: Door, *, terms: Terms, origin: Origin) -> str:
    """Count and remember that a code was asked for. Raises `TooManyTries`; the caller commits."""
    scope, purpose = f"ask:{door.purpose.value}", door.purpose.value
    shown = phones.masked(number)
    if not throttle.take(db, scope, number, MOST_ASKED):
        until = throttle.until(db, scope, number) or clock.now()
        signin.refuse(db, TooManyTries(until), purpose, origin, phone=shown, why="asked")
    codes.issue_none(db, door.purpose, number, lifetime=door.lifetime)
    floods.record(
        db, Event.CODE_ASKED, origin, phone=shown, answer="unreached", purpose=purpose,
        **door.through,
    )  # fmt: skip
    return number


def prove(
    db: Session, number: str, typed: str, door: Door, *, terms: Terms, origin: Origin
) -> NoReturn:
    """Count a try, which is wrong. Raises as `by_code.prove` does."""
    shown = phones.masked(number)
    try:
        codes.check(db, door.purpose, number, typed, requester=door.requester, keys=terms.keys)
    except TooManyTries as refusal:
        said = worded(refusal, door)
        signin.refuse(db, said, door.purpose.value, origin, phone=shown, **door.through)
    except (RanOut, WrongCode) as refusal:
        signin.refuse(db, refusal, door.purpose.value, origin, phone=shown, **door.through)
    raise WrongCode
