"""The widget's side of `/api/auth`: whose pages may ask, and codes in place of tokens."""

import base64
import hashlib
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import select, update

from app.core import clock
from app.core.audit import NOWHERE
from app.core.errors import Refusal
from app.core.oauth import clients, handing
from app.models.access import SignInSession
from app.models.oauth import ClientCode
from app.models.people import Status, User
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
MODULE = "https://module.example"
OTHER = "https://other.example"
VERIFIER = "a-verifier-that-is-as-long-as-it-has-to-be-0123"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
DOORS = ("request-otp", "verify-otp", "token")
THREADS = 20


class Page:
    """A page with the widget in it, as the server sees it."""

    def __init__(self, app, mails, client_id, origin=MODULE):
        self.client, self.mails = app.test_client(), mails
        self.client_id, self.origin = client_id, origin

    def post(self, name, body, origin="own"):
        origin = self.origin if origin == "own" else origin
        headers = {"Origin": origin} if origin else {}
        return self.client.post(f"/api/auth/{name}", json=body, headers=headers)

    def ask(self, **more):
        return self.post("request-otp", {"client_id": self.client_id, "email": ADA} | more)

    def verify(self, code, **more):
        body = {"client_id": self.client_id, "email": ADA, "code": code}
        return self.post("verify-otp", body | {"code_challenge": CHALLENGE} | more)

    def handed(self):
        assert self.ask().status_code == 200
        answer = self.verify(self.mails.code(ADA))
        assert answer.status_code == 200, answer.text
        assert list(answer.json) == ["code"]
        return answer.json["code"]

    def exchange(self, code, *, origin="own", **more):
        body = {"client_id": self.client_id, "code": code, "code_verifier": VERIFIER}
        return self.post("token", body | more, origin)


@pytest.fixture
def make(db):
    def make(name="MyModule", *origins):
        row = clients.create(db, name, origins or [MODULE], by=None, origin=NOWHERE)
        db.commit()
        return row

    return make


@pytest.fixture
def page(app, mails, make, people):
    people.account(ADA)
    return Page(app, mails, make().client_id)


def test_a_page_gets_a_code_and_its_verifier_gets_the_tokens(page, db):
    answer = page.exchange(page.handed())
    assert answer.status_code == 200
    assert {"access_token", "refresh_token", "token_type", "expires_in", "user"} == set(answer.json)
    assert answer.json["user"]["email"] == ADA
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert page.client.get("/api/auth/user", headers=bearer).json == answer.json["user"]
    row = db.scalars(select(SignInSession)).one()
    assert (row.audience, row.client, row.method) == ("api", "MyModule", "api")


def test_no_answer_to_a_page_has_a_cookie_or_lets_one_be_sent(page):
    asked = page.ask()
    proven = page.verify(page.mails.code(ADA))
    for answer in (asked, proven, page.exchange(proven.json["code"])):
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == MODULE
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


def test_the_page_and_the_origin_are_in_the_audit_log_and_no_code_is(page, db):
    code = page.handed()
    page.exchange(code)
    page.exchange(code)
    db.rollback()
    written = [(each.event, each.details) for each in db.scalars(
        select(AuditEntry).where(AuditEntry.event.in_(
            ["code:asked", "client:code_handed", "sign_in:admitted", "sign_in:refused"]
        )).order_by(AuditEntry.id)
    )]  # fmt: skip
    assert [event for event, _ in written] == [
        "code:asked", "client:code_handed", "sign_in:admitted", "sign_in:refused"
    ]  # fmt: skip
    for number in (0, 1, 3):
        told = written[number][1]
        assert (told["client"], told["web_origin"]) == (page.client_id, MODULE)
    assert written[2][1]["client"] == "MyModule"
    assert code not in json.dumps(written)


def test_a_server_of_the_module_may_exchange_without_an_origin(page):
    assert page.exchange(page.handed(), origin=None).status_code == 200


def test_a_code_is_bound_to_verifier_client_and_origin(app, page, mails, make):
    make("Other", OTHER, "https://elsewhere.example")
    other = clients_of(app, "Other")
    code = page.handed()
    wrong = (
        page.exchange(code, code_verifier=VERIFIER + "x"),
        page.exchange(code + "x"),
        Page(app, mails, other, OTHER).exchange(code),
    )
    for answer in wrong:
        assert (answer.status_code, answer.json["code"]) == (400, "invalid_grant")
    for answer in (
        page.exchange(code, origin=OTHER),
        page.exchange(code, origin="null"),
        page.exchange(code, client_id="rc_unknown"),
        page.exchange(code, client_id="rc_unknown", origin=None),
    ):
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    # None of these used it up.
    assert page.exchange(code).status_code == 200


def clients_of(app, name):
    with app.extensions["rollcall"].sessions() as db:
        return clients.find(db, name).client_id


