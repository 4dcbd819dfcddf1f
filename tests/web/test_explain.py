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
from app.core.proof import credentials, guesses
from app.core.proof.ways import Doors
from app.core.roster import imports
from app.models.access import CredentialKind, TryCount
from app.models.people import Role, RoleGrant, User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada.lovelace@learn.agency.example"
BO = "bo.byron@learn.agency.example"
CODES = Doors(by_code=True)
ELSEWHERE = Doors(providers=[CredentialKind.GOOGLE, CredentialKind.OIDC], oidc_name="Agency ID")


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


def test_a_listed_person_without_an_account_is_invited_by_one_press(
    admin, people, mails, visitors, db
):
    people.program("BCC", ids=["A1"])
    people.listed("Lovelace", ADA, "A1")
    assert answer(admin, ADA) == (
        "Lovelace can get in."
        " Has no account yet: the first code by mail that they sign in with makes one."
    )
    assert bad(db, ADA) == [
        ("Has no account yet: has to register, or be invited.", (Mend.SEND_MAIL,))
    ]
    assert f"A mail to {ADA} is on its way." in press(admin, ADA, "Send an invitation").text
    assert "Has no password that works, and comes in by mailed codes." in ask(admin, ADA).text
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
    assert bad(db, "none@x.example", doors=CODES) == []
    nameless = people.account("role@x.example", password=None, last_name="")
    db.add(RoleGrant(user_id=nameless.id, role_id=1, granted_at=clock.now()))
    db.commit()
    assert bad(db, "role@x.example", doors=CODES) == [("Has no password yet.", (Mend.SEND_MAIL,))]
    assert bad(db, "role@x.example", doors=Doors(by_code=True, roles_by_code=True)) == []
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
        "Once next.csv is applied, Byron can get in."
        " Has no account yet: the first code by mail that they sign in with makes one."
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


def pause(db, address):
    ends = clock.now() + timedelta(minutes=9)
    row = {"scope": guesses.ACCOUNT, "subject": address, "count": 10, "in_a_row": 10}
    db.add(TryCount(**row, window_ends_at=ends))
    db.commit()


def help_desk(people, email=BO):
    """A visitor who may read and help, and no more."""
    visitor = people.signed_in(email)
    role = people.db.scalar(select(Role.id).where(Role.name == "help desk"))
    whose = people.db.scalar(select(User.id).where(User.address == email))
    people.db.add(RoleGrant(user_id=whose, role_id=role, granted_at=clock.now()))
    people.db.commit()
    return visitor


def test_the_help_desk_neither_lifts_an_owners_pause_nor_mails_them_a_link(people, mails, db):
    owner = "grace@agency.example"
    people.admin(owner)
    desk = help_desk(people)
    pause(db, owner)
    page = desk.page(ask(desk, owner))
    assert "Sign-in by password is paused until" in page.text
    assert "an owner can change" in page.text
    assert not page.select("main form[method=post]")
    before = len(mails.to(owner))
    data = {"csrf_token": desk.token("/admin/explain"), "address": owner, "q": owner}
    for act in ("send", "lift"):
        assert desk.client.post(f"/admin/explain/{act}", data=data).status_code == 403
    db.rollback()
    assert guesses.is_paused(db, guesses.ACCOUNT, owner)
    assert len(mails.to(owner)) == before
    whose = db.scalar(select(User.id).where(User.address == owner))
    person = desk.get(f"/admin/people/{whose}")
    assert "Lift the pause" not in person.text
    # Whom the help desk may help, it helps; and themselves.
    people.account(ADA)
    for address in (ADA, BO):
        pause(db, address)
        assert "The pause is lifted." in press(desk, address, "Lift the pause").text


def test_a_pause_that_an_owner_shares_with_others_is_not_the_help_desks(people, db):
    people.admin("grace@agency.example")
    desk = help_desk(people)
    owner = db.scalars(select(User).where(User.address == "grace@agency.example")).one()
    other = people.account("Grace@Agency.example", address=None, shared_address=owner.address)
    owner.address, owner.shared_address = None, other.shared_address
    db.commit()
    pause(db, "grace@agency.example")
    path = f"/admin/people/{other.id}"
    assert "Lift the pause" not in desk.get(path).text
    answered = desk.follow(desk.submit(path, to=f"{path}/lift-pause"))
    assert "This person may do things here that you may not." in answered.text
    assert "Lift the pause" not in ask(desk, str(other.id)).text


