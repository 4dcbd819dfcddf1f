"""A PIN for chats on an account of the site, and a password for who came by a chat."""

import pytest
import time_machine
from sqlalchemy import select

from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from app.core.proof import guesses, pins
from app.models.access import Credential
from app.models.people import User
from tests.conftest import PASSWORD

ADA = "ada@learn.agency.example"
PHRASE = "green kettle by the canal"
BASE = "/web-api-service/Fl64_Gpt_User_Shared_Web_Api_"


@pytest.fixture
def chat(app, db):
    """Calls an operation as a GPT does; the word of its answer."""
    key = keys.create(db, "Coach GPT", [KeyScope.SIGNUP], by=None, origin=NOWHERE)[1]
    db.commit()
    client = app.test_client()

    def call(operation, **body):
        headers = {"Authorization": f"Bearer {key}"}
        return client.post(BASE + operation, json=body, headers=headers).json

    return call


def pin_of(db):
    db.rollback()
    found = db.scalar(select(Credential).execution_options(populate_existing=True))
    return found and found.identifier


def test_a_pin_is_added_changed_and_removed_and_the_mailbox_is_told(people, mails, db, chat):
    ada = people.signed_in(ADA, verified_at=clock.now())
    assert "Add a PIN" in ada.get("/account").text
    assert ada.submit("/account/pin", passphrase="").status_code == 422
    assert ada.submit("/account/pin", passphrase="ada12345").status_code == 422
    page = ada.follow(ada.submit("/account/pin", passphrase=PHRASE))
    pin = pin_of(db)
    assert f"Your PIN is {pin}" in page.text
    assert mails.to(ADA)[-1]["Subject"] == "A way into your Rollcall account was added"
    assert chat("Test_Email", pin=pin, passPhrase=PHRASE)["resultCode"] == "SUCCESS"

    ada.submit("/account/pin", passphrase="amber tram at noon")
    assert pin_of(db) == pin
    assert mails.to(ADA)[-1]["Subject"] == "A way into your Rollcall account was changed"
    assert chat("Test_Email", pin=pin, passPhrase=PHRASE)["resultCode"] == "UNAUTHENTICATED"

    ada.submit("/account/pin", to="/account/pin/remove")
    assert pin_of(db) is None
    assert mails.to(ADA)[-1]["Subject"] == "A way into your Rollcall account was removed"
    assert ada.submit("/account", to="/account/pin/remove").status_code == 404


def test_nothing_is_added_before_the_mailbox_is_proven(people, db):
    ada = people.signed_in(ADA)
    assert "choose a new password by mail" in ada.get("/account/pin").text
    page = ada.client.post(
        "/account/pin", data={"csrf_token": ada.token("/account"), "passphrase": PHRASE}
    )
    assert page.status_code == 409
    assert pin_of(db) is None


def test_a_page_that_was_open_too_long_does_not_show_the_passphrase_again(people):
    ada = people.signed_in(ADA, verified_at=clock.now())
    page = ada.client.post("/account/pin", data={"csrf_token": "old", "passphrase": PHRASE})
    assert page.status_code == 400
    assert "press again" in page.text
    assert PHRASE not in page.text


def test_an_admin_sees_the_pin_and_lifts_its_pause(people, chat, db):
    user = people.account(ADA, verified_at=clock.now())
    pin, _digits = pins.add(db, user.id, pins.hash_of(PHRASE, rounds=4), {})
    db.commit()
    with time_machine.travel(clock.now(), tick=False) as moment:
        for _ in range(10):
            chat("Test_Email", pin=pins.get(db, pin).digits, passPhrase="wrong words here")
            moment.shift(40)
        admin = people.admin()
        assert "PIN" in admin.get(f"/admin/explain?q={ADA}").text
        lifted = admin.submit(f"/admin/people/{user.id}", to=f"/admin/people/{user.id}/lift-pause")
        assert lifted.status_code == 303
        assert not guesses.is_paused(db, guesses.PIN, ADA)


def test_a_stranger_who_added_a_pin_loses_it_when_the_owner_says_so(people, mails, visitor, db):
    people.signed_in(ADA, verified_at=clock.now()).submit("/account/pin", passphrase=PHRASE)
    link = mails.link(ADA)
    assert pin_of(db)
    assert visitor.submit(link).status_code == 303
    assert pin_of(db) is None


def test_who_came_by_a_chat_gets_a_password_by_the_usual_mail(
    app, chat, mails, visitor, db, monkeypatch
):
    monkeypatch.setattr(app.extensions["rollcall"].settings, "REGISTRATION", "open")
    asked = chat("SignUp_Init", email=ADA, isConsent=True, passPhrase=PHRASE)
    chat("SignUp_Verify", token=mails.link(ADA).partition("token=")[2])
    visitor.submit("/first-time-password", email=ADA, last_name="Anything")
    data = {"email": ADA, "code": mails.code(ADA), "password": PASSWORD}
    assert visitor.submit("/setup-password", **data).status_code == 303
    assert visitor.get("/account").status_code == 200
    assert str(asked["pin"]) in visitor.get("/account").text
    assert chat("Test_Email", pin=asked["pin"], passPhrase=PHRASE)["resultCode"] == "SUCCESS"
    db.rollback()
    assert len(db.scalars(select(User)).all()) == 1
