"""A text that a program asks to be accepted: before the chat, once for each version."""

import threading

import pytest
from sqlalchemy import func, select, update

from app.core import clock
from app.models.conversations import Exchange
from app.models.programs import DisclaimerAcceptance, Program, QuotaUse

ADA = "ada@learn.agency.example"
TEXT = "Names of clients\nhave no place here.\n\n<b>Never</b> & nowhere."


@pytest.fixture
def asking(people):
    return people.program("BCC", ids=["A1"], disclaimer_text=TEXT)


@pytest.fixture
def ada(people, asking):
    return people.signed_in(ADA, ids=["A1"])


def accepted(db):
    db.rollback()
    return db.scalars(select(DisclaimerAcceptance).order_by(DisclaimerAcceptance.id)).all()


def accept_by_program(visitor, path="/accept_disclaimer/BCC", **headers):
    headers = {"X-CSRFToken": visitor.token("/program_select"), **headers}
    return visitor.client.post(path, headers=headers)


def change(db, **values):
    db.execute(update(Program).values(**values))
    db.commit()


def test_the_page_shows_the_text_as_written_and_one_button_instead_of_the_chat(ada):
    response = ada.get("/chat/BCC")
    page = ada.page(response)
    assert response.status_code == 200
    assert page.select_one(".as-written").text == TEXT
    assert [each.text for each in page.select("main button")] == ["I accept"]
    assert not page.select("textarea")
    assert "chat.js" not in response.text


def test_no_question_is_taken_before_it_is_accepted(ada, db):
    for accept in ("application/json", "text/event-stream"):
        answer = ada.ask("BCC", "What is an open question?", Accept=accept)
        assert (answer.status_code, answer.json["code"]) == (403, "disclaimer_not_accepted")
        assert "Program BCC" in answer.json["error"]
    assert db.scalar(select(func.count()).select_from(Exchange)) == 0
    assert db.scalar(select(func.count()).select_from(QuotaUse)) == 0


def test_pressing_the_button_opens_the_chat_and_keeps_what_was_read(ada, db):
    page = ada.page(ada.get("/chat/bcc"))
    form = page.select_one("main form")
    fields = {each["name"]: each["value"] for each in form.select("input")}
    response = ada.client.post(form["action"], data=fields)
    assert (response.status_code, response.location) == (303, "/chat/BCC")
    (row,) = accepted(db)
    assert (row.user_id, row.user_email, row.user_last_name) == (1, ADA, "Lovelace")
    assert (row.chatbot_code, row.program_name) == ("BCC", "Program BCC")
    assert (row.accepted_version, row.disclaimer_text_snapshot) == (1, TEXT)
    assert abs((clock.now() - row.accepted_at).total_seconds()) < 60
    assert ada.ask("BCC", "What is an open question?").status_code == 200
    page = ada.page(ada.get("/chat/BCC"))
    assert page.select("textarea")
    assert not page.select(".as-written")


def test_a_question_that_came_too_early_waits_in_the_box(ada, db):
    token = ada.token("/chat/BCC")
    early = ada.client.post("/chat/BCC", data={"csrf_token": token, "message": "My long thought"})
    assert early.status_code == 403
    assert ada.page(early).select_one(".as-written")
    assert ada.submit("/chat/BCC", to="/accept_disclaimer/BCC").status_code == 303
    assert ada.page(ada.get("/chat/BCC")).select_one("#message").text.strip() == "My long thought"
    assert db.scalar(select(func.count()).select_from(Exchange)) == 0


def test_a_program_accepts_by_json(ada, db):
    response = accept_by_program(ada, "/accept_disclaimer/bcc", Accept="application/json")
    assert (response.status_code, response.json) == (200, {"success": True})
    assert [row.chatbot_code for row in accepted(db)] == ["BCC"]


def test_without_a_token_or_a_person_nothing_is_accepted(ada, visitor, db):
    assert ada.client.post("/accept_disclaimer/BCC").status_code == 400
    headers = {"X-CSRFToken": visitor.token(), "Accept": "application/json"}
    signed_out = visitor.client.post("/accept_disclaimer/BCC", headers=headers)
    assert (signed_out.status_code, signed_out.json["code"]) == (401, "signed_out")
    assert accepted(db) == []


def test_what_is_closed_or_not_there_cannot_be_accepted(ada, people, db):
    people.program("MI", ids=["B2"], disclaimer_text=TEXT)
    assert accept_by_program(ada, "/accept_disclaimer/MI").status_code == 403
    assert accept_by_program(ada, "/accept_disclaimer/NONE").status_code == 404
    assert accepted(db) == []


def test_accepting_twice_writes_one_row(ada, db):
    for _ in range(2):
        assert accept_by_program(ada).status_code == 200
    assert len(accepted(db)) == 1


