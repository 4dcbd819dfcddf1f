"""What is brought over from each kind of predecessor, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.cli import ground
from app.cli.adopt.report import Printer
from app.core.desk.adopt.findings import Finding
from app.core.desk.adopt.predecessors import flancer, mrwillis, owners, people, sorting, talks
from app.core.desk.adopt.predecessors.proof import Brought
from app.core.desk.adopt.predecessors.source import Kind
from app.core.desk.adopt.predecessors.wrapping import Wrappings

STEP = 50
"""Passphrases after which it is told how far it is."""


class Meanwhile(Exception):
    """Something here changed while passphrases were hashed; `str()` of it says what to do."""


@dataclass(frozen=True)
class Wish:
    """What the maintainer asked for."""

    source: str
    kind: Kind
    addresses: Path | None


class Errand(Protocol):
    """What is to be brought over from one kind of predecessor."""

    def tables(self) -> dict[str, int]:
        """How many rows each of its tables has."""

    def plan(self, db: Session, *, hold: bool) -> Any:
        """What is to be done; false where there is nothing."""

    def findings(self, plan: Any) -> list[Finding]:
        """What is told before anything is changed."""

    def prepare(self, plan: Any, printer: Printer) -> None:
        """Do what takes long, outside of any transaction."""

    def bring(self, db: Session, plan: Any, *, tried: bool) -> Brought:
        """Write it."""

    def finish(self) -> None:
        """Tidy up after it was committed."""


class FromFlancer:
    """People, PINs and passphrases."""

    def __init__(self, connection: Connection) -> None:
        self.registry = flancer.read(connection)
        settings = ground.settings()
        path = settings.DATA_DIR / "adopt-flancer.hashes"
        self.wrappings = Wrappings(
            path, key=settings.FLASK_SECRET_KEY, rounds=settings.BCRYPT_LOG_ROUNDS
        )
        self.wrapped: dict[str, str] = {}

    def tables(self) -> dict[str, int]:
        return self.registry.tables

    def plan(self, db: Session, *, hold: bool) -> sorting.Plan:
        return sorting.sort(db, self.registry, hold=hold)

    def findings(self, plan: sorting.Plan) -> list[Finding]:
        return plan.findings(self.registry)

    def prepare(self, plan: sorting.Plan, printer: Printer) -> None:
        def tell(done: int, of: int) -> None:
            if done % STEP == 0 or done == of:
                printer.say(f"Passphrases hashed: {done:,} of {of:,}")

        self.wrapped = self.wrappings.make(_digests(plan), tell)

    def bring(self, db: Session, plan: sorting.Plan, *, tried: bool) -> Brought:
        # No hash is made in a transaction, which others wait for.
        if not tried and not _digests(plan) <= self.wrapped.keys():
            raise Meanwhile("Accounts changed in the meantime. Run it again.")
        return people.bring(db, self.registry, plan, None if tried else self.wrapped)

    def finish(self) -> None:
        self.wrappings.forget()


def _digests(plan: sorting.Plan) -> set[str]:
    return {each.digest for each in plan.pins if each.digest}


class FromMrwillis:
    """Conversations, and the people whose they are."""

    def __init__(self, connection: Connection, addresses: Path | None) -> None:
        self.store = mrwillis.Store(connection)
        self.named = mrwillis.read_addresses(addresses.read_bytes()) if addresses else {}

    def tables(self) -> dict[str, int]:
        return self.store.counts()

    def plan(self, db: Session, *, hold: bool) -> owners.Plan:
        return owners.sort(db, self.store, self.named, hold=hold)

    def findings(self, plan: owners.Plan) -> list[Finding]:
        return plan.findings(self.store)

    def prepare(self, plan: owners.Plan, printer: Printer) -> None:
        """Nothing takes long before it is written."""

    def bring(self, db: Session, plan: owners.Plan, *, tried: bool) -> Brought:
        return talks.bring(db, self.store, plan)

    def finish(self) -> None:
        """Nothing is left behind."""
