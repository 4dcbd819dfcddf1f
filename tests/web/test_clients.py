"""The pages about widget clients, the page about the widget, and the widget on our own pages."""

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.audit import NOWHERE
from app.core.oauth import clients
from app.models.access import SignInSession
from app.models.oauth import Client
from app.models.people import Status, User
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
MODULE = "https://module.example"


@pytest.fixture
def client(db):
    row = clients.create(db, "MyModule", [MODULE], by=None, origin=NOWHERE)
    db.commit()
    return row


def events(db):
    db.rollback()
    chosen = AuditEntry.event.startswith("client:")
    return list(db.scalars(select(AuditEntry).where(chosen).order_by(AuditEntry.id)))


def test_an_admin_makes_changes_and_closes_a_client(people, db):
    admin = people.admin()
    assert "No clients yet" in admin.get("/admin/clients").text
    made = admin.submit(
        "/admin/clients/new", name=" MyModule ", origins=f"{MODULE}/\n\nhttp://localhost:5173"
    )
    assert made.location == "/admin/clients"
    row = db.scalars(select(Client)).one()
    assert (row.name, row.origins) == ("MyModule", [MODULE, "http://localhost:5173"])
    page = admin.get("/admin/clients").text
    assert row.client_id in page
    assert MODULE in page
    form = admin.page(admin.get(f"/admin/clients/{row.id}/change?origin=https://foo.example"))
    assert form.find("textarea").text.split()[-1] == "https://foo.example"
    admin.submit(f"/admin/clients/{row.id}/change", name="Renamed", origins="https://foo.example")
    db.refresh(row)
    assert (row.name, row.origins) == ("Renamed", ["https://foo.example"])
    assert "Close “Renamed”?" in admin.get(f"/admin/clients/{row.id}/disable").text
    admin.submit(f"/admin/clients/{row.id}/disable")
    db.refresh(row)
    assert row.disabled_at is not None
    for what in ("change", "disable"):
        assert admin.get(f"/admin/clients/{row.id}/{what}").status_code == 404
    assert "Closed" in admin.get("/admin/clients").text
    assert [each.event for each in events(db)] == [
        "client:made", "client:changed", "client:disabled"
    ]  # fmt: skip
    assert events(db)[1].details["changed"]["name"] == ["MyModule", "Renamed"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " ", "origins": MODULE}, "Give the client a name"),
        ({"name": "x" * 65, "origins": MODULE}, "Give the client a name"),
        ({"name": "A", "origins": ""}, "Name from 1 to 20 web origins"),
        ({"name": "A", "origins": "http://module.example"}, "is not a web origin"),
        ({"name": "A", "origins": "\n".join(f"https://{n}.example" for n in range(21))}, "1 to 20"),
    ],
)
def test_what_cannot_be_a_client_is_said_at_its_field(people, db, fields, words):
    answer = people.admin().submit("/admin/clients/new", **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert db.scalars(select(Client)).all() == []


def test_the_page_about_the_widget_works_without_script_and_checks_an_origin(
    visitor, people, client
):
    def notice(who, **query):
        found = who.page(who.get("/embed", query_string=query)).select_one("main .notice")
        return " ".join(found.text.split()) if found else None

    assert notice(visitor) is None
    asked = {"client_id": client.client_id}
    assert notice(visitor, **asked, origin=MODULE) == f"{MODULE} is allowed for this client."
    refused = "https://foo.example is not allowed for this client: add it."
    assert notice(visitor, **asked, origin="https://foo.example/") == refused
    assert notice(visitor, origin=MODULE) == "No open client has this id."
    assert "is not a web origin" in notice(visitor, **asked, origin="foo")
    admin = people.admin()
    assert "Add it to “MyModule”" in notice(admin, **asked, origin="https://foo.example")


def test_what_is_typed_into_the_snippet_stays_text(visitor):
    page = visitor.page(
        visitor.get("/embed", query_string={"label": '"><script>alert(1)</script>', "lang": "xx"})
    )
    snippet = page.find(id="snippet").text
    assert "<script>alert" not in snippet
    assert "&lt;script&gt;alert(1)" in snippet
    assert "lang=" not in snippet
    assert page.find("rollcall-sign-in")["label"] == '"><script>alert(1)</script>'
    assert page.find("rollcall-sign-in").get("client-id") is None


class Widget:
    """The widget on a page of ours, as the server sees it."""

    def __init__(self, visitor):
        self.visitor, self.token = visitor, visitor.token()

    def post(self, name, **body):
        headers = {"X-CSRFToken": self.token}
        return self.visitor.client.post(f"/login/code/{name}", json=body, headers=headers)


def test_on_our_pages_a_code_is_a_cookie_and_no_token(visitor, people, mails, db):
    people.account(ADA)
    widget = Widget(visitor)
    assert widget.post("ask", email=ADA).json == {"status": "sent", "expires_in": 900}
    answer = widget.post("prove", email=ADA, code=mails.code(ADA))
    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"user", "next", "csrf_token"}
    assert answer.json["user"]["email"] == ADA
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert visitor.get("/account").status_code == 200
    row = db.scalars(select(SignInSession)).one()
    assert (row.method, row.audience) == ("code", None)
    # Its new token is the one that signs out.
    headers = {"X-CSRFToken": answer.json["csrf_token"]}
    assert visitor.client.post("/logout", headers=headers).status_code == 303
    assert visitor.get("/account").status_code == 302


