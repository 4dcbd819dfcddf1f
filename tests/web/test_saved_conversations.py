"""What a person saved from ChatGPT, on their own account page."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.core.audit import NOWHERE
from app.core.learning import keeping
from app.core.learning.content import Text
from app.models.people import User
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
GRACE = "grace@learn.agency.example"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def ada(people):
    """A person who is signed in."""
    return people.signed_in(ADA)


@pytest.fixture
def save(db):
    """Saves a conversation of somebody, as a GPT does."""

    def kept(email, summary, *lines, title=None):
        user = User.get_by_email(db, email)
        row = keeping.save(db, user.id, Text(summary, lines, title), client="Coach", origin=NOWHERE)
        db.commit()
        return row

    return kept


def test_they_are_listed_read_and_deleted_for_good(ada, save):
    assert "Nothing saved yet" in ada.get("/account/conversations").text
    row = save(ADA, "Practised.", "Learner: <b>bold?</b>", "Coach: Yes: so.", "no speaker")
    assert "1 conversation, for you alone" in ada.get("/account").text
    assert "Practised." in ada.get("/account/conversations").text
    page = ada.page(ada.get(f"/account/conversations/{row.id}"))
    assert page.select_one(".question").text == "Learner<b>bold?</b>"
    assert [each.text for each in page.select(".answer")] == ["CoachYes: so.", "no speaker"]
    asked = ada.get(f"/account/conversations/{row.id}/delete")
    assert "One conversation is deleted for good" in asked.text
    gone = ada.submit(f"/account/conversations/{row.id}/delete")
    assert (gone.status_code, gone.location) == (303, "/account/conversations")
    assert "Nothing saved yet" in ada.follow(gone).text
    assert ada.get(f"/account/conversations/{row.id}").status_code == 404


def test_nobody_sees_or_deletes_anothers(ada, save, people):
    people.account(GRACE)
    row = save(GRACE, "Grace's own.")
    for path in (row.id, f"{row.id}/delete", "nowhere", "%00", "x" * 300):
        assert ada.get(f"/account/conversations/{path}").status_code == 404
    answer = ada.submit("/account/conversations", to=f"/account/conversations/{row.id}/delete")
    assert answer.status_code == 404
    assert "Grace's own." not in ada.get("/account/conversations").text
    assert ada.get(f"/account/conversations?before={row.id}").status_code == 200


def test_one_takes_along_all_that_one_saved_and_nothing_of_others(ada, save, people, db):
    people.account(GRACE)
    save(GRACE, "Grace's own.", "Learner: a secret")
    first = save(ADA, "=Practised.", "Learner: hello", "Coach: =yes", title="Ärger")
    first.created_at = START
    save(ADA, "Later.", "Learner: +31 6?")
    page = ada.page(ada.get("/account/conversations"))
    file = ada.get(page.select_one("a[download]")["href"])
    assert (file.status_code, file.mimetype) == (200, "text/csv")
    assert 'attachment; filename="saved-conversations-' in file.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [row["summary"] for row in rows] == ["'=Practised.", "Later."]
    assert {row["user_email"] for row in rows} == {ADA}
    assert (rows[0]["title"], rows[0]["text"]) == ("Ärger", "Learner: hello\nCoach: =yes")
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "conversations:exported")).one()
    me = User.get_by_email(db, ADA).id
    assert (entry.user_id, entry.actor_id) == (me, me)
    assert entry.details == {"format": "csv", "saved": True}


def test_who_is_signed_out_or_has_nothing_gets_no_file_of_anybody(visitor, people, db):
    assert visitor.get("/account/conversations.csv").status_code in {302, 303, 401}
    assert db.scalar(select(func.count()).select_from(AuditEntry)) == 0
    grace = people.signed_in(GRACE)
    assert grace.page(grace.get("/account/conversations")).select("a[download]") == []
    empty = grace.get("/account/conversations.csv").data.decode("utf-8-sig")
    assert list(csv.DictReader(io.StringIO(empty))) == []


def test_pages_of_thirty_go_on_where_the_last_one_ended(ada, save, db):
    for number in range(35):
        row = save(ADA, f"No. {number:02}.")
        row.created_at = START + timedelta(hours=number)
    db.commit()
    first = ada.page(ada.get("/account/conversations"))
    assert len(first.select(".kept li")) == 30
    older = ada.page(ada.get(first.select_one('a[rel="next"]')["href"]))
    assert [each.text for each in older.select(".kept-summary")] == [
        f"No. {number:02}." for number in (4, 3, 2, 1, 0)
    ]
    assert older.select_one('a[rel="next"]') is None
