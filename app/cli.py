"""The commands of `flask rollcall`: what a maintainer asks at the console.

Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 refused and
nothing changed, 2 wrong usage.
"""

from __future__ import annotations

import json
import logging
import os
import smtplib
import sys
import tomllib
from pathlib import Path
from typing import Any, BinaryIO

import click
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import Engine, exists, select
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.config import ROOT, Settings
from app.core import audit, clock
from app.core.audit import NOWHERE, Event
from app.core.entry import first_admin
from app.core.errors import Refusal
from app.core.people import roles
from app.core.roster import imports
from app.database import exclusively
from app.delivery import smtp
from app.models.people import User
from app.models.programs import Program, ProgramLoRootId
from app.models.rosters import RosterImport

SAMPLE = ROOT / "data" / "sample"


class Commands(AppGroup):
    """Commands that say in words when the database is not there, or not migrated."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit 1 with a way on where the database refuses."""
        try:
            return super().invoke(ctx)
        except (OperationalError, ProgrammingError) as error:
            words = f"The database is not ready ({type(error.orig).__name__})."
            raise click.ClickException(f"{words} Run: flask rollcall doctor") from None


commands = Commands("rollcall", help="Look after a Rollcall installation.")
roster = AppGroup("roster", help="The list of who may enter.")
commands.add_command(roster)


def settings() -> Settings:
    """The settings that the app was made of."""
    found: Settings = current_app.extensions["rollcall"].settings
    return found


def session() -> Session:
    """A database session; the command commits it."""
    opened: Session = current_app.extensions["rollcall"].sessions()
    return opened


def keys() -> list[str]:
    """The secrets, the signing one first."""
    return [settings().FLASK_SECRET_KEY, *settings().SECRET_KEY_FALLBACKS]


@commands.command("prepare")
def prepare() -> None:
    """Migrate the database; fill one that was empty with sample data (never in production).

    Any number of processes may do this at once: one does, the others wait.
    """
    with session() as db:
        engine = db.get_bind()
        assert isinstance(engine, Engine)
        with exclusively(engine):
            command.upgrade(_alembic(), "head")
            if _is_untouched(db) and not settings().production:
                _load_sample(db)
                db.commit()
                click.echo("The database was empty: sample list and programs are loaded.", err=True)
        if not roles.has_owner(db):
            click.echo(f"Make the first admin account (once, within 24 hours):\n  {_link(db)}")


@commands.command("create-admin")
def create_admin() -> None:
    """Print a link with which one person makes an admin account, once, within 24 hours."""
    with session() as db:
        click.echo(_link(db))


