"""A revision is made whole or not at all; an unknown stamp stops everything before it begins."""

from __future__ import annotations

import pytest
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from tests import forks
from tests.legacy import dirt
from tests.legacy.conftest import run, shape, upgrade
from tests.legacy.variants import UNKNOWN_STAMP, build, contents, counts, people

STAMP = "SELECT version_num FROM alembic_version"
NO_DELETING = {
    "sqlite": [
        "CREATE TRIGGER fault BEFORE DELETE ON chat_history "
        "BEGIN SELECT RAISE(ABORT, 'planted'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE EXCEPTION ''planted''; END'",
        "CREATE TRIGGER fault BEFORE DELETE ON chat_history EXECUTE FUNCTION fault()",
    ],
}
"""What lets the pairing of old chats fail when half of it is done."""
MEND = {
    "sqlite": ["DROP TRIGGER fault"],
    "postgresql": ["DROP TRIGGER fault ON chat_history", "DROP FUNCTION fault"],
}


def stamps(url):
    return [each[0] for each in run(url, STAMP)]


def without_sequences(url):
    # PostgreSQL never takes an id back that a sequence gave out.
    return [each for each in shape(url) if len(each) > 2]


def test_a_failure_in_the_middle_leaves_the_revision_before_it(empty_url):
    build("V8", empty_url)
    engine = empty_url.split(":")[0].split("+")[0]
    run(empty_url, *NO_DELETING[engine])
    upgrade(empty_url, "c1a4f9d72e10")
    before = contents(empty_url), shape(empty_url)
    with pytest.raises(DBAPIError, match="planted"):
        upgrade(empty_url)
    assert stamps(empty_url) == ["c1a4f9d72e10"]
    assert (contents(empty_url), shape(empty_url)) == before
    run(empty_url, *MEND[engine])
    upgrade(empty_url)
    assert counts(empty_url)["users"] == len(before[0]["users"])


def test_a_table_that_has_a_name_of_ours_stops_its_revision_whole(empty_url):
    build("V1", empty_url)
    run(empty_url, "CREATE TABLE codes (id INTEGER PRIMARY KEY, colour VARCHAR)")
    with pytest.raises(CommandError, match="'codes' is not Rollcall's"):
        upgrade(empty_url)
    # The same revision makes `sessions` before it comes to `codes`.
    assert stamps(empty_url) == ["d3a1f06b52c7"]
    assert "sessions" not in counts(empty_url)
    run(empty_url, "ALTER TABLE codes RENAME TO colours")
    upgrade(empty_url)
    assert counts(empty_url)["colours"] == 0


def test_rows_with_one_email_to_the_letter_are_named_and_nothing_is_changed(empty_url):
    build("V1", empty_url)
    run(
        empty_url,
        "DROP INDEX ix_users_email",
        "UPDATE users SET email = 'grace@agency.example' WHERE id = 9",
    )
    upgrade(empty_url, "c1a4f9d72e10")
    before = contents(empty_url), shape(empty_url)
    with pytest.raises(CommandError, match="the ids 2 and 9"):
        upgrade(empty_url)
    assert (contents(empty_url), shape(empty_url)) == before


def test_case_1_an_unknown_stamp_stops_with_its_name_and_the_way_on(empty_url):
    build("V12", empty_url)
    before = contents(empty_url), shape(empty_url)
    with pytest.raises(CommandError) as stopped:
        upgrade(empty_url)
    assert UNKNOWN_STAMP in str(stopped.value)
    assert "`flask rollcall adopt --by-inspection`" in str(stopped.value)
    assert (contents(empty_url), shape(empty_url)) == before
    assert stamps(empty_url) == [UNKNOWN_STAMP]


def test_adopting_by_inspection_fails_whole_and_keeps_the_unknown_stamp(empty_url):
    build("V12", empty_url)
    run(empty_url, "CREATE TABLE codes (id INTEGER PRIMARY KEY, colour VARCHAR)")
    before = contents(empty_url), without_sequences(empty_url)
    with pytest.raises(CommandError, match="codes"):
        upgrade(empty_url, adopt_by_inspection=True)
    assert (contents(empty_url), without_sequences(empty_url)) == before
    assert stamps(empty_url) == [UNKNOWN_STAMP]


def test_an_unknown_stamp_at_the_console(make_database, tmp_path):
    url = make_database("sqlite")
    build("V12", url)
    environment = {"DATABASE_URL": url, "DATA_DIR": str(tmp_path)}

    def alembic(*words):
        return forks.run("alembic", *words, "upgrade", "head", environment=environment)

    stopped = alembic()
    assert stopped.returncode != 0
    assert UNKNOWN_STAMP in stopped.stdout + stopped.stderr
    assert "Traceback" not in stopped.stdout + stopped.stderr
    assert alembic("-x", "inspect=yes").returncode == 0


