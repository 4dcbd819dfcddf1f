"""The chat-native contract: sign-up, confirmation, test mail, profile; every word of it."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from app import hashing, jobs
from app.core.audit import NOWHERE
from app.core.entry import by_code, keys
from app.core.entry.by_code import Door
from app.core.entry.keys import KeyScope
from app.core.proof import guesses, pins
from app.edge.ours import terms
from app.models.access import ApiKey, Credential, Purpose
from app.models.people import CameBy, Status, User
from app.models.records import AuditEntry, OutgoingMessage

NOOR = "noor@learn.example"
PHRASE = "green kettle by the canal"
BASE = "/web-api-service/Fl64_Gpt_User_Shared_Web_Api_"
PAGES = "/web/@flancer64/gpt-user-auth"
START = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def settings_in_use(app, monkeypatch):
    """Anybody with a mailbox may come."""
    in_use = app.extensions["rollcall"].settings
    monkeypatch.setattr(in_use, "REGISTRATION", "open")
    return in_use


class Chat:
    """A GPT that speaks the contract, with a key of its own."""

    def __init__(self, app, key):
        self.client = app.test_client()
        self.key = key

    def call(self, operation, *, key=None, headers=(), **body):
        bearer = {"Authorization": f"Bearer {self.key if key is None else key}"}
        response = self.client.post(BASE + operation, json=body, headers=bearer | dict(headers))
        assert "Set-Cookie" not in response.headers
        return response

    def ask(self, operation, **body):
        """The flat answer of an operation that has to answer 200, with its copy checked."""
        response = self.call(operation, **body)
        assert response.status_code == 200, response.text
        said = dict(response.json)
        assert said.pop("data") == said
        assert said["instructions"]
        return said

    def sign_up(self, email=NOOR, passphrase=PHRASE, **more):
        return self.ask("SignUp_Init", email=email, isConsent=True, passPhrase=passphrase, **more)

    def test_mail(self, pin, passphrase=PHRASE, **more):
        return self.ask("Test_Email", pin=pin, passPhrase=passphrase, **more)["resultCode"]


@pytest.fixture
def chat(app, db):
    """A GPT with a key for this contract."""
    made = keys.create(db, "Coach GPT", [KeyScope.SIGNUP], by=None, origin=NOWHERE)[1]
    db.commit()
    return Chat(app, made)


def token_of(mails, address=NOOR):
    return mails.link(address).partition("token=")[2]


@pytest.fixture
def active(chat, mails):
    """The PIN of somebody who signed up and confirmed it."""
    pin = chat.sign_up()["pin"]
    assert chat.ask("SignUp_Verify", token=token_of(mails))["status"] == "ACTIVE"
    return pin


def person(db, email=NOOR):
    db.rollback()
    return db.scalar(select(User).where(User.address == email))


def count(db, model):
    db.rollback()
    return db.scalar(select(func.count()).select_from(model))


def test_somebody_signs_up_confirms_and_is_known_by_pin_and_passphrase(chat, mails, db):
    with time_machine.travel(START, tick=False):
        asked = chat.ask(
            "SignUp_Init", email="Noor@Learn.example", isConsent=True, locale="nl-NL",
            passPhrase="Green kettle by the canal ",
        )  # fmt: skip
        assert asked["resultCode"] == "SUCCESS"
        assert 10**7 <= asked["pin"] < 10**8
        assert person(db).came_by == CameBy.CHAT.value
        assert person(db).verified_at is None
        assert chat.test_mail(asked["pin"]) == "UNAUTHENTICATED"
        assert chat.ask("SignUp_Verify", token=token_of(mails)) == {
            "resultCode": "SUCCESS", "email": NOOR, "pin": asked["pin"], "locale": "nl-NL",
            "status": "ACTIVE", "dateCreated": "2026-03-02T09:15:00Z",
            "instructions": "The account is confirmed. PIN and passphrase work from now on.",
        }  # fmt: skip
    assert person(db).locale == "nl-NL"
    assert chat.test_mail(asked["pin"], " GREEN kettle by the canal") == "SUCCESS"
    assert chat.test_mail(str(asked["pin"])) == "SUCCESS"
    stored = db.scalar(select(Credential))
    assert stored.secret_hash.startswith("sha256$$2b$")
    assert stored.last_used_at is not None


REFUSED = [
    ({"isConsent": False}, "CONSENT_REQUIRED"),
    ({"isConsent": None}, "CONSENT_REQUIRED"),
    ({"isConsent": "true"}, "CONSENT_REQUIRED"),
    ({"email": "nobody"}, "INVALID_INPUT"),
    ({"email": 7}, "INVALID_INPUT"),
    ({"email": None}, "INVALID_INPUT"),
    ({"passPhrase": "seven 7"}, "INVALID_INPUT"),
    ({"passPhrase": "  seven 7  "}, "INVALID_INPUT"),
    ({"passPhrase": "x" * 129}, "INVALID_INPUT"),
    ({"passPhrase": "password1"}, "INVALID_INPUT"),
    ({"passPhrase": ["green kettle"]}, "INVALID_INPUT"),
    ({"locale": "xx-klingon!"}, "INVALID_INPUT"),
    ({"locale": 7}, "INVALID_INPUT"),
]


def test_case_34_what_cannot_be_taken_is_said_and_stores_nothing(chat, db):
    entries = count(db, AuditEntry)
    for odd, word in REFUSED:
        sent = {"email": NOOR, "isConsent": True, "passPhrase": PHRASE} | odd
        said = chat.ask("SignUp_Init", **sent)
        assert (said["resultCode"], said["pin"]) == (word, None), odd
        assert "seven" not in said["instructions"]
        if odd.get("passPhrase") in ("seven 7", "x" * 129):
            assert said["instructions"] == "The passphrase needs 8 to 128 characters."
    assert [count(db, each) for each in (User, OutgoingMessage)] == [0, 0]
    assert count(db, AuditEntry) == entries


def test_both_spellings_of_the_scenarios_are_taken(chat, mails):
    said = chat.ask("SignUp_Init", email=NOOR, consent=True, passphrase=PHRASE)
    assert said["resultCode"] == "SUCCESS"
    chat.ask("SignUp_Verify", token=token_of(mails))
    said = chat.ask("Test_Email", pin=said["pin"], passphrase=PHRASE)
    assert said["resultCode"] == "SUCCESS"


def test_case_34_an_unverified_address_signs_up_again_and_the_older_token_is_dead(chat, mails, db):
    first = chat.sign_up()["pin"]
    older = token_of(mails)
    second = chat.sign_up(passphrase="amber tram at noon")["pin"]
    assert chat.ask("SignUp_Verify", token=older)["resultCode"] == "INVALID_TOKEN"
    assert chat.ask("SignUp_Verify", token=token_of(mails))["pin"] == second
    assert chat.test_mail(first) == "UNAUTHENTICATED"
    assert chat.test_mail(second, "amber tram at noon") == "SUCCESS"
    assert [count(db, each) for each in (User, Credential)] == [1, 1]


def test_a_mail_that_waits_gives_way_to_the_newer_one(chat, mails):
    chat.sign_up()
    pin = chat.sign_up()["pin"]
    assert len(mails.to(NOOR)) == 1
    assert chat.ask("SignUp_Verify", token=token_of(mails))["pin"] == pin


def test_who_asks_on_and_on_for_an_address_does_not_kill_its_owners_link(chat, mails, db):
    for _ in range(2):
        chat.sign_up(passphrase="a stranger's own words")
        mails.deliver()
    pin = chat.sign_up()["pin"]
    for _ in range(4):
        later = chat.sign_up(passphrase="a stranger's own words")
        assert (later["resultCode"], later["pin"] == pin) == ("SUCCESS", False)
    assert len(mails.to(NOOR)) == 3
    assert chat.ask("SignUp_Verify", token=token_of(mails))["pin"] == pin
    assert chat.test_mail(pin) == "SUCCESS"


def test_a_registered_address_gets_a_pin_that_opens_nothing_and_the_truth_by_mail(
    chat, people, mails, db
):
    people.account(NOOR, verified_at=START)
    said = chat.sign_up("NOOR@learn.example")
    assert set(said) == {"resultCode", "instructions", "pin"}
    assert said["instructions"] == chat.sign_up("free@x.example")["instructions"]
    assert said["resultCode"] == "SUCCESS"
    assert 10**7 <= said["pin"] < 10**8
    assert chat.test_mail(said["pin"]) == "UNAUTHENTICATED"
    assert "It has an account" in mails.text(NOOR)
    assert count(db, Credential) == 1  # That of the other address.


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"verified_at": START, "status": Status.INACTIVE.value}, "closed"),
        ({"verified_at": None, "password": None, "status": Status.INACTIVE.value}, "closed"),
    ],
)
def test_who_is_shut_out_is_answered_like_anybody(chat, people, mails, columns, why):
    people.account(NOOR, **columns)
    assert chat.sign_up()["resultCode"] == "SUCCESS"
    assert len(mails.to(NOOR)) == 1, why


def test_who_is_on_no_list_learns_it_by_mail_and_the_listed_sign_up(
    chat, people, mails, db, settings_in_use, monkeypatch
):
    monkeypatch.setattr(settings_in_use, "REGISTRATION", "roster")
    people.listed("Noor", NOOR, "A1")
    nobody, listed = chat.sign_up("stranger@x.example"), chat.sign_up()
    assert nobody["resultCode"] == listed["resultCode"] == "SUCCESS"
    assert nobody["instructions"] == listed["instructions"]
    assert person(db, "stranger@x.example") is None
    assert "not on the list" in mails.text("stranger@x.example")
    assert chat.ask("SignUp_Verify", token=token_of(mails))["status"] == "ACTIVE"
    user = person(db)
    assert (user.last_name, user.came_by, user.from_roster) == ("Noor", None, True)
    assert chat.test_mail(listed["pin"]) == "SUCCESS"


def test_where_it_may_be_told_only_an_active_account_is_and_only_so_often(
    chat, people, mails, db, settings_in_use, monkeypatch
):
    monkeypatch.setattr(settings_in_use, "SIGNUP_TELLS_REGISTERED", True)
    people.account(NOOR, verified_at=START)
    people.account("unproven@x.example")
    people.account("closed@x.example", verified_at=START, status=Status.INACTIVE.value)
    said = chat.sign_up()
    assert (said["resultCode"], said["pin"]) == ("EMAIL_ALREADY_REGISTERED", None)
    for other in ("unproven@x.example", "closed@x.example", "free@x.example"):
        assert chat.sign_up(other)["resultCode"] == "SUCCESS"
    assert mails.to(NOOR)
    words = [chat.sign_up()["resultCode"] for _ in range(20)]
    assert words.count("EMAIL_ALREADY_REGISTERED") == 19
    assert words[-1] == "SUCCESS"


@pytest.mark.parametrize("operation", ["SignUp_Init", "Test_Email", "Update_Init"])
def test_case_36_without_a_valid_bearer_it_is_403_before_the_body_is_read(chat, db, operation):
    other = keys.create(db, "Other", [KeyScope.GPT], by=None, origin=NOWHERE)[1]
    db.commit()
    hint = {"openai-ephemeral-user-id": "somebody"}
    for key in ("", "x", "é", other, chat.key + "x"):
        response = chat.call(operation, key=key, headers=hint)
        assert (response.status_code, set(response.json)) == (403, {"message"})
    for header in ({}, {"Authorization": chat.key}, {"Authorization": f"Basic {chat.key}"}):
        response = chat.client.post(BASE + operation, data="no json", headers=header)
        assert response.status_code == 403
    lower = {"Authorization": f"bearer {chat.key}"}
    assert chat.client.post(BASE + operation, json={}, headers=lower).status_code == 200
    db.execute(update(ApiKey).values(revoked_at=START))
    db.commit()
    assert chat.call(operation, pin=1).status_code == 403


OPERATIONS = [
    "SignUp_Init", "SignUp_Verify", "Test_Email", "Update_Init", "Update_Load", "Update_Save",
]  # fmt: skip


NO_OBJECTS = [b"", b"[]", b'"text"', b"{", b"\xff", b"[" * 3000, b'{"a": NaN}']
ODD_OBJECTS = [b'{"pin": 1, "pin": 2}', b'{"token": "\\ud800"}', b'{"email": "\\u0000"}']
ODD_OBJECTS += [b'{"locale": ' + b"[" * 99 + b"]" * 99 + b"}"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_what_is_no_object_is_400(chat, operation):
    headers = {"Authorization": f"Bearer {chat.key}"}
    sent = [(each, "application/json") for each in NO_OBJECTS] + [(b"{}", "text/plain")]
    for body, kind in sent:
        response = chat.client.post(BASE + operation, data=body, headers=headers, content_type=kind)
        assert (response.status_code, set(response.json)) == (400, {"message"}), body
    for body in ODD_OBJECTS:
        response = chat.client.post(
            BASE + operation, data=body, headers=headers, content_type="application/json"
        )
        assert response.status_code == 200, body


ODD = [None, 7, -1, 10**19, 1.5, True, [], {}, "", "x", "\u202e\u0301", "x" * 3000]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_value_of_any_member_breaks_anything(chat, operation):
    names = ("email", "pin", "passPhrase", "passphrase", "subject", "message", "locale", "token")
    for value in ODD:
        said = chat.ask(operation, isConsent=True, **dict.fromkeys(names, value))
        words = {"INVALID_INPUT", "INVALID_TOKEN", "UNAUTHENTICATED"}
        assert said["resultCode"] in words, value


def test_an_object_without_members_is_answered_in_words_of_the_contract(chat):
    words = {each: chat.ask(each)["resultCode"] for each in OPERATIONS}
    assert words == {
        "SignUp_Init": "CONSENT_REQUIRED",
        "SignUp_Verify": "INVALID_TOKEN",
        "Test_Email": "UNAUTHENTICATED",
        "Update_Init": "INVALID_INPUT",
        "Update_Load": "INVALID_TOKEN",
        "Update_Save": "INVALID_TOKEN",
    }


def test_failures_of_ours_have_the_word_of_their_operation(app, chat, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("a secret detail")

    for operation, module in {
        "SignUp_Init": "chat_signup.ask",
        "Update_Init": "chat_profile.ask",
        "Test_Email": "by_pin.prove",
    }.items():
        monkeypatch.setattr(f"app.core.entry.{module}", broken)
        said = chat.ask(
            operation, email=NOOR, isConsent=True, passPhrase=PHRASE, pin=12345678
        )  # fmt: skip
        word = "SERVICE_ERROR" if operation == "Test_Email" else "SERVER_ERROR"
        assert said["resultCode"] == word
        assert "secret" not in said["instructions"]
    monkeypatch.setattr("app.core.entry.chat_signup.confirm", broken)
    response = chat.call("SignUp_Verify", token="x")
    assert (response.status_code, set(response.json)) == (500, {"error"})


def test_the_wrong_method_and_an_unknown_path_say_so_in_json(chat):
    response = chat.client.get(BASE + "SignUp_Init")
    assert (response.status_code, response.headers["Allow"]) == (405, "OPTIONS, POST")
    assert set(response.json) == {"message"}
    assert chat.client.post(BASE + "SignUp_Fly", json={}).status_code == 404


def test_case_35_a_token_of_another_kind_or_a_used_one_is_refused(chat, active, mails):
    used = token_of(mails)
    chat.ask("Update_Init", pin=active)
    profile = token_of(mails)
    for token in (used, profile, profile[:-2], "", "x" * 1999):
        assert chat.ask("SignUp_Verify", token=token)["resultCode"] == "INVALID_TOKEN"
    for token in (used, profile[:-2], ""):
        assert chat.ask("Update_Load", token=token)["resultCode"] == "INVALID_TOKEN"
        said = chat.ask("Update_Save", token=token, locale="fr")
        assert said["resultCode"] == "INVALID_TOKEN"
    assert chat.ask("Update_Load", token=profile)["pin"] == active


def test_case_35_looking_at_the_page_consumes_nothing_and_a_press_does(chat, mails, visitor, db):
    with time_machine.travel(START, tick=False):
        pin = chat.sign_up()["pin"]
        link = mails.link(NOOR)
        for _ in range(3):
            assert visitor.client.head(link).status_code == 200
            page = visitor.get(link)
        assert person(db).verified_at is None
        shown = visitor.page(page).get_text(" ", strip=True)
        assert {"Coach GPT", str(pin), NOOR} <= set(re.findall(r"Coach GPT|\d{8}|\S+@\S+", shown))
        assert "Mar 2, 2026" in shown
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["X-Robots-Tag"] == "noindex"
        assert page.headers["Cache-Control"] == "no-store"
        done = visitor.follow(visitor.submit(link, answer="me"))
    assert "Your account is ready" in done.text
    assert str(pin) in done.text
    assert visitor.get(link).status_code == 410
    assert chat.test_mail(pin) == "SUCCESS"


def test_this_was_not_me_deletes_what_was_asked_for(chat, mails, visitor, db, people):
    chat.sign_up()
    link = mails.link(NOOR)
    page = visitor.follow(visitor.submit(link, answer="not-me"))
    assert "The account is deleted" in page.text
    assert [count(db, each) for each in (User, Credential)] == [0, 0]
    assert visitor.submit("/login", to=link, answer="me").status_code == 410
    people.account("ada@x.example", password=None, ids=["A1"])
    pin = chat.sign_up("ada@x.example")["pin"]
    link = mails.link("ada@x.example")
    visitor.submit("/forgot-password", email="ada@x.example")
    page = visitor.follow(visitor.submit(link, answer="not-me"))
    assert "stays as it was" in page.text
    assert mails.link("ada@x.example") != link, "other mail of theirs still leaves"
    assert person(db, "ada@x.example").verified_at is None
    assert chat.test_mail(pin) == "UNAUTHENTICATED"


@pytest.mark.parametrize("way", ["reset", "code"])
def test_who_proves_the_mailbox_in_another_way_finds_no_pin_of_a_stranger(
    chat, mails, visitor, db, way, app
):
    pin = chat.sign_up(passphrase="a stranger's own words")["pin"]
    token = token_of(mails)
    if way == "reset":
        visitor.submit("/forgot-password", email=NOOR)
        data = {"email": NOOR, "code": mails.code(NOOR), "password": "three green kettles"}
        assert visitor.submit("/reset-password", **data).status_code == 303
    else:
        prove_by_code(app, db, mails)
    assert person(db).verified_at is not None
    assert count(db, Credential) == 0
    assert chat.ask("SignUp_Verify", token=token)["resultCode"] == "INVALID_TOKEN"
    assert chat.test_mail(pin, "a stranger's own words") == "UNAUTHENTICATED"


def prove_by_code(app, db, mails):

    door = Door(Purpose.API, timedelta(minutes=5))
    with app.test_request_context():
        by_code.ask(db, NOOR, door, terms=terms(), origin=NOWHERE)
        db.commit()
        by_code.prove(db, NOOR, mails.code(NOOR), door, terms=terms(), origin=NOWHERE)
        db.commit()


def test_a_test_mail_goes_to_oneself_alone_and_marks_ones_words(chat, active, mails):
    said = chat.ask(
        "Test_Email", pin=active, passPhrase=PHRASE, subject="Hello\r\nBcc: eve@x.example",
        message="<b>You won</b>\nPay at https://x.example \u202etxt", email="eve@x.example",
    )  # fmt: skip
    assert said["resultCode"] == "SUCCESS"
    mail = mails.to(NOOR)[-1]
    assert mail["Subject"] == "Test mail from Rollcall: Hello Bcc: eve@x.example"
    assert (mail["To"], mail["Bcc"]) == (NOOR, None)
    assert "> <b>You won</b>\n> Pay at https://x.example txt" in mails.text(NOOR)
    assert "these are your own words" in mails.text(NOOR).lower()
    assert "&lt;b&gt;You won" in mail.get_body(("html",)).get_content()
    assert mails.to("eve@x.example") == []
    too_long = chat.ask("Test_Email", pin=active, passPhrase=PHRASE, subject="x" * 101)
    assert too_long["resultCode"] == "INVALID_INPUT"
    words = [chat.test_mail(active) for _ in range(5)]
    assert words == ["SUCCESS"] * 4 + ["SERVICE_ERROR"]


def test_case_36_known_and_unknown_answer_alike_and_the_pin_alone_is_enough(
    chat, active, mails, people
):
    people.account("web@x.example")
    before = len(mails.to(NOOR))
    answers = [
        chat.ask("Update_Init", **named)
        for named in (
            {"pin": active}, {"email": "NOOR@learn.example"}, {"email": "who@x.example"},
            {"pin": 10**7 + 1}, {"email": "web@x.example"},
            {"email": "who@x.example", "pin": active},
        )
    ]  # fmt: skip
    assert [each["resultCode"] for each in answers] == ["SUCCESS"] * 6
    assert len({each["instructions"] for each in answers}) == 1
    assert len(mails.to(NOOR)) == before + 3
    assert "There is no Rollcall account" in mails.to("who@x.example")[0]["Subject"]
    assert "Add one to your account" in mails.text("web@x.example")


def test_an_unverified_person_who_asks_for_the_profile_gets_the_first_link_again(chat, mails):
    pin = chat.sign_up()["pin"]
    chat.ask("Update_Init", email=NOOR)
    assert "signup.html" in mails.link(NOOR)
    assert chat.ask("SignUp_Verify", token=token_of(mails))["pin"] == pin


def test_a_profile_is_saved_once_by_its_link_and_the_owner_is_told(chat, active, mails, db):
    chat.ask("Update_Init", pin=active)
    token = token_of(mails)
    loaded = chat.ask("Update_Load", token=token)
    assert loaded["resultCode"] == "SUCCESS"
    assert set(loaded) == {
        "resultCode", "instructions", "dateCreated", "email", "locale", "pin", "status",
    }  # fmt: skip
    for body in ({}, {"locale": "en-", "passphrase": ""}, {"passphrase": "short"}):
        said = chat.ask("Update_Save", token=token, **body)
        assert said["resultCode"] == "INVALID_INPUT", body
    saved = chat.ask("Update_Save", token=token, locale="fr-FR", passphrase="amber tram at noon")
    assert saved["resultCode"] == "SUCCESS"
    again = chat.ask("Update_Save", token=token, locale="en", passphrase="another tram at noon")
    assert again["resultCode"] == "INVALID_TOKEN"
    assert person(db).locale == "fr-FR"
    assert "was changed" in mails.to(NOOR)[-1]["Subject"]
    assert chat.test_mail(active) == "UNAUTHENTICATED"
    assert chat.test_mail(active, "amber tram at noon") == "SUCCESS"


def test_a_language_alone_uses_the_link_up_too_even_there_and_back(chat, active, mails):
    chat.ask("Update_Init", pin=active)
    first = token_of(mails)
    assert chat.ask("Update_Save", token=first, locale="fr")["resultCode"] == "SUCCESS"
    chat.ask("Update_Init", pin=active)
    assert chat.ask("Update_Save", token=token_of(mails), locale="en")["resultCode"] == "SUCCESS"
    assert chat.ask("Update_Save", token=first, locale="fr")["resultCode"] == "INVALID_TOKEN"


def test_the_profile_page_shows_and_saves_what_the_contract_does(chat, active, mails, visitor, db):
    chat.ask("Update_Init", pin=active)
    link = mails.link(NOOR)
    page = visitor.get(link)
    assert page.status_code == 200
    assert {NOOR, str(active), "Active"} <= set(visitor.page(page).stripped_strings)
    assert visitor.submit(link, locale="", passphrase="").status_code == 422
    assert visitor.submit(link, locale="nl", passphrase="short").status_code == 422
    done = visitor.follow(visitor.submit(link, locale="nl-nl", passphrase="amber tram at noon"))
    assert "Your profile is saved" in done.text
    assert person(db).locale == "nl-NL"
    assert visitor.get(link).status_code == 410
    assert chat.test_mail(active, "amber tram at noon") == "SUCCESS"


def legacy_pin(db, people, digits="4821", email=NOOR, phrase=PHRASE, **columns):
    """A PIN as the predecessor's database has it, taken over."""
    salt = "8f2b9d1e-9f0c-4a3e-8a59-1f4f52a1c0de"
    digest = hashlib.sha256(f"{phrase}{salt}".encode()).hexdigest()
    user = people.account(email, password=None, **({"verified_at": START} | columns))
    db.add(
        Credential(
            user_id=user.id, kind="pin", identifier=digits, created_at=START,
            secret_hash=hashing.hash_password(digest, rounds=4),
            data={"salt": salt, "legacy": True},
        )
    )  # fmt: skip
    db.commit()
    return user


