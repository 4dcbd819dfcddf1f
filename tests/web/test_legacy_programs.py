"""The addresses at which the legacy application changed programs: the same keys, safer answers."""

import io

import pytest
from sqlalchemy import func, select

from app.models.programs import Program
from app.models.records import AuditEntry

TEXT = "# Coaching\n\nAsk an open question."
NEW = {
    "course_name": "bcc",
    "display_name": "Basic Coaching",
    "description": "How to ask.",
    "category": "ild",
    "intro_message": "Hi",
    "default_quota": "20",
    "char_limit": "60000",
    "auto_summarize": "true",
    "combined_content": TEXT,
    "lo_root_ids": "A1;B2",
    "system_prompt_guidelines": "Be brief",
}


@pytest.fixture
def script(people):
    """Posts as a script of the legacy pages did, with the token in a header; gives the answer."""
    admin = people.admin()
    headers = {"X-CSRFToken": admin.token("/admin")}

    def post(path, json=None, **fields):
        kind = {"json": json} if json is not None else {"data": fields}
        return admin.client.post(path, headers=headers, **kind)

    post.admin = admin
    return post


def program_of(db, code="BCC"):
    db.rollback()
    query = select(Program).where(Program.code == code)
    return db.scalar(query.execution_options(populate_existing=True))


def test_a_program_is_uploaded_with_the_legacy_fields(script, db):
    made = script("/admin/upload", **NEW)
    assert (made.status_code, made.json["success"], made.json["code"]) == (200, True, "BCC")
    program = program_of(db)
    assert (program.name, program.category, program.quota) == ("Basic Coaching", "ild", 20)
    assert (program.content, program.char_limit) == (TEXT, 60_000)
    assert program.system_prompt_guidelines == "Be brief"
    assert [each.lo_root_id for each in program.lo_root_ids] == ["A1", "B2"]
    for wrong in (
        NEW,
        NEW | {"course_name": "x" * 51},
        NEW | {"course_name": "n", "category": "x"},
    ):
        refused = script("/admin/upload", **wrong)
        assert (refused.status_code, refused.json["success"]) == (400, False)
    without = script("/admin/upload", **NEW | {"course_name": "ALL", "lo_root_ids": " "})
    assert (without.status_code, without.json["code"]) == (400, "opens_to_all")
    both = {"course_name": "ALL", "lo_root_ids": "", "open_to_all": "true", "combined_content": ""}
    files = {"files": [(io.BytesIO(b"One."), "a.txt"), (io.BytesIO(b"Two."), "b.md")]}
    assert script("/admin/upload", **NEW | both, **files).status_code == 200
    assert program_of(db, "ALL").content == "One.\n\nTwo."


def test_somebody_at_a_browser_is_led_to_the_page(people, db):
    admin = people.admin()
    made = admin.submit("/admin", to="/admin/upload", **NEW)
    assert (made.status_code, made.location) == (303, f"/admin/programs/{program_of(db).id}")
    refused = admin.submit("/admin", to="/update_quota", chatbot_code="BCC", quota="0")
    assert refused.status_code == 422
    assert "from 1 to 100" in refused.text
    assert admin.submit("/admin", to="/update_quota", chatbot_code="none").status_code == 404


def test_files_are_read_and_nothing_is_kept_or_shortened(script, db):
    files = [(io.BytesIO(b"One. " * 300), "a.txt"), (io.BytesIO(b"Two."), "b.md")]
    found = script("/admin/preview_upload", files=files, char_limit="1000").json
    assert [each["char_count"] for each in found["files"]] == [1499, 4]
    assert found["combined_preview"].endswith("One.\n\nTwo.")
    assert (found["total_char_count"], found["char_limit"]) == (1505, 1000)
    assert found["exceeds_limit"] is True
    assert "1,505 characters" in found["warning"]
    assert (found["was_summarized"], found["summarization_stats"]) == (False, None)
    bad = script("/admin/preview_upload", files=[(io.BytesIO(b"MZ"), "a.exe")])
    assert (bad.status_code, bad.json["success"]) == (400, False)
    assert "a.exe is none of" in bad.json["error"]
    assert script("/admin/preview_upload").status_code == 400
    assert db.scalar(select(func.count(Program.id))) == 0


