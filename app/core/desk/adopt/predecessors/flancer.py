"""The people of flancer64/gpt-user-auth as its database has them: PINs, passphrases, statuses."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel import Locale, UnknownLocaleError
from sqlalchemy import Connection, select

from app.addresses import BadAddress, canonical
from app.core import clock
from app.core.desk.adopt.predecessors.source import Kind, Tables, UnfitSource, reference, when

OF_PEOPLE = ("user_ref", "pin", "pass_hash", "email", "status")
OF_TOKENS = ("code", "user_ref", "type")
OF_OPENAI = ("user_ref", "ephemeral_id")
VERIFICATION = "EMAIL_VERIFICATION"
UNVERIFIED, ACTIVE, BLOCKED = "UNVERIFIED", "ACTIVE", "BLOCKED"
STATUSES = {UNVERIFIED, ACTIVE, BLOCKED}

PIN = re.compile(r"[0-9]{4,12}")
DIGEST = re.compile(r"[0-9a-f]{64}")
"""SHA-256 in hex."""

LONGEST_LOCALE = 35


@dataclass(frozen=True)
class Person:
    """Somebody of the predecessor; None where what stands there cannot be read."""

    user_ref: str
    email: str
    address: str | None
    """The canonical form of `email`."""
    status: str
    pin: str | None
    digest: str | None
    """SHA-256 in hex over the passphrase in its normal form, and the salt behind it."""
    salt: str
    locale: str | None
    created_at: datetime
    was_verified: bool
    reference: str

    @property
    def row(self) -> dict[str, Any]:
        """How a report names them: nothing secret stands in it."""
        return {"user_ref": self.user_ref, "email": self.email, "status": self.status}


@dataclass(frozen=True)
class Registry:
    """Everything that was read."""

    tables: dict[str, int]
    people: list[Person]
    tokens: int
    openai: int
    oauth: int


def read(connection: Connection) -> Registry:
    """Read everything at once: its PINs have four digits, so that there are 9,000 people at most.

    Raises `UnfitSource` where this is no such database.
    """
    tables = Tables(connection)
    found = tables.with_columns(*OF_PEOPLE)
    if len(found) != 1:
        raise UnfitSource(
            f"A table with the columns {', '.join(OF_PEOPLE)} is wanted once in the database"
            f" at --from; found: {', '.join(found) or 'none'}."
        )
    tokens = [each for each in tables.with_columns(*OF_TOKENS) if "oauth" not in each.lower()]
    waiting = {
        str(row.user_ref)
        for name in tokens
        for row in connection.execute(select(tables.clause(name)))
        if str(row.type).strip().upper() == VERIFICATION
    }
    rows = connection.execute(select(tables.clause(found[0]))).mappings().all()
    people = [_person(row, waiting) for row in rows]
    openai = tables.with_columns(*OF_OPENAI)
    oauth = [each for each in tables.columns if "oauth" in each.lower()]
    counts = tables.counts({*found, *tokens, *openai, *oauth})
    return Registry(
        tables=counts,
        people=sorted(people, key=lambda each: (each.created_at, each.user_ref)),
        tokens=sum(counts[each] for each in tokens),
        openai=sum(counts[each] for each in openai),
        oauth=sum(counts[each] for each in oauth),
    )


def twice(values: list[str | None]) -> set[str]:
    """What stands there more than once."""
    return {each for each, count in Counter(values).items() if each is not None and count > 1}


def _person(row: Any, waiting: set[str]) -> Person:
    email, status = _text(row["email"]), _text(row["status"]).upper()
    pin, digest = _text(row["pin"]), _text(row["pass_hash"]).lower()
    user_ref, created = _text(row["user_ref"]), when(row.get("date_created"))
    try:
        address = canonical(email)
    except BadAddress:
        address = None
    return Person(
        user_ref=user_ref,
        email=email,
        address=address,
        status=status,
        pin=pin if PIN.fullmatch(pin) else None,
        digest=digest if DIGEST.fullmatch(digest) else None,
        # As it stands there: the digest is of every character of it.
        salt="" if row.get("pass_salt") is None else str(row["pass_salt"]),
        locale=_locale(_text(row.get("locale"))),
        created_at=created or clock.now(),
        # Its link is deleted when it is used, so that who still has one did not use it.
        was_verified=status == ACTIVE or (status == BLOCKED and user_ref not in waiting),
        reference=reference(Kind.FLANCER, "person", user_ref, pin, created or ""),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _locale(text: str) -> str | None:
    try:
        return str(Locale.parse(text.replace("_", "-"), sep="-")).replace("_", "-")[:LONGEST_LOCALE]
    except (UnknownLocaleError, ValueError, TypeError):
        return None
