"""Migrations build what the models say, on both engines, once, whoever asks and how often."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, DateTime, Engine, Integer, String, Text, inspect, text

from app.config import ROOT
from app.database import Base, make_engine
from tests.forks import Fork

LEGACY_CHAIN = [
    "b70190e2b3b8",
    "227e80a0ea44",
    "635f2ccc0f5b",
    "2178ee3811b9",
    "a7baf7b52083",
    "c1a4f9d72e10",
]
"""The revisions with which a database of the legacy application can be stamped, in order."""

LEGACY_TABLES = {
    "users": {
        "id": Integer,
        "last_name": String,
        "email": String,
        "visit_count": Integer,
        "status": String,
        "date_added": DateTime,
        "expiry_date": DateTime,
        "password_hash": String,
    },
    "user_lo_root_ids": {"user_id": Integer, "lo_root_id": String},
    "chatbot_contents": {
        "id": Integer,
        "code": String,
        "name": String,
        "description": Text,
        "content": Text,
        "is_active": Boolean,
        "char_limit": Integer,
        "created_at": DateTime,
        "updated_at": DateTime,
        "quota": Integer,
        "intro_message": Text,
        "category": String,
        "system_prompt_role": Text,
        "system_prompt_guidelines": Text,
    },
    "chatbot_lo_root_association": {"chatbot_id": Integer, "lo_root_id": String},
    "chat_history": {
        "id": Integer,
        "user_id": Integer,
        "program_code": String,
        "user_message": Text,
        "bot_message": Text,
        "timestamp": DateTime,
        "is_visible": Boolean,
    },
    "alembic_version": {"version_num": String},
}
LEGACY_LENGTHS = {
    ("users", "password_hash"): 255,
    ("chatbot_contents", "code"): 50,
    ("chatbot_contents", "name"): 100,
    ("chatbot_contents", "category"): 50,
    ("alembic_version", "version_num"): 32,
}
NULLABLE = {
    ("users", "visit_count"),
    ("users", "date_added"),
    ("users", "expiry_date"),
    ("users", "password_hash"),
    ("chatbot_contents", "description"),
    ("chatbot_contents", "is_active"),
    ("chatbot_contents", "char_limit"),
    ("chatbot_contents", "created_at"),
    ("chatbot_contents", "updated_at"),
    ("chatbot_contents", "system_prompt_role"),
    ("chatbot_contents", "system_prompt_guidelines"),
    ("chat_history", "timestamp"),
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, ground, tmp_path) -> Iterator[str]:
    """The address of a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    name = f"empty_{os.getpid()}_{tmp_path.name}".lower()[:60]
    server = ground["postgres"].replace("+psycopg", "").replace("DATABASE", "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    yield ground["postgres"].replace("DATABASE", name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def engine(database_url) -> Iterator[Engine]:
    """An engine on a migrated database."""
    made = make_engine(database_url)
    yield made
    made.dispose()


def alembic_config(url: str) -> Config:
    """Alembic's configuration for a database."""
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["url"] = url
    return config


THEIR_OWN = (
    "chat_words", "ix_chat_history_words",
    "ix_users_by_name", "ix_users_by_email", "ix_users_search", "people_search",
)  # fmt: skip
"""What searches words, names and addresses: each database has it in its own way."""


def is_ours(_thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
    """Whether a model can say what this is."""
    return not (name or "").startswith(THEIR_OWN)


COMPARED = {"compare_type": True, "compare_server_default": True, "include_object": is_ours}


def start(*command: str, **environment: str) -> subprocess.Popen[str]:
    """Start Python at the root of the project."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_migrated_database_is_what_the_models_say(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=COMPARED)
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database_url, engine):
    def shape() -> list[tuple[str, list[str]]]:
        found = inspect(engine)
        return [
            (name, [f"{each['name']} {each['type']}" for each in found.get_columns(name)])
            for name in sorted(found.get_table_names())
        ]

    before = shape()
    command.upgrade(alembic_config(database_url), "head")
    assert shape() == before
    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT version_num FROM alembic_version")).all()) == 1


def test_the_chain_begins_with_the_legacy_revisions_and_has_one_head():
    script = ScriptDirectory.from_config(alembic_config("sqlite://"))
    chain = [each.revision for each in script.walk_revisions("base", "heads")][::-1]
    assert chain[: len(LEGACY_CHAIN)] == LEGACY_CHAIN
    assert len(script.get_heads()) == 1


@pytest.mark.parametrize("table", LEGACY_TABLES)
def test_a_legacy_table_keeps_its_columns(engine, table):
    found = {each["name"]: each for each in inspect(engine).get_columns(table)}
    for name, kind in LEGACY_TABLES[table].items():
        column = found[name]["type"]
        assert isinstance(column, kind), f"{table}.{name} is {column!r}"
        assert not getattr(column, "timezone", False), f"{table}.{name} has a zone"
        if length := LEGACY_LENGTHS.get((table, name)):
            assert column.length == length
        is_key = name in inspect(engine).get_pk_constraint(table)["constrained_columns"]
        assert found[name]["nullable"] is ((table, name) in NULLABLE and not is_key), name


def test_the_keys_of_the_legacy_tables_are_kept(engine):
    found = inspect(engine)
    keys = {name: found.get_pk_constraint(name)["constrained_columns"] for name in LEGACY_TABLES}
    assert keys.pop("user_lo_root_ids") == ["user_id", "lo_root_id"]
    assert keys.pop("chatbot_lo_root_association") == ["chatbot_id", "lo_root_id"]
    assert keys.pop("alembic_version") == ["version_num"]
    assert set(map(tuple, keys.values())) == {("id",)}
    unique = [each["column_names"] for each in found.get_indexes("users") if each["unique"]]
    assert ["email"] in unique


def test_an_id_of_a_deleted_person_is_never_given_again(engine):
    # chat_history has no foreign key: whoever got an old id would inherit a stranger's chats.
    insert = text(
        "INSERT INTO users (last_name, email, address, status, from_roster) "
        "VALUES ('Hopper', :email, :email, 'Active', false)"
    )
    newest = text("SELECT max(id) FROM users")
    with engine.begin() as connection:
        connection.execute(insert, {"email": "grace@agency.example"})
        first = connection.scalar(newest)
        connection.execute(text("DELETE FROM users"))
        connection.execute(insert, {"email": "ada@agency.example"})
        assert connection.scalar(newest) > first


def test_case_2_importing_the_models_and_making_the_app_creates_no_table(empty_url, tmp_path):
    program = "from app import create_app, models; create_app()"
    started = start(
        "-c", program, DATABASE_URL=empty_url, DATA_DIR=str(tmp_path / "data"), PORT="5999"
    )
    output, _ = started.communicate(timeout=180)
    assert started.returncode == 0, output
    engine = make_engine(empty_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_case_2_the_environment_itself_creates_no_table(empty_url):
    command.upgrade(alembic_config(empty_url), "base")
    engine = make_engine(empty_url)
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_four_processes_that_migrate_an_empty_database_at_once_all_succeed(empty_url, tmp_path):
    environment = {"DATABASE_URL": empty_url, "DATA_DIR": str(tmp_path / "data")}
    racing = [Fork("alembic", "upgrade", "head", environment=environment) for _ in range(4)]
    ended = [each.end() for each in racing]
    assert [each.returncode for each in ended] == [0, 0, 0, 0], ended
    engine = make_engine(empty_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=COMPARED)
        assert compare_metadata(context, Base.metadata) == []
        head = ScriptDirectory.from_config(alembic_config(empty_url)).get_current_head()
        assert context.get_current_revision() == head
    engine.dispose()


def test_alembic_is_run_from_the_root_with_the_settings_of_the_environment(tmp_path: Path):
    environment = {"DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'a.db'}"}
    for words in (["upgrade", "head"], ["check"]):
        started = start("-m", "alembic", *words, **environment)
        output, _ = started.communicate(timeout=180)
        assert started.returncode == 0, output