def test_each_field_is_changed_at_its_address(script, people, db):
    people.program("BCC", ids=["A1"])
    named = {"chatbot_code": "bcc"}
    calls = [
        ("/admin/update_description", {"description": "New words"}),
        ("/admin/update_category", {"category": "ild"}),
        ("/update_chatbot_content", {"content": "Other text"}),
        ("/admin/update_chatbot_content", {"content": TEXT, "char_limit": "2000"}),
    ]
    for path, fields in calls:
        assert script(path, **named, **fields).json["success"] is True, path
    assert script("/update_quota", json=named | {"quota": 7}).status_code == 200
    assert (
        script("/update_intro_message", json=named | {"intro_message": "Hi {x}"}).status_code == 200
    )
    ids = script("/admin/update_lo_root_ids", json=named | {"lo_root_ids": "B2; C3"})
    assert ids.json["success"] is True
    program = program_of(db)
    assert (program.description, program.category) == ("New words", "ild")
    assert (program.content, program.char_limit, program.quota) == (TEXT, 2000, 7)
    assert program.intro_message == "Hi {x}"
    assert {each.lo_root_id for each in program.lo_root_ids} == {"B2", "C3"}
    read = script.admin.get("/admin/get_chatbot_content/bcc").json
    assert (read["content"], read["char_limit"]) == (TEXT, 2000)
    assert script("/get_chatbot_content", **named).json == read
    events = db.scalars(select(AuditEntry.event)).all()
    assert events.count("program:changed") == 7


@pytest.mark.parametrize("quota", [0, 101, "x", None, True, [1], "9" * 40])
def test_a_quota_that_is_none_is_a_400(script, people, db, quota):
    people.program("BCC")
    refused = script("/update_quota", json={"chatbot_code": "BCC", "quota": quota})
    assert (refused.status_code, refused.json["success"]) == (400, False)
    assert program_of(db).quota == 3


def test_clearing_the_ids_takes_a_word_of_its_own(script, people, db):
    people.program("BCC", ids=["A1"])
    body = {"chatbot_code": "BCC", "lo_root_ids": ""}
    refused = script("/admin/update_lo_root_ids", json=body)
    assert (refused.status_code, refused.json["code"]) == (400, "opens_to_all")
    assert [each.lo_root_id for each in program_of(db).lo_root_ids] == ["A1"]
    assert script("/admin/update_lo_root_ids", json=body | {"open_to_all": True}).status_code == 200
    assert program_of(db).lo_root_ids == []


def test_deleting_is_the_trash_and_for_good_is_asked_again(script, people, db):
    program = people.program("BCC", ids=["A1"])
    off = people.program("OFF", is_active=False)
    named = {"chatbot_name": "bcc"}
    asked = script("/admin/permanent_delete_chatbot", **named)
    assert (asked.status_code, asked.json["success"]) == (409, False)
    assert f"/admin/programs/{program.id}/trash" in asked.json["error"]
    assert script("/admin/delete_chatbot", **named).json["success"] is True
    assert program_of(db).deleted_at is not None
    led = script.admin.submit("/admin", to="/admin/permanent_delete_chatbot", chatbot_code="BCC")
    assert (led.status_code, led.location) == (303, f"/admin/programs/{program.id}/purge")
    assert program_of(db) is not None
    assert script("/update_quota", json={"chatbot_code": "BCC", "quota": 5}).status_code == 409
    assert script("/admin/restore_chatbot", **named).json["success"] is True
    assert program_of(db).deleted_at is None
    # The legacy application deleted a program by switching it off.
    assert script("/admin/restore_chatbot", chatbot_code="OFF").json["success"] is True
    assert program_of(db, "OFF").is_active is True
    assert off.deleted_at is None
