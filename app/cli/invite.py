"""`flask rollcall invite`: set-up mails to people on the list, from the console."""

from __future__ import annotations

import json

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.ground import session, settings
from app.core.audit import NOWHERE
from app.core.desk import awaited, invitations
from app.core.desk.awaited import Scope


@click.command("invite")
@click.option("--import", "import_id", type=int, help="Only people whom this import added.")
@click.option("--class", "class_name", default="", help="Only people of this class.")
@click.option("--lo-root-id", default="", help="Only people whose line has this LO Root ID.")
@click.option("--dry-run", is_flag=True, help="Say how many it would reach, and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def invite(
    import_id: int | None, class_name: str, lo_root_id: str, dry_run: bool, as_json: bool
) -> None:
    """Mail listed people without a password a link to set one, in the background.

    Nobody is written to twice within a week.
    """
    scope = Scope(import_id=import_id, class_name=class_name, lo_root_id=lo_root_id)
    job_id = None
    with session() as db:
        waiting = awaited.count(db, scope)
        if waiting and not dry_run:
            job_id = invitations.start(db, scope, by=None, origin=NOWHERE).id
            db.commit()
            current_app.extensions["rollcall"].wake()
    if as_json:
        click.echo(json.dumps({"waiting": waiting, "job_id": job_id, "dry_run": dry_run}))
        return
    click.echo(f"{waiting} people on the list wait for an invitation.")
    if job_id is not None:
        rate = settings().INVITE_RATE
        words = f"Job {job_id} writes to them, {rate} a minute; see /admin/invitations/{job_id}."
        click.echo(words, err=True)
    elif not waiting:
        click.echo("Nothing to do.", err=True)
    else:
        click.echo("Nothing was sent. Leave out --dry-run to send.", err=True)
