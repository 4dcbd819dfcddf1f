"""`flask rollcall roster …`: the list of who may enter, from the console."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import session
from app.core import audit
from app.core.audit import NOWHERE, Event
from app.core.errors import Refusal
from app.core.roster import imports
from app.models.rosters import RosterImport

roster = AppGroup("roster", help="The list of who may enter.")


@roster.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--apply", is_flag=True, help="Make it the list in force, without its problem lines.")
@click.option("--encoding", type=click.Choice(["cp1252"]), help="For a file that is not UTF-8.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_roster(file: BinaryIO, apply: bool, encoding: str | None, as_json: bool) -> None:
    """Show what FILE would change; with --apply, change it."""
    with session() as db:
        try:
            found = imports.check(
                db, file, file_name=Path(file.name).name, encoding=encoding, by=None, origin=NOWHERE
            )
            result = _result(db, found)
            remarks = imports.problems_of(db, found.id, remarks=True)
            if apply:
                imports.apply(db, found.id, by=None, origin=NOWHERE)
        except Refusal as refusal:
            db.rollback()
            audit.record(
                db, Event.ROSTER_REFUSED, NOWHERE, refusal=refusal.code, reason=refusal.message
            )
            db.commit()
            if as_json:
                click.echo(json.dumps({"error": refusal.message, "code": refusal.code}))
            click.echo(f"Refused: {refusal.message}", err=True)
            sys.exit(1)
        if apply:
            db.commit()
            if db.info.pop("worker_wanted", False):
                current_app.extensions["rollcall"].wake()
        else:
            db.rollback()
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        _print_result(result, applied=apply)
    for remark in remarks:
        click.echo(f"Note: line {remark.line}, {remark.column}: {remark.reason}", err=True)


def _result(db: Session, found: RosterImport) -> dict[str, Any]:
    names = ["lines", "people", "inactive", "added", "removed", "changed", "unchanged"]
    problems = [
        {"line": each.line, "column": each.column, "reason": each.reason}
        for each in imports.problems_of(db, found.id)
    ]
    return {name: getattr(found, name) for name in names} | {"problems": problems}


def _print_result(result: dict[str, Any], *, applied: bool) -> None:
    click.echo(f"{result['lines']} lines, {result['people']} people")
    for name in ("added", "removed", "changed", "unchanged", "inactive"):
        click.echo(f"  {name:<10}{result[name]:>8}")
    for problem in result["problems"]:
        where = f", {problem['column']}" if problem["column"] else ""
        click.echo(f"line {problem['line']}{where}: {problem['reason']}")
    if applied:
        left_out = len(result["problems"])
        click.echo(f"Applied{f', without {left_out} problem lines' if left_out else ''}.", err=True)
    else:
        click.echo("Nothing was changed. Add --apply to make it the list in force.", err=True)
