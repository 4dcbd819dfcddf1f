"""Privacy, terms and support say what the program does, whatever it is set to do."""

from __future__ import annotations

import hashlib
import re
import sys
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import url_for
from sqlalchemy import event

from app import answers, config, create_app
from app.api.auth.bodies import Person
from app.config import ROOT
from app.core import mailbox, outbox, throttle
from app.core.desk import rollups
from app.core.entry import address_back, letters, renewing
from app.core.learning import exporting
from app.core.people import sessions
from app.core.people.roles import AREAS, WORDS
from app.core.proof import codes
from app.core.roster import ledger, tidying
from app.core.throttle import Limit
from app.database import Base
from app.edge import devices
from app.models.conversations import FormerRetention, ProgramRetention
from app.web import legal
from tests.api.custom_gpt import CustomGpt
from tests.conftest import Visitor

PATHS = ("/privacy-policy", "/terms", "/support")
TEMPLATES = ROOT / "templates" / "legal"
ADA = "ada@learn.agency.example"


def words_of(response: Any) -> str:
    """What a reader of the page reads."""
    assert response.status_code == 200
    page = BeautifulSoup(response.text, "html.parser")
    return " ".join(page.find("main").get_text(" ").split())


def with_settings(environment: dict[str, str], path: str, **changed: str) -> str:
    """The words of a page of an installation with other settings."""
    made = create_app(config.load(environment | changed))
    try:
        base = changed.get("PUBLIC_URL", "http://localhost")
        return words_of(made.test_client().get(path, base_url=base))
    finally:
        made.extensions["rollcall"].sessions.kw["bind"].dispose()


# Who may read them. ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_anybody_may_read_it_and_gets_no_cookie(visitor, path):
    for method in ("GET", "HEAD"):
        response = visitor.client.open(path, method=method, headers={"X-Api-Key": "none of ours"})
        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert "Set-Cookie" not in response.headers
    assert visitor.client.post(path).status_code in {400, 405}
    for path_of_form in ("/login", "/register"):
        links = {a["href"] for a in visitor.page(visitor.get(path_of_form)).select("footer a")}
        assert set(PATHS) <= links


