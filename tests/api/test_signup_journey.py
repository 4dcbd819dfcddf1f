"""Sign-up in a chat from end to end, over HTTP and with a real mail server."""

import json
import re
import threading
import urllib.request

import pytest
from werkzeug.serving import make_server

from app import jobs
from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from tests.servers import free_port, start_smtp

NOOR = "noor@learn.example"
BASE = "/web-api-service/Fl64_Gpt_User_Shared_Web_Api_"


@pytest.fixture(scope="module")
def smtp():
    """A mail server of this file's own."""
    server = start_smtp()
    yield server
    server.stop()


@pytest.fixture
def environment(environment, smtp):
    """Mail leaves by SMTP, and anybody with a mailbox may come."""
    return environment | {
        "REGISTRATION": "both",
        "MAIL_SERVER": smtp.host,
        "MAIL_PORT": str(smtp.port),
        "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
    }


@pytest.fixture
def home(app, settings):
    """The address of the application, served over HTTP."""
    port = int(settings.PUBLIC_URL.rpartition(":")[2])
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield settings.PUBLIC_URL
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def chat(home, db):
    """Calls an operation as a GPT does; its answer."""
    key = keys.create(db, "Coach GPT", [KeyScope.SIGNUP], by=None, origin=NOWHERE)[1]
    db.commit()

    def call(operation, **body):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            home + BASE + operation, json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            assert response.status == 200
            return json.load(response)

    return call


@pytest.fixture
def newest(app, smtp):
    """The subject and text of the newest mail that arrived."""

    def read():
        parts = app.extensions["rollcall"]
        with app.app_context():
            jobs.deliver_due(parts.sessions, parts.settings)
        _sender, recipients, message = smtp.messages[-1]
        assert recipients == [NOOR]
        return message["Subject"], message.get_body(("plain",)).get_content()

    return read


def token_in(text):
    return re.search(r"\.html\?token=(\S+)", text)[1]


def test_from_the_chat_to_the_mailbox_and_back(chat, newest, home):
    asked = chat(
        "SignUp_Init", email="Noor@Learn.example", isConsent=True, locale="nl-NL",
        passPhrase="Green kettle by the canal",
    )  # fmt: skip
    assert asked["resultCode"] == "SUCCESS"
    who = {"pin": asked["pin"], "passPhrase": "green kettle by the canal"}
    assert chat("Test_Email", **who)["resultCode"] == "UNAUTHENTICATED"

    subject, text = newest()
    assert subject == "Confirm your Rollcall account"
    assert "Coach GPT" in text
    link = re.search(rf"^{home}/web/@flancer64/gpt-user-auth/signup\.html\S+", text, re.MULTILINE)
    with urllib.request.urlopen(link[0], timeout=20) as page:
        assert "Did you ask for this account?" in page.read().decode()
    verified = chat("SignUp_Verify", token=token_in(text))
    assert (verified["pin"], verified["status"]) == (asked["pin"], "ACTIVE")

    assert chat("Test_Email", **who, subject="Hello")["resultCode"] == "SUCCESS"
    assert newest()[0] == "Test mail from Rollcall: Hello"

    assert chat("Update_Init", pin=asked["pin"])["resultCode"] == "SUCCESS"
    subject, text = newest()
    assert subject == "Your Rollcall profile"
    token = token_in(text)
    assert chat("Update_Load", token=token)["locale"] == "nl-NL"
    saved = chat("Update_Save", token=token, locale="fr-FR", passphrase="amber tram at noon")
    assert saved["resultCode"] == "SUCCESS"
    assert newest()[0] == "A way into your Rollcall account was changed"
    assert chat("Test_Email", **who)["resultCode"] == "UNAUTHENTICATED"
    who["passPhrase"] = "Amber tram at noon"
    assert chat("Test_Email", **who)["resultCode"] == "SUCCESS"
