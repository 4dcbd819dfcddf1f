"""Signing in with Google, GitHub and another provider: who gets in, and what is linked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from pytest_httpserver import HTTPServer
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug import Response
from werkzeug.test import TestResponse

from app import config
from app.config import BadSettings
from app.core import clock
from app.core.proof.social import ENTRA, of_openid
from app.models.access import Credential, CredentialKind, Registration, SignInSession
from app.models.people import Profile, User, UserLoRootId
from app.models.records import AuditEntry
from app.web.signin import social
from tests.conftest import PASSWORD, Visitor
from tests.providers import CLIENT, DISCOVERY, Github, Liar, Openid, json_of, new_key

ADA = "ada@learn.agency.example"
EVE = "eve@stranger.example"
CALLBACK = "/login/oidc/callback"
NEUTRAL = "that address opens no account here"

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What is about the protocol alone is the same on every database."""


@pytest.fixture(scope="session")
def openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Openid]:
    """A real provider."""
    running = Openid(tmp_path_factory.mktemp("openid"))
    yield running
    running.stop()


@pytest.fixture
def google(environment: dict[str, str], openid: Openid) -> Openid:
    """The real provider, as Google; asked for before the app, as all of these."""
    environment |= openid.settings() | {"REGISTRATION": "both"}
    return openid


@pytest.fixture
def roster_only(environment: dict[str, str]) -> None:
    """Who is on no list does not come in."""
    environment["REGISTRATION"] = "roster"


@pytest.fixture
def github(environment: dict[str, str], httpserver: HTTPServer) -> Github:
    """The stand-in for GitHub."""
    found = Github(httpserver)
    environment |= found.settings() | {"REGISTRATION": "both"}
    return found


@pytest.fixture
def liar(environment: dict[str, str], httpserver: HTTPServer) -> Liar:
    """A provider that answers what a test tells it to."""
    found = Liar(httpserver)
    environment |= found.settings() | {"REGISTRATION": "both"}
    return found


@pytest.fixture
def without_codes(environment: dict[str, str]) -> None:
    """A mailed code signs nobody in."""
    environment["CODE_SIGN_IN"] = "false"


@pytest.fixture
def at_a_moment(environment: dict[str, str]) -> None:
    """What could tell who exists is answered at a fixed moment."""
    environment["ANSWER_TIME"] = "0.5"


@pytest.fixture
def like_linkedin(environment: dict[str, str]) -> None:
    """The provider knows neither nonce nor PKCE, and wants the secret in the body."""
    environment |= {
        "OIDC_NONCE": "false", "OIDC_PKCE": "false", "OIDC_CLIENT_AUTH": "client_secret_post"
    }  # fmt: skip


@pytest.fixture
def nobody_there(environment: dict[str, str]) -> None:
    """Where Google should be, nobody listens."""
    environment |= {
        "GOOGLE_CLIENT_ID": "x", "GOOGLE_CLIENT_SECRET": "y",
        "GOOGLE_DISCOVERY_URL": "http://127.0.0.1:9" + DISCOVERY,
    }  # fmt: skip


def go(visitor: Visitor, provider: str = "google", query: str = "") -> str:
    """Press the provider's button; where that leads."""
    sent = visitor.get(f"/login/{provider}{query}")
    assert sent.status_code == 302, sent.text
    return str(sent.location)


def back(visitor: Visitor, place: str) -> TestResponse:
    """Follow the provider's answer."""
    parts = urlsplit(place)
    assert parts.netloc == "localhost"
    return visitor.get(f"{parts.path}?{parts.query}")


def through(visitor: Visitor, openid: Openid, subject: str, query: str = "") -> TestResponse:
    """Sign in there and come back."""
    return back(visitor, openid.agree(go(visitor, query=query), subject))


def state_of(place: str) -> str:
    """The state that we sent along."""
    return parse_qs(urlsplit(place).query)["state"][0]


def count(db: Session, *models: type) -> int:
    """How many rows there are of all of these."""
    db.rollback()
    return sum(db.scalar(select(func.count()).select_from(each)) or 0 for each in models)


def is_in(visitor: Visitor) -> bool:
    """Whether this browser is signed in."""
    return visitor.get("/account").status_code == 200


def method_of(db: Session) -> str | None:
    """By which way the newest session was opened."""
    db.rollback()
    return db.scalar(select(SignInSession.method).order_by(SignInSession.id.desc()).limit(1))


