"""Writing the people of flancer64/gpt-user-auth: accounts, PINs, and the proof that all came."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.core import audit, outbox
from app.core.audit import NOWHERE, Event
from app.core.desk.adopt.predecessors import accounts
from app.core.desk.adopt.predecessors.accounts import NewPerson
from app.core.desk.adopt.predecessors.flancer import BLOCKED, Person, Registry
from app.core.desk.adopt.predecessors.proof import Brought, Line, Sum
from app.core.desk.adopt.predecessors.sorting import Plan
from app.core.desk.adopt.predecessors.source import Kind
from app.models.access import Credential, CredentialKind
from app.models.people import Status, User

PIN = CredentialKind.PIN.value


def bring(
    db: Session, registry: Registry, plan: Plan, wrapped: Mapping[str, str] | None
) -> Brought:
    """Make the accounts and PINs of `plan`; the caller commits if the proof holds.

    Who had an account here already is told of the PIN in it by mail.

    `wrapped` are the slow hashes by digest; None where this is tried on a copy. Raises `KeyError`
    for a digest that has none.
    """
    ids = accounts.make(db, [_new(each) for each in plan.made])
    owners = {person.reference: user_id for user_id, person in plan.given.items()}
    owners |= {each.reference: ids[each.address or ""] for each in plan.made}
    rows = [_pin(person, owners[person.reference], wrapped) for person in plan.pins]
    if rows:
        db.execute(insert(Credential), rows)
    made = {each.reference for each in plan.made}
    comes = [*plan.made, *plan.given.values()]
    accounts.remember(db, [each.reference for each in comes])
    about = {
        owners[each.reference]: {"made": each.reference in made, "status": each.status}
        for each in comes
    }
    audit.record_all(db, Event.ACCOUNT_BROUGHT, NOWHERE, about, predecessor=Kind.FLANCER.value)
    _tell(db, plan.given)
    return _prove(db, registry, plan, owners, rows)


def _tell(db: Session, user_ids: Collection[int]) -> None:
    """Write to those whose account was here that it has a further way in: once, so without caps."""
    for some in accounts.batches(user_ids):
        people = db.scalars(select(User).where(User.id.in_(some)))
        mails = [
            (each.mailbox, each.id, each.locale, {"became": "brought_over"}) for each in people
        ]
        outbox.queue_each(db, outbox.Kind.PIN_CHANGED, mails)


def _new(person: Person) -> NewPerson:
    return NewPerson(
        address=person.address or "",
        created_at=person.created_at,
        verified_at=person.created_at if person.was_verified else None,
        suspended=person.status == BLOCKED,
        locale=person.locale,
    )


def _pin(person: Person, user_id: int, wrapped: Mapping[str, str] | None) -> dict[str, Any]:
    secret = wrapped[person.digest] if person.digest and wrapped is not None else None
    return {
        "user_id": user_id,
        "kind": PIN,
        "identifier": person.pin,
        "secret_hash": secret,
        "data": {"salt": person.salt, "legacy": True} if person.digest else {},
        "created_at": person.created_at,
    }


def _prove(
    db: Session,
    registry: Registry,
    plan: Plan,
    owners: Mapping[str, int],
    rows: Collection[Mapping[str, Any]],
) -> Brought:
    left, before = sum(map(len, plan.left.values())), len(plan.before)
    people = Line("people", len(registry.people), before, left + len(plan.given))
    for each in plan.made:
        new = _new(each)
        status = Status.INACTIVE if new.suspended else Status.ACTIVE
        owner = owners[each.reference]
        values = (owner, new.address, status.value, new.created_at, new.verified_at, new.locale)
        people.brought.add(values)
    made = [owners[each.reference] for each in plan.made]
    people.found = _found_people(db, made)
    pins = Line("PINs", len(registry.people), before, left + len(plan.without_pin))
    for row in rows:
        secret, data = row["secret_hash"], row["data"]
        pins.brought.add((row["identifier"], row["user_id"], secret, sorted(data.items())))
    pins.found = _found_pins(db, [row["identifier"] for row in rows])
    counts = {
        "accounts made": len(plan.made),
        "of them, that open once their mailbox is proven": plan.unproven,
        "of them, suspended (BLOCKED there)": sum(each.status == BLOCKED for each in plan.made),
        "PINs with their passphrase": sum(each.digest is not None for each in plan.pins),
        "PINs that joined an account which was here": len(plan.given),
    }
    return Brought({words: count for words, count in counts.items() if count}, [people, pins])


def _found_people(db: Session, ids: Collection[int]) -> Sum:
    found = Sum()
    for some in accounts.batches(ids):
        query = select(
            User.id, User.address, User.status, User.date_added, User.verified_at, User.locale
        ).where(User.id.in_(some), User.came_by.is_(None), User.password_hash.is_(None))
        for row in db.execute(query):
            found.add(row)
    return found


def _found_pins(db: Session, digits: Collection[str]) -> Sum:
    found = Sum()
    for some in accounts.batches(digits):
        query = select(
            Credential.identifier, Credential.user_id, Credential.secret_hash, Credential.data
        ).where(Credential.kind == PIN, Credential.identifier.in_(some))
        for identifier, user_id, secret, data in db.execute(query):
            found.add((identifier, user_id, secret, sorted(data.items())))
    return found
