"""Takes the last import back: a new import, whose lines are those that the last one took out."""

from __future__ import annotations

import polars as pl
from polars import col
from sqlalchemy import Integer, cast, insert, literal, select
from sqlalchemy.orm import Session

from app.core.errors import NothingToUndo
from app.core.roster import changes, diff, entitlements, ledger, staging
from app.core.roster.diff import Differences
from app.core.roster.plain import ROW_COLUMNS
from app.models.rosters import (
    FormerLine,
    RosterChange,
    RosterImport,
    StagedLine,
)

COLUMNS = {
    "address": pl.String, "mark": pl.Int64, "active": pl.Int64, "last_name": pl.String,
    "lo_root_id": pl.String,
}  # fmt: skip


def compare(db: Session, made: RosterImport) -> Differences:
    """Stage the lines of before and compare them with those of now, among who was touched.

    Raises `NothingToUndo` where another import came in between.
    """
    entitlements.hold_list(db)
    made.compared_with = ledger.in_force(db)
    last = ledger.get(db, made.undoes or 0)
    if made.compared_with != last.id:
        raise NothingToUndo
    columns = [getattr(FormerLine, name) for name in ROW_COLUMNS]
    db.execute(
        insert(StagedLine).from_select(
            [*ROW_COLUMNS, "import_id"],
            select(*columns, literal(made.id)).where(FormerLine.import_id == last.id),
        )
    )
    people = _people(db, made)
    touched = select(RosterChange.address).where(RosterChange.import_id == last.id)
    found = diff.replace(people, diff.in_force(db, touched), set())
    changes.write(db, made.id, found)
    made.people = people.height
    found.before = last.people_after or 0
    return found


def _people(db: Session, made: RosterImport) -> pl.DataFrame:
    """Who stood on the former list, as a reading of a file has them, with their sums."""
    active = cast(StagedLine.active, Integer)
    query = select(
        StagedLine.address, StagedLine.mark, active, StagedLine.last_name, StagedLine.lo_root_id
    )  # fmt: skip
    query = query.where(StagedLine.import_id == made.id).order_by(StagedLine.id)
    found = [pl.DataFrame(schema=COLUMNS), *staging.fetch(db, query, COLUMNS)]
    granted = col("lo_root_id").filter((col("active") > 0) & (col("lo_root_id") != ""))
    return (
        pl.concat(found)
        .group_by("address")
        .agg(
            col("mark").sum(),
            col("active").sum(),
            col("last_name").max(),
            granted.unique(maintain_order=True).str.join(";").alias("ids"),
        )
    )
