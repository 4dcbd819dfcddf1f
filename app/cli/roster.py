"""`flask rollcall roster …`: the list of who may enter, from the console.

Exit codes: 0 done or nothing to do, 1 refused and nothing changed, 2 wrong usage, 3 held.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import refuse, session, settings
from app.cli.roster_words import BY_HAND, say_what_stays
from app.core import audit
from app.core.audit import NOWHERE, Event
from app.core.errors import Refusal
from app.core.roster import exports, following, imports
from app.core.roster.holding import HoldLimits
from app.models.rosters import RosterImport

COUNTS = ("lines", "people", "inactive", "added", "back", "removed", "changed", "unchanged")
SHOWN = ("added", "back", "removed", "changed", "unchanged", "inactive", "readdressed")
HELD = 3
"""The exit code of an import that waits for an admin."""

roster = AppGroup("roster", help="The list of who may enter.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@roster.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--apply", is_flag=True, help="Make it the list in force, without its problem lines.")
@click.option(
    "--mode", type=click.Choice(["replace", "add"]), help="Replace the list, or add only."
)
@click.option("--encoding", type=click.Choice(["cp1252"]), help="For a file that is not UTF-8.")
@click.option("--confirm-pairs", is_flag=True, help="Take each changed address for one person's.")
@click.option(
    "--file-wins", is_flag=True, help="Let FILE win over what admins set by hand for its people."
)
@click.option("--force", is_flag=True, help="Apply an import that would be held.")
@as_json
def import_roster(
    file: BinaryIO,
    apply: bool,
    mode: str | None,
    encoding: str | None,
    confirm_pairs: bool,
    file_wins: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Show what FILE would change; with --apply, change it."""
    with session() as db, _refusals(db, as_json):
        found = imports.check(
            db,
            file,
            file_name=Path(file.name).name,
            encoding=encoding,
            mode=mode,
            by=None,
            origin=NOWHERE,
            limits=hold_limits(),
        )
        if confirm_pairs:
            imports.settle_pairs(
                db, found.id, None, same=True, by=None, origin=NOWHERE, limits=hold_limits()
            )
        imports.let_file_win(db, found, file_wins, by=None)
        _go_on(db, found, apply=apply, force=force, as_json=as_json)


@roster.command("undo")
@click.argument("import_id", type=int, required=False)
@click.option("--dry-run", is_flag=True, help="Show what that would change, and change nothing.")
@click.option("--force", is_flag=True, help="Take it back even where that would be held.")
@as_json
def undo(import_id: int | None, dry_run: bool, force: bool, as_json: bool) -> None:
    """Take the last import back, which can be named by IMPORT_ID to be sure."""
    with session() as db, _refusals(db, as_json):
        last = imports.in_force(db) or 0 if import_id is None else import_id
        found = imports.check_undo(db, last, by=None, origin=NOWHERE, limits=hold_limits())
        _go_on(db, found, apply=not dry_run, force=force, as_json=as_json)


@roster.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
@as_json
def export(file: TextIO, as_json: bool) -> None:
    """Write the list in force to FILE, or print it: CSV, or one JSON object for each row."""
    with session() as db:
        if as_json:
            for row in exports.rows(db):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            for text in exports.write_list(db):
                # A text file makes a line end of its own of each line feed.
                file.write(text.replace("\r\n", "\n"))


@roster.command("compare")
@click.argument("one", type=int)
@click.argument("other", type=int)
@as_json
def compare(one: int, other: int, as_json: bool) -> None:
    """Count who came, went and changed between the lists of two imports, ONE and OTHER."""
    with session() as db, _refusals(db, as_json):
        found = imports.compare(db, one, other)
    facts = {"one": found.one.id, "other": found.other.id, "came": found.came, "went": found.went}
    facts |= {"changed": found.changed, "imports": found.steps}
    if as_json:
        click.echo(json.dumps(facts))
        return
    click.echo(
        f"From import {found.one.id} to import {found.other.id}, {found.steps} imports later"
    )
    for name in ("came", "went", "changed"):
        click.echo(f"  {name:<10}{facts[name]:>8}")


