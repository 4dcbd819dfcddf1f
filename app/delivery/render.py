"""A message as a mail: subject, text and HTML in the reader's language, links minted now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import css_inline
from flask import render_template
from flask_babel import force_locale

from app.config import Settings
from app.core import outbox
from app.core.outbox import Kind
from app.core.proof import links
from app.core.proof.links import Link
from app.models.records import OutgoingMessage

DEFAULT_LOCALE = "en"


@dataclass(frozen=True)
class Mail:
    """What a mail says, and in which language."""

    subject: str
    text: str
    html: str
    locale: str


def _registration_link(message: OutgoingMessage, digits: str, keys: Sequence[str]) -> str:
    facts = {
        "address": message.facts["address"],
        "code_id": message.facts["code_id"],
        "digits": digits,
    }
    return "/register/password/" + links.mint(Link.REGISTRATION, facts, keys=keys)


MINTS: dict[Kind, Callable[[OutgoingMessage, str, Sequence[str]], str]] = {
    Kind.REGISTRATION_CODE: _registration_link,
}
"""The kinds whose button carries a token, and what mints it."""


def render(message: OutgoingMessage, settings: Settings) -> Mail:
    """The mail that `message` stands for; needs an app context for its templates.

    Every address in it begins with `PUBLIC_URL`. Raises `ValueError` where the code cannot be
    unsealed, because its key is gone.
    """
    keys = [settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    code = None
    if message.sealed is not None:
        code = outbox.unseal(message.sealed, keys=keys)
        if code is None:
            raise ValueError("the code cannot be unsealed")
    mint = MINTS.get(Kind(message.kind))
    if mint and code is None:
        raise ValueError("the code is gone")
    facts: dict[str, Any] = {
        **message.facts,
        "code": code,
        "recipient": message.recipient,
        "written_at": message.created_at,
        "home": settings.PUBLIC_URL,
        "link": settings.PUBLIC_URL + mint(message, code or "", keys) if mint else None,
        "service": settings.SERVICE_NAME,
        "organisation": settings.ORGANISATION,
        "contact": settings.CONTACT_EMAIL or settings.CONTACT,
    }
    if "until" in facts:
        facts["until"] = datetime.fromisoformat(facts["until"])
    locale = message.locale or DEFAULT_LOCALE
    with force_locale(locale):
        subject = _part(message.kind, "subject.txt", facts)
        text = _part(message.kind, "body.txt", facts)
        html = _part(message.kind, "body.html", facts | {"subject": subject, "locale": locale})
    return Mail(" ".join(subject.split()), text, css_inline.inline(html), locale)


def _part(kind: str, name: str, facts: dict[str, Any]) -> str:
    return render_template(f"mail/{kind}/{name}", **facts).strip() + "\n"
