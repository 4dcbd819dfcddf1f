"""The accounts elsewhere that sign somebody in: connected to theirs here, and removed again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import audit, clock, outbox
from app.core.audit import Event, Origin
from app.core.entry import own_phone, signin
from app.core.errors import N_, NotFound, Refusal
from app.core.outbox import Cap, Kind
from app.core.people import sessions
from app.core.proof import credentials, ways
from app.core.proof.credentials import NotFree
from app.models.access import CredentialKind
from app.models.people import User

GONE = "way_removed"
"""The reason of sessions that an account elsewhere opened which is no longer linked."""


class OtherLinked(Refusal):
    """There is one account of each provider, and this person has another one linked."""

    code = "other_linked"
    status = 409
    words = N_(
        "Another account of %(provider)s is connected to yours. Remove that one first, then come"
        " back."
    )


class WayNotFree(NotFree):
    """That account elsewhere opens another account here; who hears this has just shown it."""

    words = N_(
        "This account of %(provider)s opens another account here, so it cannot be connected to"
        " yours. If that one is yours too, remove it there first; %(contact)s can help."
    )


def link(
    db: Session, user: User, kind: CredentialKind, identifier: str, *,
    provider: str, shown: str, origin: Origin,
) -> None:  # fmt: skip
    """Let an account elsewhere, which they have shown to be theirs, sign this person in.

    Their mailbox is told. Raises `AddressFirst` where nobody proved that mailbox, and, committed as
    refused, `WayNotFree` or `OtherLinked`. Linking it twice is fine. The caller commits.
    """
    own_phone.check_address(user)
    hold(db, user)
    try:
        _check_free(db, user, kind, identifier, provider)
        if not credentials.of(db, user.id, kind):
            credentials.add(db, user.id, kind, identifier, name=shown)
            tell_added(db, user, kind, provider=provider, shown=shown, origin=origin)
    except (OtherLinked, WayNotFree) as refusal:
        signin.refuse(db, refusal, kind.value, origin, user_id=user.id)
    except NotFree:  # Another account was first just now.
        signin.refuse(
            db, WayNotFree(provider=provider), kind.value, origin, user_id=user.id
        )  # fmt: skip


def unlink(
    db: Session, user: User, kind: CredentialKind, *,
    provider: str, by_code: bool, closed: Collection[CredentialKind] = (),
    but_session: int | None = None, origin: Origin,
) -> None:  # fmt: skip
    """Take the account at this provider away, and end what it opened, all but `but_session`.

    `by_code` says that a mailed code lets this person in too, and `closed` which kinds of ways open
    nothing here now. Their mailbox is told. Raises `LastWay`, or `NotFound` where there is none.
    The caller commits.
    """
    hold(db, user)
    ways.check_not_last(db, user, kind, by_code=by_code, closed=closed)
    if not credentials.remove(db, user.id, kind):
        raise NotFound
    if sessions.end_opened_by(db, user.id, kind.value, GONE, but_session=but_session):
        audit.record(
            db, Event.SESSION_ENDED, origin, user_id=user.id, actor_id=user.id,
            session=f"all by {kind.value}",
        )  # fmt: skip
    _tell(db, user, kind, Kind.WAY_REMOVED, Event.WAY_REMOVED, origin, provider=provider)


def tell_added(
    db: Session, user: User, kind: CredentialKind, *,
    provider: str, shown: str, origin: Origin, claimed: bool = False,
) -> None:  # fmt: skip
    """Say by mail and in the log that a way in was added.

    `claimed` says that the account passed to its owner by it, and lost what was set before.
    """
    facts: dict[str, Any] = {"provider": provider, "shown": shown, "claimed": claimed}
    _tell(db, user, kind, Kind.WAY_ADDED, Event.WAY_ADDED, origin, **facts)


def hold(db: Session, user: User) -> None:
    """Hold the person's row, which comes first in every journey; in SQLite the database too.

    So of two changes to their ways in one waits for the other.
    """
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(verified_at=User.verified_at)
        .execution_options(synchronize_session=False)
    )


def _check_free(
    db: Session, user: User, kind: CredentialKind, identifier: str, provider: str
) -> None:
    if credentials.owner_of(db, kind, identifier) not in {None, user.id}:
        raise WayNotFree(provider=provider)
    if any(each.identifier != identifier for each in credentials.of(db, user.id, kind)):
        raise OtherLinked(provider=provider)


def _tell(
    db: Session, user: User, kind: CredentialKind, mail: Kind, event: Event, origin: Origin,
    **facts: Any,
) -> None:  # fmt: skip
    audit.record(db, event, origin, user_id=user.id, actor_id=user.id, kind=kind.value)
    outbox.queue(
        db, mail, user.mailbox, user_id=user.id, locale=user.locale, cap=Cap.ALARM,
        user_agent=origin.user_agent, place=origin.place, at=clock.now().isoformat(), **facts,
    )  # fmt: skip
