"""Privacy, terms and support: pages for everybody, which say what the program does.

Every number on them comes from the setting or the constant that the program itself goes by, so
that what is said and what is done cannot drift apart.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from babel.units import format_unit
from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from app.core import mailbox, outbox, throttle
from app.core.desk import rollups
from app.core.entry import address_back, letters, renewing
from app.core.learning import exporting, retention
from app.core.people import roles, sessions
from app.core.proof import codes
from app.core.roster import ledger, tidying
from app.edge import devices
from app.edge.db import db
from app.edge.ours import ours

bp = Blueprint("legal", __name__)


@dataclass(frozen=True)
class Edition:
    """Which words a page has: their number, the day of their last change, and their checksum.

    `words` is what a test computes from the `templates` in `templates/legal`. Who changes the
    words changes all three, so that the page never claims to be older or newer than it is.
    """

    version: int
    changed: date
    words: str
    templates: tuple[str, ...]


PRIVACY = Edition(3, date(2026, 11, 22), "822cf00811c06fec", ("privacy.html", "privacy_kept.html"))
TERMS = Edition(1, date(2026, 11, 21), "2f3a6f5fa52c3337", ("terms.html",))

THEME_LIFETIME = timedelta(days=365)
"""How long a browser remembers light or dark; `static/js/theme.js` sets that cookie."""

HIDDEN_ENDINGS = (".internal", ".intranet", ".lan", ".local", ".localdomain", ".localhost")
"""Names that mean something within a network alone; they are nobody else's business."""

SIZES = {"day": 86_400, "hour": 3600, "minute": 60, "second": 1}
"""Seconds of each unit that a span is told in."""


class Operator(NamedTuple):
    """Who answers for this installation: name, postal address, whom to ask about data."""

    name: str
    address: str | None
    contact: str


@bp.get("/privacy-policy")
def privacy() -> ResponseReturnValue:
    """Say what is kept about people, why, for how long, and who sees it."""
    settings = ours().settings
    return render_template(
        "legal/privacy.html",
        edition=PRIVACY,
        operator=operator(),
        organisation=settings.ORGANISATION,
        encrypted=settings.https,
        kept=kept(),
        passwords=renewing.REMEMBERED,
        lists=ledger.KEPT,
        conversations=retention.spread(db),
        cookies=[current_app.config["SESSION_COOKIE_NAME"], devices.cookie_name(), "theme"],
        readers=readers(),
        mails=bool(settings.MAIL_SERVER),
        relay=public_name(settings.MAIL_SERVER),
        asks_model=bool(settings.model_url),
        model=public_name(urlsplit(settings.model_url or "").hostname),
        has_map=bool(settings.GEOIP_DATABASE),
        has_whatsapp=settings.twilio,
        is_open=settings.REGISTRATION != "roster",
        tells_registered=settings.SIGNUP_TELLS_REGISTERED,
    )


@bp.get("/terms")
def terms() -> ResponseReturnValue:
    """Say who may use the service, what they can expect, and what is expected of them."""
    settings = ours().settings
    return render_template(
        "legal/terms.html",
        edition=TERMS,
        operator=operator(),
        is_named=bool(settings.OPERATOR_NAME),
        organisation=settings.ORGANISATION,
        asks_model=bool(settings.model_url),
        is_open=settings.REGISTRATION != "roster",
    )


@bp.get("/support")
def support() -> ResponseReturnValue:
    """Say how to get in again, whom to ask, and what to tell them."""
    settings = ours().settings
    return render_template(
        "legal/support.html",
        organisation=settings.ORGANISATION,
        sender=settings.MAIL_DEFAULT_SENDER,
        helper=settings.CONTACT,
        helper_address=settings.CONTACT_EMAIL,
        operator=operator(),
        is_named=bool(settings.OPERATOR_NAME),
    )


def operator() -> Operator:
    """Who answers for this installation, as far as the settings name them."""
    settings = ours().settings
    return Operator(
        name=settings.OPERATOR_NAME or settings.SERVICE_NAME,
        address=settings.OPERATOR_ADDRESS,
        contact=settings.PRIVACY_CONTACT or settings.CONTACT_EMAIL or settings.CONTACT,
    )


def kept() -> dict[str, timedelta | None]:
    """How long each thing is kept or lives, by its name in the template; None is for good."""
    settings = ours().settings
    days = settings.AUDIT_KEEP_DAYS
    return {
        "audit": timedelta(days=days) if days else None,
        "active": rollups.MARKS_KEPT,
        "code": timedelta(seconds=max(settings.CODE_LIFETIME, settings.API_CODE_LIFETIME)),
        "code_for_password": letters.LONGEST_FIXED,
        "codes": codes.REMEMBERED,
        "counts": outbox.MOST_A_DAY.window,
        "counts_of_codes": throttle.KEPT,
        "device": timedelta(seconds=devices.LIFETIME),
        "exports": exporting.KEPT_FOR,
        "idle": timedelta(seconds=settings.SESSION_IDLE),
        "mails": mailbox.KEPT,
        "moves": address_back.LIFETIME,
        "remembered": timedelta(seconds=settings.REMEMBERED_LIFETIME),
        "saved": timedelta(days=saved) if (saved := settings.SAVED_KEEP_DAYS) else None,
        "sessions": sessions.KEPT,
        "theme": THEME_LIFETIME,
        "unconfirmed": timedelta(days=settings.UNVERIFIED_KEEP_DAYS),
        "uploads": tidying.LEFT_LYING,
        "whole": timedelta(seconds=settings.SESSION_LIFETIME),
    }


def readers() -> list[tuple[str, str]]:
    """What an admin's role may let them see: the area and a sentence, both still in English."""
    looks = [each for each in roles.WORDS if each.value.endswith(":read")]
    return [(roles.AREAS[each.value.partition(":")[0]], roles.WORDS[each]) for each in looks]


def public_name(host: str | None) -> str | None:
    """A server's name where strangers know it too; None for an address or a name of our own."""
    if not host or "." not in host or host.lower().endswith(HIDDEN_ENDINGS):
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    return None


@bp.app_template_filter()
def span(value: timedelta) -> str:
    """A span in the largest unit that tells it exactly: 90 days, 24 hours, 15 minutes."""
    seconds = round(value.total_seconds())
    for unit, size in SIZES.items():
        # One whole day is said in hours, as people do who set it.
        if seconds % size == 0 and (seconds > size or unit != "day"):
            break
    return format_unit(seconds // size, f"duration-{unit}", "long", locale=get_locale() or "en")