def test_only_the_time_of_conversations_is_asked_of_the_database(visitor, app):
    asked: list[str] = []
    engine = app.extensions["rollcall"].sessions.kw["bind"]

    def note(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    for path in PATHS:
        visitor.get(path)  # A new connection asks the database about itself.
    event.listen(engine, "before_cursor_execute", note)
    try:
        for path in PATHS:
            visitor.get(path)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert [each for each in asked if "program_retention" not in each] == []
    assert len(asked) == 1


def test_support_leads_to_every_way_in_and_to_somebody(visitor, app):
    page = visitor.page(visitor.get("/support"))
    links = {a["href"] for a in page.select("main a")}
    with app.test_request_context():
        for way in ("recovery.forgot", "recovery.first_time", "register.begin", "alarm.lift"):
            assert url_for(way) in links
    assert "Noor in room 4" in words_of(visitor.get("/support"))


def test_who_is_signed_in_may_read_them_too(people):
    learner = people.signed_in(ADA)
    assert [learner.get(path).status_code for path in PATHS] == [200, 200, 200]


# What they say is what the program does. ------------------------------------------------------

GOES_BY = [
    (address_back, "LIFETIME", timedelta(days=409), "409 days after the change"),
    (letters, "LONGEST_FIXED", timedelta(hours=37), "for 37 hours at the most"),
    (ledger, "KEPT", 17, "until 17 newer lists were applied"),
    (codes, "REMEMBERED", timedelta(hours=31), "31 hours after it ran out"),
    (devices, "LIFETIME", 401 * 86400, "401 days after you last signed in"),
    (exporting, "KEPT_FOR", timedelta(days=402), "goes after 402 days"),
    (mailbox, "KEPT", timedelta(days=403), "403 days after it was written"),
    (renewing, "REMEMBERED", 19, "your last 19 passwords"),
    (rollups, "MARKS_KEPT", timedelta(days=404), "404 days from the beginning"),
    (sessions, "KEPT", timedelta(days=405), "405 days after the sign-in would have run out"),
    (throttle, "KEPT", timedelta(days=406), "for 406 days more"),
    (tidying, "LEFT_LYING", timedelta(days=407), "goes after 407 days"),
]
"""The constants that the program tidies by, and what the page says once they are others."""


SAID_TO_MODULES = {
    "country": "country",
    "email": "your address",
    "email_verified": "your address",
    "id": "the number by which we know you",
    "locale": "language",
    "name": "name",
    "phone": "your proven phone number",
    "programs": "the programs that are open to you",
    "role": "your roles",
    "roles": "your roles",
}
"""What modules get about a person, and the words for it."""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_constant_of_the_program_is_another_word_on_the_page(visitor, monkeypatch):
    before = words_of(visitor.get("/privacy-policy"))
    for module, name, value, _said in GOES_BY:
        monkeypatch.setattr(module, name, value)
    after = words_of(visitor.get("/privacy-policy"))
    assert [said for *_rest, said in GOES_BY if said in before] == []
    assert [said for *_rest, said in GOES_BY if said not in after] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_setting_is_another_word_on_the_page(environment):
    words = with_settings(
        environment,
        "/privacy-policy",
        OPERATOR_NAME="Harbour School Trust",
        OPERATOR_ADDRESS="4 Quay Street, Port Amber",
        PRIVACY_CONTACT="privacy@harbour.example",
        ORGANISATION="the Harbour School",
        SERVICE_NAME="Lantern",
        SESSION_IDLE=str(3 * 3600),
        SESSION_LIFETIME=str(4 * 86400),
        REMEMBERED_LIFETIME=str(77 * 86400),
        CODE_LIFETIME="1320",
        AUDIT_KEEP_DAYS="733",
        API_CODE_LIFETIME="1500",
        SAVED_KEEP_DAYS="41",
        SIGNUP_TELLS_REGISTERED="true",
        PUBLIC_URL="https://learn.harbour.example",
        MAIL_SERVER="mail.harbour.example",
        OPENAI_BASE_URL="https://models.harbour.example/v1",
    )
    for said in (
        "What Lantern keeps about you",
        "Harbour School Trust",
        "4 Quay Street, Port Amber",
        "the list of the Harbour School",
        "ask privacy@harbour.example",
        "after 3 hours without a request and after 4 days in all",
        "or 77 days with “Remember me”",
        "A code works for 25 minutes at the most",
        "an account with an address that has one, it is told that",
        "733 days, also when your account is deleted before",
        "41 days, unless you or an admin delete it before",
        "A mail server (mail.harbour.example)",
        "A language model (models.harbour.example)",
        "__Host-rollcall",
        "__Host-device",
        "between your browser and us is encrypted",
    ):
        assert said in words


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_not_set_up_is_not_spoken_of(visitor, environment):
    plain = words_of(visitor.get("/privacy-policy"))
    for absent in (
        "mail server (",
        "language model",
        "encrypted,",
        "network address up",
        "Address",
    ):
        assert absent not in plain
    assert "Nobody else gets anything from this program." in plain
    assert "it is told that" not in plain
    assert "For good, also when your account is deleted." in plain
    assert "Operator Rollcall Privacy contact Noor in room 4" in plain
    assert "language model" not in words_of(visitor.get("/terms"))
    # A name that only our own network knows is nobody else's business.
    inside = with_settings(
        environment,
        "/privacy-policy",
        MAIL_SERVER="smtp.internal",
        OPENAI_BASE_URL="http://10.1.2.3/v1",
    )
    assert "A language model" in inside
    assert "smtp" not in inside
    assert "10.1.2.3" not in inside


def test_it_says_what_a_gpt_and_a_module_get(visitor, app, db, mails, people):
    """Every member of the answer about a person stands on the page, by the word that is for it."""
    words = words_of(visitor.get("/privacy-policy"))
    assert "It is sent to nobody" not in words
    assert "the conversations that you saved and all that you asked on this site" in words
    assert set(Person.model_fields) == set(SAID_TO_MODULES)
    [told] = [
        each.find_next("dd").get_text()
        for each in visitor.page(visitor.get("/privacy-policy")).select("#passed-on ~ dl dt")
        if "module" in each.get_text()
    ]
    assert [said for said in SAID_TO_MODULES.values() if said not in told] == []
    assert "none of your conversations" in told
    people.account(ADA)
    asked = visitor.client.post("/api/auth/request-otp", json={"email": ADA})
    assert asked.status_code == 200
    code = mails.code(ADA)
    proven = visitor.client.post("/api/auth/verify-otp", json={"email": ADA, "code": code}).json
    assert set(proven["user"]) == set(SAID_TO_MODULES)
    assert CustomGpt(app, db, mails).post(
        "/conversations/list", {"token": proven["access_token"]}
    ).status_code == 401  # fmt: skip


def test_support_names_who_runs_it_where_that_is_set(visitor, environment):
    assert "is run by" not in words_of(visitor.get("/support"))
    named = with_settings(environment, "/support", OPERATOR_NAME="Harbour School Trust")
    assert "Rollcall is run by Harbour School Trust." in named.partition("Ask a person")[2]


def test_the_page_speaks_of_a_model_exactly_where_one_is_asked(environment):
    addresses: list[dict[str, str]] = [
        {},
        {"OPENAI_API_KEY": "a key of tests"},
        {"OPENAI_BASE_URL": "https://models.agency.example/v1"},
    ]
    for changed in addresses:
        settings = config.load(environment | changed)
        asks = answers.asks_model(settings)
        assert (settings.model_url is not None) is asks is bool(changed)
    assert config.load(environment | addresses[1]).model_url == config.OPENAI_URL


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([None, None], "For good, unless an admin deletes them."),
        ([1, None], "It depends on the program: 1 day at the least, in some programs for good"),
        ([30, 30], "30 days, unless an admin deletes them before."),
        ([30, 365], "It depends on the program: from 30 to 365 days"),
        ([30, (9,)], "from 9 to 30 days, unless an admin deletes them before. When a program is"),
    ],
)
def test_conversations_are_kept_as_long_as_their_programs_say(visitor, people, db, days, said):
    for number, each in enumerate(days):
        if isinstance(each, tuple):
            db.add(FormerRetention(code="GONE", name="Gone", days=each[0]))
            continue
        program = people.program(f"P{number}")
        if each is not None:
            moment = program.created_at
            db.add(ProgramRetention(program_id=program.id, days=each, set_at=moment))
    db.commit()
    assert said in words_of(visitor.get("/privacy-policy"))


