"""What people saved from ChatGPT, at the console: taken out and deleted as on the pages."""

import csv
import json

from sqlalchemy import select

from app.core import clock
from app.models.conversations import SavedConversation
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"


def test_it_is_written_to_a_file_and_deleted_once_the_number_is_confirmed(
    app, db, people, tmp_path
):
    now, user = clock.now(), people.account(ADA)
    db.add(
        SavedConversation(
            id="8a5e0f2c-1111-4222-8333-444455556666", user_id=user.id, summary="Practised.",
            raw_text=["Learner: hello"], characters=14, content_hash="0" * 64, created_at=now,
            updated_at=now,
        )
    )  # fmt: skip
    db.commit()

    def run(*words):
        done = app.test_cli_runner().invoke(args=["rollcall", "conversations", "saved", *words])
        db.rollback()
        return done.exit_code, done.stdout, done.stderr

    file = tmp_path / "ada.csv"
    assert run("export", str(file), "--person", ADA) == (0, "", f"Written to {file}.\n")
    with file.open(encoding="utf-8-sig", newline="") as text:
        assert [row["text"] for row in csv.DictReader(text)] == ["Learner: hello"]
    assert list(db.scalars(select(AuditEntry.user_id).where(
        AuditEntry.event == "conversations:exported"))) == [user.id]  # fmt: skip
    code, _, words = run("export", str(tmp_path / "no.csv"), "--person", "x@y.example")
    assert (code, words) == (1, "Refused: Nobody has this address or number.\n")
    assert not (tmp_path / "no.csv").exists()

    code, output, words = run("delete", "--person", ADA, "--json")
    assert (code, json.loads(output)) == (0, {"conversations": 1, "people": 1, "deleted": 0})
    assert "--confirm 1" in words
    assert run("delete", "--all", "--confirm", "2")[0] == 1
    assert run("delete")[0] == run("delete", "--all", "--person", ADA)[0] == 2
    assert len(db.scalars(select(SavedConversation.id)).all()) == 1
    assert run("delete", "--older-than", "0", "--confirm", "1")[2] == "Deleted 1.\n"
    assert db.scalars(select(SavedConversation.id)).all() == []
