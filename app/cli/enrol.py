"""`flask rollcall people add-all`: accounts made of a file at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import with_appcontext

from app.cli.ground import change
from app.core.audit import NOWHERE
from app.core.desk.people import enrolling, proposing
from app.core.roster import sources, uploads


@click.command("add-all")
@click.argument("file", type=click.File("rb"))
@click.option("--encoding", type=click.Choice(["cp1252"]), help="For a file that is not UTF-8.")
@click.option("--invite", is_flag=True, help="Mail those who are added a link; not for long files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def add_all(file: BinaryIO, encoding: str | None, invite: bool, as_json: bool) -> None:
    """Make accounts of the active people in FILE, who hold its LO Root IDs.

    No mail goes out, but with --invite to those who are added, in the background.
    """
    name = uploads.readable(Path(file.name).name)
    most = proposing.MOST_ROWS if invite else None
    job_id = None
    with change(as_json=as_json) as db:
        with sources.readable(file) as (data, _digest):
            found = enrolling.read(data, encoding=encoding, most=most)
        result = enrolling.enrol(db, found, file_name=name, by=None, origin=NOWHERE)
        if invite and result.ids:
            job_id = proposing.invite(db, result.ids, file_name=name, by=None, origin=NOWHERE).id
    facts: dict[str, Any] = {
        "added": result.added,
        "existing": result.existing,
        "inactive": found.inactive,
        "warnings": [{"row": row, "reason": reason} for row, reason in found.warnings],
        "more_warnings": found.more_warnings,
    } | ({"job_id": job_id} if invite else {})
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for row, reason in found.warnings:
        click.echo(f"row {row}: {reason}", err=True)
    if found.more_warnings:
        click.echo(f"and {found.more_warnings} more rows", err=True)
    click.echo(f"{result.added} added, {result.existing} existing, {found.inactive} inactive")
    if job_id is not None:
        click.echo(f"Job {job_id} writes to them; see /admin/invitations/{job_id}.", err=True)