def test_no_count_of_tries_lasts_longer_than_the_page_says(app):
    ours = [vars(module) for name, module in sys.modules.items() if name.startswith("app.")]
    limits = [each for names in ours for each in names.values() if isinstance(each, Limit)]
    assert len(limits) > 5
    assert max(each.window for each in limits) == outbox.MOST_A_DAY.window


def test_the_script_keeps_the_theme_as_long_as_the_page_says():
    script = (ROOT / "static" / "js" / "theme.js").read_text("utf-8")
    assert re.findall(r"Max-Age=(\d+)", script) == [str(int(legal.THEME_LIFETIME.total_seconds()))]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_cookie_that_a_browser_gets_is_on_the_page(app, people):
    people.account(ADA)
    learner = Visitor(app)
    signed_in = learner.sign_in(ADA, remember="1")
    got = {each.partition("=")[0] for each in signed_in.headers.getlist("Set-Cookie")}
    assert got | {"theme"} == {each.get_text(strip=True) for each in names_of_cookies(learner)}


def names_of_cookies(visitor: Visitor) -> Any:
    rows = visitor.page(visitor.get("/privacy-policy")).select("[aria-labelledby=cookies] tbody th")
    for row in rows:
        row.find(class_="under").extract()
    return rows


def test_every_permission_to_look_is_on_the_page(visitor):
    words = words_of(visitor.get("/privacy-policy"))
    for permission, sentence in WORDS.items():
        area, _, way = permission.value.partition(":")
        assert (f"{AREAS[area]} {sentence}" in words) is (way == "read")


