"""Clients: modules and pages of others that our sign-in widget may stand in.

A client is known by its `client_id`, which is public, and by the web origins it is used from. Only
a browser says truly from which origin it asks, so that the list protects people, not the API.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import N_, NotFound, Refusal
from app.models.oauth import Client
from app.models.people import User

PREFIX = "rc_"
LONGEST_ID = 64
LONGEST_NAME = 64
MOST_ORIGINS = 20
LONGEST_ORIGIN = 254
PORTS = {"https": 443, "http": 80}
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


class BadClient(Refusal):
    """A client that cannot be made like this."""

    code = "bad_client"
    status = 422
    words = N_("Give the client a name of up to 64 characters.")


class BadOrigin(Refusal):
    """Text that is no web origin, or none that a code may be sent to."""

    code = "bad_origin"
    status = 422
    words = N_(
        "“%(origin)s” is not a web origin. Write it as https://module.example: no path, and http"
        " for this very machine alone."
    )


class WrongOrigins(Refusal):
    """No origin at all, or more than anybody needs."""

    code = "wrong_origins"
    status = 422
    words = N_("Name from 1 to 20 web origins.")


class ClientNotAllowed(Refusal):
    """A page that may not ask here: its client is unknown or off, or its origin not of it."""

    code = "client_not_allowed"
    status = 403
    words = N_("This page is not allowed for this client.")


class UnknownClient(Refusal):
    """A `client_id` that nobody has, or whose client is off."""

    code = "invalid_client"
    status = 403
    words = N_("No client of this id is known here.")


@dataclass(frozen=True)
class Verdict:
    """What the check of an origin found: is there such a client, and may that origin use it."""

    client: Client | None
    origin: str
    is_allowed: bool


def create(
    db: Session, name: str, origins: Iterable[str], *, by: int | None, origin: Origin
) -> Client:
    """Make a client for these web origins. The caller commits.

    Raises `BadClient`, `BadOrigin` or `WrongOrigins`.
    """
    row = Client(
        client_id=PREFIX + secrets.token_urlsafe(16),
        name=_named(name),
        origins=_all_of(origins),
        created_at=clock.now(),
        created_by=by,
    )
    db.add(row)
    db.flush()
    audit.record(
        db, Event.CLIENT_MADE, origin, actor_id=by, client=row.client_id, name=row.name,
        origins=" ".join(row.origins),
    )  # fmt: skip
    return row


def change(
    db: Session, row_id: int, name: str, origins: Iterable[str], *, by: int | None, origin: Origin
) -> Client:
    """Give a client another name and other origins; what it was handed for one that goes is void.

    The caller commits. Raises `NotFound`, `BadClient`, `BadOrigin` or `WrongOrigins`.
    """
    row = get(db, row_id)
    if row.disabled_at is not None:
        raise NotFound
    before = {"name": row.name, "origins": " ".join(row.origins)}
    row.name, row.origins = _named(name), _all_of(origins)
    after = {"name": row.name, "origins": " ".join(row.origins)}
    changed = {
        field: [before[field], after[field]] for field in after if before[field] != after[field]
    }
    if changed:
        audit.record(
            db, Event.CLIENT_CHANGED, origin, actor_id=by, client=row.client_id, changed=changed
        )
    return row


def disable(db: Session, row_id: int, *, by: int | None, origin: Origin) -> None:
    """Close a client for good: no page of it may ask any more. The caller commits.

    Sessions that it opened go on. Raises `NotFound` where there is none that is open.
    """
    closed = db.execute(
        update(Client)
        .where(Client.id == row_id, Client.disabled_at.is_(None))
        .values(disabled_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[object]", closed).rowcount != 1:
        raise NotFound
    client_id = db.scalar(select(Client.client_id).where(Client.id == row_id))
    audit.record(db, Event.CLIENT_DISABLED, origin, actor_id=by, client=client_id)


def listing(db: Session) -> list[tuple[Client, str | None]]:
    """Every client with the address of who made it, newest first, closed ones too."""
    rows = db.execute(
        select(Client, User.email)
        .outerjoin(User, User.id == Client.created_by)
        .order_by(Client.id.desc())
    )
    return [(client, email) for client, email in rows]


def get(db: Session, row_id: int) -> Client:
    """The client of this row. Raises `NotFound`."""
    row = db.get(Client, row_id)
    if row is None:
        raise NotFound
    return row


def find(db: Session, named: str) -> Client:
    """The one open client of this id, number or name. Raises `NotFound`, also for two of a name."""
    meant = [Client.client_id == named, Client.name == named]
    if named.isdecimal() and len(named) < 10:
        meant.append(Client.id == int(named))
    found = db.scalars(select(Client).where(or_(*meant), Client.disabled_at.is_(None))).all()
    if len(found) != 1:
        raise NotFound
    return found[0]


def known(db: Session, client_id: str) -> Client:
    """The open client of this id. Raises `UnknownClient`."""
    row = _open(db, client_id)
    if row is None:
        raise UnknownClient
    return row


def allowed(db: Session, client_id: str, web_origin: str) -> Client:
    """The open client of this id, if this very origin is of it. Raises `ClientNotAllowed`."""
    row = _open(db, client_id)
    if row is None or web_origin not in row.origins:
        raise ClientNotAllowed
    return row


def is_of_any(db: Session, web_origin: str) -> bool:
    """Whether an open client has this origin: all that is known before a body is sent."""
    rows = db.scalars(select(Client.origins).where(Client.disabled_at.is_(None)))
    return any(web_origin in origins for origins in rows)


def judge(db: Session, client_id: str, typed: str) -> Verdict:
    """What would become of a page at the origin that somebody `typed`. Raises `BadOrigin`."""
    web_origin = web_origin_of(typed)
    row = _open(db, client_id.strip())
    return Verdict(row, web_origin, row is not None and web_origin in row.origins)


def web_origin_of(typed: str) -> str:
    """The origin in the one form that browsers send (RFC 6454 §6.2). Raises `BadOrigin`.

    A slash at the end is forgiven. Over http only this very machine will do: a code that went
    elsewhere could be read on its way.
    """
    text = typed.strip().removesuffix("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    except ValueError:
        raise BadOrigin(origin=typed.strip()[:80]) from None
    bare = parts.path == "" and "@" not in parts.netloc and not any(c in text for c in "?#\\%*")
    safe = parts.scheme == "https" or (parts.scheme == "http" and name in LOOPBACK)
    if not (bare and safe and name and text.isprintable() and " " not in text):
        raise BadOrigin(origin=typed.strip()[:80])
    made = f"{parts.scheme}://{name}"
    if port is not None and port != PORTS[parts.scheme]:
        made += f":{port}"
    if len(made) > LONGEST_ORIGIN:
        raise BadOrigin(origin=typed.strip()[:80])
    return made


def _open(db: Session, client_id: str) -> Client | None:
    return db.scalars(
        select(Client).where(
            Client.client_id == client_id[:LONGEST_ID], Client.disabled_at.is_(None)
        )
    ).one_or_none()


def _named(name: str) -> str:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadClient
    return name


def _all_of(origins: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(web_origin_of(each) for each in origins if each.strip()))
    if not 1 <= len(found) <= MOST_ORIGINS:
        raise WrongOrigins
    return found
