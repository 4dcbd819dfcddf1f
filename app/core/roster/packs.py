"""Packs the rows of a list, small enough to be kept, and says who stands in them."""

from __future__ import annotations

import io

import polars as pl
from polars import col

PEOPLE = {
    "address": pl.String, "last_name": pl.String, "surname_key": pl.String,
    "two_names": pl.Boolean, "active": pl.UInt32, "ids": pl.String,
}  # fmt: skip
"""A person of a list: the first last name, how many lines are active, the ids that these grant.

Where there is a list to compare them with, `mark` is the sum of the marks of their lines.
"""


def packed(rows: pl.DataFrame) -> bytes:
    """Rows as the bytes in which they are kept (Arrow IPC, compressed to a twentieth)."""
    data = io.BytesIO()
    rows.write_ipc(data, compression="zstd")
    return data.getvalue()


def unpacked(data: bytes) -> pl.DataFrame:
    """The rows that were packed."""
    return pl.read_ipc(io.BytesIO(data))


def people_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Who stands in the rows of a pack."""
    key, lo_root_id = col("surname_key"), col("lo_root_id")
    granted = pl.when(col("active") & (lo_root_id != "")).then(lo_root_id).alias("ids")
    marks = [col("mark").sum()] if "mark" in rows.columns else []
    people = (
        rows.with_columns(granted)
        .group_by("address")
        .agg(
            col("last_name").first(),
            key.first(),
            (key.min() != key.max()).alias("two_names"),
            col("active").sum(),
            col("ids").drop_nulls(),
            *marks,
        )
    )
    # Texts are joined in lists of a column faster than in groups of rows.
    return people.with_columns(col("ids").list.unique(maintain_order=True).list.join(";"))


def joined(people: pl.DataFrame) -> pl.DataFrame:
    """People whose lines stand in several packs as one row each."""
    # Most files have none, and sorting numbers takes the least memory to find that out.
    hashes = people["address"].hash().sort()
    if not (hashes == hashes.shift()).any():
        return people
    apart = people["address"].is_duplicated()
    key, ids = col("surname_key"), col("ids")
    marks = [col("mark").sum()] if "mark" in people.columns else []
    together = (
        people.filter(apart)
        .group_by("address", maintain_order=True)
        .agg(
            col("last_name").first(),
            key.first(),
            (col("two_names").any() | (key.min() != key.max())).alias("two_names"),
            col("active").sum(),
            ids.filter(ids != "").str.join(";"),
            *marks,
        )
        .with_columns(ids.str.split(";").list.unique(maintain_order=True).list.join(";"))
    )
    return pl.concat([people.filter(~apart), together])