def test_an_imported_digest_of_letters_in_two_parts_opens_too(chat, db, people):
    parts = "gre\u0301en kettle by the canal"
    legacy_pin(db, people, phrase=parts)
    assert chat.test_mail(4821, "gr\u00e9en kettle by the canal") == "UNAUTHENTICATED"
    assert chat.test_mail(4821, f"{parts.title()} ") == "SUCCESS"
    assert chat.test_mail(4821, "gr\u00e9en kettle by the canal") == "SUCCESS"


def test_case_37_an_imported_digest_opens_once_and_is_then_hashed_anew(chat, db, people):
    legacy_pin(db, people)
    assert chat.test_mail(4821, "green kettle by the bank") == "UNAUTHENTICATED"
    assert db.scalar(select(Credential)).data["legacy"] is True
    assert chat.test_mail(4821, "  GREEN Kettle by the canal ") == "SUCCESS"
    db.rollback()
    stored = db.scalar(select(Credential).execution_options(populate_existing=True))
    assert stored.data == {}
    assert hashing.verify_password(PHRASE, stored.secret_hash, rounds=4)
    assert chat.test_mail(4821) == "SUCCESS"


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({}, "SUCCESS"),
        ({"verified_at": None}, "UNAUTHENTICATED"),
        ({"status": Status.INACTIVE.value}, "UNAUTHENTICATED"),
    ],
)
def test_case_38_only_an_active_person_passes_an_old_pin_too(chat, db, people, columns, word):
    legacy_pin(db, people, **columns)
    assert chat.test_mail(4821) == word


