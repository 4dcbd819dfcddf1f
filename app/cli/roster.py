"""`flask rollcall roster …`: the list of who may enter, from the console.

Exit codes: 0 done or nothing to do, 1 refused and nothing changed, 2 wrong usage, 3 held.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TextIO

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import refuse, session, settings
from app.cli.roster_options import columns_option, problems_option, write_problems
from app.cli.roster_words import print_result, result_of, say_outcome, say_who_is_first
from app.core import audit, taken
from app.core.audit import NOWHERE, Event
from app.core.errors import Refusal
from app.core.roster import exports, following, imports
from app.core.roster.holding import HoldLimits
from app.core.roster.mapping import ColumnUnknown
from app.core.roster.turns import wait_turn
from app.core.taken import Taken
from app.models.rosters import RosterImport

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
@columns_option
@problems_option
@as_json
def import_roster(
    file: BinaryIO,
    apply: bool,
    mode: str | None,
    encoding: str | None,
    confirm_pairs: bool,
    file_wins: bool,
    force: bool,
    asked: dict[str, str],
    problems: Path | None,
    as_json: bool,
) -> None:
    """Show what FILE would change; with --apply, change it."""
    with session() as db, refusals(db, as_json):
        found = _check(db, file, encoding=encoding, mode=mode, asked=asked)
        if confirm_pairs:
            imports.settle_pairs(
                db, found.id, None, same=True, by=None, origin=NOWHERE, limits=hold_limits()
            )
        imports.let_file_win(db, found, file_wins, by=None)
        if problems:
            write_problems(db, found.id, problems)
        _go_on(db, found, apply=apply, force=force, as_json=as_json)


@roster.command("undo")
@click.argument("import_id", type=int, required=False)
@click.option("--dry-run", is_flag=True, help="Show what that would change, and change nothing.")
@click.option("--force", is_flag=True, help="Take it back even where that would be held.")
@as_json
def undo(import_id: int | None, dry_run: bool, force: bool, as_json: bool) -> None:
    """Take the last import back, which can be named by IMPORT_ID to be sure."""
    with session() as db, refusals(db, as_json):
        wait_turn(db, say_who_is_first)
        last = imports.in_force(db) or 0 if import_id is None else import_id
        found = imports.check_undo(db, last, by=None, origin=NOWHERE, limits=hold_limits())
        _go_on(db, found, apply=not dry_run, force=force, as_json=as_json)


@roster.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
@as_json
def export(file: TextIO, as_json: bool) -> None:
    """Write the list in force to FILE, or print it: CSV, or one JSON object for each row."""
    with session() as db:
        taken.note(db, Taken.IN_FORCE, by=None, origin=NOWHERE)
        db.commit()
        if as_json:
            for row in exports.rows(db):
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            for text in exports.write_list(db):
                # A text file makes a line end of its own of each line feed.
                file.write(text.replace("\r\n", "\n"))


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
def refusals(db: Session, as_json: bool) -> Iterator[None]:
    """Say a refusal in words, or as JSON with the `line` that is to blame, and end with 1."""
    try:
        yield
    except Refusal as refusal:
        db.rollback()
        audit.record(
            db, Event.ROSTER_REFUSED, NOWHERE, refusal=refusal.code, reason=refusal.message
        )
        db.commit()
        line = refusal.values.get("line")
        refuse(refusal, as_json=as_json, facts={} if line is None else {"line": line})


def _check(
    db: Session, file: BinaryIO, *, encoding: str | None, mode: str | None, asked: dict[str, str]
) -> RosterImport:
    """Check the file, and say so where its columns are those of an earlier one."""
    try:
        found = imports.check(
            db,
            file,
            file_name=Path(file.name).name,
            encoding=encoding,
            mode=mode,
            by=None,
            origin=NOWHERE,
            limits=hold_limits(),
            asked=asked,
            wait=partial(wait_turn, tell=say_who_is_first),
        )
    except ColumnUnknown as unknown:
        raise click.UsageError(unknown.message) from None
    if found.mapping and not asked:
        places = ", ".join(f"{name}={place + 1}" for name, place in found.mapping.items())
        click.echo(f"Columns as in an earlier import: {places}.", err=True)
    return found


def _go_on(db: Session, found: RosterImport, *, apply: bool, force: bool, as_json: bool) -> None:
    """Print what was checked; apply it or hold it where that was asked for, or leave no trace."""
    result = result_of(db, found)
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
        print_result(result)
    say_outcome(result, asked=apply, goes=goes, held=held, as_json=as_json)
    if held:
        sys.exit(HELD)


def _may_go(db: Session, found: RosterImport, force: bool) -> bool:
    two_person = settings().ROSTER_TWO_PERSON
    return imports.may_go(
        db, found, typed=None, force=force, two_person=two_person, by=None, origin=NOWHERE,
        limits=hold_limits(),
    )  # fmt: skip