# Coming in. -----------------------------------------------------------------------------------


def test_somebody_new_signs_up_and_is_known_by_the_subject_alone(google, visitors, db, people):
    google.know("g-1", email="Ada@learn.agency.example", email_verified=True, name="Ada Lovelace")
    here = visitors()
    answer = through(here, google, "g-1", "?next=/account&remember=1")
    assert (answer.status_code, answer.location) == (303, "/account")
    assert "Expires=" in answer.headers["Set-Cookie"], "it was to be remembered"
    user = db.scalars(select(User)).one()
    assert (user.address, user.last_name, user.came_by) == (ADA, "Lovelace", "open")
    assert user.verified_at is not None
    assert user.password_hash is None
    assert db.scalars(select(Profile)).one().full_name == "Ada Lovelace"
    assert method_of(db) == "google"
    # At the provider the address changes, to one that has an account here.
    people.account(EVE, verified_at=clock.now())
    google.know("g-1", email=EVE, email_verified=True)
    assert through(visitors(), google, "g-1").location == "/program_select"
    db.rollback()
    assert db.scalar(select(SignInSession.user_id).order_by(SignInSession.id.desc())) == user.id
    assert db.get_one(User, user.id, populate_existing=True).address == ADA
    assert count(db, Credential) == 1


def test_a_list_decides_who_gets_an_account_where_it_must(
    google, roster_only, visitors, people, db, mails
):
    people.listed("Lovelace", ADA, "lo-1", "lo-2")
    google.know("g-2", email=ADA, email_verified=True, name="Countess")
    google.know("g-3", email=EVE, email_verified=True)
    assert through(visitors(), google, "g-2").status_code == 303
    user = db.scalars(select(User)).one()
    assert user.last_name == "Lovelace"
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"lo-1", "lo-2"}
    stranger = visitors()
    for _ in range(2):
        answer = through(stranger, google, "g-3")
        assert answer.status_code == 403
        assert NEUTRAL in answer.text
    assert not is_in(stranger)
    assert count(db, User) == 1
    assert len(mails.to(EVE)) == 1, "once a day"
    assert "not on the list" in mails.text(EVE)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "Inactive"),
        ("expiry_date", datetime(2020, 1, 1, tzinfo=UTC)),
        ("from_roster", True),
    ],
    ids=["suspended", "expired", "off the list"],
)
def test_who_may_not_be_here_stays_out_and_is_told_by_mail(
    google, visitors, people, db, mails, column, value
):
    google.know("g-4", email=ADA, email_verified=True)
    user = people.account(ADA, verified_at=clock.now())
    assert through(visitors(), google, "g-4").status_code == 303
    setattr(user, column, value)
    db.commit()
    for subject in ("g-4", "g-5"):  # By what is linked, and by the address alone.
        google.know(subject, email=ADA, email_verified=True)
        here = visitors()
        answer = through(here, google, subject)
        assert (answer.status_code, is_in(here)) == (403, False)
        assert NEUTRAL in answer.text
    assert "closed for now" in mails.text(ADA)
    assert count(db, Credential) == 1


def test_a_proven_account_is_linked_and_keeps_all_that_it_has(google, visitors, people, mails, db):
    google.know("g-6", email=ADA, email_verified=True)
    people.account(ADA, verified_at=clock.now())
    assert through(visitors(), google, "g-6").status_code == 303
    assert visitors().sign_in(ADA).status_code == 303
    text = "\n".join(str(each) for each in mails.to(ADA))
    assert "was connected to your account" in text
    visitors().submit("/forgot-password", email=ADA)
    assert visitors().submit(mails.link(ADA), password="five quiet harbours").status_code == 303
    assert "an account of Google" in mails.text(ADA)
    # Another account there gets the same address: perhaps it is another person's by now.
    google.know("g-7", email=ADA, email_verified=True)
    answer = through(visitors(), google, "g-7")
    assert (answer.status_code, NEUTRAL in answer.text) == (403, True)
    assert count(db, Credential) == 1


