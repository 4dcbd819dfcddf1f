"""Where ids go on counting: no id is given out twice, and none that an old chat still names."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

from migrations.found import column_names, has_table, inspector

NAMED_BY = ["chat_history", "user_lo_root_ids", "disclaimer_acceptances", "entitlements"]
"""The tables that may name a person who is no longer there, in `user_id`."""

HIGHEST = 2_000_000_000
"""An id above is no person's: taking it for one would leave no room to count in 31 bits."""


def highest_person() -> int:
    """The highest id that a person has or had, as far as anything still names it."""
    found = [_highest("users", "id")]
    found += [_highest(table, "user_id") for table in NAMED_BY if _names_people(table)]
    return max(found)


def highest_given(table: str) -> int:
    """The highest id that SQLite ever gave out in `table`, where it remembers."""
    if op.get_bind().dialect.name != "sqlite" or not has_table("sqlite_sequence"):
        return 0
    query = sa.text("SELECT max(seq) FROM sqlite_sequence WHERE name = :name")
    return op.get_bind().scalar(query, {"name": table}) or 0


def count_on(table: str, highest: int | None = None) -> None:
    """Let the next id of `table` be above `highest`; where none is given, above all it has."""
    highest = _highest(table, "id") if highest is None else highest
    if op.get_bind().dialect.name == "postgresql":
        _count_on_in_postgres(table, highest)
    elif has_table("sqlite_sequence") and highest:
        bind, given = op.get_bind(), {"name": table, "highest": highest}
        bind.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), given)
        bind.execute(sa.text("INSERT INTO sqlite_sequence VALUES (:name, :highest)"), given)


def _names_people(table: str) -> bool:
    return has_table(table) and "user_id" in column_names(table)


def _highest(table: str, column: str) -> int:
    ids = sa.column(column, sa.Integer)
    query = sa.select(sa.func.max(ids)).select_from(sa.table(table)).where(ids <= HIGHEST)
    return op.get_bind().scalar(query) or 0


def _count_on_in_postgres(table: str, highest: int) -> None:
    bind, sequence = op.get_bind(), _sequence_of(table)
    query = sa.select(sa.literal_column("last_value"), sa.literal_column("is_called"))
    last, is_called = bind.execute(query.select_from(sa.text(sequence))).one()
    if highest and (last < highest or not is_called):
        bind.execute(
            sa.text("SELECT setval(CAST(:sequence AS regclass), :highest)"),
            {"sequence": sequence, "highest": max(highest, last)},
        )


def _sequence_of(table: str) -> str:
    """The sequence behind the ids of a table, made where a dump left it out."""
    bind = op.get_bind()
    query = sa.text("SELECT pg_get_serial_sequence(:name, 'id')")
    if owned := bind.scalar(query, {"name": f'"{table}"'}):
        return str(owned)
    columns = {column["name"]: column for column in inspector().get_columns(table)}
    if named := re.search(r"nextval\('([^']+)'", str(columns["id"]["default"])):
        return named[1]
    sequence = f'"{table}_id_seq"'
    op.execute(f"CREATE SEQUENCE IF NOT EXISTS {sequence}")
    op.execute(f'ALTER SEQUENCE {sequence} OWNED BY "{table}".id')
    op.execute(f"ALTER TABLE \"{table}\" ALTER COLUMN id SET DEFAULT nextval('{sequence}')")
    return sequence
