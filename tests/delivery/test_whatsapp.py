"""Codes by WhatsApp through a server that speaks Twilio's API, and every way in which it fails."""

import json
import logging
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
import time_machine
from pytest_httpserver import HTTPServer
from sqlalchemy import select
from werkzeug import Response

from app import jobs
from app.config import ROOT
from app.core import carriers, clock, outbox
from app.core.audit import Event
from app.core.outbox import Kind
from app.models.records import AuditEntry, Channel, OutgoingMessage
from tests.servers import free_port

NUMBER = "+31612345678"
ACCOUNT = "AC" + "0" * 32
TEMPLATE = "HX" + "1" * 32
TOKEN = "an auth token that stands in tests alone"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
ACCOUNTS = f"/2010-04-01/Accounts/{ACCOUNT}.json"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def server():
    """A server that speaks Twilio's API, for all tests of this file."""
    with HTTPServer(host="127.0.0.1", threaded=True) as running:
        yield running


@pytest.fixture
def twilio(server):
    """That server, as empty as a new one; it takes every message unless a test says otherwise."""
    server.clear()
    return server


@pytest.fixture
def environment(environment, twilio):
    """The settings' environment, with that provider."""
    return environment | {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_WHATSAPP_FROM": "+14155238886",
        "TWILIO_CONTENT_SID": TEMPLATE,
        "TWILIO_BASE_URL": twilio.url_for("").rstrip("/"),
        "WHATSAPP_TIMEOUT": "0.5",
        "PUBLIC_URL": "https://learn.agency.example",
    }


@pytest.fixture
def deliver(app):
    """Delivers what is due, as the worker does."""

    def run():
        parts = app.extensions["rollcall"]
        with app.app_context():
            return jobs.deliver_due(parts.sessions, parts.settings)

    return run


def taken(state="queued", sid="SM" + "a" * 32, **more):
    """Twilio's answer to a message that it takes."""
    return json.dumps({"sid": sid, "status": state, "error_code": None} | more)


def answer(twilio, status=201, body=None):
    """Let the provider answer so from now on; looked at, it is well."""
    twilio.clear()
    twilio.expect_request(ACCOUNTS).respond_with_json({"sid": ACCOUNT, "status": "active"})
    said = taken() if body is None else body

    def take(request):
        request.get_data()  # Who answers before it read everything may cut its own answer off.
        return Response(said, status, content_type="application/json")

    twilio.expect_request(MESSAGES, method="POST").respond_with_handler(take)


def queue(app, db, lifetime=timedelta(minutes=15)):
    """A code on its way; its row."""
    keys = [app.extensions["rollcall"].settings.FLASK_SECRET_KEY]
    outbox.queue(
        db, Kind.WHATSAPP_CODE, NUMBER, channel=Channel.WHATSAPP,
        sealed=outbox.seal("012345", keys=keys), purpose="sign_in",
        until=(clock.now() + lifetime).isoformat(),
    )  # fmt: skip
    db.commit()
    return outbox.latest(db, limit=1)[0]


def posts(twilio):
    """The fields of each message that the provider was asked to carry."""
    return [
        {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
        for request, _ in twilio.log
        if request.method == "POST"
    ]


def stored(db):
    """(state, attempts, error) of the newest message."""
    db.rollback()
    row = db.scalars(select(OutgoingMessage).order_by(OutgoingMessage.id.desc())).first()
    db.refresh(row)
    return row.state, row.attempts, row.last_error


def failures(db):
    db.rollback()
    return list(db.scalars(select(AuditEntry).where(AuditEntry.event == Event.MAIL_FAILED.value)))


def test_a_code_leaves_as_the_template_with_its_digits_as_variable_1(app, db, twilio, deliver):
    answer(twilio)
    message = queue(app, db)
    assert deliver() == 1
    [post] = posts(twilio)
    assert post == {
        "To": f"whatsapp:{NUMBER}",
        "From": "whatsapp:+14155238886",
        "ContentSid": TEMPLATE,
        "ContentVariables": '{"1": "012345"}',
        "StatusCallback": f"https://learn.agency.example/api/whatsapp/status?message={message.id}",
    }
    asked = next(request for request, _ in twilio.log if request.method == "POST")
    assert (asked.authorization.username, asked.authorization.password) == (ACCOUNT, TOKEN)
    db.refresh(message)
    assert (message.state, message.attempts, message.last_error) == ("sent", 1, None)
    assert (message.provider_id, message.provider_state) == ("SM" + "a" * 32, "queued")
    assert (message.sealed, message.source) == (None, None)


def test_a_messaging_service_takes_the_place_of_a_number(environment, twilio, request):
    environment["TWILIO_WHATSAPP_FROM"] = "MG" + "2" * 32
    environment["PUBLIC_URL"] = "http://localhost"
    app, db, deliver = map(request.getfixturevalue, ("app", "db", "deliver"))
    answer(twilio)
    queue(app, db)
    deliver()
    [post] = posts(twilio)
    assert post["MessagingServiceSid"] == "MG" + "2" * 32
    assert "From" not in post
    assert "StatusCallback" not in post, "Twilio reaches no address without https"


@pytest.mark.parametrize(
    ("status", "body", "words", "is_over"),
    [
        (401, {"code": 20003, "message": "Authenticate", "status": 401}, "401 (20003)", False),
        (429, {"code": 20429, "message": "Too Many Requests", "status": 429}, "429", False),
        (503, {"code": 20500, "message": "Down", "status": 503}, "503 (20500)", False),
        (502, "<html>bad gateway</html>", "502", False),
        (201, "no json", "JSONDecodeError", False),
        (201, {"status": "queued"}, "names no message", False),
        (400, {"code": 63024, "message": f"Not whatsapp:{NUMBER}"}, "63024", True),
        (201, {"sid": "SMx", "status": "failed", "error_code": 63016}, "error 63016", True),
    ],
)  # fmt: skip
def test_every_failure_ends_in_a_state_with_its_words(
    status, body, words, is_over, app, db, twilio, deliver
):
    answer(twilio, status, body if isinstance(body, str) else json.dumps(body))
    queue(app, db)
    deliver()
    state, attempts, error = stored(db)
    assert (state, attempts) == ("failed" if is_over else "queued", 1)
    assert words in error
    assert NUMBER not in error
    assert len(failures(db)) == is_over


def test_a_provider_that_is_silent_or_away_is_tried_again_and_holds_nobody_for_long(
    app, db, twilio, deliver
):
    twilio.expect_request(ACCOUNTS).respond_with_json({"status": "active"})
    given_up = threading.Event()
    twilio.expect_request(MESSAGES).respond_with_handler(
        lambda _: given_up.wait(10) and Response("late", 503)
    )
    queue(app, db)
    began = time.monotonic()
    deliver()
    assert time.monotonic() - began < 5
    given_up.set()
    assert stored(db) == ("queued", 1, "ReadTimeout")
    app.extensions["rollcall"].settings.TWILIO_BASE_URL = f"http://127.0.0.1:{free_port()}"
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=11), tick=False):
        deliver()
        assert stored(db) == ("queued", 2, "ConnectionError")


