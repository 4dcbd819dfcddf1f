"""`flask rollcall programs …`: the programs, from the console."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import refuse, session
from app.core.audit import NOWHERE
from app.core.errors import NotFound, Refusal
from app.core.learning import catalogue, drafts, editing, openers
from app.core.learning.catalogue import Where
from app.core.learning.openers import Count
from app.models.programs import Program

BATCH = 200
"""Programs that are read at once."""

programs = AppGroup("programs", help="What learners can open.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@programs.command("list")
@click.option("--state", type=click.Choice([each.value for each in Where]), help="Only these.")
@as_json
def list_programs(state: str | None, as_json: bool) -> None:
    """List the programs by name: all that are not in the trash, or those of one state."""
    with session() as db:
        found = [_summary(program, people) for program, people in _all(db, state)]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        people = f"{each['can_open']}{'+' if each['or_more'] else ''}"
        click.echo(
            f"{each['code']:<16}{each['state']:<7}{each['quota']:>4}{people:>12}  {each['name']}"
        )
    if not found:
        click.echo("There is none.", err=True)


@programs.command("show")
@click.argument("code")
@as_json
def show_program(code: str, as_json: bool) -> None:
    """Show the program CODE, but for its content."""
    with session() as db, _refusing(as_json):
        program = editing.find(db, code)
        facts = _summary(program, openers.count(db, program)) | {
            "description": program.description,
            "char_limit": program.char_limit,
            "characters": len(program.content),
            "unheld": openers.unheld(db, program),
            "version": program.version,
            "deleted_at": program.deleted_at.isoformat() if program.deleted_at else None,
        }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for name, value in facts.items():
        text = "; ".join(value) if isinstance(value, list) else value
        click.echo(f"{name:<14}{'–' if text in (None, '') else text}")


@programs.command("set-quota")
@click.argument("code")
@click.argument("quota", type=int)
@as_json
def set_quota(code: str, quota: int, as_json: bool) -> None:
    """Let each person ask the program CODE QUOTA questions a day."""
    with session() as db, _refusing(as_json):
        program = editing.find(db, code)
        draft = replace(drafts.draft_of(program), quota=quota)
        known: dict[str, Any] = {"version": None, "open_to_all": False, "by": None}
        changed = editing.change(db, program.id, draft, **known, origin=NOWHERE)
        db.commit()
    words = f"{program.code} answers {quota} questions a day and person."
    _say(as_json, words, code=program.code, quota=quota, changed=bool(changed))


@programs.command("trash")
@click.argument("code")
@as_json
def trash_program(code: str, as_json: bool) -> None:
    """Put the program CODE into the trash: it is closed to learners at once."""
    with session() as db, _refusing(as_json):
        program = editing.trash(db, editing.find(db, code).id, by=None, origin=NOWHERE)
        db.commit()
    words = (
        f"{program.code} is in the trash. To undo: flask rollcall programs restore {program.code}"
    )
    _say(as_json, words, code=program.code, state=Where.TRASH.value)


@programs.command("restore")
@click.argument("code")
@as_json
def restore_program(code: str, as_json: bool) -> None:
    """Take the program CODE out of the trash, as it was."""
    with session() as db, _refusing(as_json):
        program = editing.restore(db, editing.find(db, code).id, by=None, origin=NOWHERE)
        db.commit()
    state = catalogue.where_is(program).value
    _say(as_json, f"{program.code} is back: {state}.", code=program.code, state=state)


@programs.command("purge")
@click.argument("code")
@click.option("--yes", is_flag=True, help="Do not ask for the code again.")
@as_json
def purge_program(code: str, yes: bool, as_json: bool) -> None:
    """Delete the program CODE, which is in the trash, for good; conversations stay."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("This cannot be undone: add --yes.")
    with session() as db, _refusing(as_json):
        program = editing.find(db, code)
        typed = program.code if yes else click.prompt(f"Type {program.code} to delete it for good")
        editing.purge(db, program.id, typed=typed, by=None, origin=NOWHERE)
        db.commit()
    _say(as_json, f"{program.code} is deleted for good.", code=program.code, state="gone")


def _all(db: Session, state: str | None) -> Iterator[tuple[Program, Count]]:
    last: int | None = None
    where = Where(state) if state else None
    while rows := catalogue.listed(db, where=where, after=last, limit=BATCH):
        yield from rows
        last = rows[-1][0].id


def _summary(program: Program, people: Count) -> dict[str, Any]:
    """The facts of a list; with `or_more` at least so many can open it."""
    return {
        "code": program.code,
        "name": program.name,
        "state": catalogue.where_is(program).value,
        "category": program.category,
        "quota": program.quota,
        "lo_root_ids": [each.lo_root_id for each in program.lo_root_ids],
        "can_open": people.number,
        "or_more": people.more,
    }


@contextmanager
def _refusing(as_json: bool) -> Iterator[None]:
    """Say a refusal in words, and as JSON where that was asked for, and exit with 1."""
    try:
        yield
    except Refusal as refusal:
        unknown = isinstance(refusal, NotFound)
        words = "There is no program of that code." if unknown else None
        refuse(refusal, as_json=as_json, words=words)


def _say(as_json: bool, words: str, **facts: Any) -> None:
    click.echo(json.dumps(facts) if as_json else words)