@roster.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--apply", is_flag=True, help="Make it the list in force, without its problem lines.")
@click.option("--encoding", type=click.Choice(["cp1252"]), help="For a file that is not UTF-8.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_roster(file: BinaryIO, apply: bool, encoding: str | None, as_json: bool) -> None:
    """Show what FILE would change; with --apply, change it."""
    with session() as db:
        try:
            found = imports.check(
                db, file, file_name=Path(file.name).name, encoding=encoding, by=None, origin=NOWHERE
            )
            result = _result(db, found)
            remarks = imports.problems_of(db, found.id, remarks=True)
            if apply:
                imports.apply(db, found.id, by=None, origin=NOWHERE)
        except Refusal as refusal:
            db.rollback()
            audit.record(
                db, Event.ROSTER_REFUSED, NOWHERE, refusal=refusal.code, reason=refusal.message
            )
            db.commit()
            if as_json:
                click.echo(json.dumps({"error": refusal.message, "code": refusal.code}))
            click.echo(f"Refused: {refusal.message}", err=True)
            sys.exit(1)
        if apply:
            db.commit()
            if db.info.pop("message_queued", False):
                current_app.extensions["rollcall"].wake()
        else:
            db.rollback()
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        _print_result(result, applied=apply)
    for remark in remarks:
        click.echo(f"Note: line {remark.line}, {remark.column}: {remark.reason}", err=True)


@commands.command("worker")
@click.option("--workers", default=2, show_default=True, help="Threads that run jobs.")
def worker(workers: int) -> None:
    """Run the jobs: deliver mail, tidy up. Ends on SIGTERM or SIGINT once its job is done."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    huey = app.extensions["rollcall.jobs"].huey

    @huey.on_startup(name="app_context")
    def push_context() -> None:
        # Every worker thread renders mails, and their templates need the app.
        app.app_context().push()

    consumer = huey.create_consumer(
        workers=workers, initial_delay=0.05, max_delay=0.5, graceful_signal="TERM"
    )
    consumer.run()


@commands.command("doctor")
def doctor() -> None:
    """Check what an installation needs; exit 1 if anything is wrong."""
    findings = [_check_database(), _check_mail(), _check_secret()]
    for fine, words in findings:
        click.echo(("ok   " if fine else "WRONG ") + words)
    if not all(fine for fine, _words in findings):
        sys.exit(1)
    click.echo(f"All good: open {settings().PUBLIC_URL}")


def _check_database() -> tuple[bool, str]:
    try:
        with session() as db, db.connection() as connection:
            at = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        return False, f"database: {type(error).__name__}. Check DATABASE_URL."
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    if at != head:
        return False, f"database: at {at}, not {head}. Run: python -m alembic upgrade head"
    return True, f"database: reachable, at {head}"


def _check_mail() -> tuple[bool, str]:
    server, port = settings().MAIL_SERVER, settings().MAIL_PORT
    if not server:
        where = f"{settings().PUBLIC_URL}/dev/mailbox"
        return not settings().production, f"mail: no MAIL_SERVER; read it at {where}"
    try:
        with smtp.TimedConnection(settings().MAIL_TIMEOUT):
            pass
    except (OSError, smtplib.SMTPException) as error:
        return False, f"mail: {server}:{port} {type(error).__name__}. Check the MAIL_ settings."
    return True, f"mail: {server}:{port} takes us"


def _check_secret() -> tuple[bool, str]:
    path = settings().DATA_DIR / "secret.key"
    if path.exists() and path.stat().st_mode & 0o077:
        return False, f"secret: others can read it. Run: chmod 600 {path}"
    return True, "secret: set, and not readable by others"


def _alembic() -> Config:
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = settings().DATABASE_URL
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return config


def _link(db: Session) -> str:
    token = first_admin.mint_link(db, keys=keys())
    return f"{settings().PUBLIC_URL}/setup/admin/{token}"


def _is_untouched(db: Session) -> bool:
    # Looked at after migrating: a first start that was killed half-way left tables, but no rows.
    return not any(db.scalar(select(exists(table))) for table in (User, Program, RosterImport))


def _load_sample(db: Session) -> None:
    with (SAMPLE / "roster.csv").open("rb") as file:
        checked = imports.check(
            db, file, file_name="roster.csv", encoding=None, by=None, origin=NOWHERE
        )
    imports.apply(db, checked.id, by=None, origin=NOWHERE)
    for facts in tomllib.loads((SAMPLE / "programs.toml").read_text("utf-8"))["program"]:
        content = (SAMPLE / facts.pop("content_file")).read_text("utf-8")
        ids = [ProgramLoRootId(lo_root_id=each) for each in facts.pop("lo_root_ids")]
        now = clock.now()
        db.add(Program(**facts, content=content, lo_root_ids=ids, created_at=now, updated_at=now))


def _result(db: Session, found: RosterImport) -> dict[str, Any]:
    names = ["lines", "people", "inactive", "added", "removed", "changed", "unchanged"]
    problems = [
        {"line": each.line, "column": each.column, "reason": each.reason}
        for each in imports.problems_of(db, found.id)
    ]
    return {name: getattr(found, name) for name in names} | {"problems": problems}


def _print_result(result: dict[str, Any], *, applied: bool) -> None:
    click.echo(f"{result['lines']} lines, {result['people']} people")
    for name in ("added", "removed", "changed", "unchanged", "inactive"):
        click.echo(f"  {name:<10}{result[name]:>8}")
    for problem in result["problems"]:
        where = f", {problem['column']}" if problem["column"] else ""
        click.echo(f"line {problem['line']}{where}: {problem['reason']}")
    if applied:
        left_out = len(result["problems"])
        click.echo(f"Applied{f', without {left_out} problem lines' if left_out else ''}.", err=True)
    else:
        click.echo("Nothing was changed. Add --apply to make it the list in force.", err=True)
