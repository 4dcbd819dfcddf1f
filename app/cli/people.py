"""`flask rollcall people …`: what the page People does, from the console.

Exit codes: 0 done, 1 refused and nothing changed, 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import refuse, session, wake_if_wanted
from app.cli.several import filtered
from app.core import taken
from app.core.audit import NOWHERE
from app.core.desk.people import removing, standing
from app.core.errors import NobodyThere, Refusal
from app.core.people import directory, granting, roles, users
from app.core.people.orders import SORTS, Order, Place
from app.core.people.wanted import Wanted
from app.core.taken import Taken
from app.models.people import User

people = AppGroup("people", help="The people who have an account.")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
whose = click.argument("email")


@people.command("list")
@filtered
@click.option("--sort", type=click.Choice(SORTS), default="added", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@click.option("--after", type=click.IntRange(1), help="The id after which to go on.")
@as_json
def list_people(
    sort: str, limit: int, after: int | None, as_json: bool, **filters: str | None
) -> None:
    """List people, newest first unless --sort says otherwise."""
    wanted = Wanted.read(filters)
    with session() as db:
        taken.note(db, Taken.PEOPLE, by=None, origin=NOWHERE, **wanted.facts(), limit=limit)
        db.commit()
        place = Place(after) if after else None
        page = directory.find(db, wanted, Order.read(sort, ""), place, limit=limit)
    rows = [_facts(row.user, row.reason) for row in page.rows]
    if as_json:
        following = rows[-1]["id"] if page.has_next and rows else None
        told = {"people": rows, "count": page.count, "more": page.is_least, "next": following}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for each in rows:
        reason = each["kept_out"] or "may enter"
        click.echo(f"{each['id']:>8}  {each['email']:40}  {each['last_name']:24}  {reason}")
    many = "more than " if page.is_least else ""
    number = "many" if page.count is None else f"{many}{page.count}"
    click.echo(f"{number} in all", err=True)


@people.command("show")
@whose
@as_json
def show(email: str, as_json: bool) -> None:
    """Show the account of EMAIL."""

    def look(db: Session, user: User) -> dict[str, Any]:
        reason = users.shut_out_reason(user, listed=users.get(db, user.id)[1])
        names = roles.names_of(db, [user.id]).get(user.id, [])
        return _facts(user, reason) | {"roles": names, "password": user.has_password()}

    facts = _with(email, look, as_json=as_json)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for name, value in facts.items():
        text = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):14} {'–' if text in (None, '') else text}")


@people.command("suspend")
@whose
@as_json
def suspend(email: str, as_json: bool) -> None:
    """Keep EMAIL out, and sign them out everywhere, until they are restored."""

    def act(db: Session, user: User) -> dict[str, Any]:
        standing.suspend(db, user.id, by=None, origin=NOWHERE)
        return {"suspended": user.email}

    _say(_with(email, act, as_json=as_json), as_json=as_json)


@people.command("restore")
@whose
@as_json
def restore(email: str, as_json: bool) -> None:
    """Let EMAIL in again."""

    def act(db: Session, user: User) -> dict[str, Any]:
        standing.restore(db, user.id, by=None, origin=NOWHERE)
        return {"restored": user.email}

    _say(_with(email, act, as_json=as_json), as_json=as_json)


@people.command("end-sessions")
@whose
@as_json
def end_sessions(email: str, as_json: bool) -> None:
    """Sign EMAIL out everywhere."""

    def act(db: Session, user: User) -> dict[str, Any]:
        standing.sign_out(db, user.id, by=None, origin=NOWHERE)
        return {"signed_out": user.email}

    _say(_with(email, act, as_json=as_json), as_json=as_json)


@people.command("extend")
@whose
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="A day, not two years from now.")
@as_json
def extend(email: str, until: datetime | None, as_json: bool) -> None:
    """Let the account of EMAIL be good for longer."""
    day: date | None = until.date() if until else None

    def act(db: Session, user: User) -> dict[str, Any]:
        ends = standing.extend(db, user.id, day, by=None, origin=NOWHERE)
        return {"extended": user.email, "until": ends.isoformat()}

    _say(_with(email, act, as_json=as_json), as_json=as_json)


@people.command("delete")
@whose
@click.option("--chats", type=click.Choice(["keep", "delete"]), default="keep", show_default=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def delete(email: str, chats: str, yes: bool, as_json: bool) -> None:
    """Delete the account of EMAIL for good."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is here to be asked. Add --yes.")
        click.confirm(f"Delete the account of {email} for good?", abort=True, err=True)

    def act(db: Session, user: User) -> dict[str, Any]:
        keep = chats == "keep"
        removing.remove(db, user.id, keep_chats=keep, by=None, origin=NOWHERE)
        return {"deleted": user.email, "chats": "kept" if keep else "deleted"}

    _say(_with(email, act, as_json=as_json), as_json=as_json)


def _with(
    email: str, act: Callable[[Session, User], dict[str, Any]], *, as_json: bool
) -> dict[str, Any]:
    """What `act` says about the person with this address; it is committed, or refused."""
    with session() as db:
        try:
            result = act(db, granting.named(db, email))
        except Refusal as refusal:
            db.rollback()
            nobody = isinstance(refusal, NobodyThere)
            words = f"Nobody has the address {email}." if nobody else None
            refuse(refusal, as_json=as_json, words=words)
        db.commit()
        wake_if_wanted(db)
    return result


def _facts(user: User, reason: str | None) -> dict[str, Any]:
    return {
        "id": user.id,
        "last_name": user.last_name,
        "email": user.email,
        "kept_out": reason,
        "added": user.date_added.isoformat() if user.date_added else None,
        "last_seen": user.last_seen_at.isoformat() if user.last_seen_at else None,
        "expires": user.expiry_date.date().isoformat() if user.expiry_date else None,
    }


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    words = [f"{name.replace('_', ' ')} {value}" for name, value in result.items()]
    click.echo(", ".join(words).capitalize() + ".", err=True)