def test_too_many_wrong_passphrases_pause_the_pin_and_its_owner_lifts_that(
    chat, active, mails, visitor, db, people
):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        for pin in (active, 10**7 + 7):
            for number in range(10):
                clock.shift(40 if number else 0)
                assert chat.test_mail(pin, "wrong words here") == "UNAUTHENTICATED"
            said = chat.ask("Test_Email", pin=pin, passPhrase=PHRASE)
            assert said["resultCode"] == "UNAUTHENTICATED"
            assert "Too many tries" in said["instructions"]
        assert "PIN" in mails.to(NOOR)[-1]["Subject"]
        lift = mails.link(NOOR)
        assert guesses.is_paused(db, guesses.PIN, NOOR)
        # A pause of the PIN keeps nobody from the site, and the other way round.
        assert guesses.window_ends_at(db, NOOR) is None
        db.rollback()
        chat.ask("Update_Init", pin=active)
        assert chat.ask("Update_Load", token=token_of(mails))["status"] == "BLOCKED"
        assert "PIN" in visitor.get(lift).text
        assert visitor.submit(lift).status_code == 303
        assert chat.test_mail(active) == "SUCCESS"
        assert visitor.get(lift).status_code == 410


def test_guesses_at_once_are_counted_one_by_one(chat, active, db, app):

    def guess(_number):
        other = Chat(app, chat.key)
        return other.call("Test_Email", pin=active, passPhrase="wrong words here").json

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(guess, range(16)))
    assert {each["resultCode"] for each in said} <= {"UNAUTHENTICATED", "SERVICE_ERROR"}
    tried = [each for each in said if "do not match" in each["instructions"]]
    assert len(tried) <= 5


