"""`flask rollcall client …`: the pages of others that our sign-in widget may stand in."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.ground import change, session
from app.core.audit import NOWHERE
from app.core.errors import NotFound
from app.core.oauth import clients

client = AppGroup("client", help="Pages of others that the sign-in widget may stand in.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class NoSuchClient(NotFound):
    """No open client is meant, or more than one of that name."""

    words = "There is no such client, or more than one. Run: flask rollcall client list"


@client.command("create")
@click.option("--name", required=True, help="What people know the site by.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    help="A web origin it is used from, such as https://module.example; may be given again.",
)
@as_json_option
def create(name: str, origins: tuple[str, ...], as_json: bool) -> None:
    """Make a client and print its id, which is no secret."""
    with change(as_json=as_json) as db:
        row = clients.create(db, name, origins, by=None, origin=NOWHERE)
        facts = _facts(row)
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    click.echo(facts["client_id"])
    click.echo(f"It may be used from {', '.join(facts['origins'])}.", err=True)


@client.command("list")
@as_json_option
def list_clients(as_json: bool) -> None:
    """Show every client, newest first."""
    with session() as db:
        rows = [_facts(row) | {"made_by": maker} for row, maker in clients.listing(db)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for each in rows:
        state = "closed" if each["disabled"] else " ".join(each["origins"])
        click.echo(f"{each['id']:>6}  {each['client_id']}  {each['name']:24}  {state}")


@client.command("disable")
@click.argument("named", metavar="CLIENT_ID_OR_NAME")
@as_json_option
def disable(named: str, as_json: bool) -> None:
    """Close a client for good."""
    with change(as_json=as_json) as db:
        try:
            row = clients.find(db, named)
        except NotFound:
            raise NoSuchClient from None
        clients.disable(db, row.id, by=None, origin=NOWHERE)
        name = row.name
    if as_json:
        click.echo(json.dumps({"disabled": name}, ensure_ascii=False))
    click.echo(f"No page of {name} may ask any more.", err=True)


def _facts(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "client_id": row.client_id,
        "name": row.name,
        "origins": row.origins,
        "created": row.created_at.isoformat(),
        "disabled": row.disabled_at.isoformat() if row.disabled_at else None,
    }
