"""How an admin corrects an account: name, address, dates, and the LO Root IDs given by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import audit, outbox
from app.core.audit import Event, Origin
from app.core.desk.people import guarding, standing
from app.core.entry import leaving, renewing
from app.core.errors import N_, AddressTaken, NotFound, Refusal
from app.core.outbox import Cap, Kind
from app.core.people import names, sessions, users
from app.core.proof import stamps
from app.core.roster import entitlements
from app.models.access import SignInSession
from app.models.people import Entitlement, Source, User


class WouldClear(Refusal):
    """No LO Root ID is left in the field, and nobody said that this is meant."""

    code = "would_clear"
    status = 422
    words = N_("The field is empty. Tick below if all of them are to be taken away.")


class Moved(Refusal):
    """The account changed between the look at it and the change."""

    code = "person_changed"
    status = 409
    words = N_("This account changed in the meantime. Look at it again.")


@dataclass(frozen=True)
class Edit:
    """What an account is to be. `expires_on` None is never; None for a text leaves it alone."""

    last_name: str
    email: str
    expires_on: date | None
    locale: str | None
    lo_root_ids: Sequence[str] | None
    may_clear: bool = False


def edit(db: Session, user_id: int, wanted: Edit, *, by: int | None, origin: Origin) -> list[str]:
    """Make the account what is `wanted`; the names of what changed. The caller commits.

    Another address is unproven: what was mailed dies, sessions end, and both mailboxes are told.
    Raises `NoName`, `OddId`, `BadAddress`, `AddressTaken`, `WouldClear`, `PastDate` or `Moved`.
    """
    before = renewing.as_read(db, guarding.check(db, user_id, by=by))
    ids = _checked_ids(db, before, wanted)
    values = _values(db, before, wanted)
    moved = "address" in values
    if values:
        _write(db, before, values)
    if moved:
        _leave_the_old_address(db, before, values["address"])
    if ids is not None:
        _give(db, before.id, ids)
    if moved or ids is not None:
        entitlements.follow_list(db, User.id == before.id)
    changes = {
        name: [_plain(getattr(before, name)), _plain(value)]
        for name, value in values.items()
        if name in {"last_name", "email", "expiry_date", "locale"}
    }
    if ids is not None:
        changes["lo_root_ids"] = [None, "; ".join(ids)]
    if changes:
        audit.record(db, Event.ACCOUNT_EDITED, origin, user_id=before.id, actor_id=by, **changes)
    return list(changes)


def take_away(
    db: Session, user_id: int, lo_root_id: str, source: Source, *, by: int | None, origin: Origin
) -> None:
    """Take away an LO Root ID that an admin gave or the former application left.

    Raises `NotFound` for one that is not held so, and for what the list gives. The caller commits.
    """
    guarding.check(db, user_id, by=by)
    taken = db.execute(
        delete(Entitlement)
        .where(
            Entitlement.user_id == user_id,
            Entitlement.lo_root_id == lo_root_id,
            Entitlement.source == source.value,
            Entitlement.source != Source.ROSTER.value,
        )
        .returning(Entitlement.user_id)
    ).first()
    if taken is None:
        raise NotFound
    entitlements.follow_list(db, User.id == user_id)
    audit.record(
        db, Event.ACCOUNT_EDITED, origin, user_id=user_id, actor_id=by,
        taken_away=lo_root_id, source=source.value,
    )  # fmt: skip


def given_by_hand(db: Session, user_id: int) -> list[str]:
    """The LO Root IDs that an admin gave this person."""
    rows = select(Entitlement.lo_root_id).where(
        Entitlement.user_id == user_id, Entitlement.source == Source.ADMIN.value
    )
    return sorted(db.scalars(rows))


def _values(db: Session, before: User, wanted: Edit) -> dict[str, Any]:
    values: dict[str, Any] = {}
    name = names.checked_name(wanted.last_name)
    if name != before.last_name:
        values["last_name"] = name
    email = wanted.email.strip()
    if email != before.email.strip():
        address = canonical(email)
        values["email"] = email
        if address != before.address:
            if address != before.shared_address and users.is_shared(db, address):
                raise AddressTaken
            # Unproven again, but an admin's now: not to be tidied away with what nobody opened.
            values |= {"address": address, "shared_address": None}
            values |= {"verified_at": None, "came_by": None}
    if wanted.expires_on != (before.expiry_date.date() if before.expiry_date else None):
        day = wanted.expires_on
        values["expiry_date"] = None if day is None else standing.good_until(day)
    if wanted.locale != before.locale:
        values["locale"] = wanted.locale
    return values


def _checked_ids(db: Session, before: User, wanted: Edit) -> list[str] | None:
    """The ids to be held by an admin's hand; None where they stay as they are."""
    if wanted.lo_root_ids is None:
        return None
    names.check_ids(wanted.lo_root_ids)
    ids = sorted({each.strip() for each in wanted.lo_root_ids if each.strip()})
    held = given_by_hand(db, before.id)
    if ids == held:
        return None
    if held and not ids and not wanted.may_clear:
        raise WouldClear
    return ids


def _write(db: Session, before: User, values: dict[str, Any]) -> None:
    try:
        written = db.scalar(
            update(User)
            .where(stamps.unmoved(before))
            .values(**values)
            .returning(User.id)
            .execution_options(synchronize_session=False)
        )
    except IntegrityError:
        db.rollback()
        raise AddressTaken from None
    if written is None:
        raise Moved


def _leave_the_old_address(db: Session, before: User, address: str) -> None:
    leaving.leave(db, before)
    sessions.end_all_of(db, SignInSession.user_id == before.id, "address_changed")
    for mailbox in (before.mailbox, address):
        outbox.queue(
            db, Kind.ADDRESS_CHANGED, mailbox, user_id=before.id, locale=before.locale,
            cap=Cap.NONE, old=before.mailbox, new=address,
        )  # fmt: skip


def _give(db: Session, user_id: int, ids: list[str]) -> None:
    held = set(given_by_hand(db, user_id))
    db.execute(
        delete(Entitlement)
        .where(
            Entitlement.user_id == user_id,
            Entitlement.source == Source.ADMIN.value,
            Entitlement.lo_root_id.not_in(ids),
        )
        .execution_options(synchronize_session=False)
    )
    entitlements.grant(db, user_id, set(ids) - held, Source.ADMIN)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