def test_two_presses_at_once_confirm_once(chat, mails, app, db):

    chat.sign_up()
    token = token_of(mails)
    with ThreadPoolExecutor(6) as pool:
        said = list(
            pool.map(
                lambda _n: Chat(app, chat.key).call("SignUp_Verify", token=token).json, range(6)
            )
        )
    words = sorted(each["resultCode"] for each in said)
    assert words == ["INVALID_TOKEN"] * 5 + ["SUCCESS"]


def test_saving_twice_at_once_saves_once(chat, active, mails, app):
    chat.ask("Update_Init", pin=active)
    token = token_of(mails)

    def save(number):
        body = {"token": token, "passphrase": f"amber tram at noon {number}"}
        return Chat(app, chat.key).call("Update_Save", **body).json["resultCode"]

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(save, range(4)))
    assert sorted(said) == ["INVALID_TOKEN"] * 3 + ["SUCCESS"]
    assert chat.test_mail(active, f"amber tram at noon {said.index('SUCCESS')}") == "SUCCESS"


def test_sign_ups_at_once_leave_one_account_with_one_pin(chat, app, db):

    def sign_up(_number):
        return Chat(app, chat.key).sign_up()["resultCode"]

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(sign_up, range(6))) <= {"SUCCESS", "SERVER_ERROR"}
    assert [count(db, each) for each in (User, Credential)] == [1, 1]


