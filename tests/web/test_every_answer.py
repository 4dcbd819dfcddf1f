"""What holds for every request: hosts, headers, tokens, sizes, errors."""

import re

import pytest

from app.core.audit import Event
from app.core.people.roles import Permission
from app.database import Base
from tests import downloads
from tests.downloads import BY_GET

ADA = "ada@learn.agency.example"
LINKS = {"token": "x" * 60, "code": "BCC", "import_id": 1, "message_id": 1, "filename": "app.css"}
LINKS |= {"user_id": 1, "session_id": 1, "role_id": 1, "job_id": 1, "entry_id": 1, "file_id": 1}
LINKS |= {"program_id": 1, "kind": "added", "one_id": 1, "other_id": 1}
LINKS |= {"key_id": 1, "conversation_id": "x", "client_row": 1, "contract": "auth"}
LINKS |= {"provider": "google"}


def _paths(app, method):
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if method in rule.methods:
            values = {name: LINKS[name] for name in rule.arguments}
            yield rule, adapter.build(rule.endpoint, values, method=method)


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_host_that_is_not_ours_gets_400(visitor, host):
    response = visitor.get("/login", headers={"Host": host})
    assert response.status_code == 400


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_program_reads_that_its_host_is_not_ours_in_its_own_words(visitor):
    headers = {"Host": "evil.example"}
    answer = visitor.client.post("/api/auth/request-otp", json={}, headers=headers)
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")
    assert (answer.json["code"], answer.json["status"]) == ("foreign_host", 400)
    assert "evil.example" not in answer.text
    answer = visitor.client.post("/auth/send-link", json={}, headers=headers)
    assert (answer.status_code, answer.json) == (
        400, {"error": "This host name is not served here."}
    )  # fmt: skip


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8123"])
def test_loopback_is_ours_outside_production(visitor, host):
    assert visitor.get("/login", headers={"Host": host}).status_code == 200


def test_forwarded_headers_from_nowhere_are_ignored(visitor, app, people):
    people.account(ADA)
    response = visitor.get(
        "/login", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "1.2.3.4"}
    )
    assert response.status_code == 200
    assert "evil.example" not in response.text


def test_every_page_and_error_carries_the_security_headers(visitor):
    for path in ("/login", "/nowhere", "/static/app.css", "/login?next=//x", "/healthz"):
        headers = visitor.get(path).headers
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_pages_are_not_stored_and_static_files_are_not_forbidden_to_be(visitor):
    assert visitor.get("/login").headers["Cache-Control"] == "no-store"
    assert "no-store" not in visitor.get("/static/app.css").headers["Cache-Control"]


def test_link_pages_send_no_referrer_and_are_not_indexed(visitor, people):
    response = visitor.get(people.admin_link())
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex"


WITHOUT_TOKEN = {
    "/login_legacy": "the legacy page's form has none; the view reads nothing and leads to /login",
}
"""Routes that take a POST without a CSRF token, and why."""

OF_PROGRAMS = {"api_auth", "api_gpt", "api_signup", "whatsapp"}
"""Blueprints for programs: no cookie counts there, so a forged form has nothing to misuse."""


def test_case_25_every_post_without_a_token_is_refused(app, people, visitors):
    admin = people.admin()
    for rule, path in _paths(app, "POST"):
        if rule.rule in WITHOUT_TOKEN:
            assert visitors().client.post(path).location == "/login"
            continue
        if rule.endpoint.split(".")[0] in OF_PROGRAMS:
            answer = admin.client.post(path)
            assert answer.status_code in {400, 401, 403, 415}, rule.rule
            assert "Set-Cookie" not in answer.headers
            continue
        for visitor in (visitors(), admin):
            for data in ({}, {"csrf_token": ""}, {"csrf_token": "forged"}):
                response = visitor.client.post(path, data=data)
                assert response.status_code == 400, (rule.rule, response.status_code)
                assert "press again" in response.text


def test_a_token_of_another_browser_is_refused(visitors, people):
    people.account(ADA)
    stolen = visitors().token()
    visitor = visitors()
    visitor.token()
    response = visitor.client.post(
        "/login", data={"csrf_token": stolen, "email": ADA, "password": "three green kettles"}
    )
    assert response.status_code == 400


