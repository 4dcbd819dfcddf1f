"""Seed 001's example instruction, played over HTTP by a GPT that does what it says; real mail."""

import json
import urllib.error
import urllib.request

import pytest

from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from tests.api.live import arrived, code_in, served, settings_with
from tests.servers import start_smtp

NOOR = "noor@learn.example"
LINES = ["Learner: can we start?", "Coach: yes."]


@pytest.fixture(scope="module")
def smtp():
    """A mail server of this file's own."""
    server = start_smtp()
    yield server
    server.stop()


@pytest.fixture
def environment(environment, smtp):
    """Mail leaves by SMTP, and the address is the one that is served."""
    return environment | settings_with(smtp)


@pytest.fixture
def gpt(app, db):
    """Calls the running server as a GPT does, with its key; the status and the JSON."""
    key = keys.create(db, "Coach GPT", [KeyScope.GPT], by=None, origin=NOWHERE)[1]
    db.commit()
    with served(app) as home:

        def call(path, **body):
            # The header in the spelling of the seed.
            headers = {"x-api-key": key, "Content-Type": "application/json"}
            request = urllib.request.Request(home + path, json.dumps(body).encode(), headers)
            try:
                with urllib.request.urlopen(request, timeout=20) as response:
                    assert response.headers.get("Set-Cookie") is None
                    return response.status, json.load(response)
            except urllib.error.HTTPError as refused:
                return refused.code, json.load(refused)

        yield call


def test_code_token_list_save_list(gpt, smtp, mails, people):
    people.listed("Visser", NOOR, "L1")
    # “Prompt the user to provide their email address”: it is sent as it was typed.
    asked = gpt("/auth/send-link", email="Noor@Learn.example")
    assert asked == (200, {"message": "Verification code sent successfully", "email": NOOR})
    code = code_in(arrived(smtp, mails, NOOR))
    wrong = f"{(int(code) + 1) % 10**6:06}"
    refused = gpt("/auth/verify-email", email=NOOR, code=wrong)
    assert refused == (400, {"error": "Invalid or expired code"})
    status, proven = gpt("/auth/verify-email", email=NOOR, code=code)
    assert (status, proven["message"]) == (200, "Verification successful")
    token = proven["token"]
    # “Fetch their previous conversations”: there are none, and then the one that was saved.
    assert gpt("/conversations/list", token=token) == (200, [])
    status, row = gpt(
        "/conversations", token=token, summary="Practised open questions.", raw_text=LINES
    )
    assert status == 201
    assert (row["user_id"], row["raw_text"]) == (proven["userId"], LINES)
    assert gpt("/conversations/list", token=token) == (200, [row])
    # A new session of the GPT signs in anew, and finds it.
    gpt("/auth/send-link", email=NOOR)
    again = gpt("/auth/verify-email", email=NOOR, code=code_in(arrived(smtp, mails, NOOR)))[1]
    assert again["userId"] == proven["userId"]
    assert gpt("/conversations/list", token=again["token"]) == (200, [row])
    assert gpt("/auth/verify-email", email=NOOR, code=code)[0] == 400
