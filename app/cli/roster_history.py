"""`flask rollcall roster history`: the imports, newest first."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import with_appcontext

from app.cli.ground import session
from app.cli.roster import as_json
from app.cli.roster_words import COUNTS
from app.core.roster import imports
from app.models.rosters import RosterImport


@click.command("history")
@with_appcontext
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@as_json
def history(limit: int, as_json: bool) -> None:
    """List the imports, newest first."""
    with session() as db:
        rows = [_facts(found) for found in imports.history(db, limit=limit)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        counts = ", ".join(f"{row[name]} {name}" for name in ("added", "removed", "changed"))
        moment = (row["applied_at"] or row["created_at"])[:16].replace("T", " ")
        click.echo(
            f"{row['import_id']:>5}  {moment}  {row['state']:<10} {counts}  {row['file_name']}"
        )


def _facts(found: RosterImport) -> dict[str, Any]:
    applied, created = found.applied_at, found.created_at
    return {
        "import_id": found.id,
        "state": found.state,
        "file_name": found.file_name,
        "sha256": found.sha256,
        "mode": found.mode,
        **{name: getattr(found, name) for name in COUNTS},
        "readdressed": found.pairs,
        "problems": found.problems,
        "held": found.held or [],
        "undoes": found.undoes,
        "created_at": created.isoformat(),
        "created_by": found.created_by,
        "applied_at": applied.isoformat() if applied else None,
        "applied_by": found.applied_by,
        "seconds": found.seconds,
    }
