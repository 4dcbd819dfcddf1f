"""`flask rollcall people invite`, `change-all`, `export`: many at once, from the console."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click
from flask.cli import with_appcontext

from app.cli.ground import change, session
from app.cli.invite import send
from app.core import taken
from app.core.audit import NOWHERE
from app.core.desk import invitations
from app.core.desk.awaited import LINK_LASTS, Scope
from app.core.desk.people import bulk, exporting
from app.core.desk.people.bulk import Action, Choice
from app.core.people.wanted import CHOICES, Wanted
from app.core.taken import Taken

F = TypeVar("F", bound=Callable[..., Any])

FILTERS = [
    click.option("--search", "q", default="", help="Any part of name or address."),
    *(click.option(f"--{name}", type=click.Choice(CHOICES[name])) for name in CHOICES),
    click.option("--role", help="The name of a role."),
    click.option("--lo", help="An LO Root ID that they hold."),
]
"""The filters of the list of people, as `people list` has them."""

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def filtered(command: F) -> F:
    """The command with the filters of the list of people as options."""
    for option in reversed(FILTERS):
        command = option(command)
    return command


@click.command("invite")
@filtered
@click.option("--again", type=int, metavar="JOB_ID", help="Those whom this job invited, anew.")
@click.option("--dry-run", is_flag=True, help="Say how many it would reach, and send nothing.")
@as_json_option
@with_appcontext
def invite(again: int | None, dry_run: bool, as_json: bool, **filters: str | None) -> None:
    """Mail accounts without a password, on the list or not, a link to set one, in the background.

    Without a filter all are meant. Who was invited within the last 24 hours is left out. With
    --again those are meant whom an earlier job invited and who have no password yet.
    """
    wanted = Wanted.read(filters)
    if again is None:
        scope = Scope(chosen=wanted.facts(), again_after=LINK_LASTS)
        send(scope, "accounts", dry_run=dry_run, as_json=as_json)
        return
    if wanted != Wanted():
        raise click.UsageError("--again means all whom that job invited: it takes no filter.")
    with change(as_json=as_json) as db:
        invitations.get(db, again)
    scope = Scope(again_of=again, again_after=LINK_LASTS)
    send(scope, f"people of job {again}", dry_run=dry_run, as_json=as_json)


@click.command("export")
@filtered
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_appcontext
def export(as_json: bool, **filters: str | None) -> None:
    """Write the accounts that match to standard output, as CSV or with --json one object a line.

    The columns are those of the page's file. Without a filter all are written.
    """
    wanted = Wanted.read(filters)
    with change(as_json=as_json) as db:
        taken.note(db, Taken.PEOPLE, by=None, origin=NOWHERE, **wanted.facts())
        db.commit()
        if not as_json:
            for piece in exporting.write_people(db, wanted):
                click.echo(piece.encode(), nl=False)
            return
        for row in exporting.rows(db, wanted):
            facts = dict(zip(exporting.FIELDS, row, strict=True))
            facts["lo_root_ids"] = [each for each in facts["lo_root_ids"].split(";") if each]
            click.echo(json.dumps(facts, ensure_ascii=False))


@click.command("change-all")
@click.argument("action", type=click.Choice([each.value.replace("_", "-") for each in Action]))
@filtered
@click.option("--chats", type=click.Choice(["keep", "delete"]), default="keep", show_default=True)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="For extend: not two years from now."
)
@click.option("--dry-run", is_flag=True, help="Say how many it would change, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json_option
@with_appcontext
def change_all(
    action: str, chats: str, until: datetime | None, dry_run: bool, yes: bool, as_json: bool,
    **filters: str | None,
) -> None:  # fmt: skip
    """Do ACTION to all accounts that match, in the background.

    Without a filter all are meant, but nobody who may hand out roles. --chats is for delete.
    """
    if until and action != Action.EXTEND:
        raise click.UsageError("--until is for extend.")
    choice = Choice(Wanted.read(filters))
    with session() as db:
        number, left_out = bulk.count(db, choice, by=None)
    if number and not dry_run and not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is here to be asked. Add --yes.")
        click.confirm(f"{action}: {number} people?", abort=True, err=True)
    job_id = None
    if not dry_run:
        with change(as_json=as_json) as db:
            job_id = bulk.begin(
                db, Action(action.replace("-", "_")), choice, typed=str(number),
                keep_chats=chats == "keep", until=until.date() if until else None, by=None,
                origin=NOWHERE,
            ).id  # fmt: skip
    if as_json:
        facts = {"people": number, "left_out": left_out, "job_id": job_id, "dry_run": dry_run}
        click.echo(json.dumps(facts))
        return
    click.echo(f"{action}: {number} people, {left_out} left out.")
    if job_id is not None:
        words = f"Job {job_id} does it; see /admin/people/bulk/{job_id}."
        click.echo(words, err=True)