ABOUT_NOBODY = {
    "api_keys", "audit_checkpoints", "audit_head", "audit_rollups", "brought_over", "carriers",
    "chatbot_contents", "chatbot_lo_root_association", "clients", "emergency", "figures",
    "former_retention", "list_in_force", "program_retention", "signing_keys",
}  # fmt: skip
"""Tables in which nothing stands about a learner."""

SAID_AS = {
    "client_codes": "Codes that we send",
    "credentials": "Other ways to sign in",
    "profiles": "full name and country",
    "saved_conversations": "Conversations that you saved",
    "address_moves": "Your former address",
    "active_people": "When you were active",
    "audit_entries": "The audit log",
    "audit_floods": "Counts of tries",
    "chat_history": "Conversations",
    "codes": "Codes that we send",
    "disclaimer_acceptances": "What you accepted",
    "entitlements": "Your account",
    "file_parts": "A file of conversations",
    "former_passwords": "Your password",
    "invitations": "Invitations",
    "jobs": "Work in the background",
    "outgoing_messages": "Mails to you",
    "people_files": "An uploaded file, of the list or of people to be added",
    "quota_uses": "Questions a day",
    "role_grants": "Your account",
    "registrations": "What you asked for",
    "roles": "your roles",
    "roster_changes": "The history of the list",
    "roster_edits": "The history of the list",
    "roster_former_lines": "Lines that were taken out",
    "roster_imports": "The history of the list",
    "roster_lines": "The list",
    "roster_pairs": "The history of the list",
    "roster_problems": "The history of the list",
    "roster_search_parts": "The history of the list",
    "roster_staged_lines": "An uploaded file",
    "roster_staged_parts": "An uploaded file",
    "roster_taken_ids": "The history of the list",
    "roster_uploads": "An uploaded file",
    "sessions": "Where you are signed in",
    "try_counts": "Counts of tries",
    "user_lo_root_ids": "Your account",
    "users": "Your account",
}
"""Every other table, and the words of the page that speak of it: a new one has to be said."""


def test_every_table_about_people_is_spoken_of(visitor):
    words = words_of(visitor.get("/privacy-policy"))
    assert set(Base.metadata.tables) == ABOUT_NOBODY | set(SAID_AS)
    assert [said for said in SAID_AS.values() if said not in words] == []


# When the words change, so does the day. ------------------------------------------------------


def checksum(edition: legal.Edition) -> str:
    """What stands for the words of a page; how they are broken into lines is no matter."""
    text = " ".join(
        " ".join((TEMPLATES / each).read_text("utf-8").split()) for each in edition.templates
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@pytest.mark.parametrize("edition", [legal.PRIVACY, legal.TERMS], ids=["privacy", "terms"])
def test_who_changes_the_words_changes_version_and_day(edition):
    assert checksum(edition) == edition.words, "raise the version, set the day, note this checksum"


def test_the_page_shows_version_and_day(visitor):
    for path, edition in (("/privacy-policy", legal.PRIVACY), ("/terms", legal.TERMS)):
        page = visitor.page(visitor.get(path))
        assert page.find("time")["datetime"] == edition.changed.isoformat()
        assert f"Version {edition.version}, last changed on" in words_of(visitor.get(path))


@pytest.mark.parametrize("name", sorted(each.name for each in TEMPLATES.glob("*.html")))
def test_no_number_is_typed_into_the_words(name):
    text = re.sub(r"\{#.*?#\}", "", (TEMPLATES / name).read_text("utf-8"), flags=re.DOTALL)
    words = re.findall(r'_\("([^"]*)"', text)
    assert words
    assert [each for each in words if re.search(r"\d", each)] == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (timedelta(days=90), "90 days"),
        (timedelta(days=1), "24 hours"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=15), "15 minutes"),
        (timedelta(seconds=61), "61 seconds"),
    ],
)
def test_a_span_is_told_exactly(value, told):
    assert legal.span(value) == told
