"""Builds a database of the legacy application in each variant in which one is found.

    for name in VARIANTS:
        build(name, "sqlite:////tmp/legacy.db")

V1 to V13 are those of the legacy reference, section 1.4; what follows a dash says which of
several forms it is. `build` wants an empty database and fills it with people, programs and
chats, and with all the dirt that the variant can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect, text

from app.database import OF_SEARCH
from tests.legacy import dirt, shapes
from tests.legacy.dirt import PASSWORDS
from tests.legacy.shapes import Shape

__all__ = [
    "PASSWORDS",
    "VARIANTS",
    "build",
    "contents",
    "counts",
    "insert",
    "people",
    "rows",
    "shape_of",
]

UNKNOWN_STAMP = "0badc0ffee00"

Maker = Callable[[str], Shape]
"""Takes the name of the engine."""


def _unknown_stamp(_dialect: str) -> Shape:
    shape = shapes.password_by_hand(UNKNOWN_STAMP)
    shape.restored = True
    return shape


def _all_of_the_last_stage(_dialect: str) -> Shape:
    parts = ("programs", "chats", "authorized_users", "disclaimer_acceptances")
    return shapes.later_stage(*parts, stamp="c1a4f9d72e10")


VARIANTS: dict[str, Maker] = {
    "V1": lambda _: shapes.first_tables(),
    "V2-b70190e2b3b8": lambda _: shapes.stamped("b70190e2b3b8"),
    "V2-b70190e2b3b8-create_all": lambda _: shapes.without_new_tables(),
    "V2-227e80a0ea44": lambda _: shapes.stamped("227e80a0ea44"),
    "V2-635f2ccc0f5b": lambda _: shapes.stamped("635f2ccc0f5b"),
    "V2-2178ee3811b9": lambda _: shapes.stamped("2178ee3811b9"),
    "V2-a7baf7b52083": lambda _: shapes.stamped("a7baf7b52083"),
    "V3": lambda _: shapes.stamped("c1a4f9d72e10"),
    "V4-unstamped": lambda _: shapes.password_by_hand(None),
    "V4-older-stamp": lambda _: shapes.password_by_hand("2178ee3811b9"),
    "V5": lambda _: shapes.current_program("VARCHAR DEFAULT 'BCC' NOT NULL"),
    "V5-no-default": lambda _: shapes.current_program("VARCHAR NOT NULL"),
    "V6": lambda _: shapes.left_overs(),
    "V7": shapes.first_file,
    "V8": lambda _: shapes.message_and_sender(visible=True),
    "V8-no-is_visible": lambda _: shapes.message_and_sender(visible=False),
    "V9": lambda _: shapes.email_by_script(),
    "V10-quota": lambda _: shapes.without("quota"),
    "V10-is_visible": lambda _: shapes.without("is_visible"),
    "V10-char_limit": lambda _: shapes.without("char_limit"),
    "V10-intro_message": lambda _: shapes.without("intro_message"),
    "V10-category": lambda _: shapes.without("category"),
    "V10-system_prompt": lambda _: shapes.without(*shapes.PROMPTS),
    "V10-all": lambda _: shapes.without(*shapes.PROGRAM_EXTRAS, *shapes.PROMPTS, "is_visible"),
    "V10-nulls": lambda _: shapes.intro_with_nulls(),
    "V11": _all_of_the_last_stage,
    "V11-programs": lambda _: shapes.later_stage("programs"),
    "V11-chats": lambda _: shapes.later_stage("chats", stamp="a7baf7b52083"),
    "V11-authorized_users": lambda _: shapes.later_stage("authorized_users"),
    "V11-disclaimer_acceptances": lambda _: shapes.later_stage("disclaimer_acceptances"),
    "V12": _unknown_stamp,
    "V13": lambda _: Shape({}),
}
"""Every variant by its name, and what makes its shape for an engine."""

ALIKE = {
    "V2-227e80a0ea44",
    "V2-635f2ccc0f5b",
    "V2-2178ee3811b9",
    "V10-quota",
    "V10-is_visible",
    "V10-char_limit",
    "V10-intro_message",
    "V10-category",
    "V10-system_prompt",
}
"""Those that show nothing of an engine beyond what V2 at its ends, V10-all and V10-nulls show: they
are upgraded on one engine, and their adoption is that of their kin."""


def shape_of(name: str, dialect: str) -> Shape:
    """The tables and the stamp of a variant on `sqlite` or `postgresql`."""
    return VARIANTS[name](dialect)


def build(name: str, url: str, dirt: bool = True) -> None:
    """Make the variant `name` in the empty database at `url`; without `dirt` it has no rows."""
    engine = _engine(url)
    shape = shape_of(name, engine.dialect.name)
    with engine.begin() as connection:
        for table, made in shape.tables.items():
            for statement in made.statements(table, engine.dialect.name):
                connection.exec_driver_sql(statement)
        if shape.stamp:
            connection.exec_driver_sql(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
            insert(connection, "alembic_version", [{"version_num": shape.stamp}])
        if dirt:
            _fill(connection, shape)
    engine.dispose()


def counts(url: str) -> dict[str, int]:
    """How many rows each table has, `alembic_version` left out."""
    engine = _engine(url)
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar() or 0
            for name in sorted(inspect(connection).get_table_names())
            if name != "alembic_version" and not name.startswith(OF_SEARCH)
        }
    engine.dispose()
    return found


def rows(url: str, table: str) -> list[dict[str, Any]]:
    """Every row of a table, with the columns that it has now, ordered by the first two of them."""
    engine = _engine(url)
    with engine.connect() as connection:
        found = _rows(connection, table)
    engine.dispose()
    return found


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """`rows` of every table, `alembic_version` and the index of words left out."""
    engine = _engine(url)
    with engine.connect() as connection:
        found = {
            name: _rows(connection, name)
            for name in sorted(inspect(connection).get_table_names())
            # An index of words holds no rows of its own.
            if not name.startswith(("alembic_version", *OF_SEARCH))
        }
    engine.dispose()
    return found


def _rows(connection: Connection, table: str) -> list[dict[str, Any]]:
    columns = list(connection.exec_driver_sql(f'SELECT * FROM "{table}" LIMIT 0').keys())
    order = ", ".join(str(number) for number, _ in enumerate(columns[:2], 1))
    found = connection.exec_driver_sql(f'SELECT * FROM "{table}" ORDER BY {order}')
    return [dict(each) for each in found.mappings()]


def people(url: str) -> list[dict[str, Any]]:
    """Every row of `users`, by id."""
    return rows(url, "users")


def insert(connection: Connection, table: str, given: list[dict[str, Any]]) -> None:
    """Write rows into a table by plain SQL; all of them name the same columns."""
    if not given:
        return
    names = list(given[0])
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(f":{name}" for name in names)
    if connection.dialect.name == "sqlite":
        given = [{name: _as_text(value) for name, value in row.items()} for row in given]
    connection.execute(text(f'INSERT INTO "{table}" ({columns}) VALUES ({values})'), given)


def _as_text(value: Any) -> Any:
    # As SQLAlchemy writes a moment into SQLite; the driver's own way is another and going away.
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def _engine(url: str) -> Engine:
    # Without the foreign keys that our own engine switches on: the legacy application had none.
    return create_engine(url)


def _fill(connection: Connection, shape: Shape) -> None:
    sqlite = connection.dialect.name == "sqlite"
    known = {each["id"] for each in dirt.people()}
    old = "sender" in shape.tables["chat_history"].columns if len(shape.tables) > 1 else False
    given = {
        "users": dirt.people(),
        "chatbot_contents": dirt.programs(),
        "user_lo_root_ids": dirt.held_ids(),
        "chatbot_lo_root_association": dirt.program_ids(),
        "chatbot_lo_root_ids": dirt.program_ids(),
        "chat_history": dirt.old_messages() if old else dirt.exchanges(),
        "authorized_users": dirt.authorized(),
        "disclaimer_acceptances": dirt.acceptances(),
        "lo_mappings": dirt.mappings(),
    }
    for table, made in shape.tables.items():
        wanted = given[table]
        if table in {"user_lo_root_ids", "disclaimer_acceptances"} and not sqlite:
            # Here PostgreSQL's foreign key held; SQLite never looked.
            wanted = [each for each in wanted if each["user_id"] in known]
        insert(connection, table, [_fitting(each, made.columns) for each in _held(wanted, made)])
        if not sqlite and "id" in made.columns and not shape.restored:
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )


def _held(wanted: list[dict[str, Any]], made: shapes.Table) -> list[dict[str, Any]]:
    if "NOT NULL" in made.columns.get("email", ""):
        return [each for each in wanted if each["email"] is not None]
    return wanted


def _fitting(row: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    """The part of a row that the columns can hold; where NULL is none, what the ORM wrote."""
    written = {name: row[name] for name in columns if name in row}
    for name, value in written.items():
        if value is None and "NOT NULL" in columns[name]:
            written[name] = WRITTEN_BY_THE_ORM[name]
    return written


WRITTEN_BY_THE_ORM: dict[str, Any] = {
    "date_added": dirt.MIGRATED_AT,
    "quota": 3,
    "intro_message": "Welcome to {program}. You have {quota} questions a day.",
    "category": "standard",
    "is_visible": True,
}
