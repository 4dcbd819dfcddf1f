"""What every command stands on: the settings and sessions of the app, Alembic, readiness."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, NoReturn

import click
from alembic.config import Config
from alembic.script import ScriptDirectory
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from app.config import ROOT, Settings
from app.core.errors import Refusal


class Commands(AppGroup):
    """Commands that say in words when the database is not there, or not migrated."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; exit 1 with a way on where the database refuses."""
        try:
            return super().invoke(ctx)
        except (OperationalError, ProgrammingError) as error:
            words = f"The database is not ready ({type(error.orig).__name__})."
            raise click.ClickException(f"{words} Run: flask rollcall doctor") from None


def settings() -> Settings:
    """The settings that the app was made of."""
    found: Settings = current_app.extensions["rollcall"].settings
    return found


def session() -> Session:
    """A database session; the command commits it."""
    opened: Session = current_app.extensions["rollcall"].sessions()
    return opened


@contextmanager
def change(*, as_json: bool) -> Iterator[Session]:
    """A database session whose changes are committed at the end, or refused as `refuse` does."""
    with session() as db:
        try:
            yield db
        except Refusal as refusal:
            refuse(refusal, as_json=as_json)
        db.commit()
        wake_if_wanted(db)


def refuse(
    refusal: Refusal,
    *,
    as_json: bool,
    words: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> NoReturn:
    """Say a refusal, in `words` where its own do not fit, and exit with 1.

    As JSON too where that was asked for: `error`, `code`, and `facts`.
    """
    words = words or refusal.message
    if as_json:
        click.echo(json.dumps({"error": words, "code": refusal.code, **(facts or {})}))
    click.echo(f"Refused: {words}", err=True)
    sys.exit(1)


def wake_if_wanted(db: Session) -> None:
    """Wake the worker if something that was committed waits for it."""
    if db.info.pop("worker_wanted", False):
        current_app.extensions["rollcall"].wake()


def keys() -> list[str]:
    """The secrets, the signing one first."""
    return [settings().FLASK_SECRET_KEY, *settings().SECRET_KEY_FALLBACKS]


@cache
def revisions() -> ScriptDirectory:
    """The migrations that came with the program, read once."""
    # They are the same for every database.
    return ScriptDirectory.from_config(alembic("sqlite://"))


def alembic(url: str | None = None) -> Config:
    """Alembic's configuration for the database at `url`, or for that of the settings."""
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = url or settings().DATABASE_URL
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return config