def test_an_account_that_nobody_proved_goes_to_the_owner_of_its_address(
    google, visitors, people, mails, db
):
    attacker = people.signed_in(ADA, came_by="open", last_name="Mallory")
    attacker.submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    user = db.scalars(select(User)).one()
    # What could not be added through our pages is dropped all the same.
    db.add(Credential(user_id=user.id, kind="github", identifier="666", created_at=clock.now()))
    db.add(Credential(user_id=user.id, kind="pin", identifier="12345678", created_at=clock.now()))
    db.add(SignInSession(token_hash="p" * 64, user_id=user.id, method="api", audience="api",
                         refresh_hash="r" * 64, created_at=clock.now(), last_seen_at=clock.now(),
                         expires_at=clock.now() + timedelta(days=1)))  # fmt: skip
    db.add(Profile(user_id=user.id, full_name="Eve Mallory", country="NL"))
    db.add(Registration(token_hash="t" * 64, address=ADA, email=ADA, full_name="Eve",
                        created_at=clock.now(), expires_at=clock.now()))  # fmt: skip
    db.commit()
    google.know("g-8", email=ADA, email_verified=True, name="Ada Lovelace")
    owner = visitors()
    assert through(owner, google, "g-8").status_code == 303
    assert db.get_one(User, user.id, populate_existing=True).last_name == "Lovelace"
    assert db.scalars(select(Profile.full_name)).all() == ["Ada Lovelace"]
    assert is_in(owner)
    assert not is_in(attacker)
    db.rollback()
    left = db.scalars(select(SignInSession.method).where(SignInSession.ended_at.is_(None))).all()
    assert left == ["google"], "what programs held for the stranger is over too"
    assert visitors().sign_in(ADA, PASSWORD).status_code == 401
    assert visitors().get(link).status_code == 410
    db.rollback()
    assert db.scalars(select(Credential.kind)).all() == ["google"]
    assert db.scalars(select(Registration)).one().ended_at is not None
    assert "was dropped" in "\n".join(str(each) for each in mails.to(ADA))


def test_an_address_that_the_provider_does_not_vouch_for_is_proven_first(
    liar, visitors, people, db
):
    people.account(ADA, verified_at=clock.now())
    for number, said in enumerate([False, "true", None, 1, "True"], start=1):
        here = visitors()
        place = go(here, "oidc")
        assert "code_challenge=" in place
        liar.will_say(place, sub=f"s-{number}", email_verified=said)
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert (answer.status_code, answer.location) == (303, "/create-account/code")
        assert not is_in(here)
        assert count(db, Registration) == number
    row = db.scalars(select(Registration)).first()
    assert (row.address, row.kind, row.password_hash) == (ADA, "oidc", None)
    assert count(db, Credential, SignInSession) == 0


def test_github_is_known_by_its_number_and_its_verified_primary_address(
    github, visitors, db, environment
):
    def come() -> TestResponse:
        here = visitors()
        place = go(here, "github")
        return here.get(f"/login/github/callback?code=c-1&state={state_of(place)}")

    github.emails = None
    assert come().status_code == 422, "no address"
    github.mail(ADA, verified="true")
    assert come().location == "/create-account/code"
    github.mail(ADA)
    assert come().location == "/program_select"
    github.account = {"id": 583231, "login": "renamed"}
    github.emails = None
    assert come().location == "/program_select"
    github.account = {"id": 1, "login": "ada"}
    assert come().status_code == 422, "another owner of the old name"
    for nobody in ({"login": "ada"}, {"id": "583231"}, {"id": True}, {"id": None}, {"id": 0}):
        github.account = nobody
        assert come().status_code == 502
    assert count(db, User, Credential) == 2


@pytest.mark.parametrize("account", [None, "unproven", "proven"])
def test_two_callbacks_at_once_make_one_account_or_link_one(
    google, app, visitors, people, db, account
):
    if account is not None:
        people.account(ADA, verified_at=clock.now() if account == "proven" else None)
    google.know("g-9", email=ADA, email_verified=True, name="Ada Lovelace")
    pairs = [(each, google.agree(go(each), "g-9")) for each in (visitors() for _ in range(4))]
    together = threading.Barrier(len(pairs))
    answers: list[int] = []

    def come(visitor: Visitor, place: str) -> None:
        together.wait()
        answers.append(back(visitor, place).status_code)

    threads = [threading.Thread(target=come, args=pair) for pair in pairs]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert answers == [303] * len(pairs)
    assert count(db, User) == 1
    assert count(db, Credential) == 1


