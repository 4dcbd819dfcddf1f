"""“Why can't this person get in?”: the answer, the evidence, and the button that mends it."""

import io
import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app.core import clock
from app.core.audit import NOWHERE
from app.core.desk.explain import explain
from app.core.desk.finding import Mend, Tone
from app.core.people.roles import Permission
from app.core.proof import guesses
from app.core.roster import imports
from app.models.access import TryCount
from app.models.people import Role, RoleGrant, User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada.lovelace@learn.agency.example"
BO = "bo.byron@learn.agency.example"


def ask(visitor, q, **more):
    return visitor.get("/admin/explain", query_string={"q": q, **more})


def answer(visitor, q, **more):
    return " ".join(visitor.page(ask(visitor, q, **more)).select_one(".verdict").text.split())


def press(visitor, q, label):
    """Press a button of the page, as it stands there; the page that comes."""
    page = visitor.page(ask(visitor, q))
    [button] = [each for each in page.select("main form button") if each.text.strip() == label]
    form = button.find_parent("form")
    data = {each["name"]: each["value"] for each in form.select("input")}
    return visitor.follow(visitor.client.post(form["action"], data=data))


def bad(db, typed, **more):
    """What keeps somebody out, as words, and what mends it."""
    found = explain(db, typed, **more)
    assert found.may_enter is not any(each.tone is Tone.BAD for each in found.findings)
    return [(each.said.text, each.mends) for each in found.findings if each.tone is Tone.BAD]


@pytest.fixture
def admin(people):
    return people.admin()


def test_an_address_that_is_not_on_the_list_gets_the_nearest_ones(admin, people, db):
    people.listed("Lovelace", ADA)
    people.listed("Lovelace", "a.lovelace@elsewhere.example")
    people.listed("Byron", "ada.lovelace@old.example")
    people.listed("Curie", "someone.else@learn.agency.example")
    page = admin.page(ask(admin, "ada.lovelase@learn.agency.example"))
    words = page.select_one(".verdict").text
    assert "cannot get in. Not on the list." in words
    offered = [" ".join(each.span.text.split()) for each in page.select("ul.todo li")]
    assert offered[0] == f"Lovelace {ADA} – one letter differs"
    assert not any("someone.else" in each for each in offered)
    other = explain(db, "ada.lovelace@gmail.example").people
    near = [(each.address, each.near) for each in other]
    assert {each for each, _ in near[:2]} == {ADA, "ada.lovelace@old.example"}
    assert {why for _, why in near[:2]} == {"another_domain"}
    assert near[2] == ("a.lovelace@elsewhere.example", "same_name")
    for swapped in ("ada.lovealce@learn.agency.example", "ada.lovlace@learn.agency.example"):
        assert explain(db, swapped).people[0].near == "one_letter"


def test_a_listed_person_without_an_account_is_invited_by_one_press(admin, people, mails, visitors):
    people.program("BCC", ids=["A1"])
    people.listed("Lovelace", ADA, "A1")
    assert answer(admin, ADA) == (
        "Lovelace cannot get in. Has no account yet: has to register, or be invited."
    )
    assert f"A mail to {ADA} is on its way." in press(admin, ADA, "Send an invitation").text
    assert "Has no password that works: codes by mail let them in." in ask(admin, ADA).text
    assert visitors().submit(mails.link(ADA), password="seven amber lanterns").status_code == 303
    assert answer(admin, ADA) == "Lovelace can get in."
    assert "Program BCC is open, by A1." in ask(admin, ADA).text


def test_each_thing_in_the_way_is_named_with_what_mends_it(people, db):
    yesterday = clock.now() - timedelta(days=1)
    people.listed("Lovelace", ADA, active=False)
    people.account(ADA, from_roster=True)
    [(words, mends)] = bad(db, ADA)
    assert words == "Every line of theirs is inactive: the list says “Inactive”."
    assert mends == (Mend.PUT_ON_LIST,)
    people.account("off@x.example", from_roster=True)
    assert bad(db, "off@x.example") == [
        ("Not on the list.", (Mend.CORRECT_ADDRESS, Mend.PUT_ON_LIST))
    ]
    people.account("late@x.example", expiry_date=yesterday)
    [(words, mends)] = bad(db, "late@x.example")
    assert words == f"The account expired: its last day was {yesterday.date()}."
    assert mends == (Mend.EXTEND,)
    people.account("shut@x.example", status="Inactive", password="nothing" * 3)
    assert [mends for _, mends in bad(db, "shut@x.example")] == [(Mend.RESTORE,)]
    people.account("old@x.example", status="Inactive", enforced=False)
    assert bad(db, "old@x.example") == []
    people.account("none@x.example", password=None)
    assert bad(db, "none@x.example") == [("Has no password yet.", (Mend.SEND_MAIL,))]
    assert bad(db, "none@x.example", by_code=True) == []
    nameless = people.account("role@x.example", password=None, last_name="")
    db.add(RoleGrant(user_id=nameless.id, role_id=1, granted_at=clock.now()))
    db.commit()
    assert bad(db, "role@x.example", by_code=True) == [("Has no password yet.", (Mend.SEND_MAIL,))]
    assert bad(db, "role@x.example", by_code=True, roles_by_code=True) == []
    assert explain(db, "role@x.example").text.startswith("role@x.example cannot get in.")
    assert "There is no list yet" not in explain(db, "off@x.example").text