def test_a_code_that_another_browser_asked_for_fits_in_no_other(visitors, people, mails):
    people.account(ADA)
    asked, other = Widget(visitors()), Widget(visitors())
    asked.post("ask", email=ADA)
    digits = mails.code(ADA)
    assert other.post("prove", email=ADA, code=digits).json["code"] == "wrong_code"
    assert asked.post("prove", email=ADA, code=digits).status_code == 200


def test_what_a_number_opened_by_the_widget_ends_when_the_number_goes(visitor, people, mails, db):
    ada = people.signed_in(ADA, verified_at=clock.now())
    ada.submit("/account/phone", phone="+447700900123")
    ada.submit("/account/phone/code", code=mails.code("+447700900123"))
    widget, whom = Widget(visitor), {"phone": "+447700900123"}
    widget.post("ask", **whom)
    assert widget.post("prove", **whom, code=mails.code(whom["phone"])).status_code == 200
    assert "with a code by WhatsApp" in visitor.get("/account").text
    ada.submit("/account", "/account/phone/remove")
    assert visitor.get("/account").status_code == 302


def test_known_unknown_and_suspended_sound_alike(visitors, people, db):
    people.account(ADA)
    people.account("s@learn.example", status=Status.INACTIVE.value)
    by_mail = [{"email": each} for each in (ADA, "nobody@learn.example", "s@learn.example")]
    by_phone = [{"phone": each} for each in ("+447700900123", "+447700900124")]
    for several in (by_mail, by_phone):
        answers = set()
        for whom in several:
            widget = Widget(visitors())
            asked = widget.post("ask", **whom)
            proved = widget.post("prove", **whom, code="123456")
            assert (asked.status_code, proved.json["code"]) == (200, "wrong_code")
            answers.add((asked.text, proved.status_code, proved.json["error"]))
        assert len(answers) == 1


def test_who_was_shut_out_since_the_mail_went_hears_that_the_code_is_wrong(
    visitor, people, mails, db
):
    people.account(ADA)
    widget = Widget(visitor)
    widget.post("ask", email=ADA)
    digits = mails.code(ADA)
    db.execute(User.__table__.update().values(status=Status.INACTIVE.value))
    db.commit()
    answer = widget.post("prove", email=ADA, code=digits)
    assert (answer.status_code, answer.json["code"]) == (400, "wrong_code")
    assert db.scalars(select(SignInSession)).all() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"email": ""}, 400),
        ({"email": "not an address"}, 400),
        ({"email": ADA, "phone": "+447700900123"}, 400),
        ({"phone": "0770"}, 400),
        ({"email": 7}, 400),
    ],
)
def test_a_body_that_names_nobody_is_400(visitor, body, status):
    widget = Widget(visitor)
    for name, more in (("ask", {}), ("prove", {"code": "123456"})):
        answer = widget.post(name, **body, **more)
        assert (answer.status_code, answer.json["code"]) == (status, "bad_field")


def test_a_form_of_another_site_asks_for_nothing(visitor, mails):
    answer = visitor.client.post("/login/code/ask", json={"email": ADA})
    assert answer.status_code == 401
    assert mails.count() == 0
