"""`flask rollcall doctor`: what an installation needs, checked, each finding with its remedy.

`scripts/test_auth_system.py` runs the same checks; nothing here writes a row or makes a file.
"""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import sys
from collections.abc import Iterator
from typing import NamedTuple

import click
from alembic.runtime.migration import MigrationContext
from flask.cli import with_appcontext
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import config
from app.cli import ground
from app.config import Settings
from app.core.desk import checkup
from app.core.desk.looking import NoDatabase, looking
from app.delivery import smtp

LEAST_DISK = 100 * 2**20
"""Bytes that must be free where the data lives."""


class Check(NamedTuple):
    """What was looked at: its name, whether it is fine, in words, and the remedy if it is not.

    One that is fine and has a remedy all the same is a warning.
    """

    name: str
    fine: bool
    words: str
    remedy: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Check what an installation needs; exit 1 if anything is wrong."""
    settings = ground.settings()
    if not show(list(look(settings)), as_json=as_json):
        sys.exit(1)
    click.echo(f"All good: open {settings.PUBLIC_URL}", err=True)


def show(checks: list[Check], *, as_json: bool) -> bool:
    """Print the checks; whether all are fine."""
    fine = all(check.fine for check in checks)
    if as_json:
        found = {"fine": fine, "checks": [check._asdict() for check in checks]}
        click.echo(json.dumps(found, ensure_ascii=False))
        return fine
    dressed = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for check in checks:
        dress, plain, colour = _mark(check)
        line = f"{dress if dressed else plain}{check.name}: {check.words}"
        click.echo(click.style(line, fg=colour) if dressed else line)
        if check.remedy:
            click.echo(f"      {check.remedy}")
    return fine


def _mark(check: Check) -> tuple[str, str, str]:
    """What stands before a check on a terminal and elsewhere, and its colour."""
    if not check.fine:
        return "✗ ", "WRONG ", "red"
    if check.remedy:
        # Nothing is broken, yet it should not stay so.
        return "! ", "note  ", "yellow"
    return "✓ ", "ok    ", "green"


def look(settings: Settings) -> Iterator[Check]:
    """Every check, in the order in which one would mend them. Needs an app with mail set up."""
    yield Check("settings", True, f"read, for {settings.ROLLCALL_ENV}")
    yield _secret(settings)
    yield _proxies(settings)
    yield from _database(settings)
    yield _passwords(settings)
    yield _links(settings)
    yield _mail(settings)
    yield _whatsapp(settings)
    yield _disk(settings)
    yield _operator(settings)


def _secret(settings: Settings) -> Check:
    path = settings.DATA_DIR / "secret.key"
    if path.exists() and path.stat().st_mode & 0o077:
        return Check("secret", False, "others can read it", f"Run: chmod 600 {path}")
    return Check("secret", True, "set, and not readable by others")


def _proxies(settings: Settings) -> Check:
    if settings.https and not settings.TRUSTED_PROXIES:
        words = "PUBLIC_URL is https, so a proxy stands in front, yet TRUSTED_PROXIES is 0"
        remedy = "Set TRUSTED_PROXIES to how many there are; else all people share one address."
        return Check("hosts and proxies", False, words, remedy)
    return Check(
        "hosts and proxies", True, f"{settings.PUBLIC_URL}, {settings.TRUSTED_PROXIES} proxies"
    )


def _database(settings: Settings) -> Iterator[Check]:
    try:
        with looking(settings.DATABASE_URL) as engine, Session(engine) as db:
            yield from _schema(settings, db)
    except NoDatabase as missing:
        yield Check("database", False, f"there is no file {missing}", "Run: flask rollcall prepare")
    except SQLAlchemyError as error:
        yield Check("database", False, type(error).__name__, "Check DATABASE_URL and the server.")


def _schema(settings: Settings, db: Session) -> Iterator[Check]:
    kind = make_url(settings.DATABASE_URL).get_backend_name()
    heads = MigrationContext.configure(db.connection()).get_current_heads()
    head = ground.revisions().get_current_head()
    if heads != (head,):
        at = ", ".join(heads) or "no revision"
        remedy = "Run: python -m alembic upgrade head (a legacy database: flask rollcall adopt)"
        yield Check("database", False, f"{kind}, at {at}, not {head}", remedy)
        return
    yield Check("database", True, f"{kind}, reachable, at {head}")
    if missing := checkup.missing_columns(db):
        remedy = "Restore a backup: the database says that it is migrated, and is not."
        yield Check("schema", False, f"missing: {', '.join(missing[:5])}", remedy)
        return
    yield Check("schema", True, "every table and column is there")
    yield _people(checkup.count_not_enforced(db))
    yield _worker(checkup.count_overdue(db))


def _people(waiting: int) -> Check:
    if waiting:
        words = f"status and expiry of {waiting} people who came with the database do not count yet"
        return Check("people", False, words, "Run: flask rollcall adopt --dry-run")
    return Check("people", True, "everybody's status and expiry count")


def _worker(late: int) -> Check:
    if late:
        words = f"{late} messages wait for more than five minutes"
        return Check("worker", False, words, "Run: flask rollcall worker")
    return Check("worker", True, "no message waits longer than it should")


def _passwords(settings: Settings) -> Check:
    if not checkup.hashes_work(rounds=settings.BCRYPT_LOG_ROUNDS):
        remedy = "Install the pinned requirements: scripts/run does."
        return Check("password hashes", False, "a hash cannot be read again", remedy)
    return Check("password hashes", True, "made and read, legacy formats too")


def _links(settings: Settings) -> Check:
    if not checkup.links_work([settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]):
        remedy = "Check FLASK_SECRET_KEY and SECRET_KEY_FALLBACKS."
        return Check("links", False, "a signed link cannot be read again", remedy)
    return Check("links", True, "signed and read, each for its purpose alone")


def _mail(settings: Settings) -> Check:
    server = f"{settings.MAIL_SERVER}:{settings.MAIL_PORT}"
    if not settings.MAIL_SERVER:
        words = f"no MAIL_SERVER; read it at {settings.PUBLIC_URL}/dev/mailbox"
        remedy = "" if not settings.production else "Set MAIL_SERVER."
        return Check("mail", not settings.production, words, remedy)
    try:
        with smtp.TimedConnection(settings.MAIL_TIMEOUT):
            pass
    except (OSError, smtplib.SMTPException) as error:
        remedy = "Check the MAIL_ settings, and that this machine may connect there."
        return Check("mail", False, f"{server}: {type(error).__name__}", remedy)
    return Check("mail", True, f"{server} takes us")


def _whatsapp(settings: Settings) -> Check:
    # Half-set and unreadable settings never come so far: reading them names what is wrong.
    if not settings.twilio:
        shown = f"shown at {settings.PUBLIC_URL}/dev/mailbox" if settings.mailbox else "not offered"
        return Check("whatsapp", True, f"no {config.TWILIO[0]}; codes by it are {shown}")
    sender = f"through Twilio, from {settings.TWILIO_WHATSAPP_FROM}"
    if settings.https:
        return Check("whatsapp", True, sender)
    remedy = "Set PUBLIC_URL to an https address that Twilio can reach; it reports to no other."
    return Check("whatsapp", True, f"{sender}, which cannot say what becomes of a code", remedy)


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.DATA_DIR).free
    words = f"{free // 2**20} MB free in {settings.DATA_DIR}"
    if free < LEAST_DISK:
        return Check("disk", False, words, "Make room there, or set DATA_DIR to another place.")
    return Check("disk", True, words)


def _operator(settings: Settings) -> Check:
    if settings.OPERATOR_NAME:
        return Check("operator", True, f"/privacy-policy and /terms name {settings.OPERATOR_NAME}")
    words = f"/privacy-policy and /terms name nobody who answers for {settings.SERVICE_NAME}"
    remedy = "Set OPERATOR_NAME, OPERATOR_ADDRESS and PRIVACY_CONTACT."
    return Check("operator", True, words, remedy if settings.production else "")