def test_our_own_database_with_a_stamp_from_the_future_keeps_all_it_has(empty_url):
    upgrade(empty_url)
    run(
        empty_url,
        "INSERT INTO users (last_name, email, address, status, visit_count)"
        " VALUES ('Hopper', 'Grace@x.example', 'grace@x.example', 'Active', 4)",
        "INSERT INTO users (last_name, email, shared_address, status, enforced)"
        " VALUES ('Smith', 'Ann@x.example', 'ann@x.example', 'Active', TRUE)",
        "INSERT INTO user_lo_root_ids (user_id, lo_root_id) VALUES (1, 'A1')",
        f"UPDATE alembic_version SET version_num = '{UNKNOWN_STAMP}'",
    )
    before = contents(empty_url), shape(empty_url)
    upgrade(empty_url, adopt_by_inspection=True)
    after = contents(empty_url)
    # Who chose at `adopt` does not have to choose again.
    assert [each["enforced"] for each in after["users"]] == [1, 1]
    before[0]["users"][1]["visit_count"] = 0
    assert (after, shape(empty_url)) == before


def test_our_own_people_from_before_the_marks_are_left_as_they_are(empty_url):
    upgrade(empty_url, "28e1c6b3f4d5")
    run(
        empty_url,
        "INSERT INTO users (last_name, email, address, status)"
        " VALUES ('Hopper', 'Grace@x.example', 'grace@x.example', 'Active')",
        "INSERT INTO users (last_name, email, status) VALUES ('Came', ' grace@x.example', 'x')",
        "INSERT INTO user_lo_root_ids (user_id, lo_root_id) VALUES (1, 'A1')",
        "INSERT INTO entitlements (user_id, lo_root_id, source, granted_at)"
        " VALUES (1, 'A1', 'roster', '2026-03-02 00:00:00')",
    )
    upgrade(empty_url)
    ours, came = people(empty_url)
    assert (ours["address"], ours["shared_address"]) == ("grace@x.example", None)
    assert ours["enforced"]
    # The account that proved its mailbox keeps it; the other is found by its own spelling.
    assert (came["address"], came["shared_address"]) == (None, "grace@x.example")
    assert not came["enforced"]
    assert [each["source"] for each in contents(empty_url)["entitlements"]] == ["roster"]


def test_keys_and_sequences_that_a_copy_left_out_come_back(make_database):
    url = make_database("postgresql")
    build("V11", url)
    run(
        url,
        "ALTER TABLE user_lo_root_ids DROP CONSTRAINT user_lo_root_ids_user_id_fkey",
        "ALTER TABLE disclaimer_acceptances DROP CONSTRAINT disclaimer_acceptances_user_id_fkey",
        f"INSERT INTO user_lo_root_ids VALUES ({dirt.GONE + 9}, 'A1')",
        "UPDATE disclaimer_acceptances SET user_id = 77 WHERE id = 1",
        "ALTER TABLE users ALTER COLUMN id DROP DEFAULT",
        "DROP SEQUENCE users_id_seq",
        "ALTER SEQUENCE chat_history_id_seq OWNED BY NONE",
        "SELECT setval('chat_history_id_seq', 1, false)",
    )
    upgrade(url)
    upgrade(url)
    assert (dirt.GONE + 9, "A1") in {
        tuple(each) for each in run(url, "SELECT * FROM user_lo_root_ids")
    }
    assert run(url, "SELECT user_id FROM disclaimer_acceptances WHERE id = 1") == [(77,)]
    inserted = "INSERT INTO users (last_name, email, status) VALUES ('N', 'n', 'x') RETURNING id"
    assert run(url, inserted) == [(78,)]
    written = (
        "INSERT INTO chat_history (user_id, program_code, user_message, bot_message, is_visible)"
        " VALUES (1, 'BCC', '?', '!', true) RETURNING id"
    )
    assert run(url, written) == [(len(dirt.exchanges()) + 1,)]
    with pytest.raises(DBAPIError, match="fk_user_lo_root_ids_user_id_users"):
        run(url, "INSERT INTO user_lo_root_ids VALUES (1234, 'A1')")


def test_an_id_that_sqlite_gave_out_before_is_not_given_again(make_database):
    url = make_database("sqlite")
    build("V7", url)
    run(url, "DELETE FROM users WHERE id > 10")
    upgrade(url)
    run(url, "INSERT INTO users (last_name, email, status) VALUES ('New', 'n@x.example', 'Active')")
    assert max(each["id"] for each in people(url)) == 16
