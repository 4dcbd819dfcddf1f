"""Many people at once: the page before, the job behind, and the addresses of the former app."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from app.core import backlog, clock
from app.core.desk.people import bulk
from app.models.access import SignInSession
from app.models.people import User
from app.models.records import AuditEntry, Job

ADA = "ada@x.example"


@pytest.fixture
def crowd(people):
    """An owner's visitor, and twelve people."""
    for number in range(12):
        people.account(f"p{number}@{'x' if number % 2 else 'y'}.example", password=None)
    return people.admin()


def suspended(db):
    db.rollback()
    return set(db.scalars(select(User.email).where(User.status == "Inactive")))


def test_all_that_match_are_suspended_in_spans_with_an_entry_each(crowd, work, db, monkeypatch):
    monkeypatch.setattr(bulk, "STEP", 4)
    page = crowd.get("/admin/people/bulk?action=suspend&who=all&q=x.example")
    assert "6 people" in page.text
    assert suspended(db) == set()
    answer = crowd.submit("/admin/people", "/admin/people/bulk/change",
                          action="suspend", who="all", q="x.example")  # fmt: skip
    assert answer.status_code == 303
    assert "Waiting" in crowd.get(answer.location).text
    assert work() == 1
    assert suspended(db) == {f"p{number}@x.example" for number in range(1, 12, 2)}
    entries = select(func.count()).where(AuditEntry.event == "account:suspended")
    assert db.scalar(entries) == 6
    assert "6 of 6 looked at, 6 changed" in crowd.get(answer.location).text


def test_ticked_people_alone_are_meant_and_no_tick_means_nobody(crowd, work, db):
    ids = list(db.scalars(select(User.id).where(User.email.in_(["p1@x.example", "p2@y.example"]))))
    page = crowd.get(f"/admin/people/bulk?action=suspend&ids={ids[0]}&ids={ids[1]}&q=nobody")
    assert "2 people" in page.text
    none = crowd.submit("/admin/people", "/admin/people/bulk/change", action="suspend")
    assert none.status_code == 409
    crowd.submit("/admin/people", "/admin/people/bulk/change", action="suspend", ids=ids)
    work()
    assert suspended(db) == {"p1@x.example", "p2@y.example"}


def test_a_large_number_is_typed(crowd, db, monkeypatch):
    monkeypatch.setattr(bulk, "LARGE", 5)
    for typed in ("", "11", "13"):
        answer = crowd.submit("/admin/people", "/admin/people/bulk/change",
                              action="suspend", who="all", number=typed)  # fmt: skip
        assert answer.status_code == 422
        assert "Type the number 12" in answer.text
    assert db.scalar(select(func.count()).select_from(Job)) == 0
    answer = crowd.submit("/admin/people", "/admin/people/bulk/change",
                          action="suspend", who="all", number="12")  # fmt: skip
    assert answer.status_code == 303


def test_whoever_hands_out_roles_is_left_out(crowd, work, db):
    assert (
        "One of those you chose is left out"
        in crowd.get("/admin/people/bulk?action=suspend&who=all").text
    )
    crowd.submit("/admin/people", "/admin/people/bulk/change", action="suspend", who="all")
    work()
    assert "grace@agency.example" not in suspended(db)
    assert len(suspended(db)) == 12


def test_deleting_many_takes_them_and_their_sessions(people, work, db):
    people.signed_in(ADA, ids=["A1"])
    people.account("bo@y.example")
    admin = people.admin()
    page = admin.follow(admin.get("/admin/people/bulk?action=delete&who=all&q=x.example"))
    assert "Nothing brings them back" in page.text
    admin.submit("/admin/people", "/admin/people/bulk/delete",
                 action="delete", who="all", q="x.example", chats="keep")  # fmt: skip
    work()
    db.rollback()
    assert set(db.scalars(select(User.email))) == {"bo@y.example", "grace@agency.example"}
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 1


def test_a_job_whose_worker_died_goes_on_where_it_was(crowd, app, work, db, monkeypatch):
    monkeypatch.setattr(bulk, "STEP", 4)
    crowd.submit("/admin/people", "/admin/people/bulk/change", action="suspend", who="all")
    act, done = bulk._act, []

    def die_at_the_second(*args):
        done.append(args)
        if len(done) == 2:
            act(*args)
            raise SystemExit
        return act(*args)

    monkeypatch.setattr(bulk, "_act", die_at_the_second)
    with pytest.raises(SystemExit):
        work()
    assert 0 < len(suspended(db)) < 12
    monkeypatch.setattr(bulk, "_act", act)
    db.execute(update(Job).values(claimed_until=Job.created_at))
    db.commit()
    work()
    assert len(suspended(db)) == 12
    entries = select(func.count()).where(AuditEntry.event == "account:suspended")
    assert db.scalar(entries) == 12
    job = db.scalar(select(Job))
    assert (job.state, job.facts["changed"]) == ("done", 12)


def test_a_job_can_be_stopped(crowd, work, db):
    answer = crowd.submit("/admin/people", "/admin/people/bulk/change",
                          action="suspend", who="all")  # fmt: skip
    crowd.submit(answer.location, f"{answer.location}/stop")
    assert "Stopped" in crowd.get(answer.location).text
    work()
    assert suspended(db) == set()
    assert {each.state for each in backlog.latest(db)} == {"stopped"}


