"""What programs were refused is in the audit log: at which door, why, and no secret of theirs."""

import json

import pytest
from sqlalchemy import func, select

from app.core import floods
from app.core.audit import NOWHERE
from app.core.oauth import clients
from app.models.ledger import AuditFlood
from app.models.records import AuditEntry
from tests.api.custom_gpt import CustomGpt

ADA = "ada@learn.agency.example"
MODULE = "https://module.example"
OTHER = "https://other.example"
SECRET = "rk_a-key-that-went-into-the-wrong-field"
VERIFIER = "v" * 43


@pytest.fixture
def post(app):
    """Posts to `/api/auth` as a program without cookies."""
    client = app.test_client(use_cookies=False)

    def post(name, body=None, *, origin=None, **kwargs):
        headers = {"Origin": origin} if origin else {}
        return client.post(f"/api/auth/{name}", json=body, headers=headers, **kwargs)

    return post


@pytest.fixture
def client_id(db):
    row = clients.create(db, "MyModule", [MODULE], by=None, origin=NOWHERE)
    db.commit()
    return row.client_id


@pytest.fixture
def refused(db):
    """The one refusal on record since it was asked last, by its details."""
    seen = 0

    def refused():
        nonlocal seen
        db.rollback()
        query = select(AuditEntry).where(AuditEntry.event == "sign_in:refused")
        entry = db.scalars(query.where(AuditEntry.id > seen)).one()
        seen = entry.id
        assert entry.ip == "127.0.0.1"
        assert entry.reference
        return entry.details

    return refused


def test_a_page_that_may_not_ask_is_on_record_with_its_origin(post, client_id, refused):
    asked = {"email": ADA}
    for body, origin, client in (
        (asked | {"client_id": client_id}, OTHER, client_id),
        (asked | {"client_id": client_id}, "null", client_id),
        (asked | {"client_id": "rc_unknown"}, MODULE, "rc_unknown"),
        (asked | {"client_id": SECRET}, MODULE, None),
        (asked, MODULE, None),
        (asked | {"client_id": client_id}, None, client_id),
    ):
        answer = post("request-otp", body, origin=origin)
        assert (answer.status_code, answer.json["code"]) == (403, "client_not_allowed")
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert refused() == {
            "method": "client", "refusal": "client_not_allowed", "client": client,
            "web_origin": origin,
        }  # fmt: skip


def test_an_exchange_by_who_is_no_client_is_on_record(post, client_id, refused):
    grant = {"client_id": "rc_unknown", "code": "c" * 43, "code_verifier": VERIFIER}
    assert post("token", grant).json["code"] == "invalid_client"
    assert refused() == {
        "method": "client", "refusal": "invalid_client", "client": "rc_unknown", "web_origin": None
    }  # fmt: skip
    assert post("token", grant | {"client_id": client_id}, origin=OTHER).status_code == 403
    assert refused()["refusal"] == "client_not_allowed"
    assert post("token", grant | {"client_id": client_id}).json["code"] == "invalid_grant"
    assert refused()["refusal"] == "invalid_grant"


@pytest.mark.parametrize("name", ["request-otp", "verify-otp", "refresh", "token"])
def test_a_body_that_could_not_be_read_is_on_record(name, post, refused, db):
    door = {"method": "api", "path": f"/api/auth/{name}", "web_origin": None}
    assert post(name, data="email=a").status_code == 415
    assert refused() == door | {"refusal": "unsupported_media_type"}
    assert post(name, data=SECRET, content_type="application/json").status_code == 400
    assert refused() == door | {"refusal": "bad_json"}
    answer = post(name, data=b" " * 300_000, content_type="application/json")
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert "256 kB" in answer.json["detail"]
    assert refused() == door | {"refusal": "request_entity_too_large"}
    answer = post(name, {"email": SECRET, "client_id": 7, "refresh_token": 7}, origin=MODULE)
    assert (answer.status_code, answer.json["code"]) == (400, "bad_field")
    said = refused()
    assert said.pop("field") in {"client_id", "refresh_token"}
    assert said == door | {"refusal": "bad_field", "web_origin": MODULE}
    assert SECRET not in json.dumps(list(db.scalars(select(AuditEntry.details))))


def test_what_is_no_address_and_what_is_no_code_is_on_record(post, refused):
    assert post("request-otp", {"email": "ada at home"}).status_code == 400
    assert refused()["field"] == "email"
    assert post("verify-otp", {"email": "ada at home", "code": "123456"}).status_code == 400
    assert refused()["field"] == "email"
    for subject, kept in (
        ({"email": "Ada@learn.agency.example"}, {"method": "api", "address": ADA}),
        ({"phone": "+447700900123"}, {"method": "whatsapp", "phone": "••••••23"}),
    ):
        answer = post("verify-otp", subject | {"code": "1234567"})
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_code")
        assert refused() == kept | {
            "refusal": "invalid_code", "why": "not_six_digits", "path": "/api/auth/verify-otp",
            "web_origin": None,
        }  # fmt: skip


def test_a_token_that_opens_nothing_is_on_record_and_its_text_is_not(app, post, refused, db):
    reader = app.test_client(use_cookies=False)
    bearer = {"Authorization": f"Bearer {SECRET}"}
    for ask, path in ((reader.get, "/api/auth/user"), (reader.post, "/api/auth/logout")):
        for headers, code in (({}, "no_token"), (bearer, "invalid_token")):
            answer = ask(path, headers=headers | {"Origin": MODULE})
            assert (answer.status_code, answer.json["code"]) == (401, code)
            assert refused() == {
                "method": "token", "refusal": code, "path": path, "web_origin": MODULE
            }  # fmt: skip
    assert SECRET not in json.dumps(list(db.scalars(select(AuditEntry.details))))


def test_a_gpt_without_its_key_or_with_a_bad_token_is_on_record(app, db, mails, refused):
    gpt = CustomGpt(app, db, mails)
    for headers in ({}, {"X-Api-Key": SECRET}):
        answer = gpt.client.post("/auth/send-link", json={"email": ADA}, headers=headers)
        assert (answer.status_code, answer.json) == (401, {"error": "Invalid API key"})
        assert refused() == {
            "method": "gpt", "refusal": "invalid_key", "path": "/auth/send-link"
        }  # fmt: skip
    for token, word, why in (
        ("", "No token provided", "no_token"), (SECRET, "Invalid token", "invalid_token")
    ):  # fmt: skip
        answer = gpt.post("/conversations/list", {"token": token})
        assert (answer.status_code, answer.json) == (401, {"error": word})
        assert refused() == {
            "method": "token", "refusal": "unauthorized", "why": why, "through": "Coach",
            "path": "/conversations/list", "web_origin": None,
        }  # fmt: skip
    assert gpt.post("/auth/verify-email", {"email": ADA, "code": "12"}).status_code == 400
    assert refused() == {
        "method": "gpt", "refusal": "bad_code", "why": "not_six_digits", "address": ADA
    }  # fmt: skip
    assert SECRET not in json.dumps(list(db.scalars(select(AuditEntry.details))))


def test_of_a_flood_of_them_the_first_are_entries_and_the_rest_a_number(post, db):
    number = floods.STORED + 5
    for _ in range(number):
        assert post("logout").status_code == 401
    db.rollback()
    assert db.scalar(select(func.count()).select_from(AuditEntry)) <= 2 * floods.STORED
    assert db.scalar(select(func.sum(AuditFlood.count))) == number
