"""What every command stands on: the settings and sessions of the app, Alembic, readiness."""

from __future__ import annotations

import logging
import os
from typing import Any

import click
from alembic.config import Config
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from app.config import ROOT, Settings


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


def keys() -> list[str]:
    """The secrets, the signing one first."""
    return [settings().FLASK_SECRET_KEY, *settings().SECRET_KEY_FALLBACKS]


def alembic(url: str | None = None) -> Config:
    """Alembic's configuration for the database at `url`, or for that of the settings."""
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = url or settings().DATABASE_URL
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return config