@roster.command("follow")
@as_json
def follow(as_json: bool) -> None:
    """Set what everybody holds to what the list in force and the other reasons say, anew."""
    with session() as db:
        moved = following.follow_now(db)
    click.echo(json.dumps({"moved": moved}) if as_json else f"{moved} LO Root IDs moved.")


def hold_limits() -> HoldLimits:
    found = settings()
    return HoldLimits(
        found.ROSTER_HOLD_REMOVED, found.ROSTER_HOLD_CHANGED, found.ROSTER_HOLD_READDRESSED
    )


@contextmanager
def _refusals(db: Session, as_json: bool) -> Iterator[None]:
    """Say a refusal in words, or as JSON, and end with 1."""
    try:
        yield
    except Refusal as refusal:
        db.rollback()
        audit.record(
            db, Event.ROSTER_REFUSED, NOWHERE, refusal=refusal.code, reason=refusal.message
        )
        db.commit()
        refuse(refusal, as_json=as_json)


def _go_on(db: Session, found: RosterImport, *, apply: bool, force: bool, as_json: bool) -> None:
    """Print what was checked; apply it or hold it where that was asked for, or leave no trace."""
    result = _result(db, found)
    remarks = imports.problems_of(db, found.id, remarks=True)
    goes = apply and imports.changes_anything(db, found.id) and _may_go(db, found, force)
    held = apply and not goes and bool(found.held)
    if goes:
        imports.apply(db, found.id, by=None, origin=NOWHERE)
        result["yielded"] = found.yielded
    if goes or held:
        db.commit()
    else:
        db.rollback()
        result["import_id"] = None
    if db.info.pop("worker_wanted", False) and (goes or held):
        current_app.extensions["rollcall"].wake()
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        _print_result(result)
    for remark in remarks:
        click.echo(f"Note: line {remark.line}, {remark.column}: {remark.reason}", err=True)
    _say(result, asked=apply, goes=goes, held=held, as_json=as_json)
    if held:
        sys.exit(HELD)


def _may_go(db: Session, found: RosterImport, force: bool) -> bool:
    two_person = settings().ROSTER_TWO_PERSON
    return imports.may_go(
        db, found, typed=None, force=force, two_person=two_person, by=None, origin=NOWHERE,
        limits=hold_limits(),
    )  # fmt: skip


def _result(db: Session, found: RosterImport) -> dict[str, Any]:
    problems = [
        {"line": each.line, "column": each.column, "reason": each.reason}
        for each in imports.problems_of(db, found.id)
    ]
    counts: dict[str, Any] = {name: getattr(found, name) for name in COUNTS}
    counts["readdressed"] = found.pairs
    counts |= {name: getattr(found, name) for name in BY_HAND}
    return counts | {"problems": problems, "held": found.held or [], "import_id": found.id}


def _print_result(result: dict[str, Any]) -> None:
    click.echo(f"{result['lines']} lines, {result['people']} people")
    for name in SHOWN:
        click.echo(f"  {name:<11}{result[name]:>7}")
    if result["edited"]:
        click.echo(say_what_stays(result))
    for problem in result["problems"]:
        where = f", {problem['column']}" if problem["column"] else ""
        click.echo(f"line {problem['line']}{where}: {problem['reason']}")


def _say(result: dict[str, Any], *, asked: bool, goes: bool, held: bool, as_json: bool) -> None:
    """Say on standard error what became of it."""
    rules = ", ".join(result["held"])
    if goes and not as_json:
        left_out = len(result["problems"])
        click.echo(f"Applied{f', without {left_out} problem lines' if left_out else ''}.", err=True)
    elif held:
        click.echo(
            f"Held ({rules}): nothing was changed. An admin lets import {result['import_id']} go on"
            " the page Roster, or say --force.",
            err=True,
        )
    elif asked and not goes:
        click.echo("Nothing to do: this list is in force already.", err=True)
    elif not asked and not as_json:
        more = f" It would be held ({rules})." if rules else ""
        click.echo(
            f"Nothing was changed.{more} Add --apply to make it the list in force.", err=True
        )
