"""What providers report of the messages they took, and whether they answer at all.

A page that somebody waits at may say that a provider fails, but never what became of their own
message: else it would tell whose number is known. So it is looked whether the provider answers
each time that anybody asks for a message, known or not, and that alone is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

from sqlalchemy import ColumnElement, Table, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import NOWHERE, Event
from app.core.outbox import Kind
from app.models.records import Carrier, Channel, MessageState, OutgoingMessage

ORDER = {
    "accepted": 1, "scheduled": 1, "queued": 2, "sending": 3, "sent": 4,
    "canceled": 5, "delivered": 5, "failed": 5, "undelivered": 5, "read": 6,
}  # fmt: skip
"""Twilio's words for where a message is; a report never moves one to a lower number, or an equal
one, because reports overtake each other."""

FAILURES = {"canceled", "failed", "undelivered"}
FRESH = timedelta(minutes=10)
"""How long what was found when a provider was looked at is worth telling."""


def note_report(
    db: Session, message_id: int | None, provider_id: str, state: str, error: str
) -> bool:
    """Write down what a provider reports of a message; False where that is no news to us.

    The message is known by the provider's id, or, before that was written, by our own: a report
    can be faster than the answer to the request that it is about. It also settles a message whose
    request timed out after all. The caller commits.
    """
    if state not in ORDER:
        return False
    row, failed = OutgoingMessage, state in FAILURES
    changed = db.execute(
        update(row)
        .where(*_moved_by(message_id, provider_id, state))
        .values(
            provider_id=provider_id,
            provider_state=state,
            state=(MessageState.FAILED if failed else MessageState.SENT).value,
            sent_at=row.sent_at if failed else func.coalesce(row.sent_at, clock.now()),
            last_error=error[:500] if failed else None,
            sealed=None,
        )
        .returning(row.kind, row.user_id)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is not None and failed:
        audit.record(
            db, Event.MAIL_FAILED, NOWHERE, user_id=changed.user_id, kind=changed.kind,
            channel=Channel.WHATSAPP.value, error=error,
        )  # fmt: skip
    return changed is not None


def _moved_by(
    message_id: int | None, provider_id: str, state: str
) -> Iterator[ColumnElement[bool]]:
    """The conditions of the one message that a report is about, while the report is news of it."""
    row = OutgoingMessage
    which = row.provider_id == provider_id
    if message_id is not None:
        which = or_(which, and_(row.id == message_id, row.provider_id.is_(None)))
    yield which
    yield row.channel == Channel.WHATSAPP.value
    yield row.state != MessageState.HELD.value
    lower = [each for each, place in ORDER.items() if place < ORDER[state]]
    yield or_(row.provider_state.is_(None), row.provider_state.in_(lower))


def claim_look(db: Session) -> bool:
    """Whether WhatsApp's provider is to be looked at: somebody asked for a code since the last
    time. Of two workers one is told so. The caller commits.
    """
    newest = db.scalar(
        select(func.max(OutgoingMessage.created_at)).where(
            OutgoingMessage.kind == Kind.WHATSAPP_CODE.value
        )
    )
    known = db.get(Carrier, Channel.WHATSAPP.value, populate_existing=True)
    if newest is None or (known is not None and known.looked_at >= newest):
        return False
    now = clock.now()
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    table = cast(Table, Carrier.__table__)
    claimed = db.scalar(
        insert(table)
        .values(channel=Channel.WHATSAPP.value, looked_at=now)
        .on_conflict_do_update(
            index_elements=[table.c.channel],
            set_={"looked_at": now},
            where=table.c.looked_at < newest,
        )
        .returning(table.c.channel)
    )
    return claimed is not None


def note_look(db: Session, error: str | None) -> None:
    """Write down what was found: None where the provider answered. The caller commits."""
    now = clock.now()
    since = None if error is None else func.coalesce(Carrier.failing_since, now)
    db.execute(
        update(Carrier)
        .where(Carrier.channel == Channel.WHATSAPP.value)
        .values(failing_since=since, error=error)
        .execution_options(synchronize_session=False)
    )


def failing(db: Session) -> Carrier | None:
    """WhatsApp's provider, if it did not answer when it was looked at; None if it did."""
    found = db.get(Carrier, Channel.WHATSAPP.value, populate_existing=True)
    return found if found is not None and found.failing_since is not None else None


def is_in_trouble(db: Session) -> bool:
    """Whether that was found lately enough to be told to who waits for a message."""
    found = failing(db)
    return found is not None and found.looked_at > clock.now() - FRESH
