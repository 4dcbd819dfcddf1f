"""“Connect a module” on /docs: its very lines are run, against a server and with real mail."""

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import delete, select

from app.config import ROOT
from app.core.audit import NOWHERE
from app.core.entry import access_tokens, signing
from app.core.entry.access_tokens import Audience, Issuer
from app.core.people import sessions
from app.core.people.sessions import Lifetimes, Seat
from app.models.access import SigningKey, SignInSession
from tests.api.live import arrived, code_in, served, settings_with
from tests.servers import start_smtp

NOOR = "noor@learn.example"
"""Whom the examples of the page are about."""

DAY = timedelta(days=1)
CHECKER = ROOT / "static" / "docs" / "check_token.py"

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What the lines ask for is tested on both engines beside its contract."""


@pytest.fixture(scope="module")
def smtp():
    """A mail server of this file's own."""
    server = start_smtp()
    yield server
    server.stop()


@pytest.fixture
def environment(environment, smtp):
    """Mail leaves by SMTP, and the address is the one that is served."""
    return environment | settings_with(smtp)


@pytest.fixture
def home(app):
    """The address of the running app."""
    with served(app) as address:
        yield address


@pytest.fixture
def page(home):
    """The page, as a reader gets it."""
    with urllib.request.urlopen(f"{home}/docs", timeout=20) as answer:
        return BeautifulSoup(answer.read(), "html.parser")


def test_the_steps_work_one_after_the_other_as_they_stand(
    page, home, people, mails, smtp, db, tmp_path
):
    assert shutil.which("curl"), "the steps are written for curl: install it"
    noor = people.account(NOOR, last_name="Visser")
    shell = [each.text for each in page.select('#connect pre[data-kind="shell"]')]
    assert len(shell) == 7
    assert home in shell[0]
    (tmp_path / "steps.sh").write_text("\n".join([*shell, 'echo "$ACCESS_TOKEN"']))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    reader = subprocess.Popen(
        ["bash", "-e", "-o", "pipefail", "steps.sh"],
        cwd=tmp_path, env={"PATH": programs}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    code = ""
    try:
        code = code_in(arrived(smtp, mails, NOOR))
    finally:
        said, complaints = reader.communicate(f"{code}\n", timeout=60)
    assert reader.returncode == 0, said + complaints
    asked, claims, person, gone, last = said.splitlines()
    assert json.loads(asked) == {"status": "sent", "expires_in": 300}
    claims, person = json.loads(claims), json.loads(person)
    assert claims["sub"] == person["id"] == noor.public_id
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert (person["email"], person["name"]) == (NOOR, "Visser")
    assert gone == "401"
    db.rollback()
    ended = db.scalars(select(SignInSession)).one()
    assert (str(ended.id), ended.end_reason) == (claims["sid"], "signed_out")
    # The renewed token is another one, and is as good for those who do not ask us.
    assert checker(home).check(last)["jti"] != claims["jti"]


def test_the_file_on_the_page_is_the_one_that_is_fetched(page, home):
    shown = page.select_one("#checker").text
    with urllib.request.urlopen(f"{home}/static/docs/check_token.py", timeout=20) as answer:
        assert answer.read().decode() == shown == CHECKER.read_text("utf-8")


def checker(home):
    """The example as a module has it."""
    spec = importlib.util.spec_from_file_location("check_token", CHECKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Checker(home)
    made.refuses = module.NotSignedIn
    return made


class Tokens:
    """Makes tokens of one session as the contracts do, and such as they never would."""

    def __init__(self, db, person, settings):
        self.db, self.person, self.settings = db, person, settings
        opened = sessions.open_session(
            db, person.id, method="api", remember=False, lifetimes=Lifetimes(DAY, DAY, DAY),
            origin=NOWHERE, seat=Seat("api", DAY),
        )  # fmt: skip
        self.session_id = opened.session_id

    def make(self, audience=Audience.API, url=None, lifetime=DAY, **claims):
        issuer = Issuer(url or self.settings.PUBLIC_URL, [self.settings.FLASK_SECRET_KEY])
        made = access_tokens.issue(
            self.db, self.person, self.session_id, audience, issuer=issuer, lifetime=lifetime,
            **claims,
        )  # fmt: skip
        self.db.commit()
        return made


@pytest.fixture
def tokens(db, people, settings):
    """Tokens for Noor."""
    return Tokens(db, people.account(NOOR), settings)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_the_example_takes_a_good_token_and_no_other(home, tokens, db):
    here = checker(home)
    good = tokens.make()
    assert here.check(good)["sub"] == tokens.person.public_id
    head, body, signature = good.split(".")
    public = db.scalar(select(SigningKey.public))
    kid = next(iter(here.keys))
    confused = OctKey.import_key(json.dumps(public).encode())
    claims = here.check(good)
    bad = {
        "empty": "",
        "no token": "a.b.c",
        "changed": f"{head}.{part(claims | {'sub': 'u_1'})}.{signature}",
        "unsigned": f"{part({'alg': 'none', 'kid': kid, 'typ': 'at+jwt'})}.{body}.",
        "signed with what is public": jwt.encode(
            {"alg": "HS256", "kid": kid, "typ": "at+jwt"}, claims, confused, algorithms=["HS256"]
        ),
        "for a GPT": tokens.make(Audience.GPT),
        "for a GPT that says otherwise": tokens.make(Audience.GPT, aud=f"{home}/api"),
        "for somebody else": tokens.make(aud=f"{home}/gpt"),
        "from somebody else": tokens.make(iss="https://elsewhere.example"),
        "of another place": tokens.make(url="https://elsewhere.example"),
        "of another place that says otherwise": tokens.make(url=f"{home}/"),
        "run out": tokens.make(lifetime=-timedelta(seconds=6)),
    }
    taken = []
    for what, token in bad.items():
        try:
            here.check(token)
        except here.refuses:
            continue
        taken.append(what)
    assert taken == []


def test_the_example_follows_the_keys_and_asks_seldom(home, tokens, db, settings, monkeypatch):
    here = checker(home)
    asked = []
    fetch = here.look_up
    monkeypatch.setattr(here, "look_up", lambda: (asked.append(1), fetch()))
    old = tokens.make()
    here.check(old)
    made_up = f"{part({'alg': 'ES256', 'kid': 'x' * 43, 'typ': 'at+jwt'})}.e30.AAAA"
    for _ in range(20):
        with pytest.raises(here.refuses):
            here.check(made_up)
    assert len(asked) == 1
    signing.rotate(db, keys=[settings.FLASK_SECRET_KEY], origin=NOWHERE)
    db.commit()
    new = tokens.make()
    here.looked -= 6  # As if seconds had passed.
    assert here.check(new)["sub"] == here.check(old)["sub"]
    assert len(asked) == 2
    first = db.scalars(select(SigningKey.kid).order_by(SigningKey.serial)).first()
    db.execute(delete(SigningKey).where(SigningKey.kid == first))
    db.commit()
    here.looked -= 301
    assert here.check(new)
    with pytest.raises(here.refuses):
        here.check(old)
    assert len(asked) == 3