def test_without_a_list_that_is_the_reason(people, db):
    [(words, _)] = bad(db, ADA)
    assert words == "There is no list yet, so that nobody can register."


def test_a_pause_is_seen_and_lifted(admin, people, visitor, db):
    people.program()
    people.account(ADA)
    ends = clock.now() + timedelta(minutes=9)
    paused = TryCount(
        scope=guesses.ACCOUNT, subject=ADA, count=10, in_a_row=10, window_ends_at=ends
    )
    db.add(paused)
    db.commit()
    assert "Sign-in by password is paused until" in answer(admin, ADA)
    assert visitor.sign_in(ADA).status_code == 429
    assert "The pause is lifted." in press(admin, ADA, "Lift the pause").text
    assert visitor.sign_in(ADA).status_code == 303
    assert answer(admin, ADA) == "Lovelace can get in."


def test_a_suspension_and_an_expiry_end_by_one_press_each(admin, people, visitor, db):
    user = people.account(ADA, status="Inactive", expiry_date=clock.now() - timedelta(days=3))
    assert "is suspended" in answer(admin, ADA)
    press(admin, ADA, "End the suspension")
    assert "expired" in answer(admin, ADA)
    press(admin, ADA, "Extend by two years")
    assert visitor.sign_in(ADA).status_code == 303
    db.rollback()
    events = select(AuditEntry.event, AuditEntry.details).where(AuditEntry.user_id == user.id)
    told = dict(db.execute(events).all())
    assert told["account:restored"] == {"was": "Inactive"}
    assert told["account:extended"]["was"] == (clock.today() - timedelta(days=3)).isoformat()


def test_tries_and_mails_are_told_with_their_reason_and_without_secrets(
    admin, people, mails, visitor, db
):
    people.account(ADA)
    visitor.sign_in(ADA, "wrong " * 3)
    visitor.submit("/forgot-password", email=ADA)
    code = mails.code(ADA)
    text = ask(admin, ADA).text
    assert "refused, by password: the password was wrong, or there is none." in text
    assert "The mail for a new password of" in text
    assert code not in text
    assert mails.link(ADA) not in text
    assert "$2b$" not in text
    db.execute(update(OutgoingMessage).values(state="failed", last_error="550 no such mailbox"))
    db.commit()
    assert "could not be delivered: 550 no such mailbox." in answer(admin, ADA)
    assert answer(admin, ADA).startswith("Lovelace can get in.")


def test_a_closed_program_says_which_ids_it_asks_for(people, db):
    people.program("BCC", ids=["A1", "B2"])
    people.program("FREE")
    people.program("OFF", ids=["A1"], is_active=False)
    people.account(ADA, ids=["C3"])
    told = [each.said.text for each in explain(db, ADA).findings if each.about == "programs"]
    assert told == [
        "Program BCC is closed: it asks for A1, B2.",
        "Program FREE is open: it asks for no LO Root ID.",
    ]


def test_a_number_or_a_name_finds_the_same_person_and_several_are_offered(admin, people, db):
    people.program()
    people.listed("Lovelace", ADA)
    user = people.account(ADA, from_roster=True)
    assert answer(admin, str(user.id)) == answer(admin, "LOVELACE") == answer(admin, ADA)
    assert answer(admin, "Ada Lovelace") == "Lovelace can get in."
    people.listed("Lovelace", "augusta@learn.agency.example")
    page = admin.page(ask(admin, "Lovelace"))
    assert "Several people may be meant." in page.text
    links = [each["href"] for each in page.select("ul.todo a")]
    assert len(links) == 2
    assert "augusta" in links[1]
    assert "is called “Nobody”" in answer(admin, "Nobody")
    assert "no account number 9999" in answer(admin, "9999")
    assert "is no address" in answer(admin, "ada@@x")


@pytest.mark.parametrize(
    "odd", ["a\0b@x.example", "%", "'", "9" * 300, "\ud800@x", "٣", "@", " . "]
)
def test_odd_input_is_no_error(people, db, odd):
    people.listed("Lovelace", ADA)
    assert explain(db, odd).sentences


