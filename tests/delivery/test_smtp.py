"""Mail over a real SMTP server: what arrives, and what happens when the server says no."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from app import jobs
from app.core import outbox
from app.core.audit import Event
from app.core.outbox import Kind
from app.models.records import AuditEntry, OutgoingMessage
from tests.moments import fitting, seconds
from tests.servers import Mood, free_port, start_smtp

ADA = "ada@learn.agency.example"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def smtp():
    """A mail server of this test's own."""
    server = start_smtp()
    yield server
    server.stop()


@pytest.fixture
def environment(environment, smtp):
    """The settings' environment, with that mail server."""
    return environment | {
        "MAIL_SERVER": smtp.host,
        "MAIL_PORT": str(smtp.port),
        "MAIL_TIMEOUT": "0.5",
        "MAIL_DEFAULT_SENDER": "Rollcall <rollcall@agency.example>",
        "CONTACT_EMAIL": "noor@agency.example",
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


def queue(db, recipient=ADA, kind=Kind.HAVE_ACCOUNT, **facts):
    outbox.queue(db, kind, recipient, **facts)
    db.commit()
    return outbox.latest(db, limit=1)[0]


def stored(db):
    """(state, attempts, error) of each message, oldest first."""
    db.rollback()
    rows = db.execute(
        select(
            OutgoingMessage.state, OutgoingMessage.attempts, OutgoingMessage.last_error
        ).order_by(OutgoingMessage.id)
    )
    return [tuple(row) for row in rows]


def failures(db):
    return db.scalars(select(AuditEntry).where(AuditEntry.event == Event.MAIL_FAILED.value)).all()


def code_message(app, db):
    keys = [app.extensions["rollcall"].settings.FLASK_SECRET_KEY]
    return queue(
        db, kind=Kind.REGISTRATION_CODE, sealed=outbox.seal("012345", keys=keys),
        address=ADA, code_id=1, until=datetime.now(UTC).isoformat(),
    )  # fmt: skip


# What arrives


def test_a_mail_arrives_as_text_and_html_with_its_headers(app, db, smtp, deliver):
    message = code_message(app, db)
    assert deliver() == 1
    [(sender, recipients, mail)] = smtp.messages
    assert recipients == [ADA]
    assert "rollcall@agency.example" in sender
    assert mail["To"] == ADA
    assert mail["From"] == "Rollcall <rollcall@agency.example>"
    assert mail["Reply-To"] == "noor@agency.example"
    assert mail["Subject"] == "012345 is your Rollcall registration code"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["Content-Language"] == "en"
    assert re.fullmatch(r"<[^@<>\s]+@agency\.example>", mail["Message-ID"])
    assert mail["Date"].datetime == message.created_at.replace(microsecond=0)
    assert mail["List-Unsubscribe"] is None
    [alternative] = [
        part for part in mail.walk() if part.get_content_type() == "multipart/alternative"
    ]
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    for part in alternative.iter_parts():
        assert "012345" in part.get_content()
        assert "https://learn.agency.example/register/password/" in part.get_content()
    assert stored(db) == [("sent", 1, None)]


def test_a_sent_mail_leaves_no_code_and_no_copy_behind(app, db, smtp, deliver):
    message = code_message(app, db)
    deliver()
    db.refresh(message)
    assert (message.sealed, message.source) == (None, None)
    assert message.sent_at is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
        {"Forwarded": "host=evil.example"},
        {"X-Original-URL": "https://evil.example/register"},
        {"Origin": "https://evil.example", "Referer": "https://evil.example/"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_of_the_request_gets_into_a_link(headers, app, people, visitor, smtp, deliver):
    people.listed("Lovelace", ADA, "A1")
    base = {"base_url": "https://learn.agency.example"}
    page = visitor.client.get("/register", **base).text
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)[1]
    fields = {"csrf_token": token, "last_name": "Lovelace", "email": ADA}
    answer = visitor.client.post("/register", data=fields, headers=headers, **base)
    assert answer.status_code == 303
    deliver()
    mail = smtp.messages[0][2].as_string()
    assert "evil.example" not in mail
    assert "https://learn.agency.example/register/password/" in mail


def test_a_foreign_host_is_refused_and_writes_no_mail(app, people, visitor, db):
    people.listed("Lovelace", ADA, "A1")
    for path in ("/register", "/login"):
        answer = visitor.client.get(path, base_url="https://evil.example")
        assert answer.status_code == 400
    assert stored(db) == []


# What the server refuses


def test_a_mailbox_that_does_not_exist_fails_for_good_and_is_told_to_admins(
    db, smtp, deliver, people
):
    ada = people.account(ADA)
    smtp.mood = Mood.REFUSES
    queue(db, user_id=ada.id)
    deliver()
    assert stored(db) == [("failed", 1, "550 5.1.1 No such mailbox")]
    [entry] = failures(db)
    assert entry.user_id == ada.id
    assert entry.details == {"kind": "have_account", "error": "550 5.1.1 No such mailbox"}
    smtp.mood = Mood.TAKES
    with time_machine.travel(datetime.now(UTC) + timedelta(days=2), tick=False):
        assert deliver() == 0


def test_a_failed_mail_keeps_no_code(app, db, smtp, deliver):
    smtp.mood = Mood.REFUSES
    message = code_message(app, db)
    deliver()
    db.refresh(message)
    assert (message.state, message.sealed) == ("failed", None)


def test_a_server_that_puts_off_is_asked_again_and_the_message_id_stays(db, smtp, deliver):
    with time_machine.travel(START, tick=False) as clock:
        smtp.mood = Mood.PUTS_OFF
        queue(db)
        deliver()
        assert stored(db) == [("queued", 1, "450 4.2.1 Try again later")]
        assert deliver() == 0
        clock.shift(timedelta(seconds=outbox.BACK_OFF[0]))
        smtp.mood = Mood.CUTS
        deliver()
        clock.shift(timedelta(seconds=outbox.BACK_OFF[1]))
        smtp.mood = Mood.TAKES
        deliver()
    assert stored(db) == [("sent", 3, None)]
    assert not failures(db)
    ids = {mail["Message-ID"] for _sender, _recipients, mail in smtp.messages}
    assert (len(smtp.messages), len(ids)) == (2, 1)


def test_a_server_that_keeps_silent_is_given_up_in_time(db, smtp, deliver):
    smtp.mood = Mood.HANGS
    queue(db)
    started = time.monotonic()
    deliver()
    assert time.monotonic() - started < 3
    [(state, attempts, error)] = stored(db)
    assert (state, attempts) == ("queued", 1)
    assert "Timeout" in error or "timed out" in error


def test_a_connection_cut_after_the_data_is_tried_again(db, smtp, deliver):
    with time_machine.travel(START, tick=False) as clock:
        smtp.mood = Mood.CUTS
        queue(db)
        deliver()
        [(state, _attempts, _error)] = stored(db)
        assert state == "queued"
        smtp.mood = Mood.TAKES
        clock.shift(timedelta(seconds=outbox.BACK_OFF[0]))
        deliver()
    assert stored(db)[0][0] == "sent"


def test_a_server_that_is_down_is_tried_again(app, db, deliver):
    app.extensions["mail"].port = free_port()
    queue(db)
    deliver()
    [(state, _attempts, error)] = stored(db)
    assert state == "queued"
    assert "refused" in error.lower()


class RudeServer:
    """A mail server that says its lines and hangs up wherever it is told to."""

    def __init__(self, answers):
        self.answers = {b"DATA": b"354 go on"} | answers
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port = self.socket.getsockname()[1]

    def run(self):
        connection, _address = self.socket.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 rude\r\n")
            for line in lines:
                word = line[:4].strip().upper()
                answer = self.answers.get(word, b"250 OK")
                if answer is None:
                    return
                connection.sendall(answer + b"\r\n")
                if word == b"DATA":
                    for content in lines:
                        if content == b".\r\n":
                            break
                    connection.sendall(self.answers.get(b".", b"250 taken") + b"\r\n")


@pytest.fixture
def rude(app):
    """Puts a rude server in the mail server's place."""
    servers = []
    with ThreadPoolExecutor(4) as threads:

        def put(**answers):
            server = RudeServer({name.encode(): answer for name, answer in answers.items()})
            servers.append(server)
            app.extensions["mail"].port = server.port
            threads.submit(server.run)
            return server

        yield put
        for server in servers:
            server.socket.close()


def test_a_mail_that_was_taken_is_sent_even_if_the_server_hangs_up_on_goodbye(db, rude, deliver):
    rude(QUIT=None)
    queue(db)
    deliver()
    assert stored(db) == [("sent", 1, None)]


def test_a_refusal_is_not_forgotten_when_the_server_hangs_up_after_it(db, rude, deliver):
    rude(RCPT=b"550 no such mailbox", QUIT=None, RSET=None)
    queue(db)
    deliver()
    assert stored(db) == [("failed", 1, "550 no such mailbox")]


def test_a_server_that_refuses_the_content_is_not_asked_again(db, rude, deliver):
    rude(**{".": b"554 this looks like spam"})
    queue(db)
    deliver()
    assert stored(db) == [("failed", 1, "554 this looks like spam")]


def test_a_sender_that_is_refused_is_our_fault_and_the_mail_waits_for_its_mend(db, rude, deliver):
    rude(MAIL=b"530 authentication needed")
    queue(db)
    deliver()
    assert stored(db) == [("queued", 1, "530 authentication needed")]


def test_one_mail_that_cannot_be_made_does_not_stop_the_others(db, smtp, deliver):
    broken = queue(db, "first@x.example", Kind.REGISTRATION_CODE, sealed="no seal of ours")
    message = queue(db, "second@x.example")
    message.kind = "no_such_kind"
    db.commit()
    queue(db, "third@x.example")
    assert deliver() == 3
    assert [recipients for _sender, recipients, _mail in smtp.messages] == [["third@x.example"]]
    assert [state for state, _attempts, _error in stored(db)] == ["failed", "failed", "sent"]
    assert len(failures(db)) == 2
    db.refresh(broken)
    assert broken.sealed is None


def test_an_address_with_foreign_letters_does_not_stop_the_others(db, smtp, deliver):
    queue(db, "jürgen@bücher.example")
    queue(db)
    deliver()
    assert stored(db) == [("failed", 1, "OutOfReach"), ("sent", 1, None)]
    assert [recipients for _sender, recipients, _mail in smtp.messages] == [[ADA]]


@pytest.mark.parametrize(
    ("domain", "wire"),
    [("bücher.example", "xn--bcher-kva.example"), ("straße.example", "xn--strae-oqa.example")],
)
def test_a_mail_goes_to_the_domain_itself_and_not_to_one_like_it(domain, wire, db, smtp, deliver):
    queue(db, f"ada@{domain}")
    deliver()
    assert [recipients for _sender, recipients, _mail in smtp.messages] == [[f"ada@{wire}"]]


def test_a_slow_server_does_not_slow_the_page(people, visitor, smtp):
    smtp.mood = Mood.HANGS
    people.listed("Lovelace", ADA, "A1")
    base = {"base_url": "https://learn.agency.example"}
    page = visitor.client.get("/register", **base).text
    token = re.search(r'name="csrf-token" content="([^"]+)"', page)[1]
    fields = {"csrf_token": token, "last_name": "Lovelace", "email": ADA}

    def press():
        assert visitor.client.post("/register", data=fields, **base).status_code == 303

    def is_quick(took):
        return took < 0.4

    assert is_quick(fitting(lambda _turn: seconds(press), is_quick))
