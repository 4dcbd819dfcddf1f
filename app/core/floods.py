"""Floods: refusals of one kind are stored one by one only until a network had enough of them.

The first ones of a window are entries like all others; what comes after them is counted in one
row, which the worker turns into a number in the roll-ups and one closing entry.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import cast

from sqlalchemy import Insert, Table, bindparam, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import Event
from app.database import UtcDateTime
from app.models.ledger import AuditFlood

FLOODS = cast(Table, AuditFlood.__table__)

STORED = 20
"""Refusals of one kind from one network that a window stores one by one."""

WINDOW = timedelta(minutes=5)


def is_worth_storing(db: Session, event: Event, kind: str, reason: str, ip: str | None) -> bool:
    """Count a refusal; False where its kind already flooded this window from this network.

    One statement within the caller's transaction, which should end soon: others of the same
    network wait for it.
    """
    values = {
        "event": event.value,
        "kind": kind[:64],
        "reason": reason[:64],
        "network": network_of(ip),
        "begins_at": _window(clock.now()),
    }
    number = db.execute(_counting(db.get_bind().dialect.name), values).scalar_one()
    return int(number) <= STORED


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
