"""Messages to be sent: rows written beside the change that causes them.

The worker delivers each at least once. A code waits here encrypted and is wiped once it left;
links are not stored at all but minted when the message is rendered.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import CursorResult, Select, Table, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from app.core import clock, throttle
from app.core.throttle import Limit
from app.models.records import Channel, MessageState, OutgoingMessage

WRITING = insert(cast(Table, OutgoingMessage.__table__))
"""Made once: making it takes longer than carrying it out."""

MOST = Limit(tries=5, window=timedelta(minutes=10))
"""Messages to one recipient, over all doors."""

MOST_A_DAY = Limit(tries=40, window=timedelta(days=1))
ONE_AN_HOUR = Limit(tries=1, window=timedelta(hours=1))
"""What goes on leaving once the day is used up."""

ONCE_A_DAY = Limit(tries=1, window=timedelta(days=1))
CLAIM = timedelta(minutes=2)
"""How long one worker may take over a message before another tries."""

BACK_OFF = (10, 30, 60, 300, 900, 3600, 3600, 10800)
"""Seconds to wait after each failed try; after the last one the message has failed."""

MOST_COUNTED = 10_000
"""Messages of one state that are counted: a page must not take longer with every mail."""


class Kind(StrEnum):
    """Which message; the templates are in `templates/mail/<kind>/`."""

    ADDRESS_ASKED = "address_asked"
    ADDRESS_CHANGED = "address_changed"
    ADDRESS_MOVED = "address_moved"
    ADDRESS_TAKEN = "address_taken"
    ADMIN_TEST = "admin_test"
    CHAT_HAVE_ACCOUNT = "chat_have_account"
    CHAT_PROFILE = "chat_profile"
    CHAT_SIGNUP = "chat_signup"
    CHAT_TEST = "chat_test"
    CREATE_ACCOUNT = "create_account"
    HAVE_ACCOUNT = "have_account"
    IMPORT_HELD = "import_held"
    INVITATION = "invitation"
    NAME_DIFFERS = "name_differs"
    NEW_DEVICE = "new_device"
    NO_ACCOUNT = "no_account"
    NOT_LISTED = "not_listed"
    OFF_LIST = "off_list"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of mail
    PASSWORD_NEEDED = "password_needed"  # noqa: S105 - a kind of mail
    PAUSED = "paused"
    PHONE_ADDED = "phone_added"
    PHONE_REMOVED = "phone_removed"
    PIN_CHANGED = "pin_changed"
    PIN_PAUSED = "pin_paused"
    REGISTRATION_CODE = "registration_code"
    RESET = "reset"
    ROLE_GRANTED = "role_granted"
    SETUP = "setup"
    SIGN_IN_CODE = "sign_in_code"
    SHUT_OUT = "shut_out"
    SPELLING = "spelling"
    WAY_ADDED = "way_added"
    WAY_REMOVED = "way_removed"
    WELCOME = "welcome"
    WHATSAPP_CODE = "whatsapp_code"


@dataclass(frozen=True)
class Receipt:
    """How a provider calls what it took, and in which state it says that is."""

    provider_id: str
    state: str


class Cap(StrEnum):
    """With what a message shares its caps; `NONE` for what a single press of its owner causes."""

    ALARM = "mail:alarm"
    ASKED = "mail"
    INVITATION = "mail:invitation"
    NONE = "none"
    PAUSE = "mail:pause"


def queue(
    db: Session,
    kind: Kind,
    recipient: str,
    *,
    user_id: int | None = None,
    locale: str | None = None,
    sealed: str | None = None,
    once_a_day: bool = False,
    held: bool = False,
    cap: Cap = Cap.ASKED,
    channel: Channel = Channel.MAIL,
    **facts: Any,
) -> None:
    """Write a message to `recipient`. Beyond the caps it is written all the same, as held.

    So each door writes the same rows for everybody; `held` asks for that where nobody is to be
    written to. `sealed` is a code from `seal()`. `cap` says with what the message shares its caps,
    so that no stranger keeps an alarm back by filling the mailbox first.
    Raises `ValueError` for a recipient that could add a header.
    """
    if any(ord(character) < 32 for character in recipient):
        raise ValueError("a recipient with a control character")
    allowed = cap is Cap.NONE or _within_caps(db, cap.value, recipient)
    if once_a_day:
        # The window is per kind: a note to a stranger goes out once, whichever door asked.
        allowed = allowed and throttle.take(db, f"mail:{kind}", recipient, ONCE_A_DAY)
    allowed &= not held
    now = clock.now()
    row = {
        "kind": kind.value,
        "recipient": recipient,
        "user_id": user_id,
        "locale": locale,
        "facts": facts,
        # What is held never leaves, so its code has no reason to be here.
        "sealed": sealed if allowed else None,
        "state": (MessageState.QUEUED if allowed else MessageState.HELD).value,
        "attempts": 0,
        "created_at": now,
        "due_at": now,
        "channel": channel.value,
    }
    db.execute(WRITING, row)
    db.info["worker_wanted"] = True


def _within_caps(db: Session, scope: str, recipient: str) -> bool:
    # What one cap holds back takes no place under the next: else a minute could use up the day.
    if not throttle.take(db, scope, recipient, MOST):
        return False
    # Even a mailbox that a stranger filled for the day gets what it needs within the hour.
    return throttle.take(db, f"{scope}:day", recipient, MOST_A_DAY) or throttle.take(
        db, f"{scope}:hour", recipient, ONE_AN_HOUR
    )


def queue_all(
    db: Session, kind: Kind, people: Sequence[tuple[str, int, str | None]], **facts: Any
) -> None:
    """Write the same message to many people (address, id, locale) at once; no cap applies."""
    queue_each(db, kind, [(*person, facts) for person in people])


def queue_each(
    db: Session, kind: Kind, people: Sequence[tuple[str, int, str | None, dict[str, Any]]]
) -> None:
    """Write a message of one kind to each of many (address, id, locale, facts), without caps."""
    now = clock.now()
    state = MessageState.QUEUED.value
    rows = [
        {
            "kind": kind.value, "recipient": address, "user_id": user_id, "locale": locale,
            "facts": facts, "state": state, "attempts": 0, "created_at": now, "due_at": now,
        }
        for address, user_id, locale, facts in people
    ]  # fmt: skip
    if rows:
        db.execute(insert(OutgoingMessage), rows)
        db.info["worker_wanted"] = True


def queue_selected(
    db: Session, kind: Kind, people: Select[int, str, str | None], **facts: Any
) -> None:
    """Write the same message to everybody whom a query names (id, address, locale), at once."""
    now = clock.now()
    chosen = people.subquery()
    moment = literal(now, OutgoingMessage.created_at.type)
    values = {
        "kind": literal(kind.value), "user_id": chosen.c[0], "recipient": chosen.c[1],
        "locale": chosen.c[2], "facts": literal(facts, OutgoingMessage.facts.type),
        "state": literal(MessageState.QUEUED.value), "attempts": literal(0),
        "created_at": moment, "due_at": moment,
    }  # fmt: skip
    written = db.execute(
        insert(OutgoingMessage).from_select(list(values), select(*values.values()))
    )
    if cast(CursorResult[Any], written).rowcount:
        db.info["worker_wanted"] = True


def seal(code: str, *, keys: Sequence[str]) -> str:
    """Encrypt a code under the first of `keys`."""
    return _box(keys).encrypt(code.encode()).decode()


def unseal(sealed: str, *, keys: Sequence[str]) -> str | None:
    """The code, if one of `keys` opens it; None where the key is gone for good."""
    try:
        return _box(keys).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def claim_due(db: Session) -> OutgoingMessage | None:
    """Claim one message that is due, for `CLAIM`; None if there is none. The caller commits.

    The claim is one conditional UPDATE, so that two workers never hold the same message.
    """
    now = clock.now()
    due = (
        select(OutgoingMessage.id)
        .where(
            or_(
                OutgoingMessage.state == MessageState.QUEUED.value,
                OutgoingMessage.state == MessageState.SENDING.value,
            ),
            OutgoingMessage.due_at <= now,
        )
        # Somebody waits at a page for a code; a note to thousands can wait for it.
        .order_by(OutgoingMessage.sealed.is_(None), OutgoingMessage.due_at)
        .limit(8)
    )
    for message_id in db.scalars(due).all():
        claimed = db.execute(
            update(OutgoingMessage)
            .where(OutgoingMessage.id == message_id, OutgoingMessage.due_at <= now)
            .where(OutgoingMessage.state.in_([MessageState.QUEUED, MessageState.SENDING]))
            .values(
                state=MessageState.SENDING.value,
                due_at=now + CLAIM,
                attempts=OutgoingMessage.attempts + 1,
            )
        )
        if cast(CursorResult[Any], claimed).rowcount == 1:
            return db.get_one(OutgoingMessage, message_id, populate_existing=True)
    return None


def is_still_mine(db: Session, message: OutgoingMessage) -> bool:
    """Whether the claim on `message` holds: a worker that took too long was overtaken by another.

    Holds the row until the caller's transaction ends.
    """
    held = db.execute(
        update(OutgoingMessage)
        .where(
            OutgoingMessage.id == message.id,
            OutgoingMessage.state == MessageState.SENDING.value,
            OutgoingMessage.attempts == message.attempts,
        )
        .values(attempts=message.attempts)
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], held).rowcount == 1


def mark_sent(message: OutgoingMessage, receipt: Receipt | None = None) -> None:
    """The server took it, and may have given a receipt; the code goes."""
    if receipt is not None:
        message.provider_id, message.provider_state = receipt.provider_id, receipt.state
    message.state = MessageState.SENT.value
    message.sent_at = clock.now()
    message.sealed = None
    message.last_error = None


def mark_shown(message: OutgoingMessage, source: str) -> None:
    """Kept whole for `/dev/mailbox`: there is no mail server in development."""
    message.state = MessageState.SHOWN.value
    message.sent_at = clock.now()
    message.sealed = None
    message.source = source


def mark_failed(message: OutgoingMessage, error: str, *, for_good: bool) -> bool:
    """Note why it did not leave, and when to try again; True if it never will."""
    message.last_error = error[:500]
    if for_good or message.attempts > len(BACK_OFF):
        message.state = MessageState.FAILED.value
        message.sealed = None
        return True
    message.state = MessageState.QUEUED.value
    message.due_at = clock.now() + timedelta(seconds=BACK_OFF[message.attempts - 1])
    return False


def latest(db: Session, *, before: int | None = None, limit: int = 50) -> list[OutgoingMessage]:
    """The newest messages, newest first; `before` is the id of the last row already seen."""
    query = select(OutgoingMessage).order_by(OutgoingMessage.id.desc()).limit(limit)
    if before is not None:
        query = query.where(OutgoingMessage.id < before)
    return list(db.scalars(query))


def count_by_state(db: Session) -> dict[str, int]:
    """How many messages stand in each state; beyond `MOST_COUNTED` one more than that."""
    columns = []
    for state in MessageState:
        some = select(OutgoingMessage.id).where(OutgoingMessage.state == state.value)
        found = some.limit(MOST_COUNTED + 1).subquery()
        columns.append(select(func.count()).select_from(found).scalar_subquery())
    counts = db.execute(select(*columns)).one()
    return {state.value: count for state, count in zip(MessageState, counts, strict=True) if count}


def _box(keys: Sequence[str]) -> MultiFernet:
    boxes = []
    for key in keys:
        digest = hashlib.sha256(b"rollcall outbox\0" + key.encode()).digest()
        boxes.append(Fernet(base64.urlsafe_b64encode(digest)))
    return MultiFernet(boxes)
