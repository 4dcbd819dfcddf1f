"""How Alembic reaches the database. Importing this creates no table.

`-x inspect=yes`, or the attribute `adopt_by_inspection` of the configuration, sets a stamp aside
that no revision of ours has: the whole chain then looks at the tables, in one transaction.
"""

from __future__ import annotations

from contextlib import nullcontext

from alembic import context
from alembic.migration import MigrationContext
from alembic.util import CommandError
from dotenv import load_dotenv
from sqlalchemy import Connection, Engine, event, text

from app import config, models
from app.config import ROOT
from app.database import Base, exclusively, make_engine


def migrate(connection: Connection) -> None:
    """Bring the database behind `connection` to the asked revision, one transaction each."""
    strange = _strange_stamps(connection)
    if strange and not _by_inspection():
        raise CommandError(
            "This database is stamped with a revision that Rollcall does not know: "
            f"{', '.join(strange)}. Nothing was changed. "
            "`flask rollcall adopt --by-inspection` adopts it by looking at its tables."
        )
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # On SQLite too, because `_begin_by_ourselves` leaves nothing to the driver.
        transactional_ddl=True,
        # Without a stamp to go back to, a failure has to undo all of it.
        transaction_per_migration=not strange,
        render_as_batch=True,
        include_object=_is_ours,
    )
    with context.begin_transaction():
        if strange:
            connection.execute(text("DELETE FROM alembic_version"))
        context.run_migrations()


def _strange_stamps(connection: Connection) -> list[str]:
    """What the database is stamped with and no revision of ours has."""
    ours = {each.revision for each in context.script.walk_revisions()}
    heads = MigrationContext.configure(connection).get_current_heads()
    # Alembic opens its transactions itself, and finds none begun.
    connection.rollback()
    return sorted(set(heads) - ours)


def _by_inspection() -> bool:
    asked: bool = context.config.attributes.get("adopt_by_inspection", False)
    return asked or context.get_x_argument(as_dictionary=True).get("inspect") == "yes"


def _is_ours(_thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    # Tables, columns and indexes that a legacy database has beside ours are left alone.
    if kind == "table":
        return not reflected or name in Base.metadata.tables
    return not reflected or other is not None


def _begin_by_ourselves(engine: Engine) -> None:
    # SQLite's driver opens no transaction before CREATE or ALTER; a revision must be whole.
    @event.listens_for(engine, "connect")
    def _manual(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        # A table is changed by making it anew: dropping the old one must not empty others, and
        # renaming the new one must not rename what others refer to (SQLite: "Making Other Kinds
        # Of Table Schema Changes"). Neither can be said inside a transaction.
        connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[attr-defined]
        connection.execute("PRAGMA legacy_alter_table=ON")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def run() -> None:
    """Migrate with the engine that was handed over, or with the one of the settings."""
    assert models
    handed_over: str | None = context.config.attributes.get("url")
    load_dotenv(ROOT / ".env")
    engine = make_engine(handed_over or config.load().DATABASE_URL)
    if engine.dialect.name == "sqlite":
        _begin_by_ourselves(engine)
    try:
        # Whoever hands over an address holds the lock already.
        lock = nullcontext() if handed_over else exclusively(engine)
        with lock, engine.connect() as connection:
            migrate(connection)
    finally:
        engine.dispose()


run()
