"""The examples of both predecessors' documents: sent as they stand, and answered as they say."""

import re
from datetime import datetime

import pytest

from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from app.core.proof import pins
from app.models.access import Credential, CredentialKind

NOOR = "noor@learn.example"
PHRASE = "green kettle by the canal"
PREFIX = "/web-api-service/Fl64_Gpt_User_Shared_Web_Api_"
UTC_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def environment(environment):
    """Anybody with a mailbox may come, as with both predecessors."""
    return environment | {"REGISTRATION": "both"}


@pytest.fixture
def caller(app, db):
    """A program with a key for both contracts; it sends the key as each of them has it."""
    scopes = [KeyScope.GPT, KeyScope.SIGNUP]
    key = keys.create(db, "Coach GPT", scopes, by=None, origin=NOWHERE)[1]
    db.commit()
    client = app.test_client()

    def post(path, body, status=200):
        headers = {"X-API-KEY": key, "Authorization": f"Bearer {key}"}
        headers.pop("X-API-KEY" if path.startswith(PREFIX) else "Authorization")
        answer = client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json

    return post


def test_the_examples_of_the_custom_gpt(caller, mails):
    sent = caller("/auth/send-link", {"email": "Noor@Learn.example"})
    assert sent == {"message": "Verification code sent successfully", "email": NOOR}
    code = mails.code(NOOR)
    wrong = "204816" if code != "204816" else "204817"
    body = {"email": "Noor@Learn.example", "code": wrong}
    assert caller("/auth/verify-email", body, 400) == {"error": "Invalid or expired code"}
    verified = caller("/auth/verify-email", body | {"code": code})
    assert set(verified) == {"token", "userId", "message"}
    assert verified["message"] == "Verification successful"
    lines = ["Learner: can we start?", "Coach: yes."]
    body = {
        "token": verified["token"],
        "summary": "Practised open questions.",
        "raw_text": lines,
    }
    row = caller("/conversations", body, 201)
    assert set(row) >= {"id", "user_id", "summary", "raw_text", "created_at", "updated_at"}
    assert (row["user_id"], row["summary"]) == (verified["userId"], "Practised open questions.")
    assert row["raw_text"] == lines
    assert UTC_MOMENT.fullmatch(row["created_at"])
    assert datetime.fromisoformat(row["updated_at"]).tzinfo is not None
    assert caller("/conversations/list", {"token": verified["token"]}) == [row]


def test_the_examples_of_the_sign_up_in_chats(caller, mails):
    def ask(operation, **body):
        said = caller(PREFIX + operation, body)
        assert said["data"] == {name: each for name, each in said.items() if name != "data"}
        return said["data"]

    wish = {"email": "Noor@Learn.example", "locale": "nl-NL", "passPhrase": PHRASE}
    assert ask("SignUp_Init", **wish, isConsent=False) == {
        "resultCode": "CONSENT_REQUIRED",
        "pin": None,
        "instructions": "Nothing was stored. Agree to the data terms to continue.",
    }
    short = ask("SignUp_Init", **wish | {"passPhrase": "kettle"}, isConsent=True)
    assert (short["resultCode"], short["pin"]) == ("INVALID_INPUT", None)
    assert mails.to(NOOR) == []
    made = ask("SignUp_Init", **wish, isConsent=True)
    assert made["resultCode"] == "SUCCESS"
    assert made["instructions"] == (
        "Open the link we mailed to finish. Keep this PIN with your passphrase."
    )
    pin = made["pin"]
    assert len(str(pin)) == 8
    who = {"pin": pin, "passPhrase": "Green kettle by the canal ", "subject": "Hello"}
    assert ask("Test_Email", **who) == {
        "resultCode": "UNAUTHENTICATED",
        "instructions": "PIN and passphrase do not match an active account.",
    }
    verified = ask("SignUp_Verify", token=_token(mails))
    assert UTC_MOMENT.fullmatch(verified.pop("dateCreated"))
    assert verified.pop("instructions")
    assert verified == {
        "resultCode": "SUCCESS", "email": NOOR, "pin": pin, "locale": "nl-NL", "status": "ACTIVE",
    }  # fmt: skip
    assert ask("Test_Email", **who)["resultCode"] == "SUCCESS"
    assert ask("Update_Init", pin=pin) == {
        "resultCode": "SUCCESS",
        "instructions": "If that account exists, a link is on its way.",
    }
    token = _token(mails)
    saved = ask("Update_Save", token=token, locale="fr-FR", passphrase="amber tram at noon")
    assert saved["resultCode"] == "SUCCESS"
    assert ask("Test_Email", **who)["resultCode"] == "UNAUTHENTICATED"
    assert (
        ask("Test_Email", **who | {"passPhrase": "amber tram at noon"})["resultCode"] == "SUCCESS"
    )


