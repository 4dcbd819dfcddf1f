"""`flask rollcall roles …`: who may do what beside learning, from the console."""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import change, session
from app.core.audit import NOWHERE
from app.core.errors import NotFound
from app.core.people import granting, rolebook
from app.core.people.roles import WORDS
from app.models.people import Role

roles = AppGroup("roles", help="Who may do what beside learning.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class NoSuchRole(NotFound):
    """No role has this name."""

    words = "There is no role of this name. Run: flask rollcall roles list"


@roles.command("list")
@as_json_option
def list_roles(as_json: bool) -> None:
    """Show every role, what it lets people do, and how many have it."""
    with session() as db:
        found = rolebook.all_roles(db)
    if as_json:
        rows = [
            {"name": role.name, "permissions": role.permissions, "people": holders}
            for role, holders in ((each.role, each.holders) for each in found)
        ]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each.role.name} ({each.holders})")
        for permission, words in WORDS.items():
            if permission.value in each.role.permissions:
                click.echo(f"  {permission.value:<20} {words}")


@roles.command("grant")
@click.argument("email")
@click.argument("role_name", metavar="ROLE")
@as_json_option
def grant(email: str, role_name: str, as_json: bool) -> None:
    """Give the person at EMAIL the role ROLE, and tell them by mail."""
    with change(as_json=as_json) as db:
        granting.grant(db, _role(db, role_name).id, email, by=None, origin=NOWHERE)
    _say(email, role_name, "has", as_json=as_json)


@roles.command("withdraw")
@click.argument("email")
@click.argument("role_name", metavar="ROLE")
@as_json_option
def withdraw(email: str, role_name: str, as_json: bool) -> None:
    """Take the role ROLE from the person at EMAIL; the last owner stays."""
    with change(as_json=as_json) as db:
        person = granting.named(db, email)
        granting.withdraw(db, _role(db, role_name).id, person.id, by=None, origin=NOWHERE)
    _say(email, role_name, "no longer has", as_json=as_json)


def _role(db: Session, name: str) -> Role:
    try:
        return rolebook.find(db, name)
    except NotFound:
        raise NoSuchRole from None


def _say(email: str, role_name: str, verb: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"email": email, "role": role_name}, ensure_ascii=False))
    click.echo(f"{email} {verb} the role {role_name} now.", err=True)
