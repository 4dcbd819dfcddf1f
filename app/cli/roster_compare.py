"""`flask rollcall roster compare ONE OTHER`: what differs between the lists of two imports."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from app.cli.ground import session
from app.cli.roster import as_json, refusals
from app.core import taken
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.core.roster.comparing import KINDS
from app.core.roster.listing import Person
from app.core.taken import Taken

BATCH = 100_000
"""People that are asked for at once: each time all that changed in between is looked through."""


@click.command("compare")
@with_appcontext
@click.argument("one", type=int)
@click.argument("other", type=int)
@click.option("--list", "kind", type=click.Choice(KINDS), help="List these people too.")
@as_json
def compare(one: int, other: int, kind: str | None, as_json: bool) -> None:
    """Count who came, went and changed between the lists of two imports, ONE and OTHER."""
    with session() as db, refusals(db, as_json):
        found = imports.compare(db, one, other)
        if kind:
            pair = {"one": one, "other": other}
            taken.note(db, Taken.COMPARED, by=None, origin=NOWHERE, list=kind, **pair)
            db.commit()
        people = list(_people(db, one, other, kind)) if kind else []
    facts = {"one": found.one.id, "other": found.other.id, "came": found.came, "went": found.went}
    facts |= {"changed": found.changed, "imports": found.steps}
    if as_json:
        rows = [{"address": each.address, "last_name": each.last_name} for each in people]
        listed = {"list": kind, "people": rows} if kind else {}
        click.echo(json.dumps(facts | listed, ensure_ascii=False))
        return
    click.echo(
        f"From import {found.one.id} to import {found.other.id}, {found.steps} imports later"
    )
    for name in KINDS:
        click.echo(f"  {name:<10}{facts[name]:>8}")
    for each in people:
        click.echo(f"{each.change:<8}  {each.last_name}: {each.address}")


def _people(db: Session, one: int, other: int, kind: str) -> Iterator[Person]:
    after = None
    while rows := imports.list_compared(db, one, other, kind, after=after, limit=BATCH):
        yield from rows
        if len(rows) < BATCH:
            return
        after = rows[-1].last_name, rows[-1].address
