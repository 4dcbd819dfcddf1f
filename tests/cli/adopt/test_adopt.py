"""`flask rollcall adopt` on legacy databases of every variant: report, change, proof, way back."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.core import clock
from app.database import Base, make_engine
from app.models.conversations import Exchange
from app.models.people import Entitlement, User, UserLoRootId
from app.models.programs import ProgramLoRootId
from app.models.records import AuditEntry
from app.models.rosters import RosterImport
from tests import forks
from tests.cli.adopt.ground import (
    MEDDLING,
    Adopt,
    checksums,
    columns_of,
    execute,
    held,
    let_go,
    on_both,
    sources,
)
from tests.legacy import variants
from tests.legacy.dirt import GONE, PASSWORDS

ADA, GRACE, MARGARET, KATHERINE, DOROTHY = 1, 2, 3, 4, 14
DAILY = [MARGARET, KATHERINE, 6]
"""Who is Inactive or expired and asked something lately."""

SHUT_OUT = [*DAILY, 12, 13, DOROTHY]
UNLIKE = [
    "V1", "V2-b70190e2b3b8", "V5-no-default", "V6", "V7", "V8", "V9", "V10-nulls", "V11", "V12",
]  # fmt: skip
"""The variants whose shapes differ most; how each of them all upgrades, `tests/legacy` shows."""

MERGING = ["--status", "keep", "--merge", "Ann@x.example=6", "--alias", "OLDIE=mi"]
ACCEPTING = ["--status", "keep", "--lo-id", "123.0=00123", "--lo-id", "123=00123"]
EVERYWHERE = ["V1", "V5-no-default", "V6", "V8", "V11", "V12"]
"""Those of them that are moved on PostgreSQL too."""


@pytest.mark.parametrize(
    ("variant", "engine"),
    [(name, "sqlite") for name in UNLIKE] + [(name, "postgresql") for name in EVERYWHERE],
)
def test_every_variant_is_adopted_once_and_can_be_taken_back(variant, engine, adopt):
    options = ["--status", "activate-all", *(["--by-inspection"] if variant == "V12" else [])]
    before = adopt.state()
    rows = variants.counts(adopt.url)

    tried = adopt.done(*options, "--dry-run")
    assert adopt.state() == before

    done = adopt.done(*options)
    assert done["outcome"] == "done"
    assert done["changes"] == tried["changes"]
    assert [line["differences"] for line in done["proof"] if line["differences"]] == []
    for line in done["proof"]:
        assert line["expected"] == line["found"] != ""
        if line["table"] != "chat_history" or not variant.startswith("V8"):
            assert line["before"] == line["upgraded"] == rows.get(line["table"], 0)
    adopted = adopt.state()

    again = adopt(*options)
    assert again.exit_code == 0
    assert "Nothing to do" in again.stderr
    assert adopt.state() == adopted

    undone = adopt("--undo", "--yes")
    assert undone.exit_code == 0, undone.output
    assert adopt.state() == before


@on_both
@pytest.mark.parametrize("variant", ["V1", "V7", "V11"])
def test_without_the_choice_of_a_status_nothing_at_all_is_changed(engine, adopt, variant):
    before, on_disk = adopt.state(), adopt.files()
    result = adopt()
    assert result.exit_code == 2
    assert "people are Inactive or expired" in result.stdout
    assert "--status keep, activate-recent or activate-all" in result.stderr
    assert adopt.state() == before
    assert adopt.files() == on_disk
    assert not list(Path(adopt.app.instance_path).glob("adopt-*"))


@on_both
def test_case_4_inactive_people_are_listed_then_let_in_as_chosen(engine, adopt, db, visitor):
    tried = adopt.done("--status", "activate-recent", "--dry-run")
    listed = {row["id"]: row for row in tried["findings"]["shut_out"]["rows"]}
    assert sorted(listed) == sorted(SHUT_OUT)
    assert [each for each in listed if listed[each]["recent"]] == DAILY
    assert tried["findings"]["missing_visits"]["count"] == 3

    adopt.done("--status", "activate-recent")
    status = columns_of(db, User.status)
    assert {status[each] for each in DAILY} == {"Active"}
    assert status[DOROTHY] == "Inactive"
    assert visitor.sign_in("margaret@learn.example", PASSWORDS["margaret@learn.example"])
    assert columns_of(db, User.visit_count)[MARGARET] == 1
    assert visitor.get("/program_select").status_code == 200


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    ("choice", "let_in"), [("keep", []), ("activate-recent", DAILY), ("activate-all", SHUT_OUT)]
)
def test_each_choice_of_a_status_lets_in_just_those(engine, choice, let_in, adopt, db, visitors):
    adopt.done("--status", choice, "--grace-days", "10")
    db.rollback()
    people = {each.id: each for each in db.scalars(select(User))}
    today = clock.today()
    for each in SHUT_OUT:
        closed = people[each].status != "Active" or (
            people[each].expiry_date is not None and people[each].expiry_date.date() < today
        )
        assert closed is (each not in let_in), each
    assert all(person.enforced for person in people.values())
    if KATHERINE in let_in:
        assert people[KATHERINE].expiry_date.date() == today + timedelta(days=10)
    ways_in = visitors().sign_in("katherine@learn.example", PASSWORDS["katherine@learn.example"])
    assert (ways_in.status_code == 303) is (KATHERINE in let_in)


@on_both
def test_case_5_statuses_get_one_spelling_and_an_expiry_counts_from_the_next_day(
    engine, adopt, db, visitor
):
    ends_today = datetime.combine(clock.today(), datetime.min.time())
    engine_ = make_engine(adopt.url)
    with engine_.begin() as connection:
        connection.execute(
            text("UPDATE users SET expiry_date = :day, status = ' ACTIVE ' WHERE id = 1"),
            {"day": ends_today if engine == "postgresql" else f"{ends_today}.000000"},
        )
    engine_.dispose()
    adopt.done("--status", "keep")
    status = columns_of(db, User.status)
    assert {status[each] for each in (ADA, GRACE, 12, 15)} == {"Active"}
    assert status[6] == "Inactive"
    assert status[13] == "pending"
    assert visitor.sign_in("ada.lovelace@learn.example", PASSWORDS["Ada.Lovelace@learn.example"])
    assert columns_of(db, User.visit_count)[ADA] == 13


@on_both
def test_case_6_accounts_of_one_address_stay_apart_and_neither_sees_the_others(engine, adopt, db):
    told = adopt.done("--status", "keep", "--roster", str(a_list(adopt, "ann@x.example", "A2")))
    groups = told["findings"]["shared_addresses"]["rows"]
    assert [each["address"] for each in groups] == ["ann@x.example"]
    assert [each["id"] for each in groups[0]["accounts"]] == [5, 6, 7]
    assert {pair for pair in held(db) if pair[0] in {5, 6, 7}} == {(5, "A1"), (6, "B1")}
    assert {columns_of(db, User.address)[each] for each in (5, 6, 7)} == {None}


@on_both
def test_accounts_are_merged_into_the_one_that_was_named(engine, adopt, db):
    adopt.made(*MERGING)
    emails = columns_of(db, User.email)
    assert 5 not in emails
    assert 7 not in emails
    assert emails[6] == "ann@x.example"
    assert columns_of(db, User.address)[6] == "ann@x.example"
    assert columns_of(db, User.shared_address)[6] is None
    assert columns_of(db, User.visit_count)[6] == 4
    assert {lo for user, lo in held(db) if user == 6} == {"A1", "B1"}
    assert {sources(db)[6, lo].pop() for lo in ("A1", "B1")} == {"legacy"}
    assert set(db.scalars(select(Exchange.id).where(Exchange.user_id == 6))) == {10, 11}
    assert adopt("--merge", "ann@x.example=6").exit_code == 0


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    "option",
    [
        ["--merge", "ann@x.example=1"],
        ["--merge", "nobody@x.example=5"],
        ["--merge", "ann@x.example=five"],
        ["--merge", "no address=5"],
        ["--alias", "OLDIE=NOWHERE"],
        ["--alias", "OLDIE"],
        ["--lo-id", "123=98765"],
        ["--lo-id", "123=00123", "--lo-id", "123=A1"],
        ["--status", "activate"],
        ["--encoding", "cp1252"],
        ["--grace-days", "0"],
    ],
)
def test_a_choice_that_does_not_fit_exits_2_and_changes_nothing(engine, option, adopt):
    before = adopt.state()
    given = option if "--status" in option else ["--status", "keep", *option]
    assert adopt(*given).exit_code == 2
    assert adopt.state() == before


@on_both
def test_case_7_dirty_ids_are_repaired_and_look_alikes_only_proposed(engine, adopt, db):
    told = adopt.made("--status", "keep")
    alike = {row["lo_root_id"]: row["proposed"] for row in told["findings"]["alike_ids"]["rows"]}
    assert alike == {"123": "00123", "123.0": "00123"}
    here = held(db)
    assert {lo for user, lo in here if user == GRACE} == {"A1", "A2", "INTERNAL_PORTAL"}
    assert {lo for user, lo in here if user == MARGARET} == {"A1", "A2"}
    assert {lo for user, lo in here if user == KATHERINE} == {"123", "123.0", "A1"}
    known = {pair for pair in here if pair[0] != GONE + 1}
    assert set(sources(db)) == known
    asked = db.execute(select(ProgramLoRootId.chatbot_id, ProgramLoRootId.lo_root_id)).all()
    assert {lo for program, lo in asked if program == 6} == {"A1", "B1"}
    again = adopt("--status", "keep")
    assert "Nothing to do" in again.stderr
    assert held(db) == here


@on_both
def test_a_look_alike_is_changed_once_it_was_accepted(engine, adopt, db):
    adopt.made(*ACCEPTING)
    assert {lo for user, lo in held(db) if user == KATHERINE} == {"00123", "A1"}
    assert "Nothing to do" in adopt(*ACCEPTING).stderr


@pytest.mark.parametrize("engine", ["sqlite"])
def test_ids_are_left_as_they_are_on_demand(engine, adopt, db):
    before = {tuple(row.values())[:2] for row in variants.rows(adopt.url, "user_lo_root_ids")}
    adopt.done("--status", "keep", "--lo-ids", "keep", "--roster", str(a_list(adopt)))
    assert held(db) == before


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_program_that_asks_for_nothing_readable_does_not_open_to_everybody(engine, adopt, db):
    with closing(sqlite3.connect(adopt.url.removeprefix("sqlite:///"))) as connection:
        connection.execute(
            "UPDATE chatbot_lo_root_association SET lo_root_id = 'nan' WHERE chatbot_id = 2"
        )
        connection.commit()
    adopt.done("--status", "keep")
    asked = select(ProgramLoRootId.lo_root_id).where(ProgramLoRootId.chatbot_id == 2)
    assert db.scalars(asked).all() == ["nan"]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_an_admin_gave_after_the_upgrade_is_not_cleaned(engine, adopt, db):
    adopt.upgraded()
    given = {"user_id": GRACE, "lo_root_id": "Mind, Body"}
    db.add(UserLoRootId(**given))
    db.add(Entitlement(**given, source="admin", granted_at=clock.now()))
    db.commit()
    adopt.done("--status", "keep")
    assert {lo for user, lo in held(db) if user == GRACE} >= {"Mind, Body", "A1", "A2"}
    assert {lo for user, lo in held(db) if user == GRACE}.isdisjoint({"Mind", "Body", "A1;A2"})
    assert sources(db)[GRACE, "Mind, Body"] == {"admin"}


@on_both
def test_case_8_chats_of_one_program_come_under_its_code(engine, adopt, db, visitor):
    told = adopt.made(*ACCEPTING)
    codes = {row["code"]: row["program"] for row in told["findings"]["code_spellings"]["rows"]}
    assert codes == {"Safety": "SAFETY", "safety": "SAFETY", "S&R": "SAFETY"}
    assert [row["code"] for row in told["findings"]["unknown_codes"]["rows"]] == ["OLDIE"]
    db.rollback()
    found = dict(db.execute(select(Exchange.id, Exchange.program_code)).all())
    assert {found[each] for each in (3, 4, 5, 6)} == {"SAFETY"}
    assert found[14] == "OLDIE"
    assert visitor.sign_in("katherine@learn.example", PASSWORDS["katherine@learn.example"])


@on_both
def test_an_alias_brings_chats_of_an_unknown_code_to_a_program(engine, adopt, db):
    adopt.made(*MERGING)
    assert db.get_one(Exchange, 14).program_code == "MI"


@on_both
@pytest.mark.parametrize("policy", ["keep", "delete", "anonymise"])
def test_case_9_orphan_chats_follow_the_policy_and_nobody_new_sees_them(
    engine, policy, adopt, db, people
):
    told = adopt.made("--status", "keep", *([] if policy == "keep" else ["--orphans", policy]))
    assert told["findings"]["orphan_chats"]["count"] == 1
    db.rollback()
    orphan = db.get(Exchange, 15)
    assert (orphan is None) is (policy == "delete")
    if orphan is not None:
        assert orphan.user_id == (GONE if policy == "keep" else 0)
        assert orphan.user_message == "I was deleted."
    newest = people.account("newest@learn.example")
    assert newest.id > GONE
    assert db.scalars(select(Exchange).where(Exchange.user_id == newest.id)).all() == []
    assert {user for user, _lo in held(db)} - {GONE + 1} <= set(columns_of(db, User.email))
    assert "Nothing to do" in adopt("--orphans", policy).stderr


@on_both
def test_case_10_legacy_hashes_open_the_door_once_and_are_then_ours(engine, adopt, db, visitors):
    adopt.made("--status", "activate-all")
    for email, password in PASSWORDS.items():
        assert visitors().sign_in(email, password + "x").status_code != 303
        assert visitors().sign_in(email, password).status_code == 303, email
    db.rollback()
    hashes = db.scalars(select(User.password_hash).where(User.email.in_(PASSWORDS))).all()
    assert len(hashes) == 4
    assert all(each.startswith("sha256$$2b$04$") for each in hashes)
    for email, password in PASSWORDS.items():
        assert visitors().sign_in(email, password).status_code == 303


@on_both
def test_case_11_an_empty_hash_is_no_password_and_the_set_up_mail_comes(
    engine, adopt, db, visitor, mails
):
    engine_ = make_engine(adopt.url)
    with engine_.begin() as connection:
        connection.execute(text("UPDATE users SET password_hash = '' WHERE id = 15"))
    engine_.dispose()
    told = adopt.done("--status", "keep")
    assert [row["id"] for row in told["findings"]["unreadable_hashes"]["rows"]] == [8, 9, 15]
    visitor.sign_in("mary@learn.example", "whatever it was")
    assert mails.link("mary@learn.example").startswith("/setup-password/")


@on_both
def test_what_opens_nothing_and_came_later_is_emptied_by_the_next_adoption(engine, adopt, db):
    adopt.made("--status", "keep")
    before = columns_of(db, User.password_hash)
    db.close()
    readable = next(each for each, stored in before.items() if stored)
    execute(adopt.url, "UPDATE users SET password_hash = 'md5:what' WHERE id = 15")
    if engine == "sqlite":
        # The bytes of a hash are read as the hash.
        cast = "CAST(password_hash AS BLOB)"
        execute(adopt.url, f"UPDATE users SET password_hash = {cast} WHERE id = {readable}")
    told = adopt.done()
    assert [row["id"] for row in told["findings"]["unreadable_hashes"]["rows"]] == [15]
    assert columns_of(db, User.password_hash) == before
    assert "Nothing to do" in adopt().stderr


def a_list(adopt: Adopt, email: str = "ada.lovelace@learn.example", *ids: str) -> Path:
    """A legacy list, seven columns without a header."""
    name = {"ann@x.example": "Smith"}.get(email, "Lovelace")
    path = adopt.folder / "authorized_users.csv"
    lines = [f"P1,{name},{email},Active,Spring,2025-03-01,{each}\n" for each in ids or ("A1",)]
    path.write_text("".join(lines))
    return path


@on_both
def test_the_legacy_table_becomes_the_first_list(engine, adopt, db):
    told = adopt.made("--status", "keep")
    assert told["list"]["people"] == 3
    why = sources(db)
    # What the list explains is the list's; all else is legacy and stays.
    assert why[ADA, "A1"] == {"roster"}
    assert why[ADA, "A2"] == {"roster"}
    assert why[ADA, "5b0c9a8e-6f0d-4f4e-9a51-0a2d3c4b5e6f"] == {"legacy"}
    assert why[GRACE, "A2"] == {"legacy"}
    assert why[MARGARET, "A2"] == {"legacy"}
    vouched = columns_of(db, User.from_roster)
    assert {each for each in vouched if vouched[each]} == {ADA, GRACE}
    unexplained = told["findings"]["unexplained_ids"]["rows"]
    assert {"user": GRACE, "lo_root_id": "A2"} in unexplained
    assert {"user": ADA, "lo_root_id": "A1"} not in unexplained
    assert db.scalars(select(RosterImport.state)).all() == ["applied"]


@on_both
def test_a_file_comes_before_the_table_and_the_same_file_again_is_nothing(engine, adopt, db):
    path = a_list(adopt, "grace@agency.example", "A2", "B7")
    options = ["--status", "keep", "--roster", str(path)]
    adopt.done(*options)
    assert sources(db)[GRACE, "A2"] == {"roster"}
    assert sources(db)[GRACE, "B7"] == {"roster"}
    assert (GRACE, "B7") in held(db)
    assert "Nothing to do" in adopt(*options).stderr
    path.write_text(path.read_text().replace("B7", "B8"))
    other = adopt(*options)
    assert other.exit_code == 2
    assert "flask rollcall roster import" in other.stderr


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"P1,Lovelace,ada@x.example,Inactive,C,D,A1\n", "no active person"),
        ("P1,Mu\u00f1oz,ada@x.example,Active,C,D,A1\n".encode("cp1252"), "not UTF-8"),
        (b"P,Lovelace,a@x.example,Active,C,D,A\nP,Byron,a@x.example,Active,C,D,A\n", "no active"),
    ],
)
def test_a_bad_list_is_refused_with_its_reason_and_nothing_is_changed(
    engine, data, reason, adopt, tmp_path
):
    path = tmp_path / "list.csv"
    path.write_bytes(data)
    before = adopt.state()
    result = adopt("--status", "keep", "--roster", str(path))
    assert result.exit_code == 1
    assert reason in result.stderr
    assert "Nothing was changed." in result.stderr
    assert adopt.state() == before


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_windows_list_needs_the_word_for_it_and_problem_lines_are_named(
    engine, adopt, tmp_path, db
):
    path = tmp_path / "list.csv"
    lines = "P1,Mu\u00f1oz,mu@x.example,Active,C,D,A1\nP2,,x@x.example,Active,C,D,A1\n"
    path.write_bytes(lines.encode("cp1252"))
    told = adopt.done("--status", "keep", "--roster", str(path), "--encoding", "cp1252")
    assert told["list"]["problems"] == [[2, "The last name is blank."]]
    assert told["changes"]["people on the first list"] == 1


@on_both
@pytest.mark.parametrize("variant", ["V6"])
def test_leftovers_stay_until_they_are_dropped_and_come_back_by_undo(engine, variant, adopt):
    kept = adopt.made("--status", "activate-all")
    found = {row["leftover"] for row in kept["findings"]["leftovers"]["rows"]}
    assert found == {
        "users.User_Status", "users.lo_root_id", "users.is_active", "users.Registration_Date",
        "users.Expiration_Date", "users.is_admin", "chatbot_contents.lo_root_ids",
        "lo_mappings", "chatbot_lo_root_ids",
    }  # fmt: skip
    before = adopt.state()
    dropped = adopt.done("--drop-leftovers")
    assert dropped["changes"]["leftovers dropped"] == 9
    assert "User_Status" not in str(adopt.state())
    assert "Nothing to do" in adopt("--drop-leftovers").stderr
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@on_both
@pytest.mark.parametrize("variant", ["V6"])
def test_an_old_admin_flag_grants_nothing(engine, variant, adopt, db):
    adopt.made("--status", "activate-all")
    db.rollback()
    assert db.execute(text("SELECT count(*) FROM role_grants")).scalar() == 0


@on_both
@pytest.mark.parametrize("variant", ["V12"])
def test_an_unknown_revision_needs_the_word_for_it(engine, variant, adopt):
    before = adopt.state()
    result = adopt("--status", "keep")
    assert result.exit_code == 2
    assert variants.UNKNOWN_STAMP in result.stderr
    assert "--by-inspection" in result.stderr
    assert adopt.state() == before


@on_both
def test_a_database_that_was_upgraded_by_hand_is_adopted_all_the_same(engine, adopt, db):
    adopt.upgraded()
    waiting = columns_of(db, User.enforced)
    assert set(waiting.values()) == {False}
    assert adopt().exit_code == 2
    told = adopt.done("--status", "activate-recent")
    assert told["changes"]["people activated"] == 2
    assert set(columns_of(db, User.enforced).values()) == {True}


@on_both
def test_undo_refuses_to_lose_what_came_since_unless_it_is_told_to(engine, adopt, db, visitor):
    before = adopt.state()
    adopt.made("--status", "activate-all")
    assert visitor.sign_in("grace@agency.example", PASSWORDS["grace@agency.example"])
    adopted = adopt.state()
    db.close()
    refused = adopt("--undo")
    assert refused.exit_code == 2
    assert "1 sign-ins" in refused.stderr
    assert adopt.state() == adopted
    told = adopt.done("--undo", "--yes")
    assert told["lost"]["sign-ins"] == 1
    assert adopt.state() == before
    aside = Path(told["aside"])
    assert aside.stat().st_mode & 0o077 == 0
    assert adopt("--undo", "--yes", "--backup", str(aside)).exit_code == 0
    assert adopt.state() == adopted


@on_both
def test_undo_asks_and_does_nothing_where_nobody_can_answer(engine, adopt):
    adopt.made("--status", "keep")
    adopted = adopt.state()
    assert adopt("--undo").exit_code == 2
    assert adopt.state() == adopted


@on_both
def test_undo_refuses_what_is_no_backup_or_half_a_one(engine, adopt, tmp_path):
    told = adopt.made("--status", "keep")
    adopted = adopt.state()
    good = Path(told["backup"]).read_bytes()
    for number, data in enumerate([b"", b"hello", good[: len(good) // 2], good[:200]]):
        path = tmp_path / f"bad-{number}"
        path.write_bytes(data)
        result = adopt("--undo", "--yes", "--backup", str(path))
        assert result.exit_code == 1, number
        assert adopt.state() == adopted
    assert adopt("--undo", "--yes", "--backup", str(tmp_path / "nowhere")).exit_code == 1


@on_both
def test_the_backup_goes_where_it_is_wanted_and_overwrites_nothing(engine, adopt, tmp_path):
    path = tmp_path / "mine"
    path.write_text("precious")
    before = adopt.state()
    assert adopt("--status", "keep", "--backup", str(path)).exit_code == 1
    assert path.read_text() == "precious"
    assert adopt.state() == before
    path.unlink()
    adopt.done("--status", "keep", "--backup", str(path))
    assert path.stat().st_mode & 0o077 == 0
    assert adopt("--undo", "--yes", "--backup", str(path)).exit_code == 0
    assert adopt.state() == before


@on_both
def test_the_adoption_is_in_the_audit(engine, adopt, db):
    adopt.made("--status", "keep")
    events = db.scalars(select(AuditEntry).where(AuditEntry.event == "database:adopted")).all()
    assert len(events) == 1
    assert events[0].details["standing"] == {"users": 15, "chat_history": 15}
    assert datetime.now(UTC) - timedelta(hours=1) < events[0].at < datetime.now(UTC)


@pytest.mark.parametrize("engine", ["sqlite"])
def test_people_are_shown_twenty_cases_and_programs_all(engine, adopt):
    with closing(sqlite3.connect(adopt.url.removeprefix("sqlite:///"))) as connection:
        connection.executemany(
            "INSERT INTO users (id, last_name, email, status) VALUES (?, 'X', ?, 'Inactive')",
            [(each, f"x{each}@learn.example") for each in range(100, 130)],
        )
        connection.commit()
    shown = adopt("--status", "keep", "--dry-run").stdout
    assert "and 16 more (all with --json)" in shown
    told = adopt.done("--status", "keep", "--dry-run")
    assert len(told["findings"]["shut_out"]["rows"]) == told["findings"]["shut_out"]["count"] == 36


@pytest.mark.parametrize("engine", ["sqlite"])
def test_what_people_typed_cannot_steer_the_terminal(engine, adopt):
    with closing(sqlite3.connect(adopt.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE users SET email = 'a\x1b[2J@x.example' WHERE id = 13")
        connection.commit()
    assert "\x1b" not in adopt("--status", "keep", "--dry-run").stdout


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_database_that_is_not_there_is_not_made(engine, adopt):
    path = Path(adopt.url.removeprefix("sqlite:///"))
    path.unlink()
    result = adopt("--status", "keep")
    assert result.exit_code == 1
    assert "There is no database" in result.stderr
    assert not path.exists()


MEDDLED = {
    "sqlite": ("bot_message", "1 rows: 4"),
    "postgresql": ("meddled", "3 rows: 3, 5, 6"),
}
"""The column in which it does so, and the rows as the proof tells them."""


@on_both
def test_a_difference_that_nobody_chose_fails_the_proof_and_no_repair_stays(engine, adopt, db):
    execute(adopt.url, *MEDDLING[engine])
    tried = adopt.done("--status", "keep", "--dry-run", code=1 if engine == "sqlite" else 0)
    assert tried["outcome"] == ("unproven" if engine == "sqlite" else "tried")
    column, rows = MEDDLED[engine]
    told = adopt.done("--status", "keep", code=1)
    assert told["outcome"] == "unproven"
    assert "--undo" in told["message"]
    wrong = {line["table"]: line["differences"] for line in told["proof"] if line["differences"]}
    assert wrong == {"chat_history": [f"chat_history.{column} differs in {rows}"]}
    line = next(each for each in told["proof"] if each["table"] == "chat_history")
    assert line["expected"] != line["found"]
    assert set(columns_of(db, User.enforced).values()) == {False}
    assert (GRACE, "A1;A2") in held(db)
    db.close()
    shown = adopt("--status", "keep")
    assert shown.exit_code == 1
    assert f"NOT CHOSEN: chat_history.{column} differs in {rows}" in shown.stdout


@on_both
@pytest.mark.parametrize("variant", ["V1"])
def test_an_upgrade_that_stops_says_so_and_can_be_taken_back(engine, variant, adopt):
    execute(
        adopt.url,
        "DROP INDEX ix_users_email",
        "UPDATE users SET email = 'grace@agency.example' WHERE id = 1",
    )
    before = adopt.state()
    result = adopt("--status", "keep")
    assert result.exit_code == 1
    assert "same email to the letter" in result.stderr
    assert "--undo" in result.stderr
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@pytest.mark.parametrize("engine", ["postgresql"])
def test_undo_keeps_grants_and_other_tables_and_lets_no_view_vanish(engine, adopt):
    execute(
        adopt.url,
        "CREATE TABLE surveys (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id))",
        "INSERT INTO surveys VALUES (1, 1)",
        "GRANT SELECT ON users TO PUBLIC",
    )
    before = adopt.state()
    adopt.done("--status", "keep")
    execute(adopt.url, "CREATE VIEW names AS SELECT last_name FROM users")
    adopted = adopt.state()
    refused = adopt("--undo", "--yes")
    assert refused.exit_code == 1
    assert "DependentObjectsStillExist" in refused.stderr
    assert adopt.state() == adopted
    execute(adopt.url, "DROP VIEW names")
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@pytest.mark.skipif(not shutil.which("psql"), reason="there is no psql here")
@pytest.mark.parametrize("engine", ["postgresql"])
@pytest.mark.parametrize("variant", ["V5-no-default", "V6", "V11"])
def test_psql_alone_restores_a_backup_by_hand(engine, variant, adopt):
    before = adopt.state()
    told = adopt.made("--status", "keep")
    path = told["backup"]
    ours = ", ".join(f'"{name}"' for name in Base.metadata.tables)
    execute(adopt.url, f"DROP TABLE {ours}, alembic_version CASCADE")
    done = subprocess.run(
        ["psql", "--set", "ON_ERROR_STOP=1", "--quiet", "--file", path, adopt.plain],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert adopt.state() == before


@on_both
def test_a_dry_run_leaves_no_trace_in_a_database_that_is_upgraded_either(engine, adopt, tmp_path):
    # In processes of their own: here the app of the test has the database open.
    let_go(adopt.app)
    environment = {
        "FLASK_APP": "wsgi",
        "DATABASE_URL": adopt.url,
        "DATA_DIR": str(tmp_path / "data"),
        "BCRYPT_LOG_ROUNDS": "4",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return forks.run("flask", "rollcall", *arguments, environment=environment)

    upgraded = run("prepare")
    assert upgraded.returncode == 0, upgraded.stderr
    before, on_disk = adopt.state(), adopt.files() | checksums(tmp_path)
    tried = run("adopt", "--status", "keep", "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "Would change:" in tried.stdout
    assert adopt.files() | checksums(tmp_path) == on_disk
    assert adopt.state() == before