def test_it_is_tried_again_with_back_off_until_it_leaves(app, db, twilio, deliver):
    with time_machine.travel(START, tick=False) as moved:
        answer(twilio, 503, "{}")
        queue(app, db)
        for wait in outbox.BACK_OFF[:3]:
            assert deliver() == 1
            moved.shift(timedelta(seconds=wait - 1))
            assert deliver() == 0
            moved.shift(timedelta(seconds=1))
        answer(twilio)
        assert deliver() == 1
        assert stored(db) == ("sent", 4, None)


def test_a_code_that_ran_out_is_not_sent_any_more(app, db, twilio, deliver):
    with time_machine.travel(START, tick=False) as moved:
        answer(twilio, 503, "{}")
        message = queue(app, db, lifetime=timedelta(minutes=1))
        deliver()
        moved.shift(timedelta(minutes=1))
        answer(twilio)
        deliver()
        assert stored(db) == ("failed", 2, "The code ran out before it could leave.")
        db.refresh(message)
        assert message.sealed is None
        assert posts(twilio) == []
        assert [entry.details["channel"] for entry in failures(db)] == ["whatsapp"]


def test_the_provider_is_looked_at_when_somebody_asks_and_not_more_often(app, db, twilio, deliver):
    with time_machine.travel(START, tick=False) as moved:
        twilio.expect_request(ACCOUNTS).respond_with_json({"message": "no"}, status=401)
        twilio.expect_request(MESSAGES).respond_with_data(taken(), status=201)
        outbox.queue(  # Nobody has this number: nothing leaves, and it is looked all the same.
            db, Kind.WHATSAPP_CODE, NUMBER, channel=Channel.WHATSAPP, held=True,
            until=clock.now().isoformat(),
        )  # fmt: skip
        db.commit()
        for _ in range(2):
            assert deliver() == 0
        assert len(twilio.log) == 1
        db.rollback()
        assert carriers.is_in_trouble(db)
        found = carriers.failing(db)
        assert found.failing_since == START
        assert "401" in found.error
        moved.shift(timedelta(minutes=1))
        answer(twilio)
        queue(app, db)
        deliver()
        db.rollback()
        assert not carriers.is_in_trouble(db)
        assert carriers.failing(db) is None


def test_what_was_found_long_ago_is_not_told(db):
    with time_machine.travel(START, tick=False) as moved:
        outbox.queue(db, Kind.WHATSAPP_CODE, NUMBER, channel=Channel.WHATSAPP, held=True)
        assert carriers.claim_look(db)
        assert not carriers.claim_look(db), "another worker was first"
        carriers.note_look(db, "ReadTimeout")
        db.commit()
        assert carriers.is_in_trouble(db)
        moved.shift(carriers.FRESH)
        assert not carriers.is_in_trouble(db)


def test_no_log_line_has_the_number_or_the_code(app, db, twilio, deliver, caplog):
    caplog.set_level(logging.INFO)
    answer(twilio, 400, json.dumps({"code": 1, "message": f"{NUMBER} with 012345"}))
    queue(app, db)
    deliver()
    assert "whatsapp" in stored(db)[2] or "••" in stored(db)[2]
    assert caplog.text
    assert NUMBER not in caplog.text
    assert "012345" not in caplog.text


def test_only_who_sends_loads_the_library():
    command = "import sys, app; sys.exit('twilio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False).returncode == 0