def test_somebody_with_a_role_connects_the_provider_before_it_signs_them_in(
    google, visitors, people, mails, db
):
    google.know("g-13", email=ADA, email_verified=True)
    here = people.admin(ADA)
    answer = through(visitors(), google, "g-13")
    assert (answer.status_code, NEUTRAL in answer.text) == (403, True)
    assert "has an account already" in mails.text(ADA)
    assert count(db, Credential) == 0
    db.scalars(select(User)).one().verified_at = clock.now()
    db.commit()
    here.submit("/account", "/account/ways/google")
    place = go(here, query="?link=1")
    assert "prompt=select_account" in place
    here.submit(back(here, google.agree(place, "g-13")).location)
    assert through(visitors(), google, "g-13").location == "/admin"


@on_sqlite
def test_a_provider_without_nonce_and_pkce_is_taken_where_the_settings_say_so(
    liar, like_linkedin, visitors, db
):
    here = visitors()
    place = go(here, "oidc")
    assert "code_challenge" not in place
    liar.will_say(place, nonce=None)
    assert here.get(f"{CALLBACK}?code=c&state={state_of(place)}").status_code == 303
    assert "code_verifier" not in liar.asked[0]
    assert "client_secret=known" in liar.asked[0]


@pytest.mark.parametrize(
    ("issuer", "said", "vouched"),
    [
        (ENTRA + "t/v2.0", {"xms_edov": True}, True),
        (ENTRA + "t/v2.0", {"xms_edov": "true"}, False),
        (ENTRA + "t/v2.0", {"xms_edov": True, "email_verified": False}, False),
        ("https://other.example", {"xms_edov": True}, False),
        ("https://other.example", {"email_verified": True}, True),
    ],
)
def test_microsoft_says_in_words_of_its_own_that_an_address_is_verified(issuer, said, vouched):
    claims = {"sub": "s", "email": ADA} | said
    assert of_openid(CredentialKind.OIDC, "Work", issuer, claims).vouched is vouched


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("  Ada  Lovelace ", "Ada Lovelace"),
        ("Free money at www.evil.example", ""),
        ("https://evil.example", ""),
        ("evil@evil.example", ""),
        ("Ada\u202eecalevoL", ""),
        ("Ada\0", ""),
        ("\ud800", ""),
        (7, ""),
        ("a" * 90_000, "a" * 200),
    ],
)
def test_a_name_from_elsewhere_is_what_somebody_could_type_here_or_none(said, taken):
    claims = {"sub": "s", "email": ADA, "email_verified": True, "name": said}
    assert of_openid(CredentialKind.OIDC, "Work", "https://x.example", claims).full_name == taken


# What is refused. -----------------------------------------------------------------------------


@on_sqlite
def test_an_answer_that_fits_no_attempt_of_this_browser_is_refused(liar, github, visitors, db):
    def refused(visitor: Visitor, query: str, path: str = CALLBACK) -> None:
        answer = visitor.get(f"{path}?{query}")
        assert answer.status_code == 400, query
        assert "Begin again here" in answer.text
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    here, other = visitors(), visitors()
    place = go(here, "oidc")
    state = state_of(place)
    liar.will_say(place)
    refused(here, "code=c")
    refused(here, "code=c&state=")
    refused(here, "code=c&state=wrong")
    refused(here, f"code=c&state={state}&state={state}")
    refused(other, f"code=c&state={state}")
    go(other, "oidc")
    refused(other, f"code=c&state={state}")
    refused(here, f"code=c-1&state={state}", "/login/github/callback")
    with time_machine.travel(clock.now() + timedelta(minutes=16), tick=False):
        refused(here, f"code=c&state={state}")
    assert liar.asked == [], "refused before the provider was called"
    assert here.get(f"{CALLBACK}?code=c&state={state}").status_code == 303
    refused(visitors(), f"code=c&state={state}")
    here.submit("/logout")
    refused(here, f"code=c&state={state}")
    assert len(liar.asked) == 1
    reasons = set(db.scalars(select(AuditEntry.details["refusal"].as_string())))
    assert "lost_attempt" in reasons


@on_sqlite
def test_who_declines_is_told_so_in_our_words(liar, visitors, db):
    here = visitors()
    state = state_of(go(here, "oidc"))
    evil = "error_description=<script>alert(1)</script>" + "x" * 3000
    answer = here.get(f"{CALLBACK}?error=access_denied&state={state}&{evil}")
    assert answer.status_code == 403
    assert "You did not go on at Elsewhere" in answer.text
    assert "alert(1)" not in answer.text
    assert "/login" in answer.text
    assert count(db, User, Credential, Registration) == 0