def test_what_is_never_confirmed_goes_after_a_week_and_nobody_else(
    chat, mails, app, db, people, settings
):
    parts = app.extensions["rollcall"]
    with time_machine.travel(START) as clock:
        people.account("made@x.example", password=None)
        people.listed("Listed", "listed@x.example", "A1")
        for email in ("gone@x.example", NOOR, "made@x.example", "listed@x.example"):
            chat.sign_up(email)
        chat.ask("SignUp_Verify", token=token_of(mails))
        legacy_pin(db, people, email="adopted@x.example", verified_at=None)
        clock.shift(timedelta(days=6, hours=23))
        chat.sign_up("late@x.example")
        jobs.drop_unconfirmed(parts.sessions, parts.settings)
        assert [count(db, each) for each in (User, Credential)] == [6, 6]
        clock.shift(timedelta(hours=2))
        jobs.drop_unconfirmed(parts.sessions, parts.settings)
    db.rollback()
    held = dict(db.execute(select(User.address, Credential.id).outerjoin(Credential)).all())
    assert {address: pin is not None for address, pin in held.items()} == {
        NOOR: True,
        "adopted@x.example": True,
        "late@x.example": True,
        "made@x.example": False,
    }
    entries = db.scalars(select(AuditEntry).where(AuditEntry.event == "account:deleted")).all()
    assert sorted(entry.details["email"] for entry in entries) == [
        "gone@x.example", "listed@x.example",
    ]  # fmt: skip
    assert {entry.details["why"] for entry in entries} == {"never_confirmed"}


