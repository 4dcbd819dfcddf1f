"""Delivering what is due in the outbox, each message by its channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Any

import structlog
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core import audit, carriers, clock, outbox
from app.core.audit import NOWHERE, Event
from app.core.outbox import Receipt
from app.delivery import shown, smtp
from app.delivery.render import render
from app.delivery.smtp import DeliveryFailed
from app.models.records import Channel, OutgoingMessage

log = structlog.get_logger("rollcall")


@dataclass(frozen=True)
class Parcel:
    """A message ready to leave: what sends it, or, where nothing does, its text to be shown."""

    send: Callable[[], Receipt | None] | None
    text: Callable[[], str]


class NoCarrier(Exception):
    """Nothing here carries such a message any more."""


def deliver_due(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Deliver every message that is due, one after the other; how many were tried.

    Each is claimed first, so that several workers share the work, and no transaction is open
    while a server is waited for. Needs an app context.
    """
    tried = 0
    with sessions() as db:
        _look_at_carrier(db, settings)
        while True:
            message = outbox.claim_due(db)
            db.commit()
            if message is None:
                return tried
            _deliver(db, message, settings)
            db.commit()
            tried += 1


def _look_at_carrier(db: Session, settings: Settings) -> None:
    # Before the messages, and whoever was asked for: so a page can say it and give nobody away.
    if not settings.twilio or not carriers.claim_look(db):
        db.rollback()
        return
    db.commit()
    error = _whatsapp().look(settings)
    if error is not None:
        log.warning("whatsapp does not answer", error=error)
    carriers.note_look(db, error)
    db.commit()


def _deliver(db: Session, message: OutgoingMessage, settings: Settings) -> None:
    try:
        parcel = PACKING[Channel(message.channel)](db, message, settings)
    except NoCarrier as reason:
        log.warning("mail not sent", message_id=message.id, error=str(reason))
        _give_up(db, message, str(reason), for_good=True)
        return
    except Exception as error:
        # A template or key that fails today fails tomorrow too; the other mails must go on.
        log.exception("mail cannot be made", message_id=message.id, kind=message.kind)
        _give_up(db, message, f"{type(error).__name__}", for_good=True)
        return
    failure = receipt = None
    if parcel.send is not None:
        try:
            receipt = parcel.send()
        except DeliveryFailed as error:
            failure = error
    if not outbox.is_still_mine(db, message):
        log.warning("mail was overtaken", message_id=message.id)
    elif failure is not None:
        log.warning("mail not sent", message_id=message.id, error=str(failure))
        _give_up(db, message, str(failure), for_good=failure.for_good)
    elif parcel.send is not None:
        outbox.mark_sent(message, receipt)
        log.info("mail sent", message_id=message.id, kind=message.kind)
        _note_sent(db, message)
    else:
        outbox.mark_shown(message, parcel.text())
        _note_sent(db, message)


def _pack_mail(db: Session, message: OutgoingMessage, settings: Settings) -> Parcel:
    composed = smtp.compose(message, render(db, message, settings), settings)
    send = (lambda: smtp.send(composed, settings)) if settings.MAIL_SERVER else None
    return Parcel(send, composed.as_string)


def _pack_whatsapp(db: Session, message: OutgoingMessage, settings: Settings) -> Parcel:
    if clock.now() >= datetime.fromisoformat(message.facts["until"]):
        raise NoCarrier("The code ran out before it could leave.")
    if not settings.whatsapp:
        raise NoCarrier("WhatsApp is not set up.")
    rendered = render(db, message, settings)
    if not settings.twilio:
        return Parcel(None, lambda: shown.as_text(message, rendered))
    keys = [settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    code = outbox.unseal(message.sealed or "", keys=keys) or ""
    message_id, number = message.id, message.recipient
    return Parcel(
        lambda: _whatsapp().send(message_id, number, code, settings),
        lambda: shown.as_text(message, rendered),
    )


PACKING: dict[Channel, Callable[[Session, OutgoingMessage, Settings], Parcel]] = {
    Channel.MAIL: _pack_mail,
    Channel.WHATSAPP: _pack_whatsapp,
}
"""What makes a message of each channel ready."""


def _whatsapp() -> ModuleType:
    from app.delivery import whatsapp  # noqa: PLC0415

    return whatsapp


def _note_sent(db: Session, message: OutgoingMessage) -> None:
    audit.record(
        db,
        Event.MAIL_SENT,
        NOWHERE,
        user_id=message.user_id,
        kind=message.kind,
        **_channel(message),
    )


def _give_up(db: Session, message: OutgoingMessage, error: str, *, for_good: bool) -> None:
    if outbox.mark_failed(message, error, for_good=for_good):
        audit.record(
            db, Event.MAIL_FAILED, NOWHERE, user_id=message.user_id, kind=message.kind,
            error=error, **_channel(message),
        )  # fmt: skip


def _channel(message: OutgoingMessage) -> dict[str, Any]:
    return {} if message.channel == Channel.MAIL else {"channel": message.channel}