def test_an_old_page_keeps_what_was_typed_but_no_password(visitor):
    response = visitor.client.post(
        "/register",
        data={"csrf_token": "old", "last_name": "O’Neil", "email": ADA, "password": "hush"},
    )
    page = visitor.page(response)
    assert response.status_code == 400
    assert page.find("input", {"name": "last_name"})["value"] == "O’Neil"
    assert page.find("input", {"name": "email"})["value"] == ADA
    assert "hush" not in response.text
    fields = {each["name"]: each.get("value", "") for each in page.select("main form input")}
    assert visitor.client.post("/register", data=fields).status_code == 303


def test_another_site_cannot_have_its_values_kept(visitor):
    response = visitor.client.post(
        "/register",
        data={"csrf_token": "x", "last_name": "Mallory"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert response.status_code == 400
    assert "Mallory" not in response.text


def test_a_body_beyond_the_limit_gets_413_with_the_limit_in_words(visitor):
    response = visitor.client.post("/register", data={"last_name": "x" * 400_000})
    assert response.status_code == 413


def test_an_error_page_shows_the_reference_that_the_answer_carries(visitor):
    response = visitor.get("/nowhere")
    assert response.status_code == 404
    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}", response.headers["X-Request-ID"])
    assert response.headers["X-Request-ID"] in response.text


def test_a_program_gets_its_errors_as_json(visitor):
    response = visitor.get("/nowhere", headers={"Accept": "application/json"})
    assert response.status_code == 404
    assert set(response.json) == {"error", "code", "reference"}


def test_the_wrong_method_gets_405_and_the_right_ones(visitor):
    response = visitor.get("/chat")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_an_unforeseen_failure_shows_no_trace(app, visitor, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("app.web.signin.password.safe_next", broken)
    response = visitor.get("/login")
    assert response.status_code == 500
    assert "secret detail" not in response.text
    assert "Reference" in response.text


def test_health_needs_nothing(visitor):
    assert visitor.get("/healthz").json == {"status": "ok"}


def test_every_admin_route_names_a_permission_or_is_the_first_page(app):
    permissions = {
        rule.endpoint: getattr(app.view_functions[rule.endpoint], "permission", None)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.")
    }
    assert permissions.pop("admin.home") is None
    assert permissions
    assert all(isinstance(each, Permission) for each in permissions.values()), permissions


NOTED = {rule: (each.path, each.event) for rule, each in BY_GET.items()}
NOTED |= {
    "/account/conversations.csv": ("/account/conversations.csv", Event.CONVERSATIONS_EXPORTED),
    "/admin/conversations/<int:user_id>": ("/admin/conversations/1", Event.CONVERSATION_READ),
    "/admin/explain": ("/admin/explain?q=ada@x.example", Event.ACCOUNT_EXPLAINED),
    "/api/auth/user": ("/api/auth/user", Event.SIGN_IN_REFUSED),
    "/debug_access_control": ("/debug_access_control", Event.ACCOUNT_EXPLAINED),
    "/debug_quota/<code>": ("/debug_quota/BCC", Event.ACCOUNT_EXPLAINED),
    "/debug_user/<int:user_id>": ("/debug_user/1", Event.ACCOUNT_EXPLAINED),
}
"""Routes whose GET leaves one entry in the audit log and changes nothing else: address and event.

Whoever looks at somebody, or takes a list along, is known by it. A token that opens nothing is a
refusal, of which a flood is counted beside the log.
"""

AT_ONCE = 10
"""Pages between two looks at every row there is."""


def test_case_25_no_get_changes_anything(app, people, db):
    admin = people.admin()
    downloads.furnish(people, db)
    before = _everything(db)
    pages = [each for each in _paths(app, "GET") if each[0].rule not in NOTED]
    for first in range(0, len(pages), AT_ONCE):
        some = pages[first : first + AT_ONCE]
        for _rule, path in some:
            admin.get(path)
        assert _everything(db) == before, [rule.rule for rule, _path in some]
    for rule, (path, event) in NOTED.items():
        admin.get(path)
        after = _everything(db)
        new = set(after["audit_entries"]) - set(before["audit_entries"])
        assert [event.value in each for each in new] == [True], rule
        beside = (
            ("audit_entries", "audit_floods") if rule == "/api/auth/user" else ("audit_entries",)
        )
        before |= {name: after[name] for name in beside}
        assert after == before, rule


def _everything(db):
    db.rollback()
    found = {name: table.select() for name, table in Base.metadata.tables.items()}
    return {name: sorted(map(str, db.execute(query).all())) for name, query in found.items()}