def test_the_audit_log_knows_requests_and_outcomes_and_no_secret(chat, active, mails, db):
    hints = {"openai-gpt-id": "g-123", "openai-conversation-id": "c-9\u00e9"}
    chat.call("Test_Email", pin=active, passPhrase="wrong words here", headers=hints)
    chat.call("Test_Email", pin=active, passPhrase=PHRASE, headers=hints)
    chat.call("Update_Init", pin=active, headers=hints)
    chat.call("Update_Save", token=token_of(mails), passphrase="amber tram at noon")
    chat.call("SignUp_Init", key="nothing")
    db.rollback()
    entries = list(db.scalars(select(AuditEntry).order_by(AuditEntry.id)))
    events = [each.event for each in entries]
    for event in (
        "signup:asked", "account:opened", "signup:proven", "sign_in:refused", "pin:used",
        "signup:profile_asked", "signup:profile_saved",
    ):  # fmt: skip
        assert event in events, event
    used = next(each for each in entries if each.event == "pin:used")
    assert used.details["through"] == "Coach GPT"
    assert used.details["gpt"] == "g-123"
    assert entries[-1].details["refusal"] == "forbidden"
    written = " ".join(str(each.details) for each in entries).lower()
    for secret in (PHRASE, "amber tram", "wrong words", chat.key.lower(), "token="):
        assert secret not in written