@on_sqlite
def test_what_a_provider_says_wrongly_lets_nobody_in(liar, visitors, app, db):
    now = int(time.time())
    claims: dict[str, dict[str, Any]] = {
        "another issuer": {"iss": "https://elsewhere.example"},
        "no issuer": {"iss": None},
        "another audience": {"aud": "somebody-else"},
        "another audience, ours by azp": {"aud": "somebody-else", "azp": CLIENT},
        "one audience too many": {"aud": [CLIENT, "x"], "azp": CLIENT},
        "no audience": {"aud": None},
        "expired": {"exp": now - 3600},
        "no end": {"exp": None},
        "an endless end": {"exp": 1e400},
        "from the future": {"iat": now + 3600},
        "another nonce": {"nonce": "another"},
        "no nonce": {"nonce": None},
        "no subject": {"sub": None},
        "an empty subject": {"sub": " "},
        "a subject that is a number": {"sub": 7},
        "a subject with a control character": {"sub": "a\0b"},
        "a subject without end": {"sub": "s" * 300},
        "another key": {"key": new_key("first")},
        "an unknown key": {"key": new_key("unknown")},
    }  # fmt: skip
    unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzLTEifQ."
    answers: dict[str, Callable[[], Response]] = {
        "no ID token": lambda: Response('{"access_token": "a", "token_type": "Bearer"}'),
        "an unsigned one": lambda: json_of({"access_token": "a", "id_token": unsigned}),
        "HTML": lambda: Response("<html><h1>Welcome</h1></html>", content_type="text/html"),
        "a list": lambda: Response("[]"),
        "nothing": lambda: Response(""),
        "a failure": lambda: Response("<b>boom</b>", 500),
        "a refusal": lambda: Response('{"error": "invalid_grant"}', 400),
        "a redirect": lambda: Response("", 302, {"Location": liar.url + "/userinfo"}),
        "too much": lambda: json_of({"access_token": "a" * 200_000}),
        "a hole": lambda: Response("[" * 90_000),
    }

    def come(name: str, prepare: Callable[[str], None]) -> None:
        here = visitors()
        place = go(here, "oidc")
        prepare(place)
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert answer.status_code == 502, name
        assert "Elsewhere" in answer.text, name
        assert "boom" not in answer.text
        assert not is_in(here), name

    for name, wrong in claims.items():
        come(name, lambda place, wrong=wrong: liar.will_say(place, **wrong))
    for name, said in answers.items():
        come(name, lambda _place, said=said: setattr(liar, "token", said))
    assert count(db, User, Credential, Registration, SignInSession) == 0


@on_sqlite
def test_a_provider_that_describes_itself_wrongly_is_not_gone_to(liar, app, visitors):
    for wrong in (
        {"issuer": "https://elsewhere.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "file:///etc/passwd"},
        {"jwks_uri": 7},
        {"id_token_signing_alg_values_supported": 7},
    ):
        liar.says = wrong
        answer = visitors().get("/login/oidc")
        assert answer.status_code == 502, wrong
        assert "Use another way" in answer.text
    liar.says = {"authorization_response_iss_parameter_supported": True}
    for sent, status in (("", 502), ("&iss=https://elsewhere.example", 502), (liar.url, 303)):
        here = visitors()
        place = go(here, "oidc")
        liar.will_say(place)
        issuer = f"&iss={sent}" if sent == liar.url else sent
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}{issuer}")
        assert answer.status_code == status, sent


@on_sqlite
@pytest.mark.parametrize("names", [("key 0", "key 1"), ("key", "key")], ids=["new", "old"])
def test_a_new_key_of_the_provider_is_fetched_and_no_connection_waits_for_it(
    liar, app, visitors, db, names
):
    pool = app.extensions["rollcall"].engine.pool
    held: list[int] = []
    for name in names:
        here = visitors()
        place = go(here, "oidc")
        liar.key = new_key(name)
        liar.published = [liar.key]
        liar.will_say(place)
        answer_with = liar.token

        def look(answer_with: Callable[[], Response] = answer_with) -> Response:
            held.append(pool.checkedout())
            return answer_with()

        liar.token = look
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert answer.status_code == 303
    assert held == [0, 0]