def test_a_code_for_one_origin_of_a_client_is_none_for_another(app, mails, make, people):
    people.account(ADA)
    client_id = make("Both", MODULE, OTHER).client_id
    code = Page(app, mails, client_id, MODULE).handed()
    elsewhere = Page(app, mails, client_id, OTHER).exchange(code)
    assert (elsewhere.status_code, elsewhere.json["code"]) == (400, "invalid_grant")
    assert elsewhere.headers["Access-Control-Allow-Origin"] == OTHER
    assert Page(app, mails, client_id, MODULE).exchange(code).status_code == 200


def test_a_code_works_for_a_minute(page):
    with time_machine.travel(clock.now(), tick=False) as moment:
        code = page.handed()
        moment.shift(timedelta(seconds=60))
        assert page.exchange(code).json["code"] == "invalid_grant"
    with time_machine.travel(clock.now(), tick=False) as moment:
        code = page.handed()
        moment.shift(timedelta(seconds=59))
        assert page.exchange(code).status_code == 200


def test_of_twenty_at_once_with_one_code_one_wins(app, page, db):
    code = page.handed()
    make = app.extensions["rollcall"].sessions
    barrier = Barrier(THREADS)

    def one(_number):
        with make() as own:
            barrier.wait(20)
            try:
                handing.take(own, page.client_id, code, VERIFIER, web_origin=MODULE, origin=NOWHERE)
            except Refusal as refusal:
                return refusal.code
            own.commit()
            return "won"

    with ThreadPoolExecutor(THREADS) as pool:
        results = Counter(pool.map(one, range(THREADS)))
    assert results == {"won": 1, "invalid_grant": THREADS - 1}


def test_who_was_shut_out_meanwhile_gets_no_tokens_and_the_code_is_gone(page, db):
    code = page.handed()
    db.execute(update(User).values(status=Status.INACTIVE.value))
    db.commit()
    answer = page.exchange(code)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_grant")
    assert db.scalars(select(ClientCode.used_at)).one() is not None
    assert db.scalars(select(SignInSession)).all() == []


def test_a_mailed_code_is_for_the_client_that_asked(app, page, mails, make):
    make("Other", OTHER)
    page.ask()
    digits = mails.code(ADA)
    other = Page(app, mails, clients_of(app, "Other"), OTHER).verify(digits)
    assert (other.status_code, other.json["code"]) == (400, "invalid_code")
    without = page.post("verify-otp", {"email": ADA, "code": digits}, None)
    assert (without.status_code, without.json["code"]) == (400, "invalid_code")
    assert page.verify(digits).status_code == 200


def test_no_challenge_is_no_code(page):
    page.ask()
    body = {"client_id": page.client_id, "email": ADA, "code": page.mails.code(ADA)}
    for more in ({}, {"code_challenge": "short"}, {"code_challenge": "=" * 43}):
        answer = page.post("verify-otp", body | more)
        assert (answer.status_code, answer.json["code"]) == (400, "bad_field")


ELSEWHERE = [OTHER, "null", "http://module.example", MODULE + ":444", MODULE + ".evil.example"]


@pytest.mark.parametrize("origin", [*ELSEWHERE, "https://MODULE.example", None])
def test_another_origin_is_refused_and_reads_nothing(page, origin):
    page.origin = origin
    for answer in (page.ask(), page.verify("123456")):
        assert (answer.status_code, answer.json["code"]) == (403, "client_not_allowed")
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert page.mails.count() == 0


