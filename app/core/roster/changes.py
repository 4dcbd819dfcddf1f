"""Writes down what an import would do to each person: what comes, what goes, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from typing import Any, cast

from sqlalchemy import (
    Table,
    delete,
    exists,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from app.core.errors import N_
from app.core.roster import staging
from app.core.roster.diff import Differences
from app.core.roster.plain import ACTIVE, ADDRESS, LO_ROOT_ID, ROW_COLUMNS, TAB
from app.core.roster.reading import Note
from app.models.rosters import (
    Change,
    RosterChange,
    RosterLine,
    RosterProblem,
    StagedLine,
    StagedPart,
)

BATCH = 5000
"""Rows that are written at once."""

TOGETHER = 16
"""Batches of the reading that become one part."""

OTHER_NAME = N_("This address is on the list with another last name; add only cannot change it.")
_QUIET = {"synchronize_session": False}


def stage(db: Session, import_id: int, texts: Iterable[str], found: Differences) -> dict[str, str]:
    """Store the lines of those who change; the LO Root IDs of those who are new come back.

    Lines of people who stand on the list become rows, to be compared with it; those of people who
    are new stay the text that they are.
    """
    gained: dict[str, str] = {}
    known: list[list[str]] = []
    everybody = not (found.changes or found.unchanged)
    texts = iter(texts)
    for part in count():
        text = "".join(islice(texts, TOGETHER))
        if not text:
            break
        rows = [line.split(TAB) for line in text.split("\n")[:-1]]
        if everybody:
            _collect(gained, rows)
        else:
            new = [row for row in rows if row[ADDRESS] in found.new]
            _collect(gained, new)
            known += [row for row in rows if row[ADDRESS] in found.changes]
            text = "".join(f"{TAB.join(row)}\n" for row in new)
        if text:
            data = {"import_id": import_id, "part": part, "data": text.encode()}
            db.execute(insert(StagedPart), data)
        if len(known) >= BATCH:
            put_lines(db, StagedLine, import_id, known)
            known = []
    put_lines(db, StagedLine, import_id, known)
    return gained


def put_lines(
    db: Session, table: type[StagedLine | RosterLine], import_id: int, rows: list[list[str]]
) -> None:
    """Write rows of text to a table of lines."""
    staging.put(db, cast(Table, table.__table__), import_id, ROW_COLUMNS, [rows])


def _collect(gained: dict[str, str], rows: list[list[str]]) -> None:
    for row in rows:
        lo_root_id = row[LO_ROOT_ID]
        if lo_root_id and row[ACTIVE] == "1":
            address = row[ADDRESS]
            known = gained.get(address)
            if known is None:
                gained[address] = lo_root_id
            elif lo_root_id not in known.split(";"):
                gained[address] = f"{known};{lo_root_id}"


def write(
    db: Session, import_id: int, found: Differences, names: dict[str, str], gained: dict[str, str]
) -> None:
    """Write a row for everybody who changes."""

    def rows() -> Iterator[list[tuple[Any, ...]]]:
        batch: list[tuple[Any, ...]] = []
        for address, change in chain(found.changes.items(), found.new.items()):
            name, ids = names.get(address, ""), gained.get(address, "")
            batch.append((address, words[change], name, ids, "", *no))
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch

    words = {change: change.value for change in Change}
    no = (False, False, False)
    columns = ["address", "change", "last_name", "gained", "lost"]
    # A rehearsal takes place in a database that has no defaults.
    columns += ["back", "loses_program", "loses_session"]
    staging.put(db, cast(Table, RosterChange.__table__), import_id, columns, rows())


def write_notes(db: Session, import_id: int, notes: list[Note]) -> None:
    """Write the problem lines and remarks."""
    names = ["line", "column", "reason", "address", "is_remark", "cells"]
    for start in range(0, len(notes), BATCH):
        rows = [
            dict(zip(names, note, strict=True), import_id=import_id)
            for note in notes[start : start + BATCH]
        ]
        db.execute(insert(RosterProblem), rows)


def drop_what_is_there(db: Session, import_id: int, differences: Differences) -> None:
    """Of an import that only adds: leave out lines that are in force, and other people's names.

    Mends `differences` for those who are left with nothing new.
    """
    staged = StagedLine.import_id == import_id
    _refuse_other_names(db, import_id)
    there = exists().where(
        RosterLine.address == StagedLine.address, RosterLine.mark == StagedLine.mark
    )
    db.execute(delete(StagedLine).where(staged, there), execution_options=_QUIET)
    left = set(db.scalars(select(StagedLine.address).where(staged).distinct()))
    for address in differences.changes.keys() - left:
        if differences.changes.pop(address) is Change.CHANGED:
            differences.unchanged += 1


def _refuse_other_names(db: Session, import_id: int) -> None:
    other = exists().where(
        RosterLine.address == StagedLine.address,
        RosterLine.surname_key != StagedLine.surname_key,
    )
    wrong = select(StagedLine.address).where(StagedLine.import_id == import_id, other)
    lines = select(
        literal(import_id), StagedLine.line, literal("last_name"), literal(OTHER_NAME),
        StagedLine.address, literal(False),
    ).where(StagedLine.import_id == import_id, StagedLine.address.in_(wrong))  # fmt: skip
    columns = ["import_id", "line", "column", "reason", "address", "is_remark"]
    db.execute(insert(RosterProblem).from_select(columns, lines.distinct()))
    db.execute(
        delete(StagedLine).where(StagedLine.import_id == import_id, StagedLine.address.in_(wrong)),
        execution_options=_QUIET,
    )