EXAMPLES = {
    "email": "user@example.com",
    "isConsent": True,
    "locale": "en-US",
    "passPhrase": "sunny day morning",
    "pin": 123456,
}
"""The examples of the second predecessor's document (web/openapi.json), by their members."""

ANSWERED = {
    "SignUp_Init": {"resultCode": str, "pin": int, "instructions": str},
    "Test_Email": {"resultCode": str},
    "Update_Init": {"resultCode": str, "instructions": str},
}
"""What that document says an answer has, and of which kind."""


def test_the_examples_of_the_document_of_the_sign_up_in_chats(caller, mails):
    def replay(operation, *names, **more):
        body = {name: EXAMPLES[name] for name in names} | more
        said = caller(PREFIX + operation, body)
        assert {name: type(said[name]) for name in ANSWERED[operation]} == ANSWERED[operation]
        return said

    # Its PIN and its address are nobody's yet, and are answered as anybody's.
    assert replay("Update_Init", "email", "pin")["resultCode"] == "SUCCESS"
    assert replay("Update_Init", "pin")["resultCode"] == "SUCCESS"
    assert replay("Test_Email", "pin", "passPhrase")["resultCode"] == "UNAUTHENTICATED"
    made = replay("SignUp_Init", "email", "isConsent", "locale", "passPhrase")
    assert made["resultCode"] == "SUCCESS"
    verified = caller(PREFIX + "SignUp_Verify", {"token": _token(mails, EXAMPLES["email"])})
    assert (verified["email"], verified["locale"]) == (EXAMPLES["email"], EXAMPLES["locale"])
    assert (verified["pin"], verified["status"]) == (made["pin"], "ACTIVE")
    sent = replay("Test_Email", "passPhrase", pin=made["pin"], subject="", message="")
    assert sent["resultCode"] == "SUCCESS"
    # Beside an address the PIN is the fallback: the example's own leads nobody astray.
    assert replay("Update_Init", "email", "pin")["resultCode"] == "SUCCESS"
    token = _token(mails, EXAMPLES["email"])
    loaded = caller(PREFIX + "Update_Load", {"token": token})
    assert (loaded["email"], loaded["pin"]) == (EXAMPLES["email"], made["pin"])
    again = replay("SignUp_Init", "email", "isConsent", "locale", "passPhrase")
    assert again["resultCode"] in {"SUCCESS", "EMAIL_ALREADY_REGISTERED"}
    assert again["pin"] != made["pin"]


def test_a_pin_of_six_digits_that_came_along_works_as_in_the_example(caller, people, mails, db):
    user = people.account(EXAMPLES["email"], verified_at=clock.now(), locale=EXAMPLES["locale"])
    normal = pins.check_new(EXAMPLES["passPhrase"], known_words=[])
    secret_hash = pins.hash_of(normal, rounds=4)
    kept = {"kind": CredentialKind.PIN.value, "identifier": str(EXAMPLES["pin"]), "data": {}}
    db.add(Credential(user_id=user.id, secret_hash=secret_hash, created_at=clock.now(), **kept))
    db.commit()
    body = {"pin": EXAMPLES["pin"], "passPhrase": EXAMPLES["passPhrase"]}
    assert caller(PREFIX + "Test_Email", body)["resultCode"] == "SUCCESS"
    assert caller(PREFIX + "Update_Init", {"pin": EXAMPLES["pin"]})["resultCode"] == "SUCCESS"
    loaded = caller(PREFIX + "Update_Load", {"token": _token(mails, EXAMPLES["email"])})
    assert (loaded["pin"], loaded["locale"]) == (EXAMPLES["pin"], EXAMPLES["locale"])


@pytest.mark.parametrize("bearer", [None, "7d4c7311-82e4-4c67-bc5e-8a7d01c8ddec"])
def test_the_bearer_of_the_document_is_nobodys_and_is_answered_as_it_says(app, db, bearer):
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    body = {"email": EXAMPLES["email"], "pin": EXAMPLES["pin"]}
    answer = app.test_client().post(f"{PREFIX}Update_Init", json=body, headers=headers)
    assert answer.status_code == 403
    assert set(answer.json) == {"message"}
    assert isinstance(answer.json["message"], str)


def _token(mails, address=NOOR):
    """The token of the link in the newest mail."""
    return re.search(r"\.html\?token=(\S+)", mails.text(address))[1]
