"""`flask rollcall invite`: set-up mails to people on the list, from the console."""

from __future__ import annotations

import json

import click
from flask.cli import with_appcontext

from app.cli.ground import change, session, settings
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
    waiting, job_id = send(scope, "people on the list", dry_run=dry_run, as_json=as_json)
    if as_json or job_id is not None:
        return
    words = "Nothing was sent. Leave out --dry-run to send." if waiting else "Nothing to do."
    click.echo(words, err=True)


def send(scope: Scope, who: str, *, dry_run: bool, as_json: bool) -> tuple[int, int | None]:
    """Count who waits, start the job that writes to them unless it is a `dry_run`, and say so.

    `who` names them in the words. Returns how many wait, and the job, None where none began.
    """
    job_id = None
    with session() as db:
        waiting = awaited.count(db, scope)
    if waiting and not dry_run:
        with change(as_json=as_json) as db:
            job_id = invitations.start(db, scope, by=None, origin=NOWHERE).id
    if as_json:
        click.echo(json.dumps({"waiting": waiting, "job_id": job_id, "dry_run": dry_run}))
        return waiting, job_id
    click.echo(f"{waiting} {who} wait for an invitation.")
    if job_id is not None:
        rate = settings().INVITE_RATE
        words = f"Job {job_id} writes to them, {rate} a minute; see /admin/invitations/{job_id}."
        click.echo(words, err=True)
    return waiting, job_id
