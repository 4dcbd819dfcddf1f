"""Delivering what is due in the outbox."""

from __future__ import annotations

import structlog
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core import audit, outbox
from app.core.audit import NOWHERE, Event
from app.delivery import smtp
from app.delivery.render import render
from app.delivery.smtp import DeliveryFailed
from app.models.records import OutgoingMessage

log = structlog.get_logger("rollcall")


def deliver_due(sessions: sessionmaker[Session], settings: Settings) -> int:
    """Deliver every message that is due, one after the other; how many were tried.

    Each is claimed first, so that several workers share the work, and no transaction is open
    while a mail server is waited for. Needs an app context.
    """
    tried = 0
    with sessions() as db:
        while True:
            message = outbox.claim_due(db)
            db.commit()
            if message is None:
                return tried
            _deliver(db, message, settings)
            db.commit()
            tried += 1


def _deliver(db: Session, message: OutgoingMessage, settings: Settings) -> None:
    try:
        composed = smtp.compose(message, render(db, message, settings), settings)
    except Exception as error:
        # A template or key that fails today fails tomorrow too; the other mails must go on.
        log.exception("mail cannot be made", message_id=message.id, kind=message.kind)
        _give_up(db, message, f"{type(error).__name__}", for_good=True)
        return
    failure = None
    if settings.MAIL_SERVER:
        try:
            smtp.send(composed, settings)
        except DeliveryFailed as error:
            failure = error
    if not outbox.is_still_mine(db, message):
        log.warning("mail was overtaken", message_id=message.id)
    elif failure is not None:
        log.warning("mail not sent", message_id=message.id, error=str(failure))
        _give_up(db, message, str(failure), for_good=failure.for_good)
    elif settings.MAIL_SERVER:
        outbox.mark_sent(message)
        log.info("mail sent", message_id=message.id, kind=message.kind)
        _note_sent(db, message)
    else:
        outbox.mark_shown(message, composed.as_string())
        _note_sent(db, message)


def _note_sent(db: Session, message: OutgoingMessage) -> None:
    audit.record(db, Event.MAIL_SENT, NOWHERE, user_id=message.user_id, kind=message.kind)


def _give_up(db: Session, message: OutgoingMessage, error: str, *, for_good: bool) -> None:
    if outbox.mark_failed(message, error, for_good=for_good):
        audit.record(
            db, Event.MAIL_FAILED, NOWHERE, user_id=message.user_id, kind=message.kind, error=error
        )