def test_a_page_that_names_no_client_gets_no_tokens(page):
    page.post("request-otp", {"email": ADA}, None)
    answer = page.post("verify-otp", {"email": ADA, "code": page.mails.code(ADA)})
    assert (answer.status_code, answer.json["code"]) == (403, "client_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_client_that_is_closed_may_not_ask_or_exchange(page, db):
    code = page.handed()
    clients.disable(db, clients.find(db, page.client_id).id, by=None, origin=NOWHERE)
    db.commit()
    for answer in (page.ask(), page.verify("123456"), page.exchange(code)):
        assert answer.status_code == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert preflight(page.client, "token", MODULE) == (None, None)


def preflight(client, name, origin):
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type"}  # fmt: skip
    answer = client.options(f"/api/auth/{name}", headers=asked)
    assert answer.status_code == 200
    assert "Access-Control-Allow-Credentials" not in answer.headers
    allowed = answer.headers.get("Access-Control-Allow-Origin")
    return allowed, answer.headers.get("Access-Control-Allow-Headers")


@pytest.mark.parametrize("name", DOORS)
def test_a_browser_asks_first_and_only_pages_of_clients_may(page, name):
    assert preflight(page.client, name, MODULE) == (MODULE, "Content-Type")
    for origin in (OTHER, "null", MODULE + ":8443"):
        assert preflight(page.client, name, origin) == (None, None)


BY_TOKEN = {"user": "GET", "refresh": "POST", "logout": "POST"}


@pytest.mark.parametrize("name", BY_TOKEN)
def test_what_a_token_opens_may_be_asked_by_the_pages_of_clients_alone(page, name):
    for origin in (MODULE, OTHER, "null", MODULE + ":8443", "http://module.example"):
        asked = {"Origin": origin, "Access-Control-Request-Method": BY_TOKEN[name],
                 "Access-Control-Request-Headers": "authorization,content-type"}  # fmt: skip
        answer = page.client.options(f"/api/auth/{name}", headers=asked)
        allowed = {
            name: value for name, value in answer.headers.items()
            if name.startswith("Access-Control-")
        }  # fmt: skip
        assert "Origin" in answer.headers["Vary"]
        if origin != MODULE:
            assert allowed == {}
            continue
        assert allowed == {
            "Access-Control-Allow-Origin": MODULE,
            "Access-Control-Allow-Methods": BY_TOKEN[name],
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Expose-Headers": "Retry-After",
            "Access-Control-Max-Age": "600",
        }


def test_a_page_that_holds_tokens_reads_renews_and_signs_out(page, db):
    given = page.exchange(page.handed()).json

    def ask(method, name, origin=MODULE, body=None, token=None):
        headers = {"Origin": origin} | ({"Authorization": f"Bearer {token}"} if token else {})
        answer = page.client.open(f"/api/auth/{name}", method=method, headers=headers, json=body)
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (MODULE if origin == MODULE else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Vary"] == "Origin"
        return answer

    assert ask("GET", "user", token=given["access_token"]).json == given["user"]
    assert ask("GET", "user", OTHER, token=given["access_token"]).status_code == 200
    renewal = {"refresh_token": given["refresh_token"]}
    renewed = ask("POST", "refresh", body=renewal).json
    assert ask("POST", "logout", token=renewed["access_token"]).status_code == 204
    assert ask("GET", "user", token=renewed["access_token"]).status_code == 401
    assert ask("POST", "refresh", body={"refresh_token": "x"}).status_code == 401
    clients.disable(db, clients.find(db, page.client_id).id, by=None, origin=NOWHERE)
    db.commit()
    closed = page.client.get("/api/auth/user", headers={"Origin": MODULE})
    assert "Access-Control-Allow-Origin" not in closed.headers


@pytest.mark.parametrize("path", ["/login", "/login/code/ask", "/login/code/prove",
                                  "/conversations", "/static/app.css"])  # fmt: skip
def test_nothing_else_may_be_read_from_elsewhere(page, path):
    headers = {"Origin": MODULE, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "POST", "OPTIONS"):
        answer = page.client.open(path, method=method, headers=headers, buffered=True)
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_why_a_body_was_not_read_may_be_read_by_the_pages_of_clients(page):
    for origin, allowed in ((MODULE, MODULE), (OTHER, None)):
        answer = page.client.post("/api/auth/token", data="{", headers={"Origin": origin})
        assert answer.status_code == 415
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed


@pytest.fixture
def limited(environment):
    environment["RATELIMIT_ENABLED"] = "true"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_reads_that_it_has_to_wait_and_for_how_long(limited, page):
    answers = [page.exchange("x") for _ in range(62)]
    assert [each.status_code for each in answers] == [400] * 60 + [429] * 2
    for answer in answers[60:]:
        assert answer.headers["Access-Control-Allow-Origin"] == MODULE
        assert int(answer.headers["Retry-After"]) > 0
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"
    page.origin = OTHER
    assert "Access-Control-Allow-Origin" not in page.exchange("x").headers
    page.origin = MODULE
    refreshed = [page.post("refresh", {"refresh_token": "x"}) for _ in range(62)]
    for answer in refreshed[59:]:
        assert answer.headers["Access-Control-Allow-Origin"] == MODULE
    page.origin = OTHER
    assert "Access-Control-Allow-Origin" not in page.post("refresh", {}).headers


def test_the_files_of_the_widget_may_be_loaded_by_every_page(page):
    for name in ("rollcall-sign-in.js", "pkce.js", "RollcallSignIn.jsx", "RollcallForm.jsx"):
        answer = page.client.get(f"/static/widget/{name}", buffered=True)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://Module.Example/", "https://module.example"),
        ("https://module.example:443", "https://module.example"),
        ("https://module.example:8443", "https://module.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(typed, origin):
    assert clients.web_origin_of(typed) == origin


@pytest.mark.parametrize(
    "typed",
    ["", "null", "*", "module.example", "http://module.example", "https://", "https://a b.example",
     "https://module.example/path", "https://module.example?q", "https://user@module.example",
     "https://*.example", "ftp://module.example", "https://module.example:99999",
     "javascript:alert(1)", "https://module.example#x", "https://[::1", "https://a\\b.example",
     "https://" + "a" * 300 + ".example"],
)  # fmt: skip
def test_what_is_no_web_origin_is_refused(typed):
    with pytest.raises(clients.BadOrigin):
        clients.web_origin_of(typed)


def test_codes_that_ran_out_are_tidied_away(page, db):
    page.handed()
    with time_machine.travel(clock.now() + timedelta(minutes=2)):
        handing.tidy(db)
    assert db.scalars(select(ClientCode)).all() == []
