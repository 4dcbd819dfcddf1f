"""The commands of `flask rollcall`: what a maintainer asks at the console.

Data goes to standard output, messages to standard error. Exit codes: 0 done, 1 refused and
nothing changed, 2 wrong usage.
"""

from __future__ import annotations

import tomllib

import click
from alembic import command
from flask import current_app
from sqlalchemy import Engine, exists, select
from sqlalchemy.orm import Session

from app.cli.adopt import adopt
from app.cli.api_keys import api_key
from app.cli.audit import audit
from app.cli.clients import client
from app.cli.conversations import conversations
from app.cli.doctor import doctor
from app.cli.emergency import emergency
from app.cli.enrol import add_all
from app.cli.explain import explain
from app.cli.ground import Commands, alembic, session, settings
from app.cli.ground import keys as secrets
from app.cli.invite import invite
from app.cli.jobs import jobs
from app.cli.keys import keys as key_commands
from app.cli.people import people
from app.cli.programs import programs
from app.cli.retention import retention
from app.cli.roles import roles as role_commands
from app.cli.roster import roster
from app.cli.roster_compare import compare
from app.cli.roster_history import history
from app.cli.roster_pairs import pairs
from app.cli.saved import saved
from app.cli.several import change_all
from app.cli.several import export as export_people
from app.cli.several import invite as invite_accounts
from app.config import ROOT
from app.core import clock
from app.core.audit import NOWHERE
from app.core.desk import checkup
from app.core.entry import first_admin, signing
from app.core.people import roles
from app.core.roster import imports
from app.database import exclusively
from app.models.people import User
from app.models.programs import Program, ProgramLoRootId
from app.models.rosters import RosterImport

SAMPLE = ROOT / "data" / "sample"

conversations.add_command(retention)
conversations.add_command(saved)
roster.add_command(compare)
roster.add_command(history)
roster.add_command(pairs)
for each in (add_all, change_all, export_people, invite_accounts):
    people.add_command(each)
commands = Commands("rollcall", help="Look after a Rollcall installation.")
for each in (
    adopt,
    api_key,
    audit,
    client,
    conversations,
    doctor,
    emergency,
    explain,
    invite,
    jobs,
    key_commands,
    people,
    programs,
    role_commands,
    roster,
):
    commands.add_command(each)


@commands.command("prepare")
def prepare() -> None:
    """Migrate the database; fill one that was empty with sample data (never in production).

    Any number of processes may do this at once: one does, the others wait.
    """
    with session() as db:
        engine = db.get_bind()
        assert isinstance(engine, Engine)
        with exclusively(engine):
            command.upgrade(alembic(), "head")
            if _is_untouched(db) and not settings().production:
                _load_sample(db)
                db.commit()
                click.echo("The database was empty: sample list and programs are loaded.", err=True)
            # Whoever asks for the published keys before the first token finds one.
            signing.signer(db, keys=secrets())
            db.commit()
        if checkup.count_not_enforced(db):
            words = "People came with this database; status and expiry do not count yet."
            click.echo(f"{words} Run: flask rollcall adopt", err=True)
        if not roles.has_owner(db):
            click.echo(f"Make the first admin account (once, within 24 hours):\n  {_link(db)}")


@commands.command("create-admin")
def create_admin() -> None:
    """Print a link with which one person makes an admin account, once, within 24 hours."""
    with session() as db:
        click.echo(_link(db))


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


def _link(db: Session) -> str:
    token = first_admin.mint_link(db, keys=secrets())
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
