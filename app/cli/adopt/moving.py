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
from app.cli.adopt import backups
from app.cli.adopt.backups import Backup
from app.cli.adopt.inspecting import Report, Wish, look, take_print
from app.cli.adopt.report import Printer
from app.core.desk.adopt import adopting
from app.core.desk.adopt.adopting import Adopted
from app.core.desk.adopt.choices import ChoiceMissing, UnfitChoice
from app.core.desk.adopt.copies import BadBackup
from app.core.desk.adopt.copies.rehearsal import make_copy
from app.core.desk.adopt.prints import Print
from app.core.desk.looking import NoDatabase
from app.core.errors import Refusal
from app.database import exclusively, make_engine

__all__ = ["Wish", "move", "rehearse"]

DONE, FAILED, MISUSED = 0, 1, 2
UNDO = "flask rollcall adopt --undo"


def move(url: str, wish: Wish, printer: Printer, *, backup: Path | None) -> int:
    """Do it, and give the exit code."""
    saved: Backup | None = None
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
                done = _change(url, wish, report, take_print(url), saved)
        finally:
            engine.dispose()
    except (ChoiceMissing, UnfitChoice) as error:
        return printer.end("choice", str(error), MISUSED)
    except _FAILURES as error:
        return printer.end("failed", _what_failed(error, saved, backup), FAILED)
    except Exception as error:
        if saved is None:
            raise
        # Whatever it was, the upgrade may be half-way, and there is a way back.
        current_app.logger.exception("An adoption failed.")
        return printer.end("failed", _what_failed(error, saved, backup), FAILED)
    printer.proof(done, tried=False)
    if not done.holds:
        return printer.end("unproven", _what_is_unproven(saved, backup), FAILED)
    return printer.end("done", _with_remark(_what_is_done(backup), report), DONE)


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
            done = _change(copied, wish, report, take_print(copied), None)
    except (ChoiceMissing, UnfitChoice) as error:
        return printer.end("choice", str(error), MISUSED)
    except _FAILURES as error:
        return printer.end("failed", f"{words_of(error)} Nothing was changed.", FAILED)
    printer.proof(done, tried=True)
    if not done.holds:
        return printer.end("unproven", "The proof would fail. Nothing was changed.", FAILED)
    words = _with_remark("Tried on a copy; nothing was changed.", report)
    return printer.end("tried", words, DONE)


def _with_remark(words: str, report: Report) -> str:
    return f"{words} {report.remark}" if report.remark else words


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
    if report.strange and not wish.by_inspection:
        raise ChoiceMissing(
            f"The revision {', '.join(report.strange)} is unknown; nothing was changed."
            " Add --by-inspection to upgrade by looking at the tables."
        )
    if report.owes_status and wish.choices.status is None:
        raise ChoiceMissing(
            "People are Inactive, expired or of an unknown status (see above); nothing was changed."
            " Choose what becomes of them: --status keep, activate-recent or activate-all."
        )
    return report


def _save(url: str, backup: Path | None, printer: Printer) -> Backup:
    saved = backups.write(url, backup or backups.new_path("adopt", url))
    printer.found["backup"] = saved.path
    printer.say(f"Backup: {saved.path}")
    return saved


def _change(
    url: str, wish: Wish, report: Report, before: dict[str, Print], saved: Backup | None
) -> Adopted:
    """Upgrade the database at `url`, then mend it in one transaction that holds only if proven."""
    config = ground.alembic(url)
    config.attributes["adopt_by_inspection"] = wish.by_inspection
    command.upgrade(config, "head")
    engine = make_engine(url)
    try:
        with Session(engine) as db:
            written = {"path": saved.path, "sha256": saved.sha256} if saved else None
            done = adopting.adopt(db, before, wish.choices, report.listed, written)
            if done.holds:
                db.commit()
                if db.info.pop("worker_wanted", False):
                    current_app.extensions["rollcall"].wake()
            else:
                db.rollback()
            return done
    finally:
        engine.dispose()


def words_of(error: BaseException) -> str:
    """What failed, in words for people."""
    if isinstance(error, NoDatabase):
        return f"There is no database at {error}. Check DATABASE_URL."
    if isinstance(error, Refusal):
        return f"The list is refused: {error.message}"
    if isinstance(error, DBAPIError):
        return f"The database refused ({type(error.orig).__name__}): {_first_line(error.orig)}"
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), "no words")


def undo_words(backup: Path | None) -> str:
    """The command that takes an adoption back."""
    return f"{UNDO} --backup {backup}" if backup else UNDO


def _what_failed(error: BaseException, saved: Backup | None, backup: Path | None) -> str:
    if saved is None:
        return f"{words_of(error)} Nothing was changed."
    return f"{words_of(error)} No repair was made; {undo_words(backup)} takes back the upgrade too."


def _what_is_done(backup: Path | None) -> str:
    return f"Adopted. To go back: {undo_words(backup)}. Next: flask rollcall doctor"


def _what_is_unproven(saved: Backup | None, backup: Path | None) -> str:
    where = saved.path if saved else "nowhere"
    return (
        "The proof failed: see above what differs and was not chosen. No repair was kept;"
        f" {undo_words(backup)} takes back the upgrade too (from {where})."
    )
