"""Bringing a predecessor's database over: report, backup, one transaction, proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.cli import ground
from app.cli.adopt import backups
from app.cli.adopt.errands import Errand, FromFlancer, FromMrwillis, Meanwhile, Wish
from app.cli.adopt.moving import DONE, FAILED, MISUSED, undo_words, words_of
from app.cli.adopt.report import Printer, show
from app.core import audit
from app.core.audit import NOWHERE, Event
from app.core.desk.adopt.copies import BadBackup
from app.core.desk.adopt.copies.rehearsal import make_copy
from app.core.desk.adopt.findings import Finding
from app.core.desk.adopt.predecessors.proof import Brought
from app.core.desk.adopt.predecessors.source import Kind, UnfitSource
from app.core.desk.looking import NoDatabase, looking
from app.database import exclusively, make_engine


def bring(url: str, wish: Wish, printer: Printer, *, backup: Path | None, tried: bool) -> int:
    """Do it, or try it on a copy, and give the exit code."""
    try:
        _check_ready(url)
        with _errand(wish) as errand:
            with looking(url) as engine, Session(engine) as db:
                plan = errand.plan(db, hold=False)
            _report(printer, wish, errand, errand.findings(plan))
            if not plan:
                return printer.end("nothing", "Nothing to do: all that can come is here.", DONE)
            done = _try(url, errand) if tried else _carry_out(url, errand, plan, printer, backup)
    except UnfitSource as error:
        return printer.end("choice", str(error), MISUSED)
    except Meanwhile as error:
        return printer.end("failed", f"{error} Nothing was changed.", FAILED)
    except (NoDatabase, BadBackup, SQLAlchemyError, OSError) as error:
        return printer.end("failed", f"{words_of(error)} Nothing was changed.", FAILED)
    _prove(printer, done, tried=tried)
    if not done.holds:
        words = "The proof failed: see above. Nothing was changed."
        return printer.end("unproven", words, FAILED)
    if tried:
        return printer.end("tried", "Tried on a copy; nothing was changed.", DONE)
    words = "Brought over. Running it again brings only what is new."
    return printer.end("done", f"{words} To go back: {undo_words(backup)} --yes", DONE)


@contextmanager
def _errand(wish: Wish) -> Iterator[Errand]:
    wrong = UnfitSource("--from takes sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.")
    try:
        if make_url(wish.source).get_backend_name() not in {"sqlite", "postgresql"}:
            raise wrong
        with looking(wish.source) as engine, engine.connect() as connection:
            if wish.kind is Kind.FLANCER:
                yield FromFlancer(connection)
            else:
                yield FromMrwillis(connection, wish.addresses)
    except ArgumentError:
        raise wrong from None
    except NoDatabase as error:
        raise UnfitSource(f"There is no database at {error} (--from).") from None


def _check_ready(url: str) -> None:
    """Raise `UnfitSource` where the tables here are not those that this program knows."""
    with looking(url) as engine, engine.connect() as connection:
        stamps = MigrationContext.configure(connection).get_current_heads()
    if set(stamps) != set(ground.revisions().get_heads()):
        raise UnfitSource("This database is not upgraded yet. First: flask rollcall prepare")


def _try(url: str, errand: Errand) -> Brought:
    with TemporaryDirectory(prefix="rollcall-adopt-") as folder:
        copy = Path(folder) / "copy.db"
        make_copy(url, copy)

        def change(db: Session) -> Brought:
            return errand.bring(db, errand.plan(db, hold=True), tried=True)

        return _write(f"sqlite:///{copy}", change, None)


def _carry_out(
    url: str, errand: Errand, plan: Any, printer: Printer, backup: Path | None
) -> Brought:
    errand.prepare(plan, printer)
    engine = make_engine(url)
    try:
        with exclusively(engine):
            saved = backups.write(url, backup or backups.new_path("adopt", url))
            printer.found["backup"] = saved.path
            printer.say(f"Backup: {saved.path}")
            written = {"path": saved.path, "sha256": saved.sha256}

            def change(db: Session) -> Brought:
                # What came to be here meanwhile counts.
                return errand.bring(db, errand.plan(db, hold=True), tried=False)

            done = _write(url, change, written)
    finally:
        engine.dispose()
    if done.holds:
        errand.finish()
    return done


def _write(
    url: str, change: Callable[[Session], Brought], backup: dict[str, str] | None
) -> Brought:
    engine = make_engine(url)
    try:
        with Session(engine) as db:
            done = change(db)
            if not done.holds:
                db.rollback()
                return done
            audit.record(
                db, Event.DATABASE_ADOPTED, NOWHERE, repairs=done.counts, backup=backup or {}
            )
            db.commit()
            return done
    finally:
        engine.dispose()


def _report(printer: Printer, wish: Wish, errand: Errand, findings: list[Finding]) -> None:
    tables = errand.tables()
    told = {each.name: asdict(each) for each in findings}
    printer.found |= {"kind": wish.kind.value, "tables": tables, "findings": told}
    if printer.as_json:
        return
    click.echo(f"Tables of {wish.kind.value}:")
    for name, count in tables.items():
        click.echo(f"  {name:<32}{count:>10,}")
    click.echo("Found:" if findings else "Found nothing odd.")
    for finding in findings:
        show(finding)


def _prove(printer: Printer, done: Brought, *, tried: bool) -> None:
    printer.found |= {"changes": done.counts, "proof": [line.facts() for line in done.lines]}
    if printer.as_json:
        return
    click.echo("Would come:" if tried else "Came:")
    for words, count in done.counts.items():
        click.echo(f"  {count:>10,}  {words}")
    click.echo(
        f"Proof:{'there':>27}{'came before':>13}{'left':>9}{'came':>9}{'found':>9}  checksum"
    )
    for line in done.lines:
        same = str(line.brought) == str(line.found)
        sums = str(line.found) if same else f"{line.brought} ≠ {line.found}"
        click.echo(
            f"  {line.what:<18}{line.there:>13,}{line.before:>13,}{line.left:>9,}"
            f"{line.brought.rows:>9,}{line.found.rows:>9,}  {sums}"
        )