@on_sqlite
def test_what_is_not_in_the_id_token_is_asked_for(liar, visitors, db):
    for told, status in (
        ({"sub": "s-1", "email": ADA, "email_verified": True}, 303),
        ({"sub": "s-2", "email": EVE, "email_verified": True}, 502),
        ([], 502),
    ):
        here = visitors()
        place = go(here, "oidc")
        liar.userinfo = told
        liar.will_say(place, email=None, email_verified=None)
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert answer.status_code == status
    assert db.scalars(select(User.address)).all() == [ADA]


@on_sqlite
def test_a_slow_provider_is_given_up_within_seconds(liar, visitors):
    here = visitors()
    state = state_of(go(here, "oidc"))
    let_go = threading.Event()

    def drip() -> Iterator[bytes]:
        try:
            for _ in range(60):
                yield b" "
                time.sleep(0.25)
        except GeneratorExit:
            let_go.set()
            raise

    liar.token = lambda: Response(drip())
    began = time.monotonic()
    assert here.get(f"{CALLBACK}?code=c&state={state}").status_code == 502
    assert time.monotonic() - began < 10
    assert let_go.wait(5), "no thread of ours goes on waiting for it"


@on_sqlite
def test_who_is_to_prove_an_address_first_waits_as_long_whether_it_has_an_account_or_not(
    liar, at_a_moment, visitors, people
):
    people.account(ADA, verified_at=clock.now())
    for subject, email in (("s-1", ADA), ("s-2", EVE)):
        here = visitors()
        place = go(here, "oidc")
        liar.will_say(place, sub=subject, email=email, email_verified=False)
        began = time.monotonic()
        assert here.get(f"{CALLBACK}?code=c&state={state_of(place)}").status_code == 303
        assert time.monotonic() - began > 0.5


@on_sqlite
def test_no_more_than_a_part_of_the_threads_wait_for_a_provider(liar, app, visitors):
    here = visitors()
    place = go(here, "oidc")
    liar.will_say(place)
    with ExitStack() as waiting:
        places = app.extensions["rollcall"].settings.WEB_THREADS // 4
        for _ in range(places):
            waiting.enter_context(social.away(places))
        for path in (f"{CALLBACK}?code=c&state={state_of(place)}", "/login/oidc"):
            answer = here.get(path)
            assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert visitors().get("/login").status_code == 200
    assert liar.asked == []
    assert visitors().get("/login/oidc").status_code == 302


@on_sqlite
def test_a_provider_that_is_down_is_said_to_be(nobody_there, visitor):
    answer = visitor.get("/login/google")
    assert answer.status_code == 502
    assert "Google does not answer as it should" in answer.text


# The account page. ----------------------------------------------------------------------------


def test_an_account_elsewhere_is_linked_and_removed_on_the_account_page(
    google, visitors, people, mails, db
):
    google.know("g-10", email="ada@home.example", email_verified=True)
    here = people.signed_in(ADA, verified_at=clock.now())
    assert here.get("/login/google?link=1").location == "/account", "nobody asked for it"
    out = here.follow(here.submit("/account", "/account/ways/google"))
    assert "/login/google?link=1" in out.text
    place = go(here, query="?link=1")
    met = back(here, google.agree(place, "g-10"))
    assert (met.status_code, count(db, Credential)) == (303, 0), "a GET links nothing"
    assert "ada@home.example" in here.get(met.location).text
    assert here.submit(met.location).location == "/account"
    there = visitors()
    assert through(there, google, "g-10").status_code == 303
    assert is_in(there)
    # The same account there opens no second one here.
    second = people.signed_in(EVE, verified_at=clock.now())
    second.submit("/account", "/account/ways/google")
    met = back(second, google.agree(go(second, query="?link=1"), "g-10"))
    answer = second.submit(met.location)
    assert (answer.status_code, "opens another account" in answer.text) == (409, True)
    assert "Google is not connected" in answer.text
    assert here.submit("/account", "/account/ways/google/remove").location == "/account"
    assert not is_in(there), "what it opened is over"
    assert is_in(here)
    assert count(db, Credential) == 0
    subjects = [str(each["Subject"]) for each in mails.to(ADA)]
    assert sum("was added" in each for each in subjects) == 1
    assert sum("was removed" in each for each in subjects) == 1


def test_nothing_is_linked_to_an_account_that_nobody_proved(google, people, db):
    attacker = people.signed_in(ADA)
    answer = attacker.submit("/account", "/account/ways/google")
    assert (answer.status_code, "/forgot-password" in answer.text) == (409, True)
    assert attacker.get("/login/google?link=1").location == "/account"
    assert count(db, Credential) == 0


