"""What people saved from ChatGPT, for admins: listed, taken out, deleted, kept for so long."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from app import config, jobs
from app.core import clock
from app.core.learning import forgetting
from app.models.conversations import Exchange, SavedConversation
from app.models.records import AuditEntry, Job

ADA, ALAN = "ada@learn.agency.example", "alan@learn.agency.example"
PATH = "/admin/conversations/saved"
MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def save(db):
    """Puts saved conversations into the table, the later ones a second later each."""

    def put(user, *, at=MARCH, times=1, title="Open questions"):
        rows = []
        for number in range(times):
            moment = at + timedelta(seconds=number)
            rows.append(
                SavedConversation(
                    id=str(uuid.uuid4()), user_id=user.id, title=title, summary="A secret summary",
                    raw_text=["Learner: =a secret", "Coach: kept"], characters=29 + number,
                    content_hash="0" * 64, client="Coach GPT", created_at=moment, updated_at=moment,
                )
            )  # fmt: skip
        db.add_all(rows)
        db.commit()

    return put


def whose(visitor, **where):
    page = visitor.page(visitor.get(PATH, query_string=where))
    return [row.select_one(".under").text for row in page.select("tbody tr")]


def left(db):
    db.rollback()
    return sorted(db.scalars(select(SavedConversation.user_id)))


def noted(db, event):
    db.rollback()
    rows = db.scalars(select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id))
    return [(each.user_id, each.details) for each in rows]


def test_they_are_listed_by_person_and_day_without_what_they_say(people, save):
    ada, alan = people.account(ADA, last_name="Lovelace"), people.account(ALAN)
    admin = people.admin()
    assert "Nobody has saved a conversation yet" in admin.get(PATH).text
    save(ada, at=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC))
    save(alan, at=datetime(2026, 4, 1, tzinfo=UTC))
    answer = admin.get(PATH)
    assert whose(admin) == [ALAN, ADA]
    assert "Coach GPT" in answer.text
    assert "secret" not in answer.text
    assert "Open questions" not in answer.text
    assert whose(admin, person=ADA.upper()) == whose(admin, until="2026-03-31") == [ADA]
    assert whose(admin, person=str(alan.id)) == whose(admin, since="2026-04-01") == [ALAN]
    assert whose(admin, person="nobody@learn.agency.example") == []
    assert "No saved conversation fits" in admin.get(f"{PATH}?person=nobody").text
    wrong = admin.get(f"{PATH}?since=soon")
    assert wrong.status_code == 422
    assert admin.page(wrong).select_one(".error-summary a[href='#since']")


def test_pages_follow_each_other_without_a_gap(people, save):
    ada, alan = people.account(ADA), people.account(ALAN)
    save(alan, times=3)
    save(ada, at=MARCH + timedelta(hours=1), times=101)
    admin = people.admin()
    for where, expected in (({}, 104), ({"person": ADA}, 101)):
        seen, page = [], admin.page(admin.get(PATH, query_string=where))
        while True:
            seen += [int(cell.text) for cell in page.select("tbody td.number")]
            further = page.select_one("a[rel=next]")
            if further is None:
                break
            page = admin.page(admin.get(further["href"]))
        assert len(seen) == expected
        assert seen[:101] == list(range(129, 28, -1))
    assert len(whose(admin, before="gone")) == 50


def test_all_of_one_person_is_a_file_and_written_down_about_them(people, save, db):
    ada, alan = people.account(ADA), people.account(ALAN)
    save(ada, times=2, title=None)
    save(alan)
    admin = people.admin()
    assert not admin.page(admin.get(PATH)).select("form[action$='/saved/export']")
    assert admin.page(admin.get(f"{PATH}?person={ADA}")).select("form[action$='/saved/export']")
    file = admin.submit(PATH, to=f"{PATH}/export", person=ADA)
    assert file.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [row["user_email"] for row in rows] == [ADA, ADA]
    assert rows[0]["text"] == "Learner: =a secret\nCoach: kept"
    assert (rows[0]["saved_at"], rows[1]["saved_at"][-2:]) == ("2026-03-31 12:00:00", "01")
    assert (rows[0]["title"], rows[0]["client"]) == ("", "Coach GPT")
    assert noted(db, "conversations:exported") == [(ada.id, {"format": "csv", "saved": True})]
    for nobody in ("", "  ", "nobody@learn.agency.example", "4711"):
        assert admin.submit(PATH, to=f"{PATH}/export", person=nobody).status_code == 404
    assert len(noted(db, "conversations:exported")) == 1


def test_deleting_says_the_number_and_wants_it_typed_where_it_is_much(people, save, db, work):
    ada, alan = people.account(ADA), people.account(ALAN)
    save(ada, times=450)
    save(alan)
    db.add(Exchange(user_id=ada.id, program_code="BCC", user_message="Stays", bot_message="Yes",
                    timestamp=MARCH, is_visible=True))  # fmt: skip
    db.commit()
    admin = people.admin()
    preview = f"{PATH}/delete?preview=1&person={ADA}"
    assert "450 saved conversations will be deleted for good" in admin.get(preview).text
    assert "451 saved" in admin.get(f"{PATH}/delete?preview=1").text
    for typed in ("", "449", "all"):
        refused = admin.submit(preview, to=f"{PATH}/delete", person=ADA, typed=typed)
        assert refused.status_code == 409, typed
        assert "about 450 conversations" in refused.text
    began = admin.submit(preview, to=f"{PATH}/delete", person=ADA, typed="450")
    assert began.status_code == 303
    save(ada, at=clock.now())  # Saved in the meantime: it was not counted, and stays.
    assert "Look again" in admin.get(began.location).text
    assert work() == 1
    assert "450 saved conversations were deleted" in admin.get(began.location).text
    assert left(db) == [ada.id, alan.id]
    assert db.scalar(select(Exchange.user_message)) == "Stays"
    facts = {"count": 450, "saved": True, "person": ADA}
    assert noted(db, "conversations:to_delete") == [(None, facts)]
    assert noted(db, "conversations:deleted") == [(None, facts)]


def test_deleting_by_age_takes_what_was_saved_before_and_no_more(people, save, db, work):
    ada, alan = people.account(ADA), people.account(ALAN)
    for user, days in ((ada, 31), (ada, 29), (alan, 31)):
        save(user, at=clock.now() - timedelta(days=days))
    admin = people.admin()
    assert "There is nothing to delete" in admin.get(f"{PATH}/delete?preview=1&person=x").text
    assert admin.get(f"{PATH}/delete?preview=1&older_than=soon").status_code == 422
    admin.submit(f"{PATH}/delete", person=ADA, older_than="30")
    work()
    assert left(db) == [ada.id, alan.id]
    admin.submit(f"{PATH}/delete", older_than="30")
    work()
    assert left(db) == [ada.id]
    admin.submit(f"{PATH}/delete")
    work()
    assert left(db) == []


def test_a_deletion_that_was_stopped_says_how_far_it_came(people, save, db, work, monkeypatch):
    save(people.account(ADA), times=3)
    admin = people.admin()
    began = admin.submit(f"{PATH}/delete")
    db.execute(update(Job).values(stop_asked=False))
    db.commit()
    monkeypatch.setattr(forgetting, "BATCH", 2)
    condition = forgetting._condition

    def asked_to_stop(*args):
        db.execute(update(Job).values(stop_asked=True))
        db.commit()
        return condition(*args)

    monkeypatch.setattr(forgetting, "_condition", asked_to_stop)
    work()
    assert len(left(db)) == 1
    assert "2 saved conversations were deleted until then" in admin.get(began.location).text
    assert [facts["count"] for _, facts in noted(db, "conversations:deleted")] == [2]


def test_the_worker_deletes_what_is_older_than_the_setting_and_nothing_without_one(
    people, save, db, environment
):
    ada = people.account(ADA)
    save(ada, at=clock.now() - timedelta(days=91), times=3)
    save(ada, at=clock.now() - timedelta(days=89))
    sessions = people.app.extensions["rollcall"].sessions
    jobs.drop_saved(sessions, config.load(environment))
    assert len(left(db)) == 4
    for _ in range(2):
        jobs.drop_saved(sessions, config.load(environment | {"SAVED_KEEP_DAYS": "90"}))
        assert len(left(db)) == 1
    facts = {"count": 3, "saved": True, "days": 90}
    assert noted(db, "conversations:expired") == [(None, facts)]
