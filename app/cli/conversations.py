"""`flask rollcall conversations …`: what was said, at the console."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app.cli.ground import refuse, session
from app.core.audit import NOWHERE
from app.core.errors import OtherCount
from app.core.learning import erasing, exporting, transcripts
from app.core.learning.erasing import Scope
from app.core.learning.transcripts import Asked, Row

conversations = AppGroup("conversations", help="What learners asked and what was answered.")

DAY = click.DateTime(["%Y-%m-%d"])

PATIENCE = 600.0
"""Seconds that a search may take where nobody waits for a page."""


def finders(command: Any) -> Any:
    """The options by which conversations are looked for."""
    options = [
        click.option("--program", default="", help="A program, by any spelling of its code."),
        click.option("--person", default="", help="An address, or the id of an account."),
        click.option("--from", "since", type=DAY, help="The first day, in UTC."),
        click.option("--to", "until", type=DAY, help="The last day, in UTC."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@conversations.command("search")
@click.argument("words", nargs=-1)
@finders
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def search(words: tuple[str, ...], limit: int, as_json: bool, **where: Any) -> None:
    """Print the newest exchanges with all these WORDS; quotation marks keep a phrase together."""
    asked = _asked(" ".join(words), **where)
    with session() as db:
        exporting.note(db, asked, "printed", by=None, origin=NOWHERE, limit=limit)
        db.commit()
        sought = transcripts.wanted(db, asked)
        page = transcripts.find(db, sought, limit=limit, budget=PATIENCE)
        found = [_facts(row) for row in page.rows]
    if as_json:
        click.echo(json.dumps({"conversations": found}, ensure_ascii=False))
        return
    for each in found:
        hidden = "" if each["visible"] else "  (cleared by the learner)"
        whose = each["email"] or f"account {each['user_id']}, deleted"
        click.echo(f"{each['id']}  {each['timestamp'] or '-'}  {each['program']}  {whose}{hidden}")
        click.echo(f"  asked: {' '.join(each['question'].split())}")
        click.echo(f"  answer: {' '.join(each['answer'].split())}")
    if not found:
        click.echo("No exchange fits.", err=True)


@conversations.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--words", default="", help="Words that occur in it.")
@finders
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def export(file: Path, words: str, as_json: bool, **where: Any) -> None:
    """Write what fits to FILE: an Excel file if its name ends in .xlsx, else CSV."""
    asked = _asked(words, **where)
    with session() as db:
        if file.suffix.lower() == ".xlsx":
            exporting.note(db, asked, "xlsx", by=None, origin=NOWHERE)
            db.commit()
            with file.open("wb") as binary:
                exporting.write_workbook(db, transcripts.wanted(db, asked), binary)
        else:
            pieces = exporting.write_csv(db, asked, by=None, origin=NOWHERE)
            db.commit()
            with file.open("w", encoding="utf-8", newline="") as text:
                text.writelines(pieces)
    if as_json:
        click.echo(json.dumps({"file": str(file), "bytes": file.stat().st_size}))
    else:
        click.echo(f"Written to {file}.", err=True)


@conversations.command("delete")
@click.option("--program", default="", help="Of a program, by any spelling of its code.")
@click.option("--person", default="", help="Of an address, or of the id of an account.")
@click.option("--older-than", type=click.IntRange(0, 36_500), help="Older than so many days.")
@click.option("--all", "everything", is_flag=True, help="Of everybody, in every program.")
@click.option("--confirm", type=int, help="Delete, if it is about so many exchanges.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def delete(
    program: str,
    person: str,
    older_than: int | None,
    everything: bool,
    confirm: int | None,
    as_json: bool,
) -> None:
    """Say how many exchanges it is about; with --confirm, delete them for good."""
    scope = Scope(program=program.strip(), person=person.strip(), older_than=older_than)
    if everything == (scope != Scope()):
        raise click.UsageError("Say --all, or which: --program, --person, --older-than.")
    with session() as db:
        _delete(db, scope, confirm, as_json=as_json)


def _delete(db: Session, scope: Scope, confirm: int | None, *, as_json: bool) -> None:
    extent = erasing.measure(db, scope)
    result = {"exchanges": extent.exchanges, "people": extent.people, "deleted": 0}
    try:
        if confirm is not None:
            result["deleted"] = erasing.delete_now(
                db, scope, erasing.confirm(db, scope, typed=confirm)
            )
    except OtherCount as refusal:
        refuse(refusal, as_json=as_json, facts=result)
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo(f"{extent.exchanges} exchanges of {extent.people} people")
    words = f"Deleted {result['deleted']}." if confirm is not None else (
        f"Nothing was deleted. Add --confirm {extent.exchanges} to do it."
    )  # fmt: skip
    click.echo(words, err=True)


def _asked(
    words: str, program: str, person: str, since: datetime | None, until: datetime | None
) -> Asked:
    days = [each.date() if each else None for each in (since, until)]
    return Asked(words=words, program=program, person=person, since=days[0], until=days[1])


def _facts(row: Row) -> dict[str, Any]:
    said, user = row.exchange, row.user
    return {
        "id": said.id,
        "user_id": said.user_id,
        "email": user.email if user else None,
        "program": said.program_code,
        "timestamp": said.timestamp.isoformat() if said.timestamp else None,
        "visible": said.is_visible,
        "question": said.user_message,
        "answer": said.bot_message,
    }