def test_the_attempt_of_one_session_links_nothing_to_another(google, people, db):
    google.know("g-11", email=EVE, email_verified=True)
    here = people.signed_in(ADA, verified_at=clock.now())
    here.submit("/account", "/account/ways/google")
    place = google.agree(go(here, query="?link=1"), "g-11")
    here.sign_in(ADA)  # Another session, whose cookie begins anew.
    assert back(here, place).status_code == 400
    assert count(db, Credential) == 0


@on_sqlite
def test_the_last_way_in_stays(google, without_codes, visitors, db):
    google.know("g-12", email=ADA, email_verified=True)
    here = visitors()
    assert through(here, google, "g-12").status_code == 303
    answer = here.submit("/account", "/account/ways/google/remove")
    assert (answer.status_code, "only way" in answer.text) == (409, True)
    assert "Google stays connected" in answer.text
    assert count(db, Credential) == 1


# Settings. ------------------------------------------------------------------------------------


def test_without_settings_there_is_no_button_and_no_page(visitor):
    assert "Continue with" not in visitor.get("/login").text
    for path in ("/login/google", "/login/github/callback", "/login/facebook"):
        assert visitor.get(path).status_code == 404


@on_sqlite
def test_the_buttons_stand_on_the_page_in_their_order(google, github, visitor):
    page = visitor.page(visitor.get("/login?next=/account"))
    links = [(each.get_text(strip=True), each["href"]) for each in page.select("a.provider-plain")]
    assert links == [
        ("Continue with Google", "/login/google?next=/account"),
        ("Continue with GitHub", "/login/github?next=/account"),
    ]
    assert page.select_one("a.provider-remembered")["href"].endswith("remember=1")
    page = visitor.page(visitor.get("/create-account"))
    links = [each["href"] for each in page.select("a.provider-plain")]
    assert links == ["/login/google", "/login/github"]


def test_half_a_provider_and_a_provider_in_the_clear_are_named_at_start():
    with pytest.raises(BadSettings) as caught:
        config.load({
            "ROLLCALL_ENV": "production", "GOOGLE_CLIENT_ID": "x", "OIDC_NAME": "LinkedIn",
            "GITHUB_BASE_URL": "http://github.example", "OIDC_DISCOVERY_URL": "https://x.example",
            "AUTHLIB_INSECURE_TRANSPORT": "1",
        })  # fmt: skip
    said = "\n".join(caught.value.problems)
    for words in (
        "GOOGLE_CLIENT_SECRET missing: Google needs all of",
        "OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_DISCOVERY_URL missing",
        "GITHUB_BASE_URL is plain http",
        "OIDC_DISCOVERY_URL does not end in",
        "AUTHLIB_INSECURE_TRANSPORT",
    ):
        assert words in said


def test_the_way_is_connected_once_the_mailed_code_proved_the_address(
    liar, visitors, people, mails, db
):
    for number, has_account in enumerate([False, True], start=1):
        email = f"ada.{number}@learn.agency.example"
        if has_account:
            people.account(email, verified_at=clock.now())
        here, there = visitors(), visitors()
        place = go(here, "oidc")
        liar.will_say(place, sub=f"s-{number}", email=email, email_verified=None)
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert answer.location == "/create-account/code"
        assert here.submit("/create-account/code", code=mails.code(email)).status_code == 303
        assert is_in(here)
        assert count(db, Credential) == number
        place = go(there, "oidc")
        liar.will_say(place, sub=f"s-{number}", email=email, email_verified=None)
        answer = there.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert answer.location == "/program_select"


def test_an_address_that_nobody_vouches_for_is_proven_where_a_list_decides_too(
    liar, roster_only, visitors, people, mails, db
):
    people.listed("Lovelace", ADA, "lo-1")
    for subject, email in (("s-1", ADA), ("s-2", EVE)):
        here = visitors()
        place = go(here, "oidc")
        liar.will_say(place, sub=subject, email=email, email_verified=None)
        answer = here.get(f"{CALLBACK}?code=c&state={state_of(place)}")
        assert answer.location == "/create-account/code"
        assert here.get("/create-account/code").status_code == 200
        if email == ADA:
            here.submit("/create-account/code", code=mails.code(email))
        assert is_in(here) is (email == ADA)
    assert count(db, User) == 1
    assert "not on the list" in mails.text(EVE)
