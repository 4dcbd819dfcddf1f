"""What an installation must be able to do, tried out without leaving a trace."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, inspect, or_, select
from sqlalchemy.orm import Session

from app import hashing
from app.core import clock
from app.core.errors import LinkDead
from app.core.proof import links
from app.core.proof.links import Link
from app.database import Base
from app.models.people import User
from app.models.records import MessageState, OutgoingMessage

LATE = timedelta(minutes=5)
"""How long after its moment a message is still waiting only when no worker runs."""

LEGACY_HASHES = [
    "pbkdf2:sha256:260000$NoPersonsHash123$" + "0" * 64,
    "scrypt:32768:8:1$NoPersonsHash123$" + "0" * 128,
    "$2b$12$" + "." * 53,
]
"""One hash of each legacy kind, which no password is behind: they must be readable."""


def missing_columns(db: Session) -> list[str]:
    """The tables and columns that the program needs and the database has not, by name."""
    inspector = inspect(db.connection())
    there = set(inspector.get_table_names())
    missing = []
    for table in Base.metadata.sorted_tables:
        if table.name not in there:
            missing.append(table.name)
            continue
        have = {column["name"] for column in inspector.get_columns(table.name)}
        missing += [f"{table.name}.{each.name}" for each in table.columns if each.name not in have]
    return missing


def count_not_enforced(db: Session) -> int:
    """How many people came with a legacy database and wait for the maintainer's choice."""
    query = select(func.count()).select_from(User).where(User.enforced.is_(False))
    return db.scalar(query) or 0


def count_overdue(db: Session) -> int:
    """How many messages should have left `LATE` ago: a worker would have tried them."""
    waiting = or_(
        OutgoingMessage.state == MessageState.QUEUED.value,
        OutgoingMessage.state == MessageState.SENDING.value,
    )
    late = OutgoingMessage.due_at < clock.now() - LATE
    query = select(func.count()).select_from(OutgoingMessage).where(waiting, late)
    return db.scalar(query) or 0


def hashes_work(*, rounds: int) -> bool:
    """Whether a password that nobody has can be hashed at cost `rounds` and read again."""
    password = secrets.token_urlsafe(12)
    stored = hashing.hash_password(password, rounds=rounds)
    return (
        hashing.verify_password(password, stored, rounds=rounds)
        and not hashing.verify_password(password + "x", stored, rounds=rounds)
        and all(hashing.is_readable(each) for each in LEGACY_HASHES)
    )


def links_work(keys: Sequence[str]) -> bool:
    """Whether a link that is signed today can be read, and no other purpose's."""
    token = links.mint(Link.RESET, {"user": 0}, keys=keys)
    hour = timedelta(hours=1)
    try:
        links.read(Link.SETUP, token, lifetime=hour, keys=keys)
    except LinkDead:
        return links.read(Link.RESET, token, lifetime=hour, keys=keys) == {"user": 0}
    return False