def test_would_they_get_in_by_a_file_that_is_not_applied(admin, people, db):
    people.program("BCC", ids=["A1"])
    people.listed("Lovelace", ADA, "A1")
    people.account(ADA, from_roster=True)
    line = "U1,Byron,{},{},Class 1,2026-03-02,A1\n"
    content = line.format(BO, "Active") + "U2,,x.y@x.example,Active,C,D,A1\n"
    file = io.BytesIO(content.encode())
    import_id = imports.check(
        db, file, file_name="next.csv", encoding=None, by=None, origin=NOWHERE
    ).id
    db.commit()
    assert answer(admin, BO).startswith(f"{BO} cannot get in. Not on the list.")
    assert answer(admin, BO, import_id=import_id) == (
        "Once next.csv is applied, Byron cannot get in."
        " Has no account yet: has to register, or be invited."
    )
    assert "Program BCC is open, by A1." in ask(admin, BO, import_id=import_id).text
    assert "Send an invitation" not in ask(admin, BO, import_id=import_id).text
    gone = answer(admin, ADA, import_id=import_id)
    assert gone.startswith("Once next.csv is applied, Lovelace cannot get in.")
    assert "next.csv takes them off the list." in gone
    assert "Program BCC is closed" in ask(admin, ADA, import_id=import_id).text
    assert "cannot be taken" in ask(admin, "x.y@x.example", import_id=import_id).text
    page = f"/admin/roster/{import_id}"
    admin.submit(page, to=f"{page}/discard")
    assert ask(admin, ADA, import_id=import_id).status_code == 409


def test_looking_is_audited_and_asks_for_the_permission(admin, people, db):
    user = people.account(ADA)
    ask(admin, ADA)
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "account:explained")).one()
    assert (entry.user_id, entry.details) == (user.id, {"address": ADA})
    admin.get("/admin/explain")
    assert db.scalar(select(func.count()).where(AuditEntry.event == "account:explained")) == 1
    learner = people.signed_in(BO)
    assert ask(learner, ADA).status_code == 403


def test_who_may_only_read_sees_no_button_and_can_press_none(people, db):
    reader = people.signed_in(BO)
    role = Role(name="reader", permissions=[Permission.PEOPLE_READ.value])
    db.add(role)
    db.flush()
    whose = db.scalar(select(User.id).where(User.address == BO))
    db.add(RoleGrant(user_id=whose, role_id=role.id, granted_at=clock.now()))
    people.listed("Lovelace", ADA)
    db.commit()
    page = reader.page(ask(reader, ADA))
    assert "Has no account yet" in page.text
    assert not page.select("main form[method=post]")
    token = {"csrf_token": reader.token("/admin/explain")}
    for act in ("send", "lift", "restore", "extend"):
        assert reader.client.post(f"/admin/explain/{act}", data=token).status_code == 403


def test_an_owner_is_changed_by_nobody_who_may_do_less(people, db):
    people.admin("owner@agency.example")
    manager = people.signed_in(BO)
    role = db.scalar(select(Role.id).where(Role.name == "manager"))
    whose = db.scalar(select(User.id).where(User.address == BO))
    db.add(RoleGrant(user_id=whose, role_id=role, granted_at=clock.now()))
    db.commit()
    owner = db.scalars(select(User).where(User.address == "owner@agency.example")).one()
    data = {"csrf_token": manager.token("/admin/explain"), "user_id": owner.id, "q": "x"}
    assert manager.client.post("/admin/explain/extend", data=data).status_code == 403
    assert manager.client.post("/admin/explain/restore", data=data).status_code == 403


def test_who_is_suspended_is_not_mailed(admin, people, mails):
    people.account(ADA, status="Inactive")
    data = {"csrf_token": admin.token("/admin"), "address": ADA, "q": ADA}
    page = admin.follow(admin.client.post("/admin/explain/send", data=data))
    assert "A mail would not help" in page.text
    assert mails.to(ADA) == []
    assert admin.client.post("/admin/explain/send", data=data | {"address": "x"}).status_code == 400


def test_the_legacy_addresses_answer_in_json_and_are_audited(admin, people, db):
    people.program("BCC", ids=["A1"])
    user = people.account(ADA, ids=["A1"])
    found = admin.get(f"/debug_user/{user.id}").json
    assert (found["user"]["email"], found["may_enter"]) == (ADA, True)
    assert found["lo_root_ids"] == ["A1"]
    assert found["answer"] == "Lovelace can get in."
    [program] = admin.get("/debug_access_control").json["programs"]
    assert (program["code"], program["lo_root_ids"], program["open_to"]) == ("BCC", ["A1"], 1)
    quota = admin.get(f"/debug_quota/bcc?user_id={user.id}").json
    assert (quota["quota"], quota["used"], quota["remaining"]) == (3, 0, 3)
    assert admin.get("/debug_user/99999").status_code == 404
    looked = select(func.count()).where(AuditEntry.event == "account:explained")
    assert db.scalar(looked) == 3


def test_the_command_says_the_same(app, people, db):
    people.listed("Lovelace", ADA)
    run = app.test_cli_runner().invoke
    told = run(args=["rollcall", "explain", ADA])
    assert told.exit_code == 1
    assert "Lovelace cannot get in. Has no account yet" in told.output
    people.account(ADA)
    told = run(args=["rollcall", "explain", ADA, "--json"])
    assert (told.exit_code, json.loads(told.stdout)["may_enter"]) == (0, True)
    missing = run(args=["rollcall", "explain", ADA, "--import", "77"])
    assert missing.exit_code == 1
