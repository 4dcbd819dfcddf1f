"""The outbox as admins see it: found by filters, shown without secrets, sent again, tidied away."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from sqlalchemy import CursorResult, Select, delete, or_, select, update
from sqlalchemy.orm import Session

from app import phones
from app.addresses import BadAddress, canonical
from app.core import audit, clock, outbox, throttle
from app.core.audit import Event, Origin
from app.core.errors import CannotResend, CodeCannotBeResent, NotFound, TooManyTries
from app.core.outbox import Cap, Kind
from app.core.throttle import Limit
from app.models.people import User
from app.models.records import Channel, MessageState, OutgoingMessage

KEPT = timedelta(days=90)
"""How long a message is kept that was sent or never will be."""

BATCH = 5000
"""Messages that are tidied away in one transaction."""

TESTS = Limit(tries=5, window=timedelta(minutes=10))
"""Test mails that one admin may send."""

WITH_CODE = frozenset(
    {
        Kind.CREATE_ACCOUNT,
        Kind.INVITATION,
        Kind.PAUSED,
        Kind.PIN_PAUSED,
        Kind.REGISTRATION_CODE,
        Kind.RESET,
        Kind.SETUP,
        Kind.SIGN_IN_CODE,
        Kind.WELCOME,
        Kind.WHATSAPP_CODE,
    }
)
"""The kinds that carry a code: it is wiped once they left, or never will."""

OVER = (MessageState.FAILED, MessageState.HELD, MessageState.SENT, MessageState.SHOWN)
TO_RESEND = (MessageState.FAILED.value, MessageState.HELD.value)
DIGITS = re.compile(r"(?<![#\w])\d{3}[  ]?\d{3}(?!\w)")
TOKEN = re.compile(r"(?:(?<=/)|(?<=token=))[\w.~-]{24,}")
"""The secret part of a link: the last part of its path, or its `token`."""


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; days are whole ones, in UTC."""

    state: MessageState | None = None
    kind: Kind | None = None
    recipient: str = ""
    """An address or a number, in any spelling."""
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class Preview:
    """What a message says, its secrets masked."""

    subject: str
    text: str
    html: str


def find(
    db: Session,
    wanted: Filter,
    *,
    before: tuple[datetime, int] | None = None,
    limit: int = 50,
) -> list[OutgoingMessage]:
    """The newest messages that fit, newest first; `before` is the last row already seen."""
    newest = (OutgoingMessage.created_at.desc(), OutgoingMessage.id.desc())
    query = _narrowed(wanted).order_by(*newest).limit(limit)
    if before is not None:
        moment, message_id = before
        query = query.where(
            OutgoingMessage.created_at <= moment,
            or_(OutgoingMessage.created_at < moment, OutgoingMessage.id < message_id),
        )
    return list(db.scalars(query.execution_options(populate_existing=True)))


def get(db: Session, message_id: int) -> OutgoingMessage:
    """The message of this id, as it stands now. Raises `NotFound`."""
    message = db.get(OutgoingMessage, message_id, populate_existing=True)
    if message is None:
        raise NotFound
    return message


def why_not_again(message: OutgoingMessage) -> CannotResend | None:
    """Why this message cannot be sent again; None where it can."""
    if message.state not in TO_RESEND:
        return CannotResend()
    return CodeCannotBeResent() if message.kind in WITH_CODE else None


def resend(db: Session, message_id: int, *, by: int | None, origin: Origin) -> None:
    """Let a message that failed or was held back leave now. The caller commits.

    Of two at once one wins. Raises `NotFound`, `CannotResend` or `CodeCannotBeResent`.
    """
    again = db.execute(
        update(OutgoingMessage)
        .where(
            OutgoingMessage.id == message_id,
            OutgoingMessage.state.in_(TO_RESEND),
            OutgoingMessage.kind.not_in([each.value for each in WITH_CODE]),
        )
        .values(state=MessageState.QUEUED.value, attempts=0, due_at=clock.now(), last_error=None)
        .execution_options(synchronize_session=False)
    )
    message = get(db, message_id)
    if cast(CursorResult[Any], again).rowcount == 0:
        raise why_not_again(message) or CannotResend()
    db.info["worker_wanted"] = True
    audit.record(
        db, Event.MAIL_RESENT, origin, user_id=message.user_id, actor_id=by,
        kind=message.kind, message=message_id,
    )  # fmt: skip


def send_test(db: Session, user: User, *, origin: Origin) -> None:
    """Write a test mail to oneself. The caller commits. Raises `TooManyTries`."""
    who = str(user.id)
    if not throttle.take(db, "mail:test", who, TESTS):
        raise TooManyTries(throttle.until(db, "mail:test", who) or clock.now())
    outbox.queue(
        db, Kind.ADMIN_TEST, user.mailbox, user_id=user.id, locale=user.locale, cap=Cap.NONE
    )
    audit.record(db, Event.MAIL_TESTED, origin, user_id=user.id, actor_id=user.id)


def preview(message: OutgoingMessage) -> Preview | None:
    """What the message says with its codes and links masked; None where its text is not kept."""
    if not message.source:
        return None
    mail = message_from_bytes(message.source.encode(), policy=policy.default)
    return Preview(masked(str(mail["Subject"])), _part(mail, "plain"), _part(mail, "html"))


def recipient(message: OutgoingMessage, *, whole: bool) -> str:
    """To whom a message goes; of a number its last digits alone, unless `whole`."""
    if whole or message.channel == Channel.MAIL.value:
        return message.recipient
    return phones.masked(message.recipient)


def masked(text: str) -> str:
    """`text` with the digits of codes and the tokens of links made unreadable."""
    return TOKEN.sub("••••••••", DIGITS.sub("••••••", text))


def tidy(db: Session) -> int:
    """Drop one batch of messages that are over and older than `KEPT`; how many went."""
    old = (
        select(OutgoingMessage.id)
        .where(
            OutgoingMessage.state.in_([each.value for each in OVER]),
            OutgoingMessage.created_at < clock.now() - KEPT,
        )
        .limit(BATCH)
    )
    gone = db.execute(
        delete(OutgoingMessage)
        .where(OutgoingMessage.id.in_(old))
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], gone).rowcount


def _narrowed(wanted: Filter) -> Select[OutgoingMessage]:
    query = select(OutgoingMessage)
    if wanted.state is not None:
        query = query.where(OutgoingMessage.state == wanted.state.value)
    if wanted.kind is not None:
        query = query.where(OutgoingMessage.kind == wanted.kind.value)
    typed = wanted.recipient.strip().replace("\0", "")
    if typed:
        query = query.where(OutgoingMessage.recipient.in_({typed, _canonical(typed)}))
    if wanted.first_day is not None:
        query = query.where(OutgoingMessage.created_at >= _moment(wanted.first_day, time.min))
    if wanted.last_day is not None:
        query = query.where(OutgoingMessage.created_at <= _moment(wanted.last_day, time.max))
    return query


def _moment(day: date, clock_time: time) -> datetime:
    return datetime.combine(day, clock_time, UTC)


def _canonical(typed: str) -> str:
    for form in (canonical, phones.canonical):
        with suppress(BadAddress):
            return form(typed)
    return typed


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return masked(str(part.get_content())) if part is not None else ""
