"""Where codes wait until they are typed: in the database, or in Redis where machines share one.

What is asked of a shelf is the same on both; how wrong tries are counted is none of its business.
The wiring puts the one that is used into the `info` of every database session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.models.access import Code

ON = "codes"
"""Under which name the sessions' `info` has the shelf."""


@dataclass(frozen=True)
class Kept:
    """A code that nobody used so far; `digest` is None where nobody was sent one."""

    code_id: int
    purpose: str
    digest: str | None
    expires_at: datetime


class Shelf(Protocol):
    """What is asked of the place where codes wait. Each may raise `CodesAway`."""

    def reach(self) -> None:
        """Raise `CodesAway` where it cannot be reached: asked before a try is counted."""

    def put(
        self,
        db: Session,
        purpose: str,
        address: str,
        digest: str | None,
        *,
        lifetime: timedelta,
        kept: timedelta,
    ) -> int:
        """Keep a new code, for `kept` after its `lifetime`; its id."""

    def unused(
        self, db: Session, purposes: Sequence[str], address: str, since: datetime
    ) -> list[Kept]:
        """The unused codes of these purposes that ran out after `since`, or not yet."""

    def claim(self, db: Session, purpose: str, address: str) -> Sequence[int]:
        """Use up every code of this purpose and address at once; the ids of those that were not.

        Of two at once each id is told to one.
        """

    def is_unused(self, db: Session, code_id: int) -> bool:
        """Whether nobody used this code so far."""

    def run_out(self, db: Session, purposes: Sequence[str], address: str) -> None:
        """Let the codes that still work run out now. They stay unused."""

    def end_of(self, db: Session, addresses: Select[str] | Sequence[str]) -> None:
        """Use up every code of these addresses, whatever it is for."""


class InDatabase:
    """Codes as rows; what becomes of them is part of the caller's transaction."""

    def reach(self) -> None:
        """Nothing to reach: the database is asked for all else too."""

    def put(
        self,
        db: Session,
        purpose: str,
        address: str,
        digest: str | None,
        *,
        lifetime: timedelta,
        kept: timedelta,
    ) -> int:
        """As `Shelf.put`; the worker drops what was `kept` for long enough."""
        now = clock.now()
        code = Code(
            purpose=purpose,
            address=address,
            secret_hash=digest,
            created_at=now,
            expires_at=now + lifetime,
        )
        db.add(code)
        db.flush()  # The mailed link names the code by its id.
        return code.id

    def unused(
        self, db: Session, purposes: Sequence[str], address: str, since: datetime
    ) -> list[Kept]:
        """As `Shelf.unused`."""
        rows = db.execute(
            select(Code.id, Code.purpose, Code.secret_hash, Code.expires_at).where(
                Code.purpose.in_(purposes),
                Code.address == address,
                Code.used_at.is_(None),
                Code.expires_at > since,
            )
        )
        return [Kept(*row) for row in rows]

    def claim(self, db: Session, purpose: str, address: str) -> Sequence[int]:
        """As `Shelf.claim`."""
        # One statement ends them all: two people with one code each would otherwise lock each
        # other's, and wait for ever.
        return db.scalars(
            update(Code)
            .where(Code.purpose == purpose, Code.address == address, Code.used_at.is_(None))
            .values(used_at=clock.now())
            .returning(Code.id)
        ).all()

    def is_unused(self, db: Session, code_id: int) -> bool:
        """As `Shelf.is_unused`."""
        unused = select(Code.id).where(Code.id == code_id, Code.used_at.is_(None))
        return db.scalar(unused) is not None

    def run_out(self, db: Session, purposes: Sequence[str], address: str) -> None:
        """As `Shelf.run_out`."""
        now = clock.now()
        db.execute(
            update(Code)
            .where(Code.purpose.in_(purposes), Code.address == address)
            .where(Code.used_at.is_(None), Code.expires_at > now)
            .values(expires_at=now)
        )

    def end_of(self, db: Session, addresses: Select[str] | Sequence[str]) -> None:
        """As `Shelf.end_of`."""
        db.execute(
            update(Code)
            .where(Code.address.in_(addresses), Code.used_at.is_(None))
            .values(used_at=clock.now()),
            execution_options={"synchronize_session": False},
        )


IN_DATABASE = InDatabase()


def of(db: Session) -> Shelf:
    """The shelf that goes with this database session."""
    return cast(Shelf, db.info.get(ON, IN_DATABASE))
