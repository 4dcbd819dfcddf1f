"""Moving a database over, step by step: report, backup, upgrade, repair, proof."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.util import CommandError
from flask import current_app
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.cli import ground
from app.cli.adopt.inspecting import Report, Wish, look, take_print
from app.cli.adopt.report import Printer
from app.core import clock
from app.core.desk.adopt import adopting, copies
from app.core.desk.adopt.adopting import Adopted
from app.core.desk.adopt.choices import ChoiceMissing, UnfitChoice
from app.core.desk.adopt.copies import BadBackup
from app.core.desk.adopt.copies.rehearsal import make_copy
from app.core.desk.adopt.proof import Print
from app.core.desk.looking import NoDatabase
from app.core.errors import Refusal
from app.database import exclusively, make_engine

__all__ = ["Wish", "move", "rehearse"]

DONE, FAILED, MISUSED = 0, 1, 2
UNDO = "flask rollcall adopt --undo"


def move(url: str, wish: Wish, printer: Printer, *, backup: Path | None) -> int:
    """Do it, and give the exit code."""
    saved: Path | None = None
    try:
        report = _report(url, wish, printer)
        if not report.has_work:
            return printer.end("nothing", "Nothing to do: this database is adopted.", DONE)
        engine = make_engine(url)
        try:
            with exclusively(engine):
                # Another one may have been at work until now.
                if not look(url, wish).has_work:
                    return printer.end("nothing", "Nothing to do any more.", DONE)
                saved = _save(url, backup, printer)
                done = _change(url, wish, report, take_print(url))
        finally:
            engine.dispose()
    except (ChoiceMissing, UnfitChoice) as error:
        return printer.end("choice", str(error), MISUSED)
    except _FAILURES as error:
        return printer.end("failed", _what_failed(error, saved), FAILED)
    printer.proof(done, tried=False)
    if not done.holds:
        return printer.end("unproven", _what_is_unproven(saved), FAILED)
    return printer.end("done", f"Adopted. To go back: {UNDO}. Next: flask rollcall doctor", DONE)


def rehearse(url: str, wish: Wish, printer: Printer) -> int:
    """Do it to a copy, tell what would change, and give the exit code."""
    try:
        report = _report(url, wish, printer)
        if not report.has_work:
            return printer.end("nothing", "Nothing to do: this database is adopted.", DONE)
        with TemporaryDirectory(prefix="rollcall-adopt-") as folder:
            copy = Path(folder) / "copy.db"
            make_copy(url, copy)
            copied = f"sqlite:///{copy}"
            done = _change(copied, wish, report, take_print(copied))
    except (ChoiceMissing, UnfitChoice) as error:
        return printer.end("choice", str(error), MISUSED)
    except _FAILURES as error:
        return printer.end("failed", f"{_words(error)} Nothing was changed.", FAILED)
    printer.proof(done, tried=True)
    if not done.holds:
        return printer.end("unproven", "The proof would fail. Nothing was changed.", FAILED)
    return printer.end("tried", "Tried on a copy; nothing was changed.", DONE)


_FAILURES = (
    NoDatabase,
    Refusal,
    BadBackup,
    CommandError,
    SQLAlchemyError,
    OSError,
)


def _report(url: str, wish: Wish, printer: Printer) -> Report:
    report = look(url, wish)
    printer.report(report)
    if report.remark:
        printer.say(report.remark)
    if report.strange and not wish.by_inspection:
        raise ChoiceMissing(
            f"The revision {', '.join(report.strange)} is unknown; nothing was changed."
            " Add --by-inspection to upgrade by looking at the tables."
        )
    if report.owes_status and wish.choices.status is None:
        raise ChoiceMissing(
            "People are Inactive or expired (see above); nothing was changed."
            " Choose what becomes of them: --status keep, activate-recent or activate-all."
        )
    return report


def _save(url: str, backup: Path | None, printer: Printer) -> Path:
    path = backup or new_backup("adopt", url)
    copies.save(url, path)
    printer.found["backup"] = str(path)
    printer.say(f"Backup: {path}")
    return path


def new_backup(kind: str, url: str) -> Path:
    """A file of its own in `DATA_DIR`, named by the moment, for a backup of this database."""
    moment = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    folder: Path = ground.settings().DATA_DIR
    return folder / f"{kind}-{moment}{copies.suffix(url)}"


def _change(url: str, wish: Wish, report: Report, before: dict[str, Print]) -> Adopted:
    """Upgrade the database at `url`, then mend it in one transaction that holds only if proven."""
    config = ground.alembic(url)
    config.attributes["adopt_by_inspection"] = wish.by_inspection
    command.upgrade(config, "head")
    engine = make_engine(url)
    try:
        with Session(engine) as db:
            done = adopting.adopt(db, before, wish.choices, report.listed)
            if done.holds:
                db.commit()
                if db.info.pop("message_queued", False):
                    current_app.extensions["rollcall"].wake()
            else:
                db.rollback()
            return done
    finally:
        engine.dispose()


def _words(error: BaseException) -> str:
    if isinstance(error, NoDatabase):
        return f"There is no database at {error}. Check DATABASE_URL."
    if isinstance(error, Refusal):
        return f"The list is refused: {error.message}"
    if isinstance(error, DBAPIError):
        return f"The database refused ({type(error.orig).__name__}): {_first_line(error.orig)}"
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), "no words")


def _what_failed(error: BaseException, saved: Path | None) -> str:
    if saved is None:
        return f"{_words(error)} Nothing was changed."
    return f"{_words(error)} No repair was made; {UNDO} takes back the upgrade too."


def _what_is_unproven(saved: Path | None) -> str:
    return (
        "The proof failed: see above what differs and was not chosen. No repair was kept;"
        f" {UNDO} takes back the upgrade too (from {saved})."
    )
