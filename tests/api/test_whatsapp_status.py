"""What Twilio reports of a message: signed, never backwards, and never a reason to fail."""

import pytest
from sqlalchemy import select
from twilio.request_validator import RequestValidator

from app.api.whatsapp import is_signed
from app.core import clock, outbox
from app.core.audit import Event
from app.core.outbox import Cap, Kind, Receipt
from app.models.records import AuditEntry, Channel, MessageState

NUMBER = "+31612345678"
SID = "SM" + "a" * 32
TOKEN = "an auth token that stands in tests alone"
SITE = "https://learn.agency.example"
PATH = "/api/whatsapp/status"


@pytest.fixture
def environment(environment):
    """The settings' environment, with a provider, whose reports come through a proxy."""
    return environment | {
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_WHATSAPP_FROM": "+14155238886",
        "TWILIO_CONTENT_SID": "HX" + "1" * 32,
        "PUBLIC_URL": SITE,
    }


@pytest.fixture
def report(app):
    """Posts a report as Twilio does, signed with the token of its own library."""
    client = app.test_client()

    def post(state, message=None, sid=SID, signature=None, address=None, **more):
        path = PATH if message is None else f"{PATH}?message={message}"
        fields = {"MessageSid": sid, "MessageStatus": state, "To": f"whatsapp:{NUMBER}"} | more
        address = address or f"{SITE}{path}"
        signed = RequestValidator(TOKEN).compute_signature(address, fields)
        headers = {"X-Twilio-Signature": signed if signature is None else signature}
        return client.post(path, data=fields, headers=headers, base_url="http://localhost")

    return post


def queue(db, *, receipt=SID, **kwargs):
    """A message, which the provider took under this id, or is being asked to take."""
    outbox.queue(
        db, Kind.WHATSAPP_CODE, NUMBER, channel=Channel.WHATSAPP, cap=Cap.NONE, sealed="sealed",
        until=clock.now().isoformat(), **kwargs,
    )  # fmt: skip
    message = outbox.latest(db, limit=1)[0]
    if receipt:
        outbox.mark_sent(message, Receipt(receipt, "queued"))
    db.commit()
    return message


def seen(db, message):
    db.rollback()
    db.refresh(message)
    return message.state, message.provider_state


@pytest.mark.parametrize(
    ("reports", "became"),
    [
        (["sent", "delivered", "read"], ("sent", "read")),
        (["delivered", "sent", "sending", "queued", "accepted"], ("sent", "delivered")),
        (["sent", "undelivered", "sent", "delivered"], ("failed", "undelivered")),
        (["failed", "queued"], ("failed", "failed")),
        (["undelivered", "read"], ("sent", "read")),
        (["read", "failed"], ("sent", "read")),
        (["made-up", "x" * 5000, ""], ("sent", "queued")),
    ],
)
def test_a_report_moves_a_message_forwards_and_never_back(reports, became, db, report):
    message = queue(db)
    for state in reports:
        assert report(state, message.id).status_code == 204
    assert seen(db, message) == became


def test_a_failure_is_kept_with_its_reason_and_noted_once(db, report):
    message = queue(db)
    for _ in range(2):
        report("undelivered", message.id, ErrorCode="63024", ErrorMessage=f"{NUMBER}\0 is none")
    assert seen(db, message) == ("failed", "undelivered")
    assert message.last_error == "undelivered: 63024 ••••••78 is none"
    db.rollback()
    [entry] = db.scalars(select(AuditEntry).where(AuditEntry.event == Event.MAIL_FAILED.value))
    assert entry.details["error"] == message.last_error
    assert report("read", message.id).status_code == 204
    assert seen(db, message) == ("sent", "read")
    assert message.last_error is None


def test_a_report_that_is_faster_than_the_answer_is_not_lost(db, report):
    message = queue(db, receipt=None)
    assert report("delivered", message.id).status_code == 204
    assert seen(db, message) == ("sent", "delivered")
    assert (message.provider_id, message.sealed) == (SID, None)
    assert outbox.claim_due(db) is None, "it went, although its worker heard no answer"


def test_a_report_of_another_message_changes_nothing(db, report):
    message = queue(db)
    for number, sid in ((message.id, "SM" + "b" * 32), (None, "SMx"), (99999, "SMx"), (0, "SMx"),
                        (2**40, "SMx"), (message.id, "")):  # fmt: skip
        assert report("failed", number, sid).status_code == 204
    assert seen(db, message) == ("sent", "queued")
    assert report("delivered").status_code == 204, "known by the provider's id alone"
    assert seen(db, message) == ("sent", "delivered")


def test_a_message_that_was_held_or_is_a_mail_is_never_touched(db, report):
    held = queue(db, receipt=None, held=True)
    outbox.queue(db, Kind.HAVE_ACCOUNT, "ada@x.example")
    db.commit()
    mail = outbox.latest(db, limit=1)[0]
    for message in (held, mail):
        assert report("delivered", message.id).status_code == 204
    assert seen(db, held) == (MessageState.HELD, None)
    assert seen(db, mail) == (MessageState.QUEUED, None)


def test_a_wrong_signature_is_refused_whatever_is_wrong(db, report, app):
    message = queue(db)
    right = RequestValidator(TOKEN)
    fields = {"MessageSid": SID, "MessageStatus": "failed", "To": f"whatsapp:{NUMBER}"}
    address = f"{SITE}{PATH}?message={message.id}"
    of_another = RequestValidator("another token").compute_signature(address, fields)
    other_fields = right.compute_signature(address, fields | {"MessageStatus": "read"})
    other_row = right.compute_signature(f"{SITE}{PATH}?message=1{message.id}", fields)
    for signature in ("", "x", "é", of_another, other_fields, other_row):
        answer = report("failed", message.id, signature=signature)
        assert answer.status_code == 403
        assert answer.mimetype == "application/problem+json"
        assert answer.json["code"] == "bad_signature"
    assert seen(db, message) == ("sent", "queued")
    with_port = report("delivered", message.id, address=address.replace("example/", "example:443/"))
    assert with_port.status_code == 204
    for body in (b"{}", b"\xff\xfe=\xff", b""):
        kind = "application/x-www-form-urlencoded"
        assert app.test_client().post(PATH, data=body, content_type=kind).status_code == 403
    assert app.test_client().get(PATH).status_code == 405


def test_without_a_token_nothing_is_taken():
    assert not is_signed(None, SITE, [], "")
    assert not is_signed("", SITE, [], RequestValidator("").compute_signature(SITE, {}))


@pytest.mark.parametrize(
    "fields", [{}, {"b": "2", "a": "1", "A": "3"}, {"é": "ü", "empty": "", "a b": "c+d"}]
)
def test_our_check_agrees_with_the_library_of_the_provider(fields):
    for address in (f"{SITE}{PATH}?x=1", "https://h.example:8443/p", "http://[::1]:5000/p"):
        signed = RequestValidator(TOKEN).compute_signature(address, fields)
        assert is_signed(TOKEN, address, fields.items(), signed)
        assert not is_signed(TOKEN, f"{address}2", fields.items(), signed)
        assert not is_signed(TOKEN, address, [*fields.items(), ("z", "1")], signed)