def test_twenty_presses_at_once_write_one_row(ada, visitors, db):
    token = ada.token("/program_select")
    cookie = ada.client.get_cookie("rollcall").value
    statuses = []
    together = threading.Barrier(20)

    def press():
        visitor = visitors()
        visitor.client.set_cookie("rollcall", cookie)
        together.wait()
        response = visitor.client.post("/accept_disclaimer/BCC", headers={"X-CSRFToken": token})
        statuses.append(response.status_code)

    threads = [threading.Thread(target=press) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    assert len(accepted(db)) == 1


@pytest.mark.parametrize("code", ["Safety", "SAFETY", "safety", "S&R"])
def test_what_was_accepted_in_the_legacy_application_counts(people, db, code):
    people.program("SAFETY", disclaimer_text=TEXT, disclaimer_version=4)
    ada = people.signed_in(ADA)
    imported = {"chatbot_code": code, "disclaimer_text_snapshot": "An older text", "user_id": 1}
    db.add(DisclaimerAcceptance(accepted_version=4, **imported))
    db.commit()
    assert ada.ask("SAFETY", "What?").status_code == 200
    assert accept_by_program(ada, "/accept_disclaimer/SAFETY").status_code == 200
    assert len(accepted(db)) == 1


def test_a_newer_version_asks_again_and_says_why(ada, db):
    accept_by_program(ada)
    change(db, disclaimer_text="Another text", disclaimer_version=2)
    assert ada.ask("BCC", "What?").status_code == 403
    page = ada.get("/chat/BCC").text
    assert "has changed since you accepted it" in page
    assert "Another text" in page
    ada.submit("/chat/BCC", to="/accept_disclaimer/BCC", version="2")
    assert ada.ask("BCC", "What?").status_code == 200
    snapshots = [row.disclaimer_text_snapshot for row in accepted(db)]
    assert snapshots == [TEXT, "Another text"]


def test_a_text_that_nobody_was_shown_is_not_accepted(ada, db):
    token = ada.token("/chat/BCC")
    change(db, disclaimer_text="Another text", disclaimer_version=2)
    old_page = {"csrf_token": token, "version": "1"}
    response = ada.client.post("/accept_disclaimer/BCC", data=old_page)
    assert (response.status_code, response.location) == (303, "/chat/BCC")
    page = ada.get("/chat/BCC").text
    assert "The text has changed since you opened this page" in page
    assert "Another text" in page
    headers = {"X-CSRFToken": token}
    by_program = ada.client.post("/accept_disclaimer/BCC", data=old_page, headers=headers)
    assert (by_program.status_code, by_program.json["code"]) == (409, "disclaimer_changed")
    assert accepted(db) == []


def test_what_one_person_accepts_binds_nobody_else_and_no_other_program(ada, people):
    people.program("MI", disclaimer_text=TEXT)
    accept_by_program(ada)
    assert ada.ask("MI", "What?").status_code == 403
    other = people.signed_in("b@x.example", ids=["A1"])
    assert other.ask("BCC", "What?").status_code == 403


def test_an_optional_text_is_shown_until_it_is_accepted_and_blocks_nothing(ada, db):
    change(db, disclaimer_required=False)
    assert ada.ask("BCC", "What is an open question?").status_code == 200
    page = ada.page(ada.get("/chat/BCC"))
    assert page.select_one(".as-written").text == TEXT
    assert page.select("textarea")
    ada.submit("/chat/BCC", to="/accept_disclaimer/BCC", version="1")
    assert not ada.page(ada.get("/chat/BCC")).select(".as-written")


@pytest.mark.parametrize("text", [None, "", " \n "])
def test_a_program_without_a_text_asks_for_nothing(ada, db, text):
    change(db, disclaimer_text=text)
    assert ada.ask("BCC", "What is an open question?").status_code == 200
    assert not ada.page(ada.get("/chat/BCC")).select(".as-written")
    assert accept_by_program(ada).status_code == 200
    assert accepted(db) == []


ODD_VERSIONS = ["", " ", "x", "1.0", "-1", "1" * 5000, "1_0", "null"]


@pytest.mark.parametrize("version", ODD_VERSIONS)
def test_a_version_that_is_no_number_accepts_nothing(ada, db, version):
    token = ada.token("/program_select")
    fields = {"csrf_token": token, "version": version}
    assert ada.client.post("/accept_disclaimer/BCC", data=fields).status_code == 400
    assert accepted(db) == []


@pytest.mark.parametrize("body", [{"version": each} for each in (None, "", "x", 1.0, True, [1])])
def test_json_with_an_odd_version_accepts_nothing(ada, db, body):
    headers = {"X-CSRFToken": ada.token("/program_select")}
    refused = ada.client.post("/accept_disclaimer/BCC", json=body, headers=headers)
    assert refused.status_code == 400
    for odd in ([], "1", 1):
        refused = ada.client.post("/accept_disclaimer/BCC", json=odd, headers=headers)
        assert refused.status_code == 400
    assert accepted(db) == []


def test_json_says_which_version_was_read(ada, db):
    change(db, disclaimer_version=3)
    headers = {"X-CSRFToken": ada.token("/program_select")}
    for version, status in ((2, 409), (10**30, 409), (3, 200), ("3", 200)):
        body = {"version": version}
        answer = ada.client.post("/accept_disclaimer/BCC", json=body, headers=headers)
        assert answer.status_code == status
    assert [row.accepted_version for row in accepted(db)] == [3]


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_json_without_a_version_accepts_what_stands_now(ada, db, body):
    headers = {"X-CSRFToken": ada.token("/program_select"), "Content-Type": "application/json"}
    answer = ada.client.post("/accept_disclaimer/BCC", data=body, headers=headers)
    assert answer.status_code == 200
    assert len(accepted(db)) == 1
