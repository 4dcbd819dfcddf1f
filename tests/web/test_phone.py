"""A number that signs in: proven on the account page, asked for at the door, the same for all."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from app.core import carriers, clock, outbox
from app.core.entry import by_phone
from app.core.people import roles
from app.core.proof import credentials, pins
from app.core.proof.credentials import NotFree
from app.models.access import Code, Credential, CredentialKind, SignInSession, TryCount
from app.models.people import Role, RoleGrant, User
from app.models.records import AuditEntry, OutgoingMessage

ADA, BO = "ada@learn.agency.example", "bo@learn.agency.example"
NUMBER, OTHER, UNKNOWN = "+31612345678", "+31687654321", "+31611111111"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def ada(people):
    """Somebody who proved their mailbox, signed in."""
    return people.signed_in(ADA, verified_at=clock.now())


@pytest.fixture
def add(mails):
    """Proves a number on the account page of a visitor."""

    def prove(visitor, number=NUMBER, typed=None):
        answer = visitor.submit("/account/phone", phone=typed or number)
        assert answer.location == "/account/phone/code", visitor.page(answer).main.text
        return visitor.submit("/account/phone/code", code=mails.code(number))

    return prove


def ask(visitor, number=NUMBER, **fields):
    return visitor.submit("/login/whatsapp", phone=number, **fields)


def type_in(visitor, code):
    return visitor.submit("/login/whatsapp/code", code=code)


def whose(db):
    db.rollback()
    return dict(db.execute(select(Credential.identifier, Credential.user_id)).all())


def codes_written(db):
    """To which numbers codes were written, held ones too."""
    db.rollback()
    query = select(OutgoingMessage.recipient).where(OutgoingMessage.channel == "whatsapp")
    return list(db.scalars(query.order_by(OutgoingMessage.id)))


def events(db, event):
    db.rollback()
    found = select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id)
    return list(db.scalars(found))


def words(visitor, answer):
    return " ".join(visitor.page(answer).main.text.split())


# On the account page.


def test_a_number_is_proven_by_its_code_and_the_mailbox_is_told(ada, add, mails, db):
    answer = add(ada, typed="0031 6 1234-5678")
    assert answer.location == "/account"
    user_id = db.scalar(select(User.id))
    assert whose(db) == {NUMBER: user_id}
    notice = mails.to(ADA)[-1]
    assert notice["Subject"] == "A way into your Rollcall account was added"
    assert "••••••78" in mails.text(ADA)
    assert NUMBER not in mails.text(ADA)
    page = words(ada, ada.get("/account"))
    assert "ends in 78" in page
    assert NUMBER not in page
    [entry] = events(db, "phone:added")
    assert (entry.user_id, entry.details["phone"]) == (user_id, "••••••78")


def test_a_number_is_removed_where_it_was_added(ada, add, visitors, mails, db):
    add(ada)
    guest = visitors()
    ask(guest)
    code = mails.code(NUMBER)
    answer = ada.submit("/account", "/account/phone/remove")
    assert answer.location == "/account"
    assert whose(db) == {}
    assert mails.to(ADA)[-1]["Subject"] == "A way into your Rollcall account was removed"
    assert type_in(guest, code).status_code == 400, "a code on its way is dead"
    ada.submit("/account", "/account/phone/remove")
    assert len(events(db, "phone:removed")) == 1


def test_the_new_number_takes_the_place_of_the_old_one(ada, add, db):
    add(ada)
    add(ada, OTHER)
    assert list(whose(db)) == [OTHER]


@pytest.mark.parametrize("how", ["/account/phone", "/account/phone/code", "/account/phone/remove"])
def test_each_step_needs_a_sign_in_and_a_fresh_proof(how, ada, visitors, db):
    data = {"csrf_token": ada.token("/account"), "phone": NUMBER, "code": "123456"}
    guest = visitors()
    answer = guest.client.post(how, data=data | {"csrf_token": guest.token()})
    assert answer.location.startswith("/login?next=")
    db.execute(update(SignInSession).values(proved_at=clock.now() - timedelta(minutes=11)))
    db.commit()
    assert ada.client.post(how, data=data).location.startswith("/confirm?next=")
    assert whose(db) == {}


def test_nothing_is_added_before_the_mailbox_is_proven(people, mails):
    bo = people.signed_in(BO)
    assert "First your mailbox" in words(bo, bo.get("/account/phone"))
    answer = bo.submit("/account/phone", phone=NUMBER)
    assert answer.status_code == 409
    assert mails.to(NUMBER) == []


def test_what_is_no_number_is_said_in_the_field_and_asks_for_nothing(ada, visitor, db):
    for browser, path in ((ada, "/account/phone"), (visitor, "/login/whatsapp")):
        for typed in ("", "06 12345678", "+999 123 456"):
            answer = browser.submit(path, phone=typed)
            assert answer.status_code == 422
            assert "Enter a number like" in words(browser, answer)
    assert codes_written(db) == []


def test_a_number_without_its_country_is_read_in_the_region_of_the_settings(environment, request):
    environment["PHONE_REGION"] = "nl"
    ada, db = map(request.getfixturevalue, ("ada", "db"))
    ada.submit("/account/phone", phone="06 12345678")
    assert codes_written(db) == [NUMBER]


def test_a_number_of_somebody_else_is_refused_to_who_holds_the_phone_and_said_to_nobody_else(
    ada, add, people, mails, db
):
    add(ada)
    before = whose(db)
    bo = people.signed_in(BO, verified_at=clock.now())
    free, taken = (bo.submit("/account/phone", phone=each) for each in (OTHER, NUMBER))
    assert (free.status_code, free.location) == (taken.status_code, taken.location)
    wrong = bo.submit("/account/phone/code", code="000000")
    assert "does not fit" in words(bo, wrong)
    answer = bo.submit("/account/phone/code", code=mails.code(NUMBER))
    assert answer.status_code == 409
    assert "cannot be added" in words(bo, answer)
    assert whose(db) == before
    again = bo.submit("/account/phone/code", code=mails.code(NUMBER))
    assert again.status_code == 400, "the code was used up"
    ada.submit("/account", "/account/phone/remove")
    add(bo)
    assert list(whose(db).values()) == [before[NUMBER] + 1], "free again, the newest proof wins"


def test_a_code_is_good_for_who_asked_alone(ada, people, mails, db):
    bo = people.signed_in(BO, verified_at=clock.now())
    ada.submit("/account/phone", phone=NUMBER)
    code = mails.code(NUMBER)
    bo.submit("/account/phone", phone=NUMBER)
    if mails.code(NUMBER) != code:
        assert bo.submit("/account/phone/code", code=code).status_code == 400
    assert ada.submit("/account/phone/code", code=code).location == "/account"


def test_one_number_goes_to_one_account_however_many_prove_it_at_once(app, people, db):
    ids = [people.account(f"p{number}@x.example").id for number in range(6)]

    def add(user_id):
        with app.extensions["rollcall"].sessions() as mine:
            try:
                credentials.add(mine, user_id, CredentialKind.PHONE, NUMBER)
            except NotFree:
                return False
            mine.commit()
            return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(add, ids)) == 1


def test_one_account_cannot_have_codes_sent_to_many_strangers(ada, db):
    token = ada.token("/account/phone")
    for number in range(21):
        data = {"csrf_token": token, "phone": f"+316123456{number:02d}"}
        answer = ada.client.post("/account/phone", data=data)
    assert answer.status_code == 429
    assert len(codes_written(db)) == 20


def test_this_was_not_me_takes_the_number_away(ada, add, mails, visitors, db):
    add(ada)
    link = mails.link(ADA)
    assert visitors().submit(link).status_code in {200, 303}
    assert whose(db) == {}


@pytest.mark.parametrize("how", ["removed", "replaced", "by an admin"])
def test_what_a_number_opened_ends_when_it_goes(how, ada, add, people, app, visitors, mails, db):
    add(ada)
    guest, program = visitors(), app.test_client(use_cookies=False)
    ask(guest)
    assert type_in(guest, mails.code(NUMBER)).status_code == 303
    assert program.post("/api/auth/request-otp", json={"phone": NUMBER}).status_code == 200
    asked = {"phone": NUMBER, "code": mails.code(NUMBER)}
    token = program.post("/api/auth/verify-otp", json=asked).json["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert program.get("/api/auth/user", headers=header).status_code == 200
    if how == "removed":
        ada.submit("/account", "/account/phone/remove")
    elif how == "replaced":
        add(ada, OTHER)
    else:
        page = f"/admin/people/{db.scalar(select(User.id).where(User.email == ADA))}"
        people.admin().submit(page, f"{page}/phone/remove")
    assert guest.get("/account").status_code == 302
    assert program.get("/api/auth/user", headers=header).status_code == 401
    assert ada.get("/account").status_code == 200, "a password is another way in"
    assert [each.details for each in events(db, "session:ended")] == [
        {"session": "all by WhatsApp"}
    ]


def test_who_came_in_by_their_number_and_removes_it_stays(ada, add, visitors, mails):
    add(ada)
    here, elsewhere = visitors(), visitors()
    for each in (here, elsewhere):
        ask(each)
        type_in(each, mails.code(NUMBER))
    add(here)
    assert elsewhere.get("/account").status_code == 200, "the same number is no news"
    here.submit("/account", "/account/phone/remove")
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302


def test_a_deleted_account_leaves_no_number(ada, add, people, mails, db):
    ada.submit("/account/phone", phone=OTHER)
    wrong = f"{(int(mails.code(OTHER)) + 1) % 10**6:06d}"
    ada.submit("/account/phone/code", code=wrong)
    add(ada)
    ada.submit("/account/phone", phone=NUMBER)
    ada.submit("/account/phone/code", code=wrong)
    user_id = db.scalar(select(User.id).where(User.email == ADA))
    where = f"/admin/people/{user_id}/delete"
    assert people.admin().submit(where, chats="delete").status_code == 303
    db.rollback()
    left = {
        *db.scalars(select(Code.address)),
        *db.scalars(select(TryCount.subject)),
        *db.scalars(select(OutgoingMessage.recipient)),
    }
    assert NUMBER not in left
    assert not {f"{user_id}:{NUMBER}", f"{user_id}:{OTHER}"} & left


def test_a_password_chosen_by_mail_names_what_else_is_open(ada, add, visitors, mails, db):
    add(ada)
    user_id = db.scalar(select(User.id).where(User.email == ADA))
    pins.add(db, user_id, "a hash", {})
    db.commit()
    visitors().submit("/forgot-password", email=ADA)
    visitors().submit(mails.link(ADA), password="eleven purple herons")
    said = mails.text(ADA)
    assert "codes by WhatsApp to the number ••••••78\n- a PIN for chats\n\n" in said
    assert "http://localhost/account\n" in said
    assert NUMBER not in mails.to(ADA)[-1].as_string()


# At the door.


def test_a_number_lets_its_owner_in(ada, add, visitors, mails, db):
    add(ada)
    guest = visitors()
    answer = ask(guest, "+31 (6) 1234 5678", remember="1", next="/account")
    assert answer.location == "/login/whatsapp/code"
    page = words(guest, guest.get("/login/whatsapp/code"))
    assert f"If {NUMBER} can sign in here" in page
    assert "Open WhatsApp on your phone" in page
    code = mails.code(NUMBER)
    assert type_in(guest, f"{code[:3]} {code[3:]}").location == "/account"
    db.rollback()
    session = db.scalars(select(SignInSession).order_by(SignInSession.id.desc())).first()
    assert (session.method, session.idle_seconds) == ("whatsapp", None)
    assert "with a code by WhatsApp" in guest.get("/account").text
    assert mails.to(ADA)[-1]["Subject"].startswith("New sign-in to Rollcall")
    assert db.scalar(select(Credential.last_used_at)) is not None
    other = visitors()
    ask(other)
    assert type_in(other, code).status_code == 400, "a code is good once"


def test_an_unknown_number_gets_the_same_answers_and_rows_and_no_message(
    ada, add, people, visitors, mails, db
):
    add(ada)
    shut_out = people.signed_in(BO, verified_at=clock.now())
    add(shut_out, OTHER)
    db.execute(update(User).where(User.email == BO).values(status="Inactive"))
    db.commit()
    mails.deliver()
    heard, written = [], []
    for number in (NUMBER, OTHER, UNKNOWN):
        guest, before = visitors(), _rows(db)
        asked = ask(guest, number)
        written.append([after - n for n, after in zip(before, _rows(db), strict=True)])
        waits = guest.get("/login/whatsapp/code")
        state = guest.get("/login/whatsapp/state")
        again = guest.submit("/login/whatsapp/code", "/login/whatsapp/resend")
        wrong = [type_in(guest, "000000") for _ in range(6)]
        heard.append([_heard(each, number) for each in (asked, waits, state, again, *wrong)])
        assert wrong[-1].status_code == 429
    assert heard[0] == heard[1] == heard[2]
    assert written == [[1, 1, 1]] * 3
    db.rollback()
    held = select(OutgoingMessage.recipient).where(OutgoingMessage.state == "held")
    assert list(db.scalars(held)) == [OTHER] * 2 + [UNKNOWN] * 2


def _rows(db):
    db.rollback()
    tables = (OutgoingMessage, Code, AuditEntry)
    return [db.scalar(select(func.count()).select_from(each)) for each in tables]


def _heard(answer, number):
    text = re.sub(r'(csrf[-_]token" (content|value)=)"[^"]+"', r"\1", answer.text)
    text = re.sub(r'data-countdown="\d+"|\d\d:\d\d(:\d\dZ)?', "", text)
    names = sorted(dict(answer.headers))
    return answer.status_code, answer.location, names, text.replace(number, "NUMBER")


def test_five_wrong_codes_end_the_good_one_and_a_new_one_resets_nothing(
    ada, add, visitors, mails, db
):
    with time_machine.travel(datetime.now(UTC), tick=False) as moved:
        add(ada)
        guest = visitors()
        ask(guest)
        code = mails.code(NUMBER)
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        assert [type_in(guest, wrong).status_code for _ in range(5)] == [400] * 5
        answer = type_in(guest, code)
        assert answer.status_code == 429
        assert "or get in by mail" in words(guest, answer)
        assert int(answer.headers["Retry-After"]) <= 900
        ask(guest)
        assert type_in(guest, mails.code(NUMBER)).status_code == 429
        moved.shift(timedelta(minutes=15, seconds=1))
        ask(guest)
        assert type_in(guest, mails.code(NUMBER)).status_code == 303


def test_who_is_closed_for_good_proves_the_number_anew(ada, add, visitors, mails, db):
    add(ada)
    guest = visitors()
    ask(guest)
    wrong = f"{(int(mails.code(NUMBER)) + 1) % 10**6:06d}"
    for _ in range(5):
        type_in(guest, wrong)
    assert type_in(guest, wrong).status_code == 429
    add(ada)
    assert len(events(db, "phone:added")) == 1, "the same number once more is no news"
    ask(guest)
    assert type_in(guest, mails.code(NUMBER)).status_code == 303


def test_a_code_is_bound_to_the_browser_that_asked(ada, add, visitors, mails):
    add(ada)
    guest, thief = visitors(), visitors()
    ask(guest)
    code = mails.code(NUMBER)
    ask(thief, UNKNOWN)
    assert type_in(thief, code).status_code == 400
    ask(thief)
    assert type_in(thief, code).status_code == 400
    assert type_in(guest, code).status_code == 303


def test_a_new_password_ends_the_code_on_its_way(ada, add, visitors, mails):
    add(ada)
    guest = visitors()
    ask(guest)
    code = mails.code(NUMBER)
    assert ada.submit("/account/password", password="seven amber lanterns").status_code == 303
    assert type_in(guest, code).status_code == 400


def test_a_code_that_ran_out_says_so(ada, add, visitors, mails):
    add(ada)
    with time_machine.travel(datetime.now(UTC), tick=False) as moved:
        guest = visitors()
        ask(guest)
        code = mails.code(NUMBER)
        moved.shift(timedelta(minutes=15))
        answer = type_in(guest, code)
        assert answer.status_code == 400
        assert "has run out" in words(guest, answer)
        assert type_in(guest, "12").status_code == 422


def test_who_has_a_role_comes_by_password(people, add, visitors, mails, db):
    grace = people.admin()
    db.execute(update(User).values(verified_at=clock.now()))
    db.commit()
    assert "you sign in with your password all the same" in words(
        grace, grace.get("/account/phone")
    )
    add(grace)
    guest = visitors()
    ask(guest)
    mails.deliver()
    db.rollback()
    assert outbox.latest(db, limit=1)[0].state == "held"


def test_a_role_given_after_the_code_went_closes_this_way(ada, add, visitors, mails, db):
    add(ada)
    guest = visitors()
    ask(guest)
    user_id = db.scalar(select(User.id))
    roles.make_owner(db, user_id, stamp=roles.owner_stamp(db))
    db.commit()
    assert type_in(guest, mails.code(NUMBER)).status_code == 400


def test_the_page_that_waits_says_when_the_carrier_fails_and_the_same_to_everybody(
    ada, add, visitors, db
):
    add(ada)
    known, unknown = visitors(), visitors()
    ask(known)
    ask(unknown, OTHER)
    assert carriers.claim_look(db)
    for error, trouble in (("ReadTimeout", True), (None, False)):
        carriers.note_look(db, error)
        db.commit()
        for guest in (known, unknown):
            assert guest.get("/login/whatsapp/state").json == {"trouble": trouble}
            page = guest.page(guest.get("/login/whatsapp/code"))
            assert page.select_one("[data-trouble] > div").has_attr("hidden") is not trouble
            assert "Get in by mail instead" in page.main.text
    assert visitors().get("/login/whatsapp/state").status_code == 404


def test_without_a_number_asked_for_there_is_nothing_to_type(visitor):
    assert visitor.get("/login/whatsapp/code").location == "/login/whatsapp"
    assert visitor.submit("/login", "/login/whatsapp/resend").location == "/login/whatsapp"


def test_the_button_on_the_sign_in_page_leads_there_and_drops_the_password(visitor):
    button = visitor.page(visitor.get("/login")).select_one("[formaction='/login/whatsapp']")
    assert button.text == "WhatsApp me a code"
    answer = visitor.submit(
        "/login", "/login/whatsapp", email=ADA, password="hush", next="/account", remember="1"
    )
    assert answer.location == "/login/whatsapp?next=/account&remember=1"
    page = visitor.page(visitor.get(answer.location))
    assert page.select_one("#remember").has_attr("checked")
    assert page.select_one("[name=next]")["value"] == "/account"
    by_mail = page.find("a", string="Get in by mail instead")
    assert by_mail["href"] == "/login/code?next=/account"
    ask(visitor, next="/account")
    page = visitor.page(visitor.get("/login/whatsapp/code"))
    for words in ("Get in by mail instead", "Use another way", "Use another number"):
        assert page.find("a", string=words)["href"].endswith("?next=/account"), words


def test_a_long_way_back_is_left_out_for_a_cookie_that_every_browser_takes(
    ada, add, visitors, mails
):
    add(ada)
    visitor = visitors()
    ask(visitor, next=f"/account?{'x' * 501}")
    assert type_in(visitor, mails.code(NUMBER)).location == "/program_select"


def test_where_no_carrier_is_set_up_the_way_is_not_there(environment, request):
    environment["MAIL_SERVER"] = "127.0.0.1"
    visitor, people = map(request.getfixturevalue, ("visitor", "people"))
    assert "WhatsApp" not in visitor.get("/login").text
    for path in ("/login/whatsapp", "/login/whatsapp/code"):
        assert visitor.get(path).status_code == 404
    bo = people.signed_in(BO, verified_at=clock.now())
    assert "WhatsApp" not in bo.get("/account").text
    assert bo.get("/account/phone").status_code == 404


# What admins see.


def test_the_mailbox_of_development_shows_it_like_mail(ada, add, visitor, mails):
    add(ada)
    page = visitor.get("/dev/mailbox").text
    mails.deliver()
    page = visitor.get("/dev/mailbox").text
    assert NUMBER in page
    assert "WhatsApp: " in page


def test_the_outbox_masks_the_number_for_who_may_not_see_people(ada, add, people, visitors, db):
    add(ada)
    ask(visitors(), OTHER)
    owner = people.admin()
    helper = people.signed_in("hal@agency.example")
    _give(db, "hal@agency.example", ["outbox:read"])
    message = db.scalars(select(OutgoingMessage).where(OutgoingMessage.recipient == NUMBER)).first()
    for path in ("/admin/outbox", f"/admin/outbox/{message.id}", "/admin/outbox/export"):
        seen, masked = owner.get(path), helper.get(path)
        assert (seen.status_code, masked.status_code) == (200, 200)
        assert NUMBER in seen.text
        assert NUMBER not in masked.text
        assert OTHER not in masked.text
        assert "••••••78" in masked.text
    found = owner.page(owner.get("/admin/outbox?to=0031 612345678")).select("tbody tr")
    assert len(found) == 1


def test_the_outbox_says_what_the_provider_said(people, db):
    owner = people.admin()
    outbox.queue(db, outbox.Kind.WHATSAPP_CODE, NUMBER, channel=outbox.Channel.WHATSAPP)
    message = outbox.latest(db, limit=1)[0]
    outbox.mark_sent(message, outbox.Receipt("SM" + "a" * 32, "queued"))
    db.commit()
    carriers.note_report(db, message.id, "SM" + "a" * 32, "undelivered", "undelivered: 63024")
    carriers.claim_look(db)
    carriers.note_look(db, "401 (20003): Authenticate")
    db.commit()
    listed = owner.get("/admin/outbox").text
    assert "Not delivered" in listed
    assert "401 (20003): Authenticate" in listed
    page = words(owner, owner.get(f"/admin/outbox/{message.id}"))
    for said in ("Not delivered", "SM" + "a" * 32, "undelivered: 63024", "WhatsApp"):
        assert said in page


def test_an_admin_takes_a_number_away_and_its_owner_is_told(ada, add, people, mails, db):
    add(ada)
    owner = people.admin()
    user_id = db.scalar(select(User.id).where(User.email == ADA))
    page = f"/admin/people/{user_id}"
    assert NUMBER in owner.get(page).text
    assert owner.submit(page, f"{page}/phone/remove").location == page
    assert whose(db) == {}
    assert mails.to(ADA)[-1]["Subject"] == "A way into your Rollcall account was removed"
    [entry] = events(db, "phone:removed")
    assert entry.actor_id != entry.user_id == user_id
    assert "/phone/remove" not in owner.get(page).text


def _give(db, email, permissions):
    role = Role(name="reader", permissions=permissions, version=0)
    db.add(role)
    db.flush()
    user_id = db.scalar(select(User.id).where(User.email == email))
    db.add(RoleGrant(user_id=user_id, role_id=role.id, granted_at=clock.now()))
    db.commit()


# The core, where a page cannot reach.


def test_a_proof_that_was_right_for_a_number_that_is_gone_is_a_wrong_code(
    ada, add, visitors, mails, db
):
    add(ada)
    guest = visitors()
    ask(guest)
    db.execute(Credential.__table__.delete())
    db.commit()
    answer = type_in(guest, mails.code(NUMBER))
    assert answer.status_code == 400
    assert by_phone.WrongPhoneCode.words in words(guest, answer)
