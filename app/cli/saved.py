"""`flask rollcall conversations saved …`: what people saved from ChatGPT, at the console."""

from __future__ import annotations

import json
from pathlib import Path

import click
from flask.cli import AppGroup

from app.cli.ground import change, refuse, session
from app.core.audit import NOWHERE
from app.core.errors import NotFound, OtherCount
from app.core.learning import forgetting
from app.core.learning import saved as saving
from app.core.learning.forgetting import Scope

saved = AppGroup("saved", help="What people saved from ChatGPT.")


class NobodyMeant(NotFound):
    """An address or a number that no account has."""

    words = "Nobody has this address or number."


@saved.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--person", required=True, help="An address, or the id of an account.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(file: Path, person: str, as_json: bool) -> None:
    """Write all that one person saved, with its text, to FILE as CSV."""
    with change(as_json=as_json) as db:
        try:
            pieces = saving.write_csv(db, person, by=None, origin=NOWHERE)
        except NotFound:
            raise NobodyMeant from None
        db.commit()
        with file.open("w", encoding="utf-8", newline="") as text:
            text.writelines(pieces)
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": file.stat().st_size}))
    else:
        click.echo(f"Written to {file}.", err=True)


@saved.command("delete")
@click.option("--person", default="", help="Of an address, or of the id of an account.")
@click.option("--older-than", type=click.IntRange(0, 36_500), help="Saved so many days ago.")
@click.option("--all", "everything", is_flag=True, help="Of everybody.")
@click.option("--confirm", type=int, help="Delete, if it is about so many conversations.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def delete(
    person: str, older_than: int | None, everything: bool, confirm: int | None, as_json: bool
) -> None:
    """Say how many conversations it is about; with --confirm, delete them for good."""
    scope = Scope(person=person.strip(), older_than=older_than)
    if everything == (scope != Scope()):
        raise click.UsageError("Say --all, or which: --person, --older-than.")
    with session() as db:
        extent = forgetting.measure(db, scope)
        result = {"conversations": extent.conversations, "people": extent.people, "deleted": 0}
        try:
            if confirm is not None:
                extent = forgetting.confirm(db, scope, typed=confirm)
                result["deleted"] = forgetting.delete_now(db, scope, extent)
        except OtherCount as refusal:
            refuse(refusal, as_json=as_json, facts=result)
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(f"{extent.conversations} saved conversations of {extent.people} people")
    words = f"Nothing was deleted. Add --confirm {extent.conversations} to do it."
    click.echo(words if confirm is None else f"Deleted {result['deleted']}.", err=True)