def test_who_signs_in_elsewhere_or_by_a_number_has_a_way_in_and_since_when(people, db):
    people.program()
    user = people.account(ADA, password=None)
    credentials.add(db, user.id, CredentialKind.GOOGLE, "1234", name="ada@gmail.example")
    db.commit()
    today = f"{clock.today()}"
    assert bad(db, ADA, doors=ELSEWHERE) == []
    found = explain(db, ADA, doors=ELSEWHERE)
    assert found.text == "Lovelace can get in. Has no password that works, and comes in by Google."
    told = [each.said.text for each in found.findings if each.about == "ways"]
    assert any(
        each.startswith(f"Google signs them in, as ada@gmail.example, since {today}")
        and each.endswith("no use of it is on record.")
        for each in told
    )
    # Where that door is shut, it is said, and it lets nobody in.
    [(words, _)] = bad(db, ADA)
    assert words == "Has no password yet."
    shut = [each for each in explain(db, ADA).findings if each.tone is Tone.WARN]
    assert any(each.said.text.startswith(f"Google: theirs since {today}") for each in shut)
    credentials.add(db, user.id, CredentialKind.PHONE, "+31612345678")
    credentials.use(db, CredentialKind.PHONE, "+31612345678")
    db.commit()
    by_phone = Doors(whatsapp=True)
    assert bad(db, ADA, doors=by_phone) == []
    assert "comes in by codes on WhatsApp." in explain(db, ADA, doors=by_phone).text
    db.add(RoleGrant(user_id=user.id, role_id=1, granted_at=clock.now()))
    db.commit()
    assert bad(db, ADA, doors=by_phone) != []
    assert bad(db, ADA, doors=Doors(whatsapp=True, roles_by_code=True)) == []


def test_who_is_listed_without_an_account_hears_how_one_is_made(people, db):
    people.program()
    people.listed("Lovelace", ADA)
    assert bad(db, ADA, doors=CODES) == []
    told = [each.said.text for each in explain(db, ADA, doors=ELSEWHERE).findings]
    words = "Signing in with Google, Agency ID makes one too, where it vouches for this address."
    assert words in told
    anybody = explain(db, BO, doors=Doors(is_open=True))
    assert anybody.may_enter
    assert "anybody may create one here" in anybody.text


def test_a_person_whom_nothing_opens_is_led_to_the_ids_and_the_programs(admin, people, db):
    program = people.program("BCC", ids=["A1"])
    user = people.account(ADA, ids=["C3"])
    page = admin.page(ask(admin, ADA))
    assert "They hold C3, and no program asks for that." in page.text
    links = {each.text.strip(): each["href"] for each in page.select(".found a")}
    assert links["Give them LO Root IDs"] == f"/admin/people/{user.id}/edit"
    assert links["Go to the program"].endswith(f"/{program.id}")
    assert admin.get(links["Go to the program"]).status_code == 200
    people.account(BO)
    assert "every program asks for one" in ask(admin, BO).text


def test_a_mail_that_failed_is_sent_again_and_its_address_corrected(admin, people, visitor, db):
    user = people.account(ADA, password=None)
    visitor.submit("/forgot-password", email=ADA)
    failed = {"state": "failed", "last_error": "550 no such mailbox"}
    db.execute(update(OutgoingMessage).values(**failed, kind="password_changed"))
    db.commit()
    page = admin.page(ask(admin, ADA))
    links = {each.text.strip(): each["href"] for each in page.select(".found a")}
    assert links["Correct the address"] == f"/admin/people/{user.id}/edit"
    message = db.scalar(select(OutgoingMessage.id).where(OutgoingMessage.recipient == ADA))
    assert links["Look at this mail"] == f"/admin/outbox/{message}"
    assert "waits to be sent again" in press(admin, ADA, "Send this mail again").text
    db.rollback()
    assert db.get(OutgoingMessage, message).state == "queued"


def test_who_is_not_on_the_list_is_added_with_the_address_that_was_typed(admin, people):
    people.listed("Lovelace", ADA)
    page = admin.page(ask(admin, BO))
    links = {each.text.strip(): each["href"] for each in page.select(".found a")}
    field = admin.page(admin.get(links["Add them by hand"])).select_one("#person-email")
    assert field["value"] == BO


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
    assert told.exit_code == 0
    assert "Lovelace can get in. Has no account yet" in told.output
    assert "what helps: mail them a way in" in told.output
    assert run(args=["rollcall", "explain", BO]).exit_code == 1
    people.account(ADA)
    told = run(args=["rollcall", "explain", ADA, "--json"])
    assert (told.exit_code, json.loads(told.stdout)["may_enter"]) == (0, True)
    missing = run(args=["rollcall", "explain", ADA, "--import", "77"])
    assert missing.exit_code == 1
