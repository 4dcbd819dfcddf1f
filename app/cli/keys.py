"""`flask rollcall keys …`: the keys that tokens are signed with."""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup

from app.cli.ground import change, session
from app.cli.ground import keys as secrets
from app.core.audit import NOWHERE
from app.core.entry import signing

keys = AppGroup("keys", help="The keys that tokens for programs are signed with.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@keys.command("list")
@as_json_option
def list_keys(as_json: bool) -> None:
    """Show the keys whose tokens may still live, newest first; the newest one signs."""
    with session() as db:
        found = signing.verifying(db)
    if as_json:
        rows = [
            {"kid": row.kid, "made_at": row.created_at.isoformat(), "signs": number == 0}
            for number, row in enumerate(found)
        ]
        click.echo(json.dumps(rows))
        return
    for number, row in enumerate(found):
        use = "signs" if number == 0 else "verifies"
        click.echo(f"{row.kid}  {row.created_at:%Y-%m-%d %H:%M} UTC  {use}")
    if not found:
        click.echo("There is no key yet; the first token makes one.", err=True)


@keys.command("rotate")
@as_json_option
def rotate(as_json: bool) -> None:
    """Have a new key sign from now on. Nobody is signed out: the old one goes on verifying."""
    with change(as_json=as_json) as db:
        kid = signing.rotate(db, keys=secrets(), origin=NOWHERE)
    click.echo(json.dumps({"kid": kid}) if as_json else kid)


# One of 64 ids begins with a hyphen, and is no option for that.
@keys.command("remove", context_settings={"ignore_unknown_options": True})
@click.argument("kid")
@as_json_option
def remove(kid: str, as_json: bool) -> None:
    """Have the key KID verify nothing from now on, because it leaked; rotate first if it signs."""
    with change(as_json=as_json) as db:
        signing.remove(db, kid, origin=NOWHERE)
    click.echo(json.dumps({"removed": kid}) if as_json else f"Removed {kid}.")
