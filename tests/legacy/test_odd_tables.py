"""What hands and scripts left in a legacy database: mended, kept beside, or refused in words."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.util import CommandError
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import make_engine
from app.models.conversations import Exchange
from app.models.people import User
from tests.legacy.conftest import run, shape, upgrade
from tests.legacy.variants import build, contents, rows


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def stopped(url: str, words: str) -> None:
    """The upgrade stops with these words, and changes nothing beyond the revision before."""
    upgrade(url, "c1a4f9d72e10")
    before = contents(url), shape(url)
    with pytest.raises(CommandError, match=words):
        upgrade(url)
    assert (contents(url), shape(url)) == before


def test_texts_that_are_no_dates_break_no_page_and_are_kept_beside(make_database):
    url = make_database("sqlite")
    build("V11", url)
    run(
        url,
        "UPDATE users SET expiry_date = '' WHERE id = 1",
        "UPDATE users SET date_added = '20/05/2025' WHERE id = 2",
        "UPDATE users SET expiry_date = '2027-05-01T10:00:00+02:00' WHERE id = 3",
        "UPDATE users SET expiry_date = 20270501 WHERE id = 4",
        "UPDATE chat_history SET timestamp = 'yesterday' WHERE id = 1",
        "UPDATE chatbot_contents SET updated_at = 'x' WHERE id = 1",
        "UPDATE disclaimer_acceptances SET accepted_at = 'x' WHERE id = 1",
    )
    upgrade(url)
    engine = make_engine(url)
    with Session(engine) as db:
        people = {each.id: each for each in db.scalars(select(User))}
        assert (people[1].expiry_date, people[2].date_added, people[4].expiry_date) == (None,) * 3
        assert people[3].expiry_date.isoformat() == "2027-05-01T08:00:00+00:00"
        assert db.get_one(Exchange, 1).timestamp is None
    engine.dispose()
    kept = {tuple(each.values()) for each in rows(url, "unreadable_dates")}
    assert kept == {
        ("users", 1, "expiry_date", ""),
        ("users", 2, "date_added", "20/05/2025"),
        ("users", 4, "expiry_date", "20270501"),
        ("chat_history", 1, "timestamp", "yesterday"),
        ("chatbot_contents", 1, "updated_at", "x"),
        ("disclaimer_acceptances", 1, "accepted_at", "x"),
    }


def test_moments_with_a_zone_are_stored_in_naive_utc(make_database):
    url = make_database("postgresql")
    build("V11", url)
    run(
        url,
        "ALTER TABLE users ALTER COLUMN expiry_date TYPE TIMESTAMP WITH TIME ZONE",
        "UPDATE users SET expiry_date = '2027-05-01 10:00:00+02' WHERE id = 3",
    )
    upgrade(url)
    assert str(rows(url, "users")[2]["expiry_date"]) == "2027-05-01 08:00:00"


@pytest.mark.parametrize("table", ["users", "chat_history", "user_lo_root_ids"])
def test_a_table_without_a_primary_key_is_refused_before_anything_is_changed(empty_url, table):
    build("V3", empty_url)
    if is_sqlite(empty_url):
        run(
            empty_url,
            f"CREATE TABLE bare AS SELECT * FROM {table}",
            f"DROP TABLE {table}",
            f"ALTER TABLE bare RENAME TO {table}",
        )
    else:
        run(empty_url, f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey CASCADE")
    stopped(empty_url, f"primary key of the table '{table}'")


def test_chats_of_both_shapes_at_once_are_refused_before_anything_is_changed(empty_url):
    build("V3", empty_url)
    run(
        empty_url,
        "ALTER TABLE chat_history ADD COLUMN message TEXT",
        "ALTER TABLE chat_history ADD COLUMN sender TEXT",
    )
    stopped(empty_url, "both shapes")


def test_a_postal_address_is_not_taken_for_an_address_of_mail(empty_url):
    build("V3", empty_url)
    run(
        empty_url,
        "ALTER TABLE users ADD COLUMN address VARCHAR",
        "UPDATE users SET address = '1 Long Road'",
    )
    with pytest.raises(CommandError, match="'address' of the table 'users' is not Rollcall's"):
        upgrade(empty_url)
    assert {each["address"] for each in rows(empty_url, "users")} == {"1 Long Road"}
    run(empty_url, "ALTER TABLE users RENAME COLUMN address TO street")
    upgrade(empty_url)
    assert {each["street"] for each in rows(empty_url, "users")} == {"1 Long Road"}


def test_what_stands_in_further_columns_of_old_answers_is_not_lost(empty_url):
    build("V8", empty_url)
    run(
        empty_url,
        "ALTER TABLE chat_history ADD COLUMN rating INTEGER",
        'ALTER TABLE chat_history ADD COLUMN "Model" VARCHAR',
        # Rows 1 and 2 are an exchange, and so are 3 and 4.
        "UPDATE chat_history SET rating = 5 WHERE id = 2",
        "UPDATE chat_history SET \"Model\" = 'question' WHERE id = 3",
        "UPDATE chat_history SET \"Model\" = 'answer', rating = 4 WHERE id = 4",
    )
    upgrade(empty_url)
    found: dict[int, Any] = {each["id"]: each for each in rows(empty_url, "chat_history")}
    assert (found[1]["rating"], found[1]["Model"]) == (5, None)
    assert (found[3]["rating"], found[3]["Model"]) == (4, "question")
    aside = rows(empty_url, "chat_history_answers")
    assert [(each["question"], each["id"], each["Model"]) for each in aside] == [(3, 4, "answer")]


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_triggers_and_indexes_of_expressions_outlive_the_upgrade(make_database):
    url = make_database("sqlite")
    build("V8", url)
    run(
        url,
        "CREATE INDEX by_lower ON users (lower(last_name))",
        "CREATE INDEX some ON chat_history (user_id) WHERE user_id > 3",
        "CREATE TABLE log (id INTEGER)",
        "CREATE TRIGGER noted AFTER INSERT ON users BEGIN INSERT INTO log VALUES (NEW.id); END",
        "CREATE TRIGGER said AFTER INSERT ON chat_history"
        " BEGIN INSERT INTO log VALUES (NEW.id); END",
    )
    upgrade(url)
    query = "SELECT name FROM sqlite_master WHERE name IN ('by_lower', 'some', 'noted', 'said')"
    assert {name for (name,) in run(url, query)} == {"by_lower", "some", "noted", "said"}
