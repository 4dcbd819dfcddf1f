"""Finds, when a list is checked, whose edits by hand it leaves as they are, and which could yield.

A file could win over edits of those whom it names, and of nobody else: who goes by it, or stands
in it with problem lines alone, keeps theirs whatever is ticked.
"""

from __future__ import annotations

import polars as pl
from polars import col
from sqlalchemy import Integer, Select, cast, select, union
from sqlalchemy.orm import Session

from app.core.roster import planner, staging
from app.core.roster.changes import OTHER_NAME
from app.core.roster.diff import Differences
from app.core.roster.edits import (
    ADMIN,
    EVENTS,
    expiry_by_hand,
    name_by_hand,
    status_by_hand,
)
from app.models.edits import RosterEdit
from app.models.people import Entitlement, User
from app.models.records import AuditEntry
from app.models.rosters import Change, Mode, RosterImport, RosterProblem

ACCOUNTS = {
    "user_id": pl.Int64, "address": pl.String, "has_name": pl.String, "named": pl.Int64,
    "suspended": pl.Int64, "dated": pl.Int64,
}  # fmt: skip
"""An account for which an admin set something by hand: its name, and what else than ids it is."""

HELD = {"user_id": pl.Int64, "lo_root_id": pl.String}
FILE = {
    "address": pl.String, "file_name": pl.String, "active": pl.UInt32, "file_ids": pl.String,
}  # fmt: skip
"""Somebody whom a file names: last name, how many lines are active, the ids that these grant."""

_NO_FILE = pl.DataFrame(schema=FILE)

FLAGS = ("ids", "status", "expiry")
_YIELDS = (col("last_name") != "") | pl.any_horizontal(FLAGS)


def find(
    db: Session, found: RosterImport, differences: Differences, people: pl.DataFrame | None
) -> None:
    """Write down whose edits stay, and count them and those that the file could win over.

    `people` are those whom the file names, as `packs.PEOPLE`; None where no file is checked.
    """
    accounts = _accounts(db)
    held = pl.concat([pl.DataFrame(schema=HELD), *staging.fetch(db, _given(), HELD)])
    # Few of them are edited: the others are left out before anything of theirs is copied.
    edited = col("address").is_in(accounts["address"].implode())
    file = _named(db, found, people.filter(edited)) if people is not None else _NO_FILE
    rows = _judged(accounts.join(file, on="address", how="left"), held)
    touched = [Change.CHANGED.value, Change.REMOVED.value]
    moved = differences.known.filter(col("change").cast(pl.String).is_in(touched))["address"]
    rows = rows.filter(_YIELDS | (col("by_hand") & col("address").is_in(moved.implode())))
    columns = ["user_id", "address", "last_name", *FLAGS, "yielded"]
    rows = rows.with_columns(yielded=pl.lit(value=False)).sort("address")
    staging.put(db, RosterEdit, found.id, columns, [rows])
    planner.tell(db, rows.height, RosterEdit)
    found.edited, found.yielding = rows.height, rows.filter(_YIELDS).height


def _judged(both: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """What of each account would yield, as `RosterEdit` has it, and whether anything is `by_hand`.

    `both` are accounts beside what the file says of them, if it does; `held` what admins gave.
    """
    has_line = (col("active") > 0).fill_null(value=False)
    renamed = ((col("named") > 0) & (col("file_name") != col("has_name"))).fill_null(value=False)
    given = col("user_id").is_in(held["user_id"].unique().implode())
    return both.join(_ids_that_yield(both, held), on="user_id", how="left").select(
        "user_id",
        "address",
        last_name=pl.when(renamed).then(col("file_name")).otherwise(pl.lit("")),
        ids=col("ids").fill_null(value=False),
        status=(col("suspended") > 0) & has_line,
        expiry=(col("dated") > 0) & has_line,
        by_hand=given | (pl.sum_horizontal("named", "suspended", "dated") > 0),
    )


def _accounts(db: Session) -> pl.DataFrame:
    """Every account for which an admin set something by hand."""
    given = select(Entitlement.user_id).where(Entitlement.source == ADMIN)
    done = select(AuditEntry.user_id).where(
        AuditEntry.event.in_(EVENTS), AuditEntry.user_id.is_not(None)
    )
    whose = union(given, done).subquery()
    said = (name_by_hand(), status_by_hand(), expiry_by_hand())
    query = select(
        User.id, User.address, User.last_name, *(cast(each, Integer) for each in said)
    ).where(User.id.in_(select(whose.c.user_id)), User.address.is_not(None))
    return pl.concat([pl.DataFrame(schema=ACCOUNTS), *staging.fetch(db, query, ACCOUNTS)])


def _given() -> Select[int, str]:
    return select(Entitlement.user_id, Entitlement.lo_root_id).where(Entitlement.source == ADMIN)


def _named(db: Session, found: RosterImport, people: pl.DataFrame) -> pl.DataFrame:
    """Whom the file names by a line that is taken, as `FILE`."""
    file = people.select(
        "address", "active", file_name=col("last_name"), file_ids=col("ids").fill_null("")
    ).select(*FILE)
    if found.mode != Mode.ADD.value:
        return file
    refused = db.scalars(
        select(RosterProblem.address)
        .where(RosterProblem.import_id == found.id, RosterProblem.reason == OTHER_NAME)
        .distinct()
    ).all()
    return file.filter(~col("address").is_in([*refused]))


def _ids_that_yield(both: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The accounts to which an admin gave an LO Root ID that the file does not have."""
    theirs = held.join(both.filter(col("file_ids").is_not_null()), on="user_id")
    has = col("file_ids").str.split(";").list.contains(col("lo_root_id"))
    return theirs.filter(~has).select("user_id").unique().with_columns(ids=pl.lit(value=True))
