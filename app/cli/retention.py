"""`flask rollcall conversations retention`: for how many days each program's are kept."""

from __future__ import annotations

import json

import click
from flask.cli import with_appcontext

from app.cli.ground import change, session
from app.core.audit import NOWHERE
from app.core.learning import retention as keeping


@click.command("retention")
@click.argument("program", required=False)
@click.option("--days", type=click.IntRange(1, keeping.LONGEST), help="Keep them for so long.")
@click.option("--for-good", is_flag=True, help="Keep them without end.")
@click.option("--confirm", type=int, help="How many exchanges are older now and go at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def retention(
    program: str | None, days: int | None, for_good: bool, confirm: int | None, as_json: bool
) -> None:
    """Show for how many days conversations are kept, or set it for PROGRAM."""
    if bool(program) != (for_good or days is not None) or (for_good and days is not None):
        raise click.UsageError("Name a PROGRAM with --days N or --for-good, or nothing at all.")
    if program:
        with change(as_json=as_json) as db:
            keeping.keep(db, program, days, typed=confirm, by=None, origin=NOWHERE)
    with session() as db:
        kept: dict[str, int | None] = {}
        for each in keeping.all_kept(db):
            # One that is gone comes after those that are there, and never hides one of them.
            kept.setdefault(each.code, each.days)
    if as_json:
        click.echo(json.dumps({"days": kept}))
        return
    for code, number in kept.items():
        click.echo(f"{code:<20} {f'{number} days' if number else 'for good'}")
