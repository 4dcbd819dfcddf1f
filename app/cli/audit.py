"""`flask rollcall audit …`: verify, export, prune and look into the audit log at the console."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.ground import keys, session, settings
from app.core import taken
from app.core.audit import NOWHERE
from app.core.desk import books, entries, ledger, seals, verifying
from app.core.desk.entries import Filters
from app.core.taken import Taken

audit = AppGroup("audit", help="The audit log: what happened, sealed into a chain.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
DAY = click.DateTime(["%Y-%m-%d"])


@audit.command("verify")
@click.option("--seal", is_flag=True, help="Seal what waits first.")
@as_json
def verify(seal: bool, as_json: bool) -> None:
    """Walk the whole chain; name the first entry that was changed, moved, removed or added."""
    chain_keys = seals.keys_of(keys())
    with session() as db:
        if seal:
            books.keep(db, chain_keys)
        verdict = verifying.verify(db, chain_keys)
    if as_json:
        click.echo(json.dumps(verdict.as_json()))
    else:
        looked = max(0, verdict.last_no - verdict.first_no + 1)
        click.echo(f"{looked} entries, number {verdict.first_no} to {verdict.last_no}")
        if verdict.erased:
            click.echo(f"{verdict.erased} of them had their details erased")
        click.echo(f"{verdict.waiting} entries wait to be sealed")
        if verdict.problem is None:
            click.echo(f"The chain holds. Its head, to be kept elsewhere: {verdict.head}")
        else:
            click.echo(f"The chain does not hold. {verdict.problem.words}", err=True)
    sys.exit(0 if verdict.holds else 1)


@audit.command("export")
@click.option("--what", default="", help="An event, or an area of events.")
@click.option("--person", default="", help="The address of whom it is about, or who did it.")
@click.option("--actor", default="", help="The address of who did it.")
@click.option("--ip", default="", help="The network address that it came from.")
@click.option("--reference", default="", help="The reference of a request, as error pages show it.")
@click.option("--since", type=DAY, help="First day, UTC.")
@click.option("--until", type=DAY, help="Last day, UTC.")
@as_json
def export(since: datetime | None, until: datetime | None, as_json: bool, **texts: str) -> None:
    """Write entries to standard output, newest first, as CSV, or with --json one object a line."""
    filters = Filters(since=_day(since), until=_day(until), **texts)
    with session() as db:
        taken.note(db, Taken.AUDIT, by=None, origin=NOWHERE, **asdict(filters))
        db.commit()
        if as_json:
            for batch in entries.batches(db, filters):
                for row in batch:
                    click.echo(json.dumps(row, ensure_ascii=False))
        else:
            for piece in entries.write_csv(db, filters):
                click.echo(piece.encode(), nl=False)


@audit.command("prune")
@click.option("--days", type=click.IntRange(1), help="Default: AUDIT_KEEP_DAYS.")
@click.option("--yes", is_flag=True, help="Do it; without this nothing is deleted.")
@as_json
def prune(days: int | None, yes: bool, as_json: bool) -> None:
    """Delete the entries older than so many days; a signed checkpoint stays in their place."""
    days = days or settings().AUDIT_KEEP_DAYS
    if not days:
        raise click.UsageError("AUDIT_KEEP_DAYS is 0: entries are kept. Say --days.")
    with session() as db:
        number = (
            ledger.prune(db, seals.keys_of(keys()), days=days)
            if yes
            else (ledger.count_prunable(db, days=days))
        )
    if as_json:
        click.echo(json.dumps({"days": days, "entries": number, "deleted": yes}))
    elif yes:
        click.echo(f"{number} entries older than {days} days were deleted.")
    else:
        click.echo(f"{number} entries are older than {days} days. Add --yes to delete them.")


@audit.command("show")
@click.argument("reference")
@as_json
def show(reference: str, as_json: bool) -> None:
    """Print the entries of one REFERENCE, as error pages show it."""
    with session() as db:
        found = [
            row for batch in entries.batches(db, Filters(reference=reference)) for row in batch
        ]
    for row in found:
        click.echo(json.dumps(row, ensure_ascii=False) if as_json else _in_words(row))
    if not found:
        click.echo(f"No entry has the reference {reference}.", err=True)
        sys.exit(1)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _in_words(row: Any) -> str:
    who = row["actor"] or row["address"] or row["ip"] or "Rollcall itself"
    details = ", ".join(f"{name}: {value}" for name, value in row["details"].items())
    return f"{row['at']}  {row['event']}  {who}  {details}".rstrip()
