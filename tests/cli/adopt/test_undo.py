"""`flask rollcall adopt --undo`: from which backup, what it loses, and what stops it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.models.records import AuditEntry
from tests.cli.adopt.ground import MEDDLING, Adopt, execute, on_both

KEEP = ["--status", "keep"]
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])
on_postgres = pytest.mark.parametrize("engine", ["postgresql"])


def a_chat_and_a_person(adopt: Adopt) -> None:
    execute(
        adopt.url,
        "INSERT INTO chat_history (user_id, program_code, user_message, bot_message, timestamp,"
        " is_visible) VALUES (1, 'BCC', 'a', 'b', '2099-01-01 00:00:00.000000', TRUE)",
        "INSERT INTO users (last_name, email, status, visit_count)"
        " VALUES ('New', 'new@x.example', 'Active', 0)",
    )


@on_sqlite
@pytest.mark.parametrize(
    "option", [["--dry-run"], [*KEEP], ["--drop-leftovers"], ["--recent-days", "180"]]
)
def test_undo_with_any_option_of_adopting_is_wrong_usage(engine, option, adopt):
    adopt.made(*KEEP)
    adopted = adopt.state()
    refused = adopt("--undo", "--yes", *option)
    assert refused.exit_code == 2
    assert option[0] in refused.stderr
    assert adopt.state() == adopted


@on_both
def test_a_foreign_file_in_the_folder_is_not_taken_for_our_backup(engine, adopt):
    before = adopt.state()
    told = adopt.made(*KEEP)
    path = Path(told["backup"])
    newer = path.with_name(f"adopt-2999{path.suffix}")
    newer.write_text("of another database")
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before
    assert adopt("--undo", "--yes").exit_code == 1


@on_both
def test_a_backup_that_was_changed_is_refused(engine, adopt):
    path = Path(adopt.made(*KEEP)["backup"])
    path.write_bytes(path.read_bytes() + b"\n")
    refused = adopt("--undo", "--yes")
    assert refused.exit_code == 1
    assert "checksum" in refused.stderr


@on_both
def test_undo_takes_the_backup_that_was_written_elsewhere_and_the_words_name_it(
    engine, adopt, tmp_path, db
):
    before, path = adopt.state(), tmp_path / "mine"
    told = adopt.done(*KEEP, "--backup", str(path))
    assert f"--undo --backup {path}" in told["message"]
    entry = db.scalar(select(AuditEntry).where(AuditEntry.event == "database:adopted"))
    assert entry.details["backup"]["path"] == str(path)
    db.close()
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@on_both
def test_two_adoptions_are_taken_back_one_by_one(engine, adopt):
    before = adopt.state()
    adopt.made(*KEEP, "--lo-ids", "keep")
    first = adopt.state()
    adopt.done(*KEEP)
    assert "--undo again" in adopt("--undo", "--yes").stderr
    assert adopt.state() == first
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@on_both
def test_what_came_after_an_older_backup_is_counted_from_there(engine, adopt):
    path = adopt.made(*KEEP, "--lo-ids", "keep")["backup"]
    a_chat_and_a_person(adopt)
    adopt.done(*KEEP)
    refused = adopt.done("--undo", "--backup", path, code=2)
    assert refused["lost"]["people"] == 1
    assert refused["lost"]["chats"] == 1
    assert adopt("--undo").stderr.count("people") == 0


@on_sqlite
def test_what_came_after_a_failed_proof_is_counted_although_nothing_was_adopted(engine, adopt):
    execute(adopt.url, *MEDDLING[engine])
    assert adopt.done(*KEEP, code=1)["outcome"] == "unproven"
    a_chat_and_a_person(adopt)
    refused = adopt.done("--undo", code=2)
    assert (refused["lost"]["people"], refused["lost"]["chats"]) == (1, 1)


@on_sqlite
@pytest.mark.parametrize("variant", ["V8"])
def test_a_chat_that_took_the_id_of_a_paired_answer_is_counted(engine, variant, adopt):
    adopt.made(*KEEP)
    a_chat_and_a_person(adopt)
    assert adopt.done("--undo", code=2)["lost"]["chats"] == 1


@on_sqlite
def test_a_damaged_copy_is_refused_in_words(engine, adopt, tmp_path):
    good = Path(adopt.made(*KEEP)["backup"]).read_bytes()
    adopted = adopt.state()
    for number, data in enumerate([good[: len(good) // 2], good[:200], good[:16] + b"x" * 9000]):
        path = tmp_path / f"bad-{number}"
        path.write_bytes(data)
        refused = adopt("--undo", "--yes", "--backup", str(path))
        assert isinstance(refused.exception, SystemExit)
        assert refused.exit_code == 1
        assert "damaged" in refused.stderr
        assert adopt.state() == adopted


MORE_THAN_TABLES = {
    "trigger": [
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER meddle BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION meddle()",
    ],
    "rule": ["CREATE RULE meddle AS ON DELETE TO users DO ALSO NOTHING"],
    "policy": [
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY meddle ON users USING (id > 3)",
    ],
    "view": ["CREATE VIEW lo_mappings AS SELECT 1 AS one"],
}


@on_postgres
@pytest.mark.parametrize("thing", MORE_THAN_TABLES)
def test_what_a_backup_cannot_hold_stops_everything_before_it_begins(engine, thing, adopt):
    execute(adopt.url, *MORE_THAN_TABLES[thing])
    before = adopt.state()
    refused = adopt(*KEEP)
    assert refused.exit_code == 1
    assert f"the {thing} " in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert adopt.state() == before
