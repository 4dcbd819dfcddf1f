"""The links of mails that were asked for in a chat; they lead to the predecessor's addresses."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.core.entry import chat_profile, chat_signup
from app.core.proof import links, pins
from app.core.proof.links import Link
from app.core.proof.pins import Found
from app.models.records import OutgoingMessage

PAGES = "/web/@flancer64/gpt-user-auth"


def to_confirm(db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    """The link by which an account is confirmed, or disowned."""
    pin = _pin(db, message)
    facts = {"pin": pin.pin_id, "stamp": chat_signup.stamp_of(pin)}
    return f"{PAGES}/signup.html?token=" + links.mint(Link.CHAT_SIGNUP, facts, keys=keys)


def to_profile(db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    """The link behind which a profile is changed."""
    pin = _pin(db, message)
    facts = {"pin": pin.pin_id, "stamp": chat_profile.stamp_of(pin)}
    return f"{PAGES}/update.html?token=" + links.mint(Link.CHAT_PROFILE, facts, keys=keys)


def _pin(db: Session, message: OutgoingMessage) -> Found:
    pin = pins.get(db, message.facts["pin_id"])
    if pin is None:
        raise ValueError("the PIN is gone")
    return pin
