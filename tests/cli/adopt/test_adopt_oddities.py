"""`flask rollcall adopt` on data that nobody expects: reported, mended as chosen, and proven."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from app.core import clock
from app.models.conversations import Exchange
from app.models.people import Entitlement, Role, RoleGrant, User, UserLoRootId
from app.models.programs import DisclaimerAcceptance, ProgramLoRootId
from tests.cli.adopt.ground import columns_of, execute, held, on_both, sources
from tests.legacy.dirt import GONE

KEEP = ["--status", "keep"]
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"])


@on_both
@pytest.mark.parametrize("variant", ["V7"])
def test_names_and_hashes_that_are_empty_or_no_text_are_reported(engine, variant, adopt):
    if engine == "sqlite":
        execute(
            adopt.url,
            "ALTER TABLE users RENAME COLUMN last_name TO was",
            "ALTER TABLE users ADD COLUMN last_name VARCHAR",
            "UPDATE users SET last_name = was WHERE id > 2",
            "ALTER TABLE users ADD COLUMN password_hash VARCHAR",
            "UPDATE users SET password_hash = x'00ff' WHERE id = 3",
        )
    else:
        execute(
            adopt.url,
            "ALTER TABLE users ALTER COLUMN last_name DROP NOT NULL",
            "UPDATE users SET last_name = NULL WHERE id < 3",
        )
    told = adopt.done(*KEEP)
    if engine == "sqlite":
        assert 3 in [row["id"] for row in told["findings"]["unreadable_hashes"]["rows"]]


@on_both
def test_moments_with_a_zone_are_read_compared_and_proven(engine, adopt, db):
    if engine == "sqlite":
        execute(
            adopt.url,
            "UPDATE users SET expiry_date = '2024-05-01T10:00:00Z' WHERE id = 1",
            "UPDATE chat_history SET timestamp = '2024-05-01T10:00:00+02:00' WHERE id = 1",
        )
    else:
        execute(
            adopt.url,
            "ALTER TABLE users ALTER COLUMN expiry_date TYPE TIMESTAMP WITH TIME ZONE",
            "UPDATE users SET expiry_date = '2024-05-01 10:00:00+00' WHERE id = 1",
            "ALTER TABLE chat_history ALTER COLUMN timestamp TYPE TIMESTAMP WITH TIME ZONE",
        )
    adopt.done(*KEEP, "--dry-run")
    before = adopt.state()
    adopt.done(*KEEP)
    assert columns_of(db, User.expiry_date)[1].isoformat() == "2024-05-01T10:00:00+00:00"
    db.close()
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@on_sqlite
def test_dates_that_cannot_be_read_are_named_and_emptied(engine, adopt, db):
    execute(
        adopt.url,
        "UPDATE users SET expiry_date = '' WHERE id = 1",
        "UPDATE users SET date_added = '20/05/2025' WHERE id = 2",
    )
    told = adopt.done(*KEEP)
    listed = [tuple(row.values()) for row in told["findings"]["unreadable_dates"]["rows"]]
    assert listed == [("users", 1, "expiry_date", ""), ("users", 2, "date_added", "20/05/2025")]
    assert columns_of(db, User.date_added)[2] is None
    assert "Nothing to do" in adopt(*KEEP).stderr


@on_both
def test_the_proof_holds_where_a_left_over_column_has_a_default(engine, adopt, db):
    added = "VARCHAR DEFAULT 'system'"
    execute(
        adopt.url,
        f"ALTER TABLE user_lo_root_ids ADD COLUMN noted {added}",
        f"ALTER TABLE chatbot_lo_root_association ADD COLUMN noted {added}",
    )
    assert adopt.done(*KEEP, "--dry-run")["outcome"] == "tried"
    adopt.done(*KEEP)
    query = text("SELECT DISTINCT noted FROM user_lo_root_ids")
    assert db.execute(query).scalars().all() == ["system"]


@on_both
@pytest.mark.parametrize("variant", ["V8"])
def test_old_chats_with_further_columns_are_proven_and_come_back(engine, variant, adopt):
    execute(
        adopt.url,
        "ALTER TABLE chat_history ADD COLUMN rating INTEGER",
        "UPDATE chat_history SET rating = id",
    )
    before = adopt.state()
    adopt.done(*KEEP)
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before


@on_sqlite
@pytest.mark.parametrize("variant", ["V8"])
def test_the_proof_sees_hidden_messages_that_are_shown(engine, variant, adopt):
    execute(
        adopt.url,
        "CREATE TRIGGER shown AFTER DELETE ON chat_history BEGIN"
        " UPDATE chat_history SET is_visible = TRUE; END",
    )
    told = adopt.done(*KEEP, code=1)
    wrong = [line["differences"] for line in told["proof"] if line["table"] == "chat_history"]
    assert "messages that were hidden" in wrong[0][0]


@on_both
def test_an_unknown_status_owes_a_choice_and_is_opened_by_it(engine, adopt, db):
    execute(adopt.url, "UPDATE users SET status = 'Active', expiry_date = NULL WHERE id <> 13")
    assert adopt().exit_code == 2
    adopt.done("--status", "activate-all")
    assert columns_of(db, User.status)[13] == "Active"


@on_both
def test_a_merge_keeps_why_things_are_held(engine, adopt, db):
    adopt.upgraded()
    for each in (5, 7):
        db.add(UserLoRootId(user_id=each, lo_root_id="Given"))
        db.add(
            Entitlement(user_id=each, lo_root_id="Given", source="admin", granted_at=clock.now())
        )
    db.commit()
    adopt.done(*KEEP, "--merge", "ann@x.example=6")
    assert sources(db)[6, "Given"] == {"admin"}
    assert sources(db)[6, "A1"] == {"legacy"}


@on_both
def test_an_account_that_holds_a_role_is_not_merged_away(engine, adopt, db):
    adopt.upgraded()
    role = db.scalars(select(Role)).first()
    db.add(RoleGrant(user_id=7, role_id=role.id, granted_at=clock.now()))
    db.commit()
    refused = adopt(*KEEP, "--merge", "ann@x.example=6")
    assert refused.exit_code == 2
    assert "a role is held by 7" in refused.stderr
    assert adopt(*KEEP, "--merge", "ann@x.example=7").exit_code == 0


@on_sqlite
def test_a_table_that_is_no_list_is_told_at_the_end_with_the_way_on(engine, adopt):
    execute(adopt.url, "UPDATE authorized_users SET status = 'Inactive'")
    told = adopt.done(*KEEP)
    assert "Nobody can register" in told["list_refused"]
    assert "flask rollcall roster import FILE --apply" in told["message"]


@on_sqlite
def test_what_an_admin_writes_after_the_adoption_is_left_as_it_is(engine, adopt, db):
    adopt.made(*KEEP)
    db.add(ProgramLoRootId(chatbot_id=2, lo_root_id="Mind, Body"))
    db.commit()
    assert "Nothing to do" in adopt().stderr


@on_both
@pytest.mark.parametrize("policy", ["delete", "anonymise"])
def test_names_of_people_who_are_gone_are_blanked_in_what_they_accepted(engine, policy, adopt, db):
    adopt.upgraded()
    if engine == "sqlite":
        db.execute(text("PRAGMA foreign_keys=OFF"))
    else:
        db.execute(text("SET session_replication_role = replica"))
    values = {"accepted_version": 1, "disclaimer_text_snapshot": ".", "user_last_name": "Gone"}
    db.add(DisclaimerAcceptance(id=900, user_id=GONE, user_email="gone@x.example", **values))
    db.commit()
    db.close()
    adopt.done(*KEEP, "--orphans", policy)
    accepted = db.get_one(DisclaimerAcceptance, 900)
    whose = (accepted.user_id, accepted.user_email, accepted.user_last_name)
    assert whose == (None, None, None)
    db.close()
    assert "Nothing to do" in adopt("--orphans", policy).stderr


@on_sqlite
def test_codes_mean_the_same_programs_as_in_the_chat(engine, adopt, db):
    execute(adopt.url, "UPDATE chatbot_contents SET code = 'S&R' WHERE code = 'SAFETY'")
    adopt.done(*KEEP)
    codes = dict(db.execute(select(Exchange.id, Exchange.program_code)).all())
    assert {codes[each] for each in (3, 4, 5, 6)} == {"S&R"}
    assert held(db)


@on_sqlite
@pytest.mark.parametrize("variant", ["V3"])
def test_a_refused_upgrade_is_told_in_words_with_the_way_back(engine, variant, adopt):
    execute(
        adopt.url,
        "CREATE TABLE bare AS SELECT * FROM chat_history",
        "DROP TABLE chat_history",
        "ALTER TABLE bare RENAME TO chat_history",
    )
    before = adopt.state()
    refused = adopt(*KEEP)
    assert isinstance(refused.exception, SystemExit)
    assert refused.exit_code == 1
    assert "primary key" in refused.stderr
    assert "--undo" in refused.stderr
    assert adopt("--undo", "--yes").exit_code == 0
    assert adopt.state() == before
