"""A database of the legacy application on each engine, and what stands in one."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from app.config import ROOT

OF_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
OF_POSTGRES = [
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, "
    "column_default FROM information_schema.columns WHERE table_schema = 'public' "
    "ORDER BY table_name, column_name",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
    "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
]


def alembic_config(url: str, **attributes: Any) -> Config:
    """Alembic's configuration for a database."""
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes.update(url=url, **attributes)
    return config


def upgrade(url: str, revision: str = "head", **attributes: Any) -> None:
    """Upgrade a database in this process."""
    command.upgrade(alembic_config(url, **attributes), revision)


def shape(url: str) -> list[Any]:
    """Everything that the engine says about tables, columns, constraints and indexes."""
    engine = create_engine(url)
    with engine.connect() as connection:
        queries = [OF_SQLITE] if engine.dialect.name == "sqlite" else OF_POSTGRES
        found = [tuple(row) for each in queries for row in connection.exec_driver_sql(each)]
    engine.dispose()
    return found


def run(url: str, *statements: str) -> list[Any]:
    """Run statements in one transaction; the rows of the last one."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for each in statements:
                result = connection.exec_driver_sql(each)
            return list(result) if result.returns_rows else []
    finally:
        engine.dispose()


EMPTY = [
    # What a test left open must not hold a lock for ever.
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
]

MakeDatabase = Callable[[str], str]


@pytest.fixture(scope="session")
def postgres_url(ground) -> str:
    """A PostgreSQL database of this process, which goes with the server."""
    name = f"legacy_{os.getpid()}"
    server = ground["postgres"].replace("+psycopg", "").replace("DATABASE", "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        # Tests outside this folder ask for it too.
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).rowcount:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return str(ground["postgres"]).replace("DATABASE", name)


@pytest.fixture(scope="session")
def make_database(postgres_url, tmp_path_factory) -> MakeDatabase:
    """Makes an empty database on `sqlite` or `postgresql`.

    There is one of PostgreSQL at a time: to empty it is faster than to make another.
    """
    folder, numbers = tmp_path_factory.mktemp("legacy"), count(1)

    def make(engine: str) -> str:
        if engine == "sqlite":
            return f"sqlite:///{folder / str(next(numbers))}.db"
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
            for statement in EMPTY:
                connection.execute(statement)
        return postgres_url

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, make_database) -> str:
    """The address of a database without a table."""
    return make_database(request.param)
