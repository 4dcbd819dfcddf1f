"""A message as a mail: subject, text and HTML in the reader's language, links minted now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import css_inline
from babel import Locale, UnknownLocaleError
from flask import render_template
from flask_babel import force_locale
from sqlalchemy.orm import Session

from app.config import Settings
from app.core import outbox
from app.core.errors import N_
from app.core.outbox import Kind
from app.core.people import agents
from app.core.proof import guesses, links, stamps
from app.core.proof.links import Link
from app.delivery import chat_links
from app.models.access import Purpose
from app.models.people import User
from app.models.records import OutgoingMessage

DEFAULT_LOCALE = "en"


@dataclass(frozen=True)
class Mail:
    """What a mail says, and in which language."""

    subject: str
    text: str
    html: str
    locale: str


def _registration_link(
    _db: Session, message: OutgoingMessage, digits: str, keys: Sequence[str]
) -> str:
    facts = {
        "address": message.facts["address"],
        "code_id": message.facts["code_id"],
        "digits": digits,
    }
    return "/register/password/" + links.mint(Link.REGISTRATION, facts, keys=keys)


def _sign_in_link(
    _db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]
) -> str | None:
    # A code that a program asked for is typed there; a button would open our pages instead.
    if message.facts["purpose"] != Purpose.SIGN_IN.value:
        return None
    facts = {
        "mailbox": message.facts["address"],
        "code_id": message.facts["code_id"],
        "asked_by": message.facts.get("asked_by", ""),
    }
    return "/login/link/" + links.mint(Link.SIGN_IN, facts, keys=keys)


def _password_link(db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    user = db.get(User, message.user_id) if message.user_id else None
    if user is None:
        raise ValueError("the account is gone")
    facts = {"user": user.id, "stamp": stamps.stamp_of(user)}
    purpose = message.facts["purpose"]
    return f"/{purpose}-password/" + links.mint(Link(purpose), facts, keys=keys)


def _create_link(db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    user = db.get(User, message.user_id) if message.user_id else None
    if user is None:
        raise ValueError("the account is gone")
    facts = {"user": user.id, "stamp": stamps.stamp_of(user)}
    return "/create-account/" + links.mint(Link.CREATE, facts, keys=keys)


def _unpause_link(_db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    facts = {
        "address": message.facts["counted_as"],
        "mailbox": message.facts["address"],
        "ends_at": message.facts["ends_at"],
        "scope": message.facts.get("scope", guesses.ACCOUNT),
    }
    return "/lift-pause/" + links.mint(Link.UNPAUSE, facts, keys=keys)


def _address_link(_db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    # The stamp is of the moment when it was asked for: what ended that ends this mail too.
    wanted = {"email": message.facts["email"], "stamp": message.facts["stamp"]}
    facts = {"user": message.user_id} | wanted
    return "/account/email/" + links.mint(Link.ADDRESS, facts, keys=keys)


def _address_back_link(
    _db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]
) -> str | None:
    # Who took an address back is told too, and has nothing to undo.
    move = message.facts.get("move")
    if move is None:
        return None
    facts = {"user": message.user_id, "move": move}
    return "/address-back/" + links.mint(Link.ADDRESS_BACK, facts, keys=keys)


def _not_me_link(db: Session, message: OutgoingMessage, _digits: str, keys: Sequence[str]) -> str:
    user = db.get(User, message.user_id) if message.user_id else None
    if user is None:
        raise ValueError("the account is gone")
    facts = {"user": user.id, "stamp": stamps.of_mailbox(user)}
    return "/not-me/" + links.mint(Link.NOT_ME, facts, keys=keys)


Mint = Callable[[Session, OutgoingMessage, str, Sequence[str]], str | None]
MINTS: dict[Kind, Mint] = {
    Kind.ADDRESS_ASKED: _address_link,
    Kind.ADDRESS_MOVED: _address_back_link,
    Kind.CHAT_PROFILE: chat_links.to_profile,
    Kind.CHAT_SIGNUP: chat_links.to_confirm,
    Kind.CREATE_ACCOUNT: _create_link,
    Kind.INVITATION: _password_link,
    Kind.NEW_DEVICE: _not_me_link,
    Kind.PASSWORD_CHANGED: _not_me_link,
    Kind.PAUSED: _unpause_link,
    Kind.PHONE_ADDED: _not_me_link,
    Kind.PHONE_REMOVED: _not_me_link,
    Kind.PIN_CHANGED: _not_me_link,
    Kind.PIN_PAUSED: _unpause_link,
    Kind.REGISTRATION_CODE: _registration_link,
    Kind.RESET: _password_link,
    Kind.SETUP: _password_link,
    Kind.SIGN_IN_CODE: _sign_in_link,
    Kind.WAY_ADDED: _not_me_link,
    Kind.WAY_REMOVED: _not_me_link,
    Kind.WELCOME: _password_link,
}
"""The kinds whose button carries a token, and what mints it."""

WITHOUT_CODE: set[Mint] = {
    _address_back_link, _address_link, _not_me_link, chat_links.to_confirm, chat_links.to_profile,
}  # fmt: skip
"""What mints links in mails that carry no code beside them."""


def render(db: Session, message: OutgoingMessage, settings: Settings) -> Mail:
    """The mail that `message` stands for; needs an app context for its templates.

    A link carries the stamp of its account as it stands now. Every address in it begins with
    `PUBLIC_URL`. Raises `ValueError` where the code cannot be unsealed, because its key is gone,
    or where the account is gone.
    """
    keys = [settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    code = None
    if message.sealed is not None:
        code = outbox.unseal(message.sealed, keys=keys)
        if code is None:
            raise ValueError("the code cannot be unsealed")
    mint = MINTS.get(Kind(message.kind))
    if mint and mint not in WITHOUT_CODE and code is None:
        raise ValueError("the code is gone")
    path = mint(db, message, code or "", keys) if mint else None
    facts: dict[str, Any] = {
        **message.facts,
        "code": code,
        "recipient": message.recipient,
        "written_at": message.created_at,
        # Reading it takes longer than all else that a sign-in does beside the hash.
        "agent": agents.describe(message.facts.get("user_agent")),
        "home": settings.PUBLIC_URL,
        "place": message.facts.get("place") or N_("an unknown place"),
        "link": settings.PUBLIC_URL + path if path else None,
        "service": settings.SERVICE_NAME,
        "organisation": settings.ORGANISATION,
        "contact": settings.CONTACT_EMAIL or settings.CONTACT,
    }
    for name in ("at", "ends_at", "until"):
        if name in facts:
            facts[name] = datetime.fromisoformat(facts[name])
    locale = _readable(message.locale or DEFAULT_LOCALE)
    with force_locale(locale.replace("-", "_")):
        subject = _part(message.kind, "subject.txt", facts)
        text = _part(message.kind, "body.txt", facts)
        html = _part(message.kind, "body.html", facts | {"subject": subject, "locale": locale})
    return Mail(" ".join(subject.split()), text, css_inline.inline(html), locale)


def _readable(locale: str) -> str:
    """The locale if it is one; a mail must leave, whatever somebody's row says."""
    try:
        Locale.parse(locale, sep="-")
    except (ValueError, UnknownLocaleError):
        return DEFAULT_LOCALE
    return locale


def _part(kind: str, name: str, facts: dict[str, Any]) -> str:
    return render_template(f"mail/{kind}/{name}", **facts).strip() + "\n"
