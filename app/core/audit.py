"""What happened: one typed row per event, written in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from app.core import clock
from app.models.records import AuditEntry

WRITING = insert(cast(Table, AuditEntry.__table__))
"""Made once: it is part of every sign-in, and making it takes longer than carrying it out."""

LONGEST = 400
"""Characters that are kept of a value that came from outside."""

ERASED = {"erased": True}
"""The details of an entry whose own were erased, with its address, ip and user agent."""


class Event(StrEnum):
    """What can happen: area, thing, what became of it."""

    ACCOUNT_ADDED = "account:added"
    ACCOUNT_BROUGHT = "account:brought_over"
    ACCOUNT_DELETED = "account:deleted"
    ACCOUNT_EDITED = "account:edited"
    ACCOUNT_EXTENDED = "account:extended"
    ACCOUNT_OPENED = "account:opened"
    ACCOUNT_RESTORED = "account:restored"
    ACCOUNT_SUSPENDED = "account:suspended"
    ACCOUNT_EXPLAINED = "account:explained"
    ACCOUNT_GIVEN_BACK = "account:given_back"
    ACCOUNT_INVITED = "account:invited"
    ACCOUNT_YIELDED = "account:yielded"
    ADDRESS_ASKED = "address:asked"
    ADDRESS_GIVEN_BACK = "address:given_back"
    ADDRESS_MOVED = "address:moved"
    ACCOUNT_CLAIMED = "account:claimed"
    ADMIN_APPOINTED = "account:admin_appointed"
    AUDIT_HEAD_REMADE = "audit:head_remade"
    AUDIT_PRUNED = "audit:pruned"
    CLIENT_CHANGED = "client:changed"
    CLIENT_CODE_HANDED = "client:code_handed"
    CLIENT_DISABLED = "client:disabled"
    CLIENT_MADE = "client:made"
    CODE_ASKED = "code:asked"
    CHAT_CLEARED = "chat:cleared"
    CONVERSATION_CHANGED = "conversation:changed"
    CONVERSATION_DELETED = "conversation:deleted"
    CONVERSATION_READ = "conversation:read"
    CONVERSATION_SAVED = "conversation:saved"
    CONVERSATIONS_DELETED = "conversations:deleted"
    CONVERSATIONS_EXPORTED = "conversations:exported"
    CONVERSATIONS_EXPIRED = "conversations:expired"
    CONVERSATIONS_TO_DELETE = "conversations:to_delete"
    DATABASE_ADOPTED = "database:adopted"
    EMERGENCY_BEGAN = "emergency:began"
    EMERGENCY_ENDED = "emergency:ended"
    EMERGENCY_RAN_OUT = "emergency:ran_out"
    JOB_CUT_OFF = "job:cut_off"
    JOB_RETRIED = "job:retried"
    JOB_STOPPED = "job:stopped"
    INVITATIONS_BEGAN = "invitations:began"
    INVITATIONS_RESUMED = "invitations:resumed"
    INVITATIONS_STOPPED = "invitations:stopped"
    KEY_MADE = "key:made"
    KEY_REMOVED = "key:removed"
    KEY_REVOKED = "key:revoked"
    KEY_ROTATED = "key:rotated"
    LIST_TAKEN = "list:taken"
    MAIL_FAILED = "mail:failed"
    MAIL_RESENT = "mail:resent"
    MAIL_TESTED = "mail:tested"
    FLOOD_COUNTED = "flood:counted"
    MAIL_SENT = "mail:sent"
    INTRUSION_REPORTED = "account:intrusion_reported"
    PHONE_ADDED = "phone:added"
    PHONE_ASKED = "phone:asked"
    PHONE_REMOVED = "phone:removed"
    PASSWORD_CHANGED = "password:changed"  # noqa: S105 - an event
    PAUSE_BEGAN = "sign_in:pause_began"
    PAUSE_LIFTED = "sign_in:pause_lifted"
    PIN_ADDED = "pin:added"
    PIN_CHANGED = "pin:changed"
    PIN_REMOVED = "pin:removed"
    PIN_USED = "pin:used"
    PROFILE_CHANGED = "profile:changed"
    PROFILE_ASKED = "signup:profile_asked"
    PROFILE_SAVED = "signup:profile_saved"
    PROGRAM_ADDED = "program:added"
    PROGRAM_CHANGED = "program:changed"
    PROGRAM_PURGED = "program:purged"
    PROGRAM_RESTORED = "program:restored"
    PROGRAM_TRASHED = "program:trashed"
    PEOPLE_ADDED = "people:added"
    PEOPLE_CHANGED = "people:changed"
    RECOVERY_ASKED = "recovery:asked"
    REGISTRATION_ASKED = "registration:asked"
    REGISTRATION_PROVEN = "registration:proven"
    REQUEST_REFUSED = "request:refused"
    ROLE_CHANGED = "role:changed"
    ROLE_DELETED = "role:deleted"
    ROLE_GRANTED = "role:granted"
    ROLE_MADE = "role:made"
    ROLE_WITHDRAWN = "role:withdrawn"
    RETENTION_SET = "retention:set"
    ROSTER_APPLIED = "roster:applied"
    ROSTER_CHECKED = "roster:checked"
    ROSTER_CONFIRMED = "roster:confirmed"
    ROSTER_DISCARDED = "roster:discarded"
    ROSTER_FAILED = "roster:failed"
    ROSTER_FOLLOWED = "roster:followed"
    ROSTER_HELD = "roster:held"
    ROSTER_LET_GO = "roster:let_go"
    ROSTER_PAIRS_CONFIRMED = "roster:pairs_confirmed"
    ROSTER_PAIRS_LEFT = "roster:pairs_left"
    ROSTER_REFUSED = "roster:refused"
    ROSTER_UPLOADED = "roster:uploaded"
    SESSION_ENDED = "session:ended"
    SESSION_PROVED = "session:proved"
    SETUP_RESENT = "account:setup_resent"
    SIGNUP_ASKED = "signup:asked"
    SIGNUP_DISOWNED = "signup:disowned"
    SIGNUP_PROVEN = "signup:proven"
    SIGN_IN_ADMITTED = "sign_in:admitted"
    SIGN_IN_REFUSED = "sign_in:refused"
    WAY_ADDED = "way:added"
    WAY_REMOVED = "way:removed"
    TOKEN_RENEWED = "token:renewed"  # noqa: S105 - an event


@dataclass(frozen=True)
class Origin:
    """Where a request came from; `reference` is the number that error pages and the log show."""

    ip: str | None = None
    user_agent: str | None = None
    reference: str | None = None
    place: str | None = None
    """Roughly where that is, in words (`people.places`)."""
    device: str | None = None
    """The random name of the browser, which its device cookie carries."""


NOWHERE = Origin()
"""The origin of what the clock or a maintainer at the console does."""


def record(
    db: Session,
    event: Event,
    origin: Origin,
    *,
    user_id: int | None = None,
    actor_id: int | None = None,
    **details: Any,
) -> None:
    """Add an entry about `user_id`, done by `actor_id`; `details` must hold no secret.

    `address` among them is the canonical address that the entry is found by where no account is
    known; `changed` is a dict of what an edit changed: each field, and its old and new value.
    """
    address = details.get("address")
    db.execute(
        WRITING,
        {
            "at": clock.now(),
            "event": event.value,
            "actor_id": actor_id,
            "user_id": user_id,
            "ip": origin.ip,
            "user_agent": origin.user_agent[:LONGEST] if origin.user_agent else None,
            "reference": origin.reference,
            "details": {name: _short(value) for name, value in details.items()},
            "address": address[:254] if isinstance(address, str) else None,
        },
    )


def record_all(
    db: Session,
    event: Event,
    origin: Origin,
    about: Mapping[int, dict[str, Any]],
    *,
    actor_id: int | None = None,
    **details: Any,
) -> None:
    """Add an entry about each of many people at once; otherwise as `record`.

    `about` has the id of each and the details that are theirs alone.
    """
    row = {
        "at": clock.now(),
        "event": event.value,
        "actor_id": actor_id,
        "ip": origin.ip,
        "user_agent": origin.user_agent[:LONGEST] if origin.user_agent else None,
        "reference": origin.reference,
    }
    rows = [
        row
        | {
            "user_id": user_id,
            "details": {name: _short(value) for name, value in (details | own).items()},
        }
        for user_id, own in about.items()
    ]
    if rows:
        db.execute(WRITING, rows)


def sort_of(details: Mapping[str, Any]) -> tuple[str, str]:
    """The kind and the reason by which entries of one event are counted; blank where none is named.

    The kind is the method, or the kind of mail, list or job that the event is about.
    """
    kind = details.get("method") or details.get("kind") or ""
    reason = details.get("why") or details.get("refusal") or ""
    first, second = (each[:64] if isinstance(each, str) else "" for each in (kind, reason))
    return first, second


def _short(value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) else value
