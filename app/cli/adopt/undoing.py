"""Taking an adoption back: the database becomes what it was when the backup was written."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.cli.adopt import backups
from app.cli.adopt.backups import Backup
from app.cli.adopt.moving import DONE, FAILED, MISUSED
from app.cli.adopt.report import Printer
from app.core.desk.adopt import copies, since
from app.core.desk.adopt.copies import BadBackup
from app.core.desk.looking import NoDatabase, looking
from app.database import exclusively, make_engine


def undo(url: str, backup: Path | None, printer: Printer, *, yes: bool) -> int:
    """Do it, and give the exit code. What stands there now is saved aside first."""
    noted = backups.known(backup) if backup else backups.last(url)
    path = backup or (Path(noted.path) if noted else None)
    if path is None:
        words = "No backup of this database is known here; name one by --backup FILE."
        return printer.end("failed", words, FAILED)
    if not path.is_file():
        return printer.end("failed", f"There is no backup at {path}.", FAILED)
    try:
        if noted:
            noted.check()
        lost = _what_is_lost(url, path, noted)
        printer.found |= {"backup": str(path), "lost": lost}
        told = ", ".join(f"{many} {words}" for words, many in lost.items())
        if told and not yes:
            words = f"Since that backup came {told}; undoing loses them. If you mean it: --yes"
            return printer.end("choice", words, MISUSED)
        if not yes and not _agrees(path):
            return printer.end("choice", "Nothing was changed. To undo: --undo --yes", MISUSED)
        aside = _restore(url, path)
    except (NoDatabase, BadBackup, SQLAlchemyError, OSError) as error:
        words = str(error).strip().splitlines()[0]
        return printer.end("failed", f"{words} Nothing was changed.", FAILED)
    if noted:
        backups.forget_since(noted)
    return _tell(url, path, aside, told, printer)


def _restore(url: str, path: Path) -> Path:
    """Save what stands there now, restore the backup, and give the path of what was saved."""
    aside = backups.new_path("undo", url)
    engine = make_engine(url)
    try:
        with exclusively(engine):
            copies.save(url, aside)
            copies.restore(url, path)
    finally:
        engine.dispose()
    return aside


def _tell(url: str, path: Path, aside: Path, told: str, printer: Printer) -> int:
    printer.found["aside"] = str(aside)
    words = f"Restored from {path}. What stood there until now is in {aside}."
    words += f" Lost: {told}." if told else ""
    if earlier := backups.last(url):
        words += f" --undo again goes further back, to {earlier.path}."
    return printer.end("undone", words, DONE)


def _what_is_lost(url: str, path: Path, noted: Backup | None) -> dict[str, int]:
    at = datetime.fromisoformat(noted.at).replace(tzinfo=None) if noted else None
    with looking(url) as engine, Session(engine) as db:
        return since.came_since(db, copies.keys(url, path), at, noted.sha256 if noted else None)


def _agrees(path: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"Restore the database from {path}?", err=True)
