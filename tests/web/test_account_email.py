"""Another address for one's account: proven there, told to the old one, taken back from it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from app.core import clock
from app.core.entry import address_back
from app.models.access import Credential, CredentialKind, Registration, SignInSession
from app.models.invitations import Invitation
from app.models.moves import AddressMove
from app.models.people import CameBy, User, UserLoRootId
from app.models.records import AuditEntry, MessageState, OutgoingMessage
from tests.conftest import PASSWORD
from tests.moments import TURNS, fitting, seconds

OLD, NEW = "ada@learn.agency.example", "ada@home.example"
THIEF, THIRD = "thief@elsewhere.example", "thief@third.example"
AMBER = "seven amber lanterns"


@pytest.fixture
def ada(people):
    """Somebody who is signed in and proved their mailbox a while ago."""
    return people.signed_in(OLD, verified_at=clock.now() - timedelta(days=30))


def ask(visitor, email=NEW):
    return visitor.submit("/account/email", email=email)


def words(visitor, answer):
    return " ".join(visitor.page(visitor.follow(answer)).text.split())


def addresses(db):
    db.rollback()
    return sorted(db.scalars(select(User.address)))


def events(db, area="address:"):
    db.rollback()
    found = select(AuditEntry.event).where(AuditEntry.event.startswith(area))
    return list(db.scalars(found.order_by(AuditEntry.id)))


def due(db, kind, moment):
    """Have the mails of a kind that wait leave at this moment, and not before."""
    waiting = OutgoingMessage.state == MessageState.QUEUED.value
    db.execute(
        update(OutgoingMessage).where(OutgoingMessage.kind == kind, waiting).values(due_at=moment)
    )
    db.commit()


def move(visitor, mails, to=NEW):
    """Change the address as its person does; the path that undoes it, from the old mailbox."""
    before = visitor.page(visitor.get("/account/email")).main.select_one(".lead").text
    former = next(each for each in (OLD, NEW, THIEF, THIRD) if each in before)
    ask(visitor, to)
    assert visitor.submit(mails.link(to)).location == "/account"
    return mails.link(former)


def test_the_address_moves_when_its_link_is_pressed_and_not_before(ada, mails, db, visitors):
    other = visitors()
    other.sign_in(OLD)
    assert f"Check your mail at {NEW}." in words(ada, ask(ada))
    link = mails.link(NEW)
    assert mails.to(NEW)[-1]["Subject"] == "Confirm your new address for Rollcall"
    page = ada.get(link)
    assert f"from {OLD} to {NEW}" in " ".join(page.text.split())
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert addresses(db) == [OLD], "looking uses nothing up"

    assert f"Your address is {NEW} from now on." in words(ada, ada.submit(link))
    assert addresses(db) == [NEW]
    assert ada.get("/account").status_code == 200, "this session goes on"
    assert other.get("/account").status_code == 302, "all others ended"
    assert events(db) == ["address:asked", "address:moved"]
    notice = mails.text(OLD)
    assert f"Before: {OLD}" in notice
    assert f"Now: {NEW}" in notice
    assert visitors().sign_in(OLD).status_code == 401
    assert visitors().sign_in(NEW).status_code == 303
    assert ada.get(link).status_code == 410, "a link works once"


def test_a_link_is_dead_after_an_hour_and_in_every_other_account(ada, mails, people, visitor, db):
    ask(ada)
    link = mails.link(NEW)
    assert visitor.get(link).location.startswith("/login?next=/account/email/")
    bo = people.signed_in("bo@agency.example")
    assert "another account" in bo.get(link).text
    assert bo.submit("/account", link).status_code == 410
    with time_machine.travel(clock.now() + timedelta(minutes=61), tick=False):
        assert ada.submit("/account", link).status_code == 410
    assert OLD in addresses(db)


def test_the_answer_is_the_same_whoever_has_the_address(ada, mails, people, db):
    people.account(THIEF)
    free, taken = words(ada, ask(ada)), words(ada, ask(ada, THIEF))
    assert free.replace(NEW, THIEF) == taken
    assert mails.to(THIEF)[-1]["Subject"] == "This address has a Rollcall account already"
    assert OLD not in mails.text(THIEF)
    assert len(mails.to(NEW)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_answer_comes_at_the_same_moment_whoever_has_the_address(ada, people, app, monkeypatch):
    for turn in range(TURNS):
        people.account(f"taken{turn}@elsewhere.example")
    monkeypatch.setattr(app.extensions["rollcall"].settings, "ANSWER_TIME", 0.3)
    token = ada.token("/account/email")

    def is_the_moment(took):
        return 0.3 <= took < 0.4

    for whose in ("free", "taken", "other"):

        def measure(turn, whose=whose):
            data = {"csrf_token": token, "email": f"{whose}{turn}@elsewhere.example"}
            return seconds(lambda: ada.client.post("/account/email", data=data))

        took = fitting(measure, is_the_moment)
        assert is_the_moment(took), (whose, took)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Enter an address like"),
        ("ada", "Enter an address like"),
        (OLD.upper(), "This is the address of your account already."),
    ],
)
def test_what_is_no_new_address_is_said_beside_the_field(ada, mails, typed, said):
    written = mails.count()
    answer = ask(ada, typed)
    assert answer.status_code == 422
    assert said in ada.page(answer).find(id="new-email-error").text
    assert mails.count() == written


def test_who_did_not_prove_lately_who_they_are_does_so_first(ada, mails, db):
    token = ada.token("/account/email")
    with time_machine.travel(clock.now() + timedelta(minutes=11), tick=False):
        assert ada.get("/account/email").location.startswith("/confirm?next=/account/email")
        answer = ada.client.post("/account/email", data={"csrf_token": token, "email": NEW})
        assert answer.location.startswith("/confirm?next=/account/email")
        assert "no password" not in ada.follow(answer).text
        db.execute(update(User).values(password_hash=None))
        db.commit()
        page = ada.page(ada.get("/confirm?next=/account/email"))
        assert "You have no password, so we mail you a code." in page.main.text
        assert page.find(id="current-password") is None
    assert mails.to(NEW) == []


def test_one_account_cannot_have_mails_sent_to_the_whole_world(ada, mails):
    for number in range(10):
        assert ask(ada, f"somebody{number}@elsewhere.example").status_code == 303
    answer = ask(ada)
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
    assert mails.to(NEW) == []


def test_who_is_on_the_list_and_who_proved_no_mailbox_change_nothing(people, mails, db):
    people.listed("Lovelace", OLD, "id-1")
    listed = people.signed_in(OLD, verified_at=clock.now(), from_roster=True, listed=True)
    bo = people.signed_in("bo@agency.example")
    written = mails.count()
    assert "Ask Noor in room 4" in words(listed, listed.get("/account/email"))
    assert "choose a new password by mail" in words(bo, bo.get("/account/email"))
    for visitor in (listed, bo):
        assert visitor.submit("/account", "/account/email", email=NEW).status_code == 409
    assert mails.count() == written
    assert NEW not in addresses(db)


def test_an_address_on_the_list_brings_what_the_list_gives(ada, mails, people, db):
    people.listed("Lovelace", NEW, "id-1")
    move(ada, mails)
    db.rollback()
    assert db.scalars(select(UserLoRootId.lo_root_id)).all() == ["id-1"]
    assert "whoever keeps the list" in ada.get("/account/email").text


def test_an_account_that_nobody_ever_opened_is_not_in_the_way(ada, mails, people, db):
    people.account(NEW, password=None, came_by=CameBy.CHAT.value)
    move(ada, mails)
    assert addresses(db) == [NEW]
    assert "account:deleted" in events(db, "account:")


def test_whoever_registered_with_the_address_gets_nothing_by_its_proof(ada, mails, db):
    hour = timedelta(hours=1)
    row = Registration(
        token_hash="0" * 64, address=NEW, email=NEW, full_name="Somebody", password_hash="a hash",
        created_at=clock.now(), expires_at=clock.now() + hour,
    )  # fmt: skip
    db.add(row)
    db.commit()
    move(ada, mails)
    db.expire_all()
    assert row.ended_at is not None
    assert row.password_hash is None


def test_an_address_that_got_an_account_meanwhile_is_not_taken_from_it(ada, mails, people, db):
    ask(ada)
    people.account(NEW)
    assert ada.submit(mails.link(NEW)).status_code == 409
    assert addresses(db) == [NEW, OLD]


def test_of_two_presses_at_once_one_moves_the_account(ada, mails, db):
    ask(ada)
    link, token = mails.link(NEW), ada.token("/account")
    cookie = ada.client.get_cookie("rollcall").value

    def press(_number):
        client = ada.app.test_client()
        client.set_cookie("rollcall", cookie)
        return client.post(link, data={"csrf_token": token}).status_code

    with ThreadPoolExecutor(2) as both:
        answers = sorted(both.map(press, range(2)))
    assert answers[0] == 303
    assert answers[1] in {302, 401, 410}, "the token of the session changed, or the link is dead"
    assert len(db.scalars(select(AddressMove)).all()) == 1


def test_of_two_who_take_it_back_at_once_one_does(ada, mails, db):
    undo, token = move(ada, mails), ada.token("/account")
    cookie = ada.client.get_cookie("rollcall").value

    def press(_number):
        client = ada.app.test_client()
        client.set_cookie("rollcall", cookie)
        return client.post(undo, data={"csrf_token": token}).status_code

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(press, range(2))) == [303, 410]
    assert addresses(db) == [OLD]
    assert events(db).count("address:given_back") == 1


# Pre-hijacking: an unexpired change of address does not survive its owner's recovery.


@pytest.mark.parametrize("late", [False, True], ids=["mailed at once", "mailed late"])
def test_a_change_that_waits_is_void_once_the_owner_recovered(people, visitors, mails, db, late):
    thief = people.signed_in(OLD, verified_at=clock.now())
    ask(thief, THIEF)
    if late:  # Links are minted when a mail leaves: this one must not be of the later state.
        due(db, "address_asked", clock.now() + timedelta(hours=1))
    owner = visitors()
    owner.submit("/forgot-password", email=OLD)
    data = {"email": OLD, "code": mails.code(OLD), "password": AMBER}
    assert owner.submit("/reset-password", **data).status_code == 303
    assert len(mails.to(THIEF)) == (0 if late else 1)
    due(db, "address_asked", clock.now())
    link = mails.link(THIEF)
    assert thief.get(link).status_code == 302, "the thief is signed out"
    assert thief.sign_in(OLD).status_code == 401, "and knows no password"
    # Even in a browser that is signed in to the very account the link is dead.
    assert owner.submit("/account", link).status_code == 410
    assert addresses(db) == [OLD]


# Taken back from the old mailbox.


def test_the_old_mailbox_takes_the_account_back_whatever_the_thief_did(people, visitors, mails, db):
    user = people.account(OLD, verified_at=clock.now())
    thief = visitors()
    thief.sign_in(OLD)
    undo = move(thief, mails, THIEF)
    assert thief.submit("/account/password", password=AMBER).status_code == 303
    visitors().submit("/forgot-password", email=THIEF)
    data = {"email": THIEF, "code": mails.code(THIEF), "password": AMBER + " 2"}
    thief = visitors()
    assert thief.submit("/reset-password", **data).status_code == 303
    for kind, identifier in (
        (CredentialKind.GOOGLE, "g-1"),
        (CredentialKind.PHONE, "+31612345678"),
    ):
        row = Credential(user_id=user.id, kind=kind.value, identifier=identifier, data={})
        row.created_at = clock.now()
        db.add(row)
    db.commit()
    thief_undo = move(thief, mails, THIRD)
    assert addresses(db) == [THIRD]

    owner = visitors()
    page = owner.get(undo)
    assert f"from {OLD} to {THIEF}" in " ".join(page.text.split())
    assert addresses(db) == [THIRD], "looking uses nothing up"
    assert owner.submit(undo).location == "/reset-password"
    assert addresses(db) == [OLD]
    assert thief.get("/account").status_code == 302
    assert db.scalars(select(Credential)).all() == []
    assert db.scalars(select(SignInSession.end_reason).distinct()).all() == ["not_me"]
    assert "has its old address again" in mails.to(THIRD)[-1]["Subject"]
    for email in (OLD, THIEF, THIRD):
        for password in (PASSWORD, AMBER, AMBER + " 2"):
            assert visitors().sign_in(email, password).status_code == 401
    for path in (undo, thief_undo):
        assert visitors().get(path).status_code == 410, "over for both of them"
    assert events(db)[-1] == "address:given_back"
    data = {"email": OLD, "code": mails.code(OLD), "password": "four violet anchors"}
    assert owner.submit("/reset-password", **data).status_code == 303
    assert owner.get("/account").status_code == 200


def test_the_way_back_is_closed_after_a_week_and_once_an_admin_decided(ada, mails, people, db):
    undo = move(ada, mails)
    with time_machine.travel(clock.now() + address_back.LIFETIME + timedelta(minutes=1)):
        assert ada.get(undo).status_code == 410
    user_id = db.scalars(select(User.id)).one()
    assert ada.get(undo).status_code == 200
    path = f"/admin/people/{user_id}/edit"
    people.admin().submit(path, last_name="Lovelace", email=THIRD, expires_on="", locale="")
    assert THIRD in addresses(db)
    assert ada.get(undo).status_code == 410


def test_old_addresses_are_forgotten_when_nothing_brings_them_back(ada, mails, db):
    move(ada, mails)
    with time_machine.travel(clock.now() + address_back.LIFETIME + timedelta(minutes=1)):
        address_back.tidy(db)
    assert db.scalars(select(AddressMove)).all() == []


def test_somebody_who_proved_the_old_address_since_keeps_it(ada, mails, people, db):
    undo = move(ada, mails)
    people.account(OLD, verified_at=clock.now())
    assert "another account with the old address" in ada.submit(undo).text
    assert addresses(db) == [NEW, OLD]


def test_the_notice_to_the_old_mailbox_leaves_however_soon_the_next_change_comes(ada, mails, db):
    ask(ada)
    ada.submit(mails.link(NEW))
    due(db, "address_moved", clock.now() + timedelta(hours=1))
    ask(ada, THIRD)
    assert ada.submit(mails.link(THIRD)).location == "/account"
    assert addresses(db) == [THIRD]
    assert len(mails.to(OLD)) == 1, "that of the sign-in on a new device alone"
    due(db, "address_moved", clock.now())
    assert ada.get(mails.link(OLD)).status_code == 200


def test_no_other_alarms_keep_the_notice_to_the_old_mailbox_back(people, visitors, mails, db):
    people.account(OLD, verified_at=clock.now())
    for number in range(6):
        visitors().sign_in(OLD, number=number)
    thief = visitors()
    thief.sign_in(OLD)
    ask(thief, THIEF)
    assert thief.submit(mails.link(THIEF)).location == "/account"
    held = select(OutgoingMessage.kind).where(OutgoingMessage.state == MessageState.HELD.value)
    assert set(db.scalars(held)) == {"new_device"}
    assert visitors().submit(mails.link(OLD)).location == "/reset-password"
    assert addresses(db) == [OLD]


def test_nobody_keeps_an_account_away_by_asking_for_its_old_address(
    app, ada, visitors, mails, db, monkeypatch
):
    """Its owner was invited there once: that invitation was not the other account's."""
    settings = app.extensions["rollcall"].settings
    monkeypatch.setattr(settings, "REGISTRATION", "open")
    db.add(Invitation(address=OLD, invited_at=clock.now() - timedelta(days=40)))
    db.commit()
    undo = move(ada, mails, THIEF)
    fields = {"full_name": "Mallory", "email": OLD, "password": AMBER}
    visitors().submit("/create-account", **fields)
    assert addresses(db) == [OLD, THIEF]
    assert visitors().submit(undo).location == "/reset-password"
    assert addresses(db) == [OLD]


@pytest.mark.parametrize("proven", [True, False], ids=["proven", "asked for alone"])
def test_an_address_that_was_shared_goes_back_unless_somebody_has_it_alone(
    people, mails, visitors, db, proven
):
    shared = {"address": None, "shared_address": OLD}
    ada = people.signed_in(OLD.title(), verified_at=clock.now(), **shared)
    ask(ada)
    assert ada.submit(mails.link(NEW)).location == "/account"
    undo = mails.link(OLD.title())
    columns = {"verified_at": clock.now()} if proven else {"came_by": CameBy.OPEN.value}
    people.account(OLD, password=None, **columns)
    assert visitors().submit(undo).status_code == (409 if proven else 303)
    assert addresses(db) == ([NEW, OLD] if proven else [None])
