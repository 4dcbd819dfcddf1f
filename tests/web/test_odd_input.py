"""Input that no page of ours sends, and what must not come of it."""

import logging

import pytest
from sqlalchemy import func, select, text

from app.core import outbox
from app.core.outbox import Kind
from app.models.conversations import Exchange
from app.models.people import User
from app.models.programs import QuotaUse
from app.models.records import OutgoingMessage

ADA = "ada@learn.agency.example"
BEYOND = "3000000000"


@pytest.fixture
def ada(people):
    people.program("BCC")
    return people.signed_in(ADA)


def test_half_a_surrogate_pair_in_a_question_is_asked_and_stored(ada, db):
    headers = {"X-CSRFToken": ada.token("/program_select"), "Content-Type": "application/json"}
    body = '{"message": "What is \\ud800 open?", "program": "BCC"}'
    assert ada.client.post("/chat", data=body, headers=headers).status_code == 200
    assert db.scalar(select(func.count()).select_from(Exchange)) == 1
    assert db.scalar(select(QuotaUse.used)) == 1
    body = '{"message": "What?", "program": "BCC\\ud800"}'
    assert ada.client.post("/chat", data=body, headers=headers).status_code == 404


@pytest.mark.parametrize("path", ["/chat/%00", "/set_program/%00", "/chat/%EF%BF%BD"])
def test_a_program_that_no_text_can_name_is_404(ada, path):
    assert ada.get(path).status_code == 404


@pytest.mark.parametrize("number", [BEYOND, "1" + "0" * 22, "-1", "x"])
def test_a_number_that_no_row_has_is_no_number(people, ada, number):
    admin = people.admin()
    for path in ("/admin/people", "/admin/outbox", "/admin/audit", "/chat/BCC"):
        assert admin.get(f"{path}?before={number}").status_code == 200
    assert ada.get(f"/older_messages?program_code=BCC&before_id={number}").status_code == 200
    for path in (f"/admin/roster/{BEYOND}", f"/dev/mailbox/{BEYOND}"):
        assert admin.get(path).status_code == 404


def test_a_search_for_nul_finds_nobody_and_breaks_nothing(people):
    assert people.admin().get("/admin/people?q=%00").status_code == 200


def test_the_page_of_a_database_error_comes_even_to_an_admin(people, monkeypatch):
    admin = people.admin()
    people.program("BCC")

    def broken(db, *_args, **_kwargs):
        db.execute(text("SELECT * FROM nowhere"))

    monkeypatch.setattr("app.core.learning.chat.page", broken)
    response = admin.get("/chat/BCC")
    assert response.status_code in {500, 503}
    assert "Reference" in response.text


def test_a_database_error_logs_no_hash(app, db, caplog, people):
    people.account(ADA, password_hash="sha256$a hash that nobody may read", password=None)
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception) as broken:  # noqa: PT011
        db.execute(select(User).where(text("nowhere = :secret")), {"secret": "a secret value"})
    assert "a secret value" not in str(broken.value)


def test_a_question_waits_for_its_own_person_alone(ada, people, visitors, db):
    people.account("b@x.example")
    token = ada.token("/chat/BCC")
    other = visitors()
    other.client.set_cookie("rollcall", ada.client.get_cookie("rollcall").value)
    other.submit("/logout")
    ada.client.post("/chat/BCC", data={"csrf_token": token, "message": "My private thought"})
    assert ada.sign_in("b@x.example").status_code == 303
    assert "My private thought" not in ada.get("/chat/BCC").text


def test_who_was_dropped_is_told_whichever_page_comes_first(people, db):
    people.listed("Lovelace", ADA, "A1", follow=False)
    ada = people.signed_in(ADA, from_roster=True)
    db.execute(text("UPDATE sessions SET ended_at = created_at, end_reason = 'off_list'"))
    db.commit()
    ada.get("/nowhere")
    assert "You were taken off the list" in ada.get("/login").text


def test_a_code_leaves_before_a_note_to_thousands(db, settings):
    people = [(f"p{number}@x.example", None, None) for number in range(50)]
    outbox.queue_all(db, Kind.OFF_LIST, people)
    sealed = outbox.seal("123456", keys=[settings.FLASK_SECRET_KEY])
    outbox.queue(db, Kind.REGISTRATION_CODE, ADA, sealed=sealed)
    db.commit()
    assert outbox.claim_due(db).recipient == ADA


def test_a_worker_that_was_overtaken_changes_nothing(db):
    outbox.queue(db, Kind.OFF_LIST, ADA)
    db.commit()
    message = outbox.claim_due(db)
    db.commit()
    assert outbox.is_still_mine(db, message)
    db.execute(text("UPDATE outgoing_messages SET attempts = 2"))
    assert not outbox.is_still_mine(db, message)


def test_who_is_shut_out_is_told_so_by_mail_alone(people, visitors, mails, db):
    people.account(ADA, status="Inactive")
    visitors().submit("/register", last_name="Lovelace", email=ADA)
    assert str(mails.to(ADA)[-1]["Subject"]) == "Your Rollcall account is closed for now"
    assert db.scalar(select(OutgoingMessage.kind)) == "shut_out"
