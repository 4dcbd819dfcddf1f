"""How Alembic reaches the database. Importing this creates no table."""

from __future__ import annotations

from alembic import context
from dotenv import load_dotenv
from sqlalchemy import Connection, Engine, event

from app import config, models
from app.config import ROOT
from app.database import Base, exclusively, make_engine


def migrate(connection: Connection) -> None:
    """Bring the database behind `connection` to the asked revision, one transaction each."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        render_as_batch=True,
        include_object=_is_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


def _is_ours(_thing: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    # Tables and columns that a legacy database has beside ours are left alone.
    return not (kind == "table" and reflected and name not in Base.metadata.tables)


def _begin_immediate(engine: Engine) -> None:
    # SQLite's driver opens no transaction before CREATE or ALTER; a revision must be whole.
    @event.listens_for(engine, "connect")
    def _manual(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

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
        _begin_immediate(engine)
    if handed_over:
        # Whoever hands over an address holds the lock already.
        with engine.connect() as connection:
            migrate(connection)
    else:
        with exclusively(engine), engine.connect() as connection:
            migrate(connection)
    engine.dispose()


run()