def test_the_document_shows_the_three_operations_and_what_the_pages_call(chat):
    made = chat.client.get("/openapi/signup.json").json
    assert made["openapi"].startswith("3.1")
    assert made["servers"] == [{"url": "http://localhost"}]
    found = {
        operation["operationId"]: (path, operation)
        for path, each in made["paths"].items()
        for operation in each.values()
    }
    guarded = {"userSignUpInit", "emailTestSend", "userProfileUpdateInit"}
    assert guarded | {"userSignUpVerify", "userProfileUpdateLoad", "userProfileUpdateSave"} == set(
        found
    )
    for name, (path, operation) in found.items():
        assert path.startswith(BASE)
        assert operation["x-openai-isConsequential"] is (name in guarded)
        assert operation["security"] == ([{"bearer": []}] if name in guarded else [])
        assert len(operation["summary"]) <= 300
        assert len(operation["description"]) <= 300


def test_a_pin_that_nobody_could_draw_is_none(db):
    assert pins.read_digits(4821) == "4821"
    assert pins.read_digits("4821 3077") == "48213077"
    for odd in (True, None, -4821, "12", "1" * 13, "\u0664\u0668\u0662\u0661", "4821x", 10**18):
        assert pins.read_digits(odd) is None


class TestLimited:
    @pytest.fixture
    def environment(self, environment):
        """The settings' environment, with limits."""
        return environment | {"RATELIMIT_ENABLED": "true"}

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_who_has_no_key_is_told_to_wait_and_closes_the_way_for_nobody_else(self, chat, db):
        refused = [chat.call("Update_Init", key="nonsense").status_code for _ in range(62)]
        assert refused == [403] * 60 + [429] * 2
        assert chat.ask("Update_Init", email=NOOR)["resultCode"] == "SUCCESS"
        right = [chat.call("SignUp_Init", isConsent=False).status_code for _ in range(62)]
        assert right == [200] * 62
