"""Finds who may be the same person with a new address, among those who go and those who come.

They have the same user code and the same last name, and nobody else on either side has both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import polars as pl
from polars import col
from sqlalchemy import CursorResult, Select, insert, literal, literal_column, select
from sqlalchemy.orm import Session

from app.core.roster import staging
from app.core.roster.diff import Differences
from app.core.roster.packs import unpacked
from app.models.rosters import (
    Change,
    RosterChange,
    RosterImport,
    RosterLine,
    RosterPair,
    StagedLine,
    StagedPart,
)

KEY = ["user_code", "surname_key"]
"""By what the two sides are compared."""

SIDE = dict.fromkeys(("address", *KEY), pl.String)

_NO_CODE = ("", "nan")
"""A blank user code, and the word for it that an earlier program wrote."""


def find(db: Session, found: RosterImport, differences: Differences) -> None:
    """Write the pairs of an import whose changes are written, and count them.

    What takes an import back has the pairs that moved by it, turned round and confirmed.
    """
    found.pairs = found.pairs_confirmed = 0
    if found.undoes is not None:
        found.pairs = found.pairs_confirmed = _turn_round(db, found.id, found.undoes)
        return
    if not (found.removed and found.added):
        return
    keys = _keys(_coming(db, found.id, differences))
    gone = _distinct(_with(keys, part) for part in staging.fetch(db, _gone(found.id), SIDE))
    came = _came(db, found.id, gone, differences)
    pairs = _matched(gone.join(came, on=KEY, how="semi"), came)
    names = differences.rows.select("address", "last_name")
    pairs = pairs.join(names, on="address").sort("former").with_columns(confirmed=pl.lit(False))
    staging.put(db, RosterPair, found.id, pairs.columns, [pairs])
    found.pairs = pairs.height


def _gone(import_id: int) -> Select[str, str, str]:
    # The literal says to the database that its index of all but those who are added holds these.
    removed = RosterChange.change == literal_column(f"'{Change.REMOVED.value}'")
    others = RosterChange.change != literal_column(f"'{Change.ADDED.value}'")
    return (
        select(RosterLine.address, RosterLine.user_code, RosterLine.surname_key)
        .join(RosterChange, RosterChange.address == RosterLine.address)
        .where(RosterChange.import_id == import_id, removed, others)
    )


def _came(
    db: Session, import_id: int, gone: pl.DataFrame, differences: Differences
) -> pl.DataFrame:
    """Who comes with a user code and a last name of somebody who goes."""
    if gone.is_empty():
        return gone
    added = col("change") == Change.ADDED.value
    who = pl.concat([differences.known.filter(added), differences.new.filter(added)])["address"]
    parts = _coming(db, import_id, differences)
    came = _distinct(part.join(gone, on=KEY, how="semi") for part in parts)
    return came.filter(col("address").is_in(who.implode()))


def _coming(db: Session, import_id: int, differences: Differences) -> Iterator[pl.DataFrame]:
    """The rows of who comes, part by part, among those of some who do not."""
    packs = select(StagedPart.data).where(StagedPart.import_id == import_id)
    for data in db.scalars(packs).all():
        yield unpacked(data).select(*SIDE)
    if differences.known.filter(col("change") == Change.ADDED.value).is_empty():
        return
    # Who stood on the list with inactive lines alone.
    query = (
        select(StagedLine.address, StagedLine.user_code, StagedLine.surname_key)
        .join(
            RosterChange,
            (RosterChange.import_id == StagedLine.import_id)
            & (RosterChange.address == StagedLine.address),
        )
        .where(StagedLine.import_id == import_id, RosterChange.change == Change.ADDED.value)
    )
    yield from staging.fetch(db, query, SIDE)


def _keys(parts: Iterable[pl.DataFrame]) -> pl.Series:
    """What stands for the keys of these rows: numbers, as the texts of a million are large."""
    found = [pl.Series("key", [], pl.UInt64), *(_hashed(_telling(part)).unique() for part in parts)]
    return pl.concat(found).unique()


def _with(keys: pl.Series, part: pl.DataFrame) -> pl.DataFrame:
    """The rows with one of these keys, and seldom one more."""
    rows = _telling(part)
    ours = _hashed(rows)
    return rows.filter(ours.is_in(keys.filter(keys.is_in(ours.implode())).implode()))


def _hashed(rows: pl.DataFrame) -> pl.Series:
    return rows.select(key=pl.struct(KEY).hash())["key"]


def _telling(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that say something: a blank user code or name says nothing about anybody."""
    code = col("user_code").str.to_lowercase()
    return rows.filter(~code.is_in(_NO_CODE), col("surname_key") != "")


def _distinct(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Each address with each of its user codes once, of those that say something."""
    rows = pl.concat([pl.DataFrame(schema=SIDE), *(part.unique() for part in parts)])
    return _telling(rows.unique())


def _matched(gone: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """The pairs, `former` and `address`, of two sides that hold nothing but what meets.

    What several people of one side share says nothing, and makes each of them doubtful.
    """
    alone = pl.len().over(KEY) == 1
    shared = pl.concat([gone.filter(~alone).select(KEY), came.filter(~alone).select(KEY)]).unique()
    doubtful = [rows.join(shared, on=KEY, how="semi")["address"] for rows in (gone, came)]
    pairs = (
        gone.rename({"address": "former"})
        .join(shared, on=KEY, how="anti")
        .join(came, on=KEY)
        .select("former", "address")
        .unique()
    )
    return pairs.filter(
        ~col("former").is_in(doubtful[0].implode()),
        ~col("address").is_in(doubtful[1].implode()),
        pl.len().over("former") == 1,
        pl.len().over("address") == 1,
    )


def _turn_round(db: Session, import_id: int, undone: int) -> int:
    """Write the pairs that moved by the import that is taken back; how many they are."""
    columns = ["import_id", "former", "address", "last_name", "confirmed", "user_id"]
    moved = select(
        literal(import_id), RosterPair.address, RosterPair.former,
        RosterPair.last_name, RosterPair.confirmed, RosterPair.user_id,
    ).where(RosterPair.import_id == undone, RosterPair.user_id.is_not(None))  # fmt: skip
    written = db.execute(
        insert(RosterPair).from_select(columns, moved),
        execution_options={"preserve_rowcount": True},
    )
    return cast(CursorResult[Any], written).rowcount
