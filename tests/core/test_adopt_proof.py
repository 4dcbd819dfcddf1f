"""The proof of an adoption finds every difference that was not chosen, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.core.desk.adopt import prints, proof
from app.core.desk.adopt.edits import Edits
from app.database import make_engine

MADE = [
    "CREATE TABLE users (id INTEGER PRIMARY KEY, last_name VARCHAR, email VARCHAR,"
    " visit_count INTEGER, status VARCHAR)",
    "CREATE TABLE user_lo_root_ids (user_id INTEGER, lo_root_id VARCHAR,"
    " granted_by VARCHAR, PRIMARY KEY (user_id, lo_root_id))",
    "CREATE TABLE notes (words VARCHAR)",
    "INSERT INTO users VALUES (1, 'Lovelace', 'ada@x.example', 3, 'active'),"
    " (2, 'Hopper', 'grace@x.example', NULL, 'Active'), (10, 'Smith', 'Ann@x.example', 1, 'x')",
    "INSERT INTO user_lo_root_ids VALUES (1, 'a', 'x'), (1, 'B', NULL), (2, 'a;b', NULL)",
    "INSERT INTO notes VALUES ('one'), ('one'), ('two')",
]


@pytest.fixture
def connection(tmp_path) -> Iterator[Connection]:
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with engine.connect() as opened:
        for statement in MADE:
            opened.execute(text(statement))
        yield opened
    engine.dispose()


def differences(connection: Connection, before: dict[str, Any], edits: Edits) -> list[str]:
    """What `compare` says after the edits were expected; nothing was upgraded."""
    found = prints.take(connection, like=before)
    expected = proof.expect(before, edits, found)
    lines = list(proof.compare(before, before, expected, found))
    assert all((line.expected == line.found) is (not line.differences) for line in lines)
    return [words for line in lines for words in line.differences]


def test_nothing_changed_is_no_difference(connection):
    before = prints.take(connection)
    assert sorted(before) == ["notes", "user_lo_root_ids", "users"]
    assert differences(connection, before, Edits()) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE users SET status = 'Active' WHERE id = 1", "users.status differs in 1 rows: 1"),
        ("UPDATE users SET last_name = NULL", "users.last_name differs in 3 rows: 1, 2, 10"),
        ("UPDATE users SET visit_count = 0 WHERE id = 2", "users.visit_count differs in 1 rows: 2"),
        ("DELETE FROM users WHERE id = 2", "users has lost 1 rows: 2"),
        ("INSERT INTO users (id) VALUES (3)", "users has 1 rows too many: 3"),
        (
            "UPDATE user_lo_root_ids SET granted_by = 'y' WHERE lo_root_id = 'a'",
            "user_lo_root_ids.granted_by differs in 1 rows: (1, 'a')",
        ),
        ("ALTER TABLE users DROP COLUMN email", "the column users.email is gone"),
        ("DELETE FROM notes WHERE rowid = 1", "notes has lost 1 rows: "),
    ],
)
def test_what_nobody_chose_is_named(connection, statement, words):
    before = prints.take(connection)
    connection.execute(text(statement))
    found = differences(connection, before, Edits())
    assert len(found) == 1
    assert found[0].startswith(words)


def test_a_table_that_is_gone_is_named(connection):
    before = prints.take(connection)
    connection.execute(text("DROP TABLE notes"))
    assert "the table notes is gone" in differences(connection, before, Edits())


def test_what_was_chosen_is_expected_and_missed_where_it_did_not_happen(connection):
    before = prints.take(connection)
    edits = Edits()
    edits.give("statuses", "users", "status", {1: "Active"})
    edits.drop("people", "users", [10])
    edits.move("ids", "user_lo_root_ids", {(2, "a;b")}, {(2, "a"), (2, "b")})
    missed = differences(connection, before, edits)
    assert len(missed) == 3
    for statement in (
        "UPDATE users SET status = 'Active' WHERE id = 1",
        "DELETE FROM users WHERE id = 10",
        "DELETE FROM user_lo_root_ids WHERE user_id = 2",
        "INSERT INTO user_lo_root_ids (user_id, lo_root_id) VALUES (2, 'b'), (2, 'a')",
    ):
        connection.execute(text(statement))
    assert differences(connection, before, edits) == []
    connection.execute(text("UPDATE users SET status = 'active ' WHERE id = 1"))
    assert differences(connection, before, edits) == ["users.status differs in 1 rows: 1"]


def test_the_upgrade_alone_may_put_values_where_none_were(connection):
    before = prints.take(connection)["users"]
    connection.execute(text("UPDATE users SET visit_count = 0 WHERE id = 2"))
    found = prints.take(connection)["users"]
    assert proof.differences("users", before, found, filled=True) == []
    assert proof.differences("users", before, found, filled=False) != []
    connection.execute(text("UPDATE users SET visit_count = 0 WHERE id = 1"))
    found = prints.take(connection)["users"]
    assert proof.differences("users", before, found, filled=True) == [
        "users.visit_count differs in 1 rows: 1"
    ]


def test_a_checksum_does_not_depend_on_the_order_but_on_every_value(connection):
    first = prints.take(connection)["users"]
    moved = prints.Print(
        [*first.keys[1:], first.keys[0]],
        {name: each[1:] + each[:1] for name, each in first.columns.items()},
    )
    assert moved.checksum() == first.checksum()
    swapped = dict(first.columns)
    swapped["last_name"], swapped["email"] = swapped["email"], swapped["last_name"]
    assert prints.Print(first.keys, swapped).checksum() != first.checksum()
    crossed = {name: each[:1] + each[2:] + each[1:2] for name, each in first.columns.items()}
    assert prints.Print(first.keys, crossed).checksum() != first.checksum()


def test_one_moment_is_the_same_in_every_form():
    moment = datetime(2026, 5, 1, 0, 0, tzinfo=UTC)
    forms = [moment, moment.replace(tzinfo=None), "2026-05-01 00:00:00.000000"]
    assert len({prints.hash_of(each) for each in forms}) == 1
    assert prints.hash_of(True) == prints.hash_of(1)
    assert prints.hash_of(None) != prints.hash_of("")
    assert prints.hash_of("1") != prints.hash_of(1)
