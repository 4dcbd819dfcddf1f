"""Taking an adoption back: the database becomes what it was when the backup was written."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.cli import ground
from app.cli.adopt.moving import DONE, FAILED, MISUSED, new_backup
from app.cli.adopt.report import Printer
from app.core.desk.adopt import copies, since
from app.core.desk.adopt.copies import BadBackup
from app.core.desk.looking import NoDatabase, looking
from app.database import exclusively, make_engine


def undo(url: str, backup: Path | None, printer: Printer, *, yes: bool) -> int:
    """Do it, and give the exit code. What stands there now is saved aside first."""
    path = backup or _newest(url)
    if path is None or not path.is_file():
        where = backup or ground.settings().DATA_DIR
        return printer.end("failed", f"There is no backup at {where}.", FAILED)
    try:
        lost = _what_is_lost(url)
        printer.found |= {"backup": str(path), "lost": lost}
        told = ", ".join(f"{many} {words}" for words, many in lost.items())
        if told and not yes:
            words = f"Since the adoption came {told}; undoing loses them. If you mean it: --yes"
            return printer.end("choice", words, MISUSED)
        if not yes and not _agrees(path):
            return printer.end("choice", "Nothing was changed. To undo: --undo --yes", MISUSED)
        aside = new_backup("undo", url)
        engine = make_engine(url)
        try:
            with exclusively(engine):
                copies.save(url, aside)
                copies.restore(url, path)
        finally:
            engine.dispose()
    except (NoDatabase, BadBackup, SQLAlchemyError, OSError) as error:
        words = str(error).strip().splitlines()[0]
        return printer.end("failed", f"{words} Nothing was changed.", FAILED)
    printer.found["aside"] = str(aside)
    words = f"Restored from {path}. What stood there until now is in {aside}."
    return printer.end("undone", words + (f" Lost: {told}." if told else ""), DONE)


def _newest(url: str) -> Path | None:
    found = ground.settings().DATA_DIR.glob(f"adopt-*{copies.suffix(url)}")
    return max(found, default=None)


def _what_is_lost(url: str) -> dict[str, int]:
    with looking(url) as engine, Session(engine) as db:
        return since.came_since(db)


def _agrees(path: Path) -> bool:
    if not sys.stdin.isatty():
        return False
    return click.confirm(f"Restore the database from {path}?", err=True)
