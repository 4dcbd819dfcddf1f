"""`flask rollcall roster pairs IMPORT_ID`: who may be the same person with a new address."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from app.cli.ground import change
from app.cli.roster import as_json, hold_limits
from app.core import taken
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.core.roster.pairs import BATCH, Pair
from app.core.taken import Taken


@click.command("pairs")
@with_appcontext
@click.argument("import_id", type=int)
@click.option("--confirm", is_flag=True, help="Say that each pair is one person.")
@as_json
def pairs(import_id: int, confirm: bool, as_json: bool) -> None:
    """List who goes and who comes by IMPORT_ID with the same user code and last name."""
    with change(as_json=as_json) as db:
        if confirm:
            imports.settle_pairs(
                db, import_id, None, same=True, by=None, origin=NOWHERE, limits=hold_limits()
            )
        found = imports.get(db, import_id)
        facts = {
            "import_id": found.id,
            "state": found.state,
            "held": found.held or [],
            "readdressed": found.pairs,
            "confirmed": found.pairs_confirmed,
            "moved": imports.count_moved(db, found.id) if found.applied_at else 0,
        }
        taken.note(db, Taken.PAIRS, by=None, origin=NOWHERE, import_id=import_id)
        db.commit()
        if as_json:
            rows = [_facts(each) for each in _all(db, import_id)]
            click.echo(json.dumps(facts | {"pairs": rows}, ensure_ascii=False))
            return
        for each in _all(db, import_id):
            word = "moved" if each.moved else "confirmed" if each.confirmed else "two people"
            click.echo(f"{word:<10}  {each.last_name}: {each.former} -> {each.address}")
        click.echo(f"{found.pairs} pairs, {found.pairs_confirmed} confirmed.", err=True)


def _all(db: Session, import_id: int) -> Iterator[Pair]:
    after = ""
    while rows := imports.list_pairs(db, import_id, after=after, limit=BATCH):
        yield from rows
        after = rows[-1].former


def _facts(pair: Pair) -> dict[str, str | bool]:
    return {
        "last_name": pair.last_name,
        "former": pair.former,
        "address": pair.address,
        "confirmed": pair.confirmed,
        "moved": pair.moved,
    }
