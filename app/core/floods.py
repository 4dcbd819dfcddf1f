"""Floods: what can be done again without end is stored one by one until a network had enough.

Refusals, pauses, and what is asked for by mail: the first ones of a window are entries like all
others; what comes after them is counted in one row, which the worker turns into a number in the
roll-ups and one closing entry.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Insert, Table, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.database import UtcDateTime
from app.models.ledger import AuditFlood

FLOODS = cast(Table, AuditFlood.__table__)

STORED = 20
"""Refusals of one kind from one network that a window stores one by one."""

STORED_OF_ASKING = 60
"""The same of codes, registrations and help that are asked for: a class behind one address may ask
within minutes, and each of them is somebody whom an admin may be asked about."""

WINDOW = timedelta(minutes=5)

REFUSALS = {Event.SIGN_IN_REFUSED.value, Event.REQUEST_REFUSED.value, Event.PAUSE_BEGAN.value}
"""What a network of honest people has few of."""


def record(
    db: Session,
    event: Event,
    origin: Origin,
    *,
    user_id: int | None = None,
    actor_id: int | None = None,
    **details: Any,
) -> None:
    """Add an entry as `audit.record` does, or only count it where its network floods the log.

    The last thing in a transaction that ends soon: others of the same network wait for it. Every
    entry of such an event comes by here, else the totals would not be exact.
    """
    kind, reason = audit.sort_of(details)
    values = {
        "event": event.value,
        "kind": kind,
        "reason": reason,
        "network": network_of(origin.ip),
        "begins_at": _window(clock.now()),
    }
    number = db.execute(_counting(db.get_bind().dialect.name), values).scalar_one()
    if int(number) <= stored(event.value):
        audit.record(db, event, origin, user_id=user_id, actor_id=actor_id, **details)


def stored(event: str) -> int:
    """How many of an event, by its name, a window stores one by one of each kind and network."""
    return STORED if event in REFUSALS else STORED_OF_ASKING


def take_over(db: Session) -> Sequence[AuditFlood]:
    """Take away the counts of the windows that are over: each row is given to one caller alone."""
    over = FLOODS.c.begins_at <= clock.now() - WINDOW
    gone = db.execute(delete(FLOODS).where(over).returning(*FLOODS.c)).all()
    return [AuditFlood(**row._mapping) for row in gone]


def network_of(ip: str | None) -> str:
    """What floods are counted by: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _window(moment: datetime) -> datetime:
    seconds = int(WINDOW.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)


@cache
def _counting(dialect: str) -> Insert:
    row = FLOODS.c
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    keys = [row.event, row.kind, row.reason, row.network, row.begins_at]
    return (
        insert(FLOODS)
        .values(
            event=bindparam("event"),
            kind=bindparam("kind"),
            reason=bindparam("reason"),
            network=bindparam("network"),
            begins_at=bindparam("begins_at", type_=UtcDateTime()),
            count=1,
        )
        .on_conflict_do_update(index_elements=keys, set_={"count": row.count + 1})
        .returning(row.count)
    )
