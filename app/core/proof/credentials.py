"""Ways to sign in beside the password: who has which, proven once, kept as rows."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import N_, Refusal
from app.models.access import Credential, CredentialKind


class NotFree(Refusal):
    """The way in belongs to another account, which only its owner or an admin parts from it.

    It is said to nobody but who proved that they have it in hand.
    """

    code = "not_free"
    status = 409
    words = N_("This cannot be added to your account now. %(contact)s can help.")


def of(db: Session, user_id: int, kind: CredentialKind) -> list[Credential]:
    """What this person has of a kind, oldest first."""
    rows = select(Credential).where(Credential.user_id == user_id, Credential.kind == kind.value)
    return list(db.scalars(rows.order_by(Credential.id)))


def owner_of(db: Session, kind: CredentialKind, identifier: str) -> int | None:
    """The id of whom this way in belongs to; None for nobody."""
    return db.scalar(
        select(Credential.user_id).where(
            Credential.kind == kind.value, Credential.identifier == identifier
        )
    )


def use(db: Session, kind: CredentialKind, identifier: str) -> int | None:
    """Note that it was used now; the id of its owner, None where nobody has it any more."""
    return db.scalar(
        update(Credential)
        .where(Credential.kind == kind.value, Credential.identifier == identifier)
        .values(last_used_at=clock.now())
        .returning(Credential.user_id)
        .execution_options(synchronize_session=False)
    )


def add(
    db: Session, user_id: int, kind: CredentialKind, identifier: str, *, name: str = ""
) -> None:
    """Give somebody a way in that they proved just now; its `name` is for them to know it by.

    Raises `NotFree` where another account has it, also where that one was first of two at once.
    """
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    added = db.scalar(
        insert(cast(Table, Credential.__table__))
        .values(
            user_id=user_id, kind=kind.value, identifier=identifier,
            data={"name": name} if name else {},
            created_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(Credential.id)
    )  # fmt: skip
    if added is None:
        raise NotFree


def remove(db: Session, user_id: int, kind: CredentialKind) -> list[str]:
    """Take everything of a kind away from somebody; what it was."""
    return list(
        db.scalars(
            delete(Credential)
            .where(Credential.user_id == user_id, Credential.kind == kind.value)
            .returning(Credential.identifier)
            .execution_options(synchronize_session=False)
        )
    )