def test_the_other_changes_do_what_they_say(crowd, people, visitors, work, db):
    people.signed_in(ADA)
    people.account("old@z.example", expiry_date=None, status="Inactive")
    for action, path in (("end_sessions", "help"), ("restore", "change"), ("extend", "change")):
        crowd.submit("/admin/people", f"/admin/people/bulk/{path}",
                     action=action, who="all")  # fmt: skip
        assert work() == 1
    assert suspended(db) == set()
    ended = select(SignInSession.end_reason).join(User).where(User.email == ADA)
    assert db.scalars(ended).all() == ["by_admin"]
    for wrong in ("delete", "suspend", "nothing"):
        answer = crowd.submit("/admin/people", "/admin/people/bulk/help", action=wrong, who="all")
        assert answer.status_code == 404


JSON = {"Accept": "application/json"}


def post(visitor, path, body):
    headers = {"X-CSRFToken": visitor.token("/admin")}
    return visitor.client.post(path, json=body, headers=headers)


def test_legacy_people_as_json_a_page_at_a_time(crowd):
    first = crowd.get("/admin/get_users?sort_by=email&sort_order=desc", headers=JSON).json
    assert (first["success"], first["total"], first["next"]) == (True, 13, None)
    assert [each["email"] for each in first["users"]][:2] == ["p9@x.example", "p8@y.example"]
    assert set(first["users"][0]) >= {"id", "last_name", "email", "status", "expiry_date"}


def test_case_28_legacy_editing_keeps_ids_that_are_blank_without_the_flag(people, db):
    user = people.account(ADA, ids=["A1"])
    admin = people.admin()
    body = {"user_id": user.id, "last_name": "King", "email": ADA, "status": "Inactive",
            "expiry_date": "2099-01-02", "lo_root_ids": ""}  # fmt: skip
    assert post(admin, "/admin/edit_user", body).json["success"] is True
    db.refresh(user)
    assert (user.last_name, user.status) == ("King", "Inactive")
    page = admin.get(f"/admin/people/{user.id}").text
    assert "A1" in page
    post(admin, "/admin/edit_user", body | {"clear_lo_root_ids": True, "status": "Active"})
    db.refresh(user)
    assert user.status == "Active"
    assert "given by an admin" not in admin.get(f"/admin/people/{user.id}").text
    for odd in ({}, {"user_id": "x"}, body | {"expiry_date": "soon"}, body | {"email": "x"}):
        assert post(admin, "/admin/edit_user", odd).status_code == 400


def test_case_28_every_legacy_way_of_deleting_works_with_ids(people, work, db):
    for number in range(4):
        people.account(f"p{number}@x.example", ids=["A1"], last_name="O’Neil")
    ids = list(db.scalars(select(User.id).order_by(User.id)))
    admin = people.admin()
    wrong = {"email": "p0@x.example", "last_name": "Other"}
    assert post(admin, "/delete_registration", wrong).status_code == 404
    assert post(admin, "/delete_registration", {"email": "p0@x.example"}).status_code == 400
    right = wrong | {"last_name": "o'neil"}
    assert post(admin, "/delete_registration", right).json["success"] is True
    assert post(admin, f"/admin/delete_user/{ids[1]}", {}).json["success"] is True
    assert post(admin, "/admin/delete_selected_users", {"user_ids": []}).status_code == 400
    chosen = post(admin, "/admin/delete_selected_users", {"user_ids": [ids[2]]})
    assert (chosen.status_code, chosen.json["people"]) == (202, 1)
    work()
    assert post(admin, "/admin/delete_all_users", {"confirm": "yes"}).status_code == 400
    assert post(admin, "/admin/delete_all_users", {"confirm": "1"}).status_code == 202
    work()
    db.rollback()
    assert db.scalars(select(User.email)).all() == ["grace@agency.example"]


def test_many_are_extended_to_the_day_that_is_chosen_and_never_shortened(crowd, people, work, db):
    people.account(ADA, last_name="Long", expiry_date=datetime(2090, 1, 1, tzinfo=UTC))
    day = clock.today() + timedelta(days=40)
    page = crowd.get("/admin/people/bulk?action=extend&who=all&q=x.example")
    assert crowd.page(page).select_one("#until")["type"] == "date"
    where = ("/admin/people", "/admin/people/bulk/change")
    for wrong in ("soon", "2001-02-03"):
        answer = crowd.submit(*where, action="extend", who="all", q="x.example", until=wrong)
        assert answer.status_code == 422
        assert crowd.page(answer).select_one("#until")["aria-invalid"] == "true"
    db.execute(update(User).where(User.email != ADA).values(expiry_date=clock.now()))
    db.commit()
    answer = crowd.submit(*where, action="extend", who="all", q="x.example",
                          until=day.isoformat())  # fmt: skip
    assert work() == 1
    assert "7 of 7 looked at, 6 changed" in crowd.get(answer.location).text
    assert day.isoformat() in crowd.get(answer.location).text
    db.rollback()
    found = select(User.email, User.expiry_date).where(User.email.like("%@x.%"))
    ends = dict(db.execute(found).all())
    assert ends.pop(ADA).year == 2090
    assert {each.date() for each in ends.values()} == {day}
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "account:extended")).first()
    assert entry.details["until"] == day.isoformat()
