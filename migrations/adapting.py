"""Brings a legacy table into one shape without losing a row, a value or a left-over column."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.found import add_columns, column_names, has_table, inspector

NAMES = {
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
}
"""How the models name constraints."""


def adapt(
    wanted: sa.Table,
    fills: dict[str, str],
    *,
    starts: dict[str, str] | None = None,
    leave: frozenset[str] = frozenset(),
) -> None:
    """Give the table of this name all that `wanted` has; create it where there is none.

    `fills` are SQL expressions that stand in for NULL, by column; `starts` are those for columns
    that were not there at all. A column of ours becomes as wide and as nullable as in `wanted`.
    A left-over one stays, and takes NULL if nothing else fills it, so that our own INSERTs work;
    those in `leave` are a later revision's.
    """
    if not has_table(wanted.name):
        wanted.create(op.get_bind())
        return
    there = column_names(wanted.name)
    # At first without a constraint: the rows that are there get their value next.
    add_columns(wanted.name, *(sa.Column(each.name, each.type) for each in wanted.columns))
    missed = {name: value for name, value in (starts or {}).items() if name not in there}
    for name, value in {**missed, **fills}.items():
        filled = sa.literal_column(value)
        op.execute(wanted.update().where(wanted.c[name].is_(None)).values({name: filled}))
    _alter(wanted, leave)


def _alter(wanted: sa.Table, leave: frozenset[str]) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    changes, keys = _changes(wanted, leave), _lacking_keys(wanted)
    again = sqlite and (_gives_ids_again(wanted) or bool(_lacking_unique(wanted)))
    if changes or again or (sqlite and keys):
        with op.batch_alter_table(
            wanted.name,
            recreate="always" if again else "auto",
            table_kwargs=dict(wanted.kwargs),
            # What SQLite left without a name gets the one that the models give it.
            naming_convention=NAMES,
        ) as batch:
            for name, change in changes.items():
                batch.alter_column(name, **change)
            for key in keys if sqlite else ():
                batch.create_foreign_key(key.name, _target(key), key.column_keys, ["id"])
    for unique in _lacking_unique(wanted):
        _add_unique(wanted.name, str(unique.name), unique.columns.keys())
    for key in keys if not sqlite else ():
        # NOT VALID: rows of people who are gone stay as they are, and no new one can come.
        op.execute(
            f'ALTER TABLE "{wanted.name}" ADD CONSTRAINT "{key.name}" FOREIGN KEY '
            f'("{key.column_keys[0]}") REFERENCES "{_target(key)}" (id) NOT VALID'
        )


def _changes(wanted: sa.Table, leave: frozenset[str]) -> dict[str, dict[str, Any]]:
    """What to alter, by column, in the words of `alter_column`."""
    changes: dict[str, dict[str, Any]] = {}
    key = inspector().get_pk_constraint(wanted.name)["constrained_columns"]
    for found in inspector().get_columns(wanted.name):
        name, change = found["name"], {}
        if name in leave:
            continue
        if name not in wanted.columns:
            if not found["nullable"] and found["default"] is None and name not in key:
                change = {"nullable": True}
        else:
            if found["nullable"] != wanted.columns[name].nullable:
                change["nullable"] = wanted.columns[name].nullable
            if getattr(found["type"], "timezone", False):
                # Moments are stored in naive UTC; a zone would be read as if it were none.
                change["type_"] = sa.DateTime()
                change["postgresql_using"] = f"\"{name}\" AT TIME ZONE 'UTC'"
            if _is_narrower(found["type"], wanted.columns[name].type):
                change["type_"] = wanted.columns[name].type
        if change:
            changes[name] = {"existing_type": found["type"], **change}
    return changes


def _is_narrower(found: sa.types.TypeEngine[Any], wanted: sa.types.TypeEngine[Any]) -> bool:
    # Only text is ever widened. Nothing is narrowed: a value that no longer fits would be lost.
    if not isinstance(found, sa.String) or not isinstance(wanted, sa.String):
        return False
    dialect = op.get_bind().dialect
    return wanted.length is None and found.compile(dialect) != wanted.compile(dialect)


def _gives_ids_again(wanted: sa.Table) -> bool:
    # SQLite takes the id of a deleted last row again, unless the table says AUTOINCREMENT.
    made_by = op.get_bind().execute(
        sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"),
        {"name": wanted.name},
    )
    counts_upwards = "AUTOINCREMENT" in str(made_by.scalar_one()).upper()
    return bool(wanted.kwargs.get("sqlite_autoincrement")) and not counts_upwards


def _lacking_unique(wanted: sa.Table) -> list[sa.UniqueConstraint]:
    there = {each["name"] for each in inspector().get_unique_constraints(wanted.name)}
    unique = [each for each in wanted.constraints if isinstance(each, sa.UniqueConstraint)]
    return [each for each in unique if each.name not in there]


def _add_unique(table: str, name: str, columns: list[str]) -> None:
    """Add a UNIQUE constraint, or give the one that is there this name."""
    for found in inspector().get_unique_constraints(table):
        if found["column_names"] == columns:
            op.execute(f'ALTER TABLE "{table}" RENAME CONSTRAINT "{found["name"]}" TO "{name}"')
            return
    with op.batch_alter_table(table) as batch:
        batch.create_unique_constraint(name, columns)


def _lacking_keys(wanted: sa.Table) -> list[sa.ForeignKeyConstraint]:
    there = [
        (each["constrained_columns"], each["referred_table"])
        for each in inspector().get_foreign_keys(wanted.name)
    ]
    keys = wanted.foreign_key_constraints
    return [each for each in keys if (each.column_keys, _target(each)) not in there]


def _target(key: sa.ForeignKeyConstraint) -> str:
    return key.referred_table.name
