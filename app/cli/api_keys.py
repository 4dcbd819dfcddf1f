"""`flask rollcall api-key …`: keys by which programs ask, from the console."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.ground import change, session
from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from app.core.errors import NotFound

api_key = AppGroup("api-key", help="Keys by which programs ask.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class NoSuchKey(NotFound):
    """No living key is meant."""

    words = "There is no such key, or it is revoked. Run: flask rollcall api-key list"


@api_key.command("create")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([each.value for each in KeyScope]),
    help="What it opens; may be given again. None given: both.",
)
@click.option("--expires", type=click.IntRange(1, 3650), help="Days until it runs out.")
@as_json_option
def create(name: str, scopes: tuple[str, ...], expires: int | None, as_json: bool) -> None:
    """Make a key and print it, once: it is kept nowhere."""
    until = clock.now() + timedelta(days=expires) if expires else None
    chosen = [KeyScope(each) for each in scopes] or list(KeyScope)
    with change(as_json=as_json) as db:
        row, text = keys.create(db, name, chosen, expires_at=until, by=None, origin=NOWHERE)
        number = row.id
    if as_json:
        click.echo(json.dumps({"key": text}))
        return
    click.echo(text)
    click.echo(f"Key {number} for {', '.join(chosen)}. It is not shown again.", err=True)


@api_key.command("list")
@as_json_option
def list_keys(as_json: bool) -> None:
    """Show every key by its first characters, newest first."""
    with session() as db:
        found = keys.listing(db)
    rows: list[dict[str, Any]] = [
        {
            "id": row.id,
            "name": row.name,
            "begins": row.shown,
            "scopes": row.scopes,
            "made_by": maker,
            **{
                name: moment.isoformat() if moment else None
                for name, moment in (
                    ("created", row.created_at),
                    ("last_used", row.last_used_at),
                    ("expires", row.expires_at),
                    ("revoked", row.revoked_at),
                )
            },
        }
        for row, maker in found
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for each in rows:
        state = "revoked" if each["revoked"] else f"last used {each['last_used'] or 'never'}"
        opens = ", ".join(each["scopes"])
        click.echo(f"{each['id']:>6}  {each['begins']}…  {each['name']:24}  {opens:12}  {state}")


@api_key.command("revoke")
@click.argument("named", metavar="NAME_OR_NUMBER")
@as_json_option
def revoke(named: str, as_json: bool) -> None:
    """End a key for good."""
    with change(as_json=as_json) as db:
        try:
            row = keys.find(db, named)
        except NotFound:
            raise NoSuchKey from None
        keys.revoke(db, row.id, by=None, origin=NOWHERE)
        name = row.name
    if as_json:
        click.echo(json.dumps({"revoked": name}, ensure_ascii=False))
    click.echo(f"{name} opens nothing any more.", err=True)
