"""The emergency switch: it opens programs and nothing else, for a time, and leaves no trace."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import event, func, select

from app import jobs
from app.core import clock
from app.core.audit import NOWHERE
from app.core.learning import emergency
from app.core.people import granting, rolebook
from app.core.people.sessions import PROOF_LASTS
from app.models.people import UserLoRootId
from app.models.programs import Emergency, ProgramLoRootId
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
PAGE = "/admin/programs/emergency"
FORMER = "/emergency_disable_access_control"
WHY = "The list of this morning lacks a class"
BANNER = "Emergency: all programs are open."


@pytest.fixture(autouse=True)
def programs(people):
    people.program("BCC", ids=["A1"], name="Coaching")
    people.program("MI", ids=["B2"], name="Interviewing")
    people.program("PORTAL", ids=["INTERNAL_PORTAL"], name="Inside")
    people.program("OFF", ids=["A1"], is_active=False)


def names(visitor):
    return [each.text for each in visitor.page(visitor.get("/program_select")).select("h2 a")]


def switch_on(db, hours=4):
    emergency.begin(db, hours=hours, reason=WHY, by=None, origin=NOWHERE)
    db.commit()


def events(db):
    db.rollback()
    about = AuditEntry.event.like("emergency:%")
    return db.scalars(select(AuditEntry).where(about).order_by(AuditEntry.id)).all()


@pytest.mark.parametrize("path", [PAGE, FORMER])
def test_it_opens_every_program_for_its_hours_and_changes_nothing(people, db, app, path):
    learner, admin = people.signed_in(ADA), people.admin()
    assert learner.get("/chat/BCC").status_code == 403
    before = db.execute(select(ProgramLoRootId.chatbot_id, ProgramLoRootId.lo_root_id)).all()
    page = admin.page(admin.get(path))
    assert "2 active programs ask for LO Root IDs" in page.main.text
    assert page.select_one("[name=hours]")["value"] == "4"
    assert admin.submit(path, hours="2", reason=f"  {WHY} ").location == PAGE
    assert names(learner) == ["Coaching", "Interviewing"]
    assert learner.ask("BCC", "What is an open question?").status_code == 200
    assert learner.get("/chat/PORTAL").status_code == 403
    assert learner.get("/chat/OFF").status_code == 404
    for address in (PAGE, "/admin", "/admin/people"):
        assert BANNER in admin.get(address).text
    assert WHY in admin.get(PAGE).text
    assert admin.get("/debug_access_control").json["access_control"] is False
    parts = app.extensions["rollcall"]
    jobs.note_over(parts.sessions)
    with time_machine.travel(clock.now() + timedelta(hours=2, seconds=1)):
        # Over at its moment, whether anybody noted it or not; and that is noted once.
        assert learner.get("/chat/BCC").status_code == 403
        assert BANNER not in admin.get(PAGE).text
        jobs.note_over(parts.sessions)
        jobs.note_over(parts.sessions)
    began, over = events(db)
    assert (began.event, began.details["reason"], began.details["hours"]) == (
        "emergency:began", WHY, 2,
    )  # fmt: skip
    assert (over.event, over.details["began_by"]) == ("emergency:ran_out", began.actor_id)
    assert db.execute(select(ProgramLoRootId.chatbot_id, ProgramLoRootId.lo_root_id)).all() == (
        before
    )
    assert db.scalar(select(func.count()).select_from(UserLoRootId)) == 0
    assert db.scalar(select(func.count()).select_from(Emergency)) == 0


def test_it_is_ended_at_once_and_only_one_of_two_begins_it(people, db):
    learner, admin = people.signed_in(ADA), people.admin()
    switch_on(db)
    again = admin.submit("/admin", to=PAGE, hours="4", reason="Once more")
    assert again.status_code == 409
    assert [each.reason for each in db.scalars(select(Emergency))] == [WHY]
    assert learner.get("/chat/BCC").status_code == 200
    assert admin.submit(PAGE, to=f"{PAGE}/end").status_code == 303
    assert learner.get("/chat/BCC").status_code == 403
    assert admin.submit(PAGE, to=f"{PAGE}/end").status_code == 409
    assert [each.event for each in events(db)] == ["emergency:began", "emergency:ended"]
    # What ran out and was not noted yet keeps nobody from beginning anew.
    switch_on(db, hours=1)
    with time_machine.travel(clock.now() + timedelta(hours=1, seconds=1)):
        switch_on(db)
    assert [each.event for each in events(db)][2:] == [
        "emergency:began", "emergency:ran_out", "emergency:began",
    ]  # fmt: skip


def test_it_lets_nobody_in_who_may_not_come_in(people, db):
    learner, admin = people.signed_in(ADA), people.admin()
    switch_on(db)
    assert learner.get("/chat/BCC").status_code == 200
    user = db.scalar(select(UserLoRootId.user_id)) or 1
    assert admin.submit("/admin", to=f"/admin/people/{user}/suspend").status_code == 303
    assert learner.get("/chat/BCC").location.startswith("/login")
    assert learner.sign_in(ADA).status_code == 401


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hours": "4", "reason": "  "}, "Say why"),
        ({"hours": "4", "reason": "x" * 501}, "Say why"),
        ({"hours": "0", "reason": WHY}, "from 1 to 24"),
        ({"hours": "25", "reason": WHY}, "from 1 to 24"),
        ({"hours": "", "reason": WHY}, "from 1 to 24"),
    ],
)
def test_it_asks_for_a_reason_and_for_sensible_hours(people, db, fields, words):
    admin = people.admin()
    answer = admin.submit(PAGE, **fields)
    assert answer.status_code == 422
    assert words in admin.page(answer).select_one("[data-error-summary]").text
    headers = {"X-CSRFToken": admin.token("/admin")}
    script = admin.client.post(FORMER, json=fields, headers=headers)
    assert (script.status_code, script.json["success"]) == (400, False)
    assert words in script.json["error"]
    assert events(db) == []


def test_a_script_switches_it_too(people):
    admin = people.admin()
    headers = {"X-CSRFToken": admin.token("/admin")}
    on = admin.client.post(FORMER, json={"reason": WHY, "hours": 3}, headers=headers)
    assert (on.status_code, on.json["success"], on.json["access_control"]) == (200, True, False)
    told = admin.get(FORMER, headers={"Accept": "application/json"}).json
    assert (told["access_control"], told["ends_at"]) == (False, on.json["ends_at"])
    assert admin.client.post(f"{PAGE}/end", json={}, headers=headers).json["access_control"]
    off = admin.client.post(f"{PAGE}/end", json={}, headers=headers)
    assert (off.status_code, off.json["code"]) == (409, "emergency_off")


def test_it_asks_for_the_password_again_and_for_the_permission(people, db, visitors):
    admin = people.admin()
    people.account("al@agency.example")
    granting.grant(
        db, rolebook.find(db, "auditor").id, "al@agency.example", by=None, origin=NOWHERE
    )
    db.commit()
    auditor = visitors()
    auditor.sign_in("al@agency.example")
    assert not auditor.page(auditor.get(PAGE)).select("main .admin-main form")
    assert auditor.submit("/admin", to=PAGE, hours="4", reason=WHY).status_code == 403
    switch_on(db)
    assert BANNER in auditor.get("/admin").text
    assert auditor.submit("/admin", to=f"{PAGE}/end").status_code == 403
    emergency.end(db, by=None, origin=NOWHERE)
    db.commit()
    with time_machine.travel(clock.now() + PROOF_LASTS + timedelta(minutes=1)):
        asked = admin.submit(PAGE, hours="4", reason=WHY)
        assert asked.location.startswith("/confirm")
    assert emergency.standing(db) is None


def test_it_costs_no_statement_and_is_told_where_somebody_asks_why(people, db, app):
    learner, admin = people.signed_in(ADA), people.admin()
    engine = app.extensions["rollcall"].sessions.kw["bind"]

    def count(path):
        seen = []

        def note(*args):
            seen.append(args[2])

        event.listen(engine, "before_cursor_execute", note)
        learner.get(path)
        event.remove(engine, "before_cursor_execute", note)
        return len(seen)

    people.program("SELF")
    before = count("/program_select")
    switch_on(db)
    assert count("/program_select") == before
    told = admin.get(f"/admin/explain?q={ADA}").text
    assert "by the emergency switch alone" in told
    assert "No program is open to them" not in told
