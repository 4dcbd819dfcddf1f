"""The console's API keys: made and shown once, listed by their first characters, revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.core.audit import NOWHERE
from app.core.entry import keys
from app.core.entry.keys import KeyScope
from app.models.access import ApiKey
from app.models.records import AuditEntry

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def admin(people):
    """An owner, signed in just now."""
    return people.admin()


def key_on(page):
    return re.search(r'id="key-text" value="(rk_[\w-]{43})"', page)[1]


def test_a_key_is_shown_once_and_opens_what_was_chosen(admin, app, db):
    page = admin.get("/admin/api-keys").text
    assert "No keys yet" in page
    made = admin.submit("/admin/api-keys/new", name=" Coach GPT ", scopes="gpt", days="30")
    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    text = key_on(made.text)
    row = db.scalars(select(ApiKey)).one()
    assert (row.name, row.scopes) == ("Coach GPT", ["gpt"])
    assert timedelta(days=29) < row.expires_at - datetime.now(UTC) <= timedelta(days=30)
    assert keys.check(db, text, KeyScope.GPT).id == row.id
    db.commit()  # That it was used is written, which others would wait for.
    page = admin.get("/admin/api-keys").text
    assert "Coach GPT" in page
    assert text[:8] in page
    assert text[:12] not in page
    assert "grace@agency.example" in page
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "key:made")).one()
    assert entry.details == {"key_id": row.id, "name": "Coach GPT"}
    client = app.test_client()
    asked = client.post(
        "/auth/send-link", json={"email": "ada@x.example"}, headers={"X-Api-Key": text}
    )
    assert asked.status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "scopes": "gpt"}, "up to 64 characters"),
        ({"name": "x" * 65, "scopes": "gpt"}, "up to 64 characters"),
        ({"name": "Coach"}, "Tick at least one thing"),
        ({"name": "Coach", "scopes": "all"}, "not a valid choice"),
        ({"name": "Coach", "scopes": "gpt", "days": "0"}, "from 1 to 3650 days"),
        ({"name": "Coach", "scopes": "gpt", "days": "9" * 30}, "from 1 to 3650 days"),
        ({"name": "Coach", "scopes": "gpt", "days": "soon"}, "Not a valid integer"),
    ],
)
def test_what_cannot_be_a_key_is_said_beside_its_field(admin, db, fields, words):
    answer = admin.submit("/admin/api-keys/new", **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert db.scalars(select(ApiKey)).all() == []


def test_revoking_asks_once_more_and_is_for_good(admin, db):
    row, text = keys.create(db, "Coach", list(KeyScope), by=None, origin=NOWHERE)
    db.commit()
    address = f"/admin/api-keys/{row.id}/revoke"
    asked = admin.get(address)
    assert "ends at once and for good" in asked.text
    assert keys.check(db, text, KeyScope.GPT)
    db.commit()
    assert admin.submit(address).location == "/admin/api-keys"
    db.expire_all()
    with pytest.raises(keys.InvalidKey):
        keys.check(db, text, KeyScope.GPT)
    assert "Revoked" in admin.get("/admin/api-keys").text
    assert admin.get(address).status_code == 404
    assert admin.submit("/admin/api-keys", to=address).status_code == 404


def test_making_and_revoking_ask_for_a_fresh_proof(people, db):
    row, _text = keys.create(db, "Coach", [KeyScope.GPT], by=None, origin=NOWHERE)
    db.commit()
    with time_machine.travel(START, tick=False) as clock:
        admin = people.admin()
        clock.shift(timedelta(minutes=11))
        assert admin.get("/admin/api-keys").status_code == 200
        for path in ("/admin/api-keys/new", f"/admin/api-keys/{row.id}/revoke"):
            assert admin.get(path).location.startswith("/confirm?next=")
