"""Writes down what an import would do to each person: what comes, what goes, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from polars import col
from sqlalchemy import delete, exists, insert, literal, select
from sqlalchemy.orm import Session

from app.core.errors import N_
from app.core.roster import staging
from app.core.roster.diff import Differences
from app.core.roster.packs import packed
from app.core.roster.plain import ROW_COLUMNS, marked
from app.core.roster.reading import Note, Reading
from app.models.rosters import (
    RosterChange,
    RosterLine,
    RosterProblem,
    StagedLine,
    StagedPart,
)

BATCH = 5000
"""Notes that are written at once."""

OTHER_NAME = N_("This address is on the list with another last name; add only cannot change it.")
_QUIET = {"synchronize_session": False}


def stage(db: Session, import_id: int, reading: Reading, found: Differences) -> None:
    """Store the lines of those who change.

    Lines of people who stand on the list become rows, to be compared with it; those of people who
    are new stay packed, as nothing is asked about them.
    """
    if found.is_first:
        _keep(db, import_id, reading.packs())
        return
    packs = []
    with staging.roomy(db):
        for rows in reading.tables():
            fresh = _of(rows, found.new["address"])
            if fresh.height:
                packs.append(packed(fresh))
            ours = _of(rows, found.known["address"])
            if ours.height:
                staging.put(db, StagedLine, import_id, ROW_COLUMNS, [marked(ours)])
    _keep(db, import_id, packs)


def _of(rows: pl.DataFrame, addresses: pl.Series) -> pl.DataFrame:
    """The rows of those with these addresses, which may be many more than stand in the rows.

    To look each of many up among the few takes less time and memory than the other way round.
    """
    theirs = addresses.filter(addresses.is_in(rows["address"].unique().implode()))
    return rows.filter(col("address").is_in(theirs.implode()))


def _keep(db: Session, import_id: int, packs: Iterable[bytes]) -> None:
    for part, data in enumerate(packs):
        db.execute(insert(StagedPart), {"import_id": import_id, "part": part, "data": data})


def write(db: Session, import_id: int, found: Differences) -> None:
    """Write a row for everybody who changes, by address, as the keys of the table are."""
    # A rehearsal takes place in a database that has no defaults.
    defaults = {"lost": pl.lit("")}
    defaults |= dict.fromkeys(("back", "loses_program", "loses_session"), pl.lit(False))
    rows = found.rows
    parts = (
        rows[found.order[start : start + staging.BATCH]].with_columns(**defaults)
        for start in range(0, rows.height, staging.BATCH)
    )
    staging.put(db, RosterChange, import_id, [*rows.columns, *defaults], parts)


def write_notes(db: Session, import_id: int, notes: list[Note]) -> None:
    """Write the problem lines and remarks."""
    names = ["line", "column", "reason", "address", "is_remark", "cells"]
    for start in range(0, len(notes), BATCH):
        rows = [
            dict(zip(names, note, strict=True), import_id=import_id)
            for note in notes[start : start + BATCH]
        ]
        db.execute(insert(RosterProblem), rows)


def drop_what_is_there(db: Session, import_id: int, found: Differences) -> None:
    """Of an import that only adds: leave out lines that are in force, and other people's names.

    Mends `found` for those who are left with nothing new.
    """
    staged = StagedLine.import_id == import_id
    _refuse_other_names(db, import_id)
    there = exists().where(
        RosterLine.address == StagedLine.address, RosterLine.mark == StagedLine.mark
    )
    db.execute(delete(StagedLine).where(staged, there), execution_options=_QUIET)
    left = db.scalars(select(StagedLine.address).where(staged).distinct()).all()
    stays = col("address").is_in(list(left))
    found.known = found.known.filter(stays)


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
