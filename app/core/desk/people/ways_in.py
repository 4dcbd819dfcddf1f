"""Every way by which one person may come in: what they have, since when, and whether it opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.desk.finding import Said
from app.core.entry import changing
from app.core.errors import N_
from app.core.proof import credentials, ways
from app.core.proof.ways import PROVIDERS, Doors
from app.models.access import Credential, CredentialKind, SignInSession
from app.models.people import User

PASSWORD, CODE = "password", "code"
"""The ways that are no credential, by the method of the sessions that they open."""

NAMES = {
    PASSWORD: N_("Password"),
    CODE: N_("Code by mail"),
    CredentialKind.PHONE.value: N_("Code by WhatsApp"),
    CredentialKind.PIN.value: N_("PIN for chats"),
}


class Closed(StrEnum):
    """Why a way opens nothing now."""

    NOT_SET = "not_set"
    OFF = "off"
    ROLE = "role"


@dataclass(frozen=True)
class WayIn:
    """One way: `kind` is `password`, `code`, or a `CredentialKind`.

    `closed` is None where it lets them in. `since` and `last_used_at` are None where nobody noted
    it; `shown` is the number, the PIN, or what the account elsewhere is called.
    """

    kind: str
    name: Said
    closed: Closed | None
    since: datetime | None = None
    last_used_at: datetime | None = None
    shown: str = ""

    @property
    def opens_site(self) -> bool:
        """Whether it signs them in on the site: a PIN tells a chat who is there, and no more."""
        return self.closed is None and self.kind != CredentialKind.PIN.value


def of(db: Session, user: User, *, doors: Doors, has_role: bool) -> list[WayIn]:
    """The ways of this person: the password, codes by mail, and whatever else they added."""
    used = _last_used(db, user.id)
    closed = doors.closed(has_role=has_role)
    held = ways.of(db, user.id)
    rows = [row for kind in ways.OPENING for row in held[kind]]
    rows += credentials.of(db, user.id, CredentialKind.PIN)
    return [
        WayIn(
            PASSWORD, Said(NAMES[PASSWORD]), None if user.has_password() else Closed.NOT_SET,
            changing.changed_at(db, user.id) if user.has_password() else None, used.get(PASSWORD),
        ),
        WayIn(
            CODE, Said(NAMES[CODE]), _code_closed(doors, has_role=has_role),
            last_used_at=used.get(CODE),
        ),
        *(_added(row, doors, closed) for row in rows),
    ]  # fmt: skip


def _added(row: Credential, doors: Doors, closed: set[CredentialKind]) -> WayIn:
    kind = CredentialKind(row.kind)
    is_provider = kind in PROVIDERS
    why = None
    if kind in closed:
        is_off = is_provider or not doors.whatsapp
        why = Closed.OFF if is_off else Closed.ROLE
    there = str(row.data.get("email") or row.data.get("name") or "")
    return WayIn(
        kind.value,
        Said(doors.name_of(kind) if is_provider else NAMES[kind.value]),
        why,
        row.created_at,
        row.last_used_at,
        there if is_provider else row.identifier,
    )


def _code_closed(doors: Doors, *, has_role: bool) -> Closed | None:
    if doors.code_opens(has_role=has_role):
        return None
    return Closed.ROLE if doors.by_code else Closed.OFF


def _last_used(db: Session, user_id: int) -> dict[str, datetime]:
    """When the password and a mailed code last signed them in, of the sessions that are kept."""
    query = (
        select(SignInSession.method, func.max(SignInSession.created_at))
        .where(SignInSession.user_id == user_id, SignInSession.method.in_([PASSWORD, CODE]))
        .group_by(SignInSession.method)
    )
    return dict(db.execute(query).all())
