"""What the mails say: text and HTML alike, nothing foreign, nothing that typed text can do."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from bs4 import BeautifulSoup

from app.config import ROOT
from app.core import outbox
from app.core.entry.letters import PURPOSES
from app.core.outbox import Kind
from app.core.proof import links, pins
from app.core.proof.links import Link
from app.delivery.render import MINTS, render
from app.models.records import OutgoingMessage

ADA = "ada@learn.agency.example"
WRITTEN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def environment(environment):
    """The settings' environment, with odd but allowed words in it."""
    return environment | {
        "PUBLIC_URL": "https://learn.agency.example",
        "SERVICE_NAME": "Rollcall & <b>Friends</b>",
        "ORGANISATION": "the Agency",
        "CONTACT": "Noor <noor@agency.example>",
    }


@pytest.fixture
def made(app, settings, db, people):
    """Renders a mail of a kind, as the worker does."""
    columns_of_owner = {"user_id": people.account(ADA).id}
    pin_id = pins.add(db, columns_of_owner["user_id"], "a hash", {})[0]

    def make(kind, **columns):
        sealed = facts = None
        if kind in MINTS or kind in PURPOSES:
            sealed = outbox.seal("012345", keys=[settings.FLASK_SECRET_KEY])
            until = (WRITTEN + timedelta(minutes=15)).isoformat()
            purpose = PURPOSES[kind].value if kind in PURPOSES else None
            facts = {"address": ADA, "code_id": 7, "until": until, "purpose": purpose}
            facts |= {"counted_as": ADA, "ends_at": until, "at": until, "agent": "Firefox on Linux"}
            facts |= {"pin_id": pin_id, "email": ADA, "stamp": "a stamp", "move": 1}
        message = OutgoingMessage(
            id=1, kind=kind.value, recipient=ADA, facts=facts or {"address": ADA},
            sealed=columns.pop("sealed", sealed), created_at=WRITTEN,
            **columns_of_owner | columns,
        )  # fmt: skip
        with app.app_context():
            return render(db, message, settings)

    return make


def test_every_kind_has_its_three_templates_and_every_folder_its_kind():
    folders = {path.name for path in (ROOT / "templates/mail").iterdir() if path.is_dir()}
    assert folders == {kind.value for kind in Kind}
    for kind in Kind:
        parts = {path.name for path in (ROOT / "templates/mail" / kind.value).iterdir()}
        assert parts == {"subject.txt", "body.txt", "body.html"}


@pytest.mark.parametrize("kind", Kind)
def test_a_mail_says_the_same_in_text_and_html(kind, made):
    mail = made(kind)
    shown = BeautifulSoup(mail.html, "html.parser")
    for words in ("Noor <noor@agency.example>", "https://learn.agency.example"):
        assert words in mail.text
        assert words in shown.get_text()
    addresses = set(re.findall(r"^https://\S+$", mail.text, re.MULTILINE))
    assert addresses == {tag["href"] for tag in shown.find_all("a")}
    assert not re.search(r"&(amp|lt|gt|#\d+);", mail.text)


@pytest.mark.parametrize("kind", Kind)
def test_a_subject_is_one_line_and_names_the_service(kind, made):
    subject = made(kind).subject
    assert subject == " ".join(subject.split())
    assert "Rollcall & <b>Friends</b>" in subject


@pytest.mark.parametrize("kind", Kind)
def test_a_mail_fetches_nothing_and_runs_nothing(kind, made):
    html = made(kind).html
    page = BeautifulSoup(html, "html.parser")
    assert not page.find_all(["img", "script", "link", "iframe", "form", "object", "b"])
    assert "url(" not in html
    assert "@import" not in html
    assert all(
        tag["href"].startswith("https://learn.agency.example/") for tag in page.find_all("a")
    )
    assert page.html["lang"] == "en"
    assert page.find("h1")["style"]


def test_the_code_stands_on_a_line_of_its_own_and_the_link_too(made):
    mail = made(Kind.REGISTRATION_CODE)
    assert "012345" in mail.text.splitlines()
    [link] = re.findall(r"^https://\S+/register/password/\S+$", mail.text, re.MULTILINE)
    assert mail.subject.startswith("012345 is your ")
    assert "9:45" in mail.text
    assert "UTC" in mail.text
    assert link in mail.html


def test_the_link_is_made_when_the_mail_is_and_opens_its_own_page_alone(made, settings):
    keys = [settings.FLASK_SECRET_KEY]
    text = made(Kind.REGISTRATION_CODE).text
    token = re.search(r"/register/password/(\S+)$", text, re.MULTILINE)[1]
    facts = links.read(Link.REGISTRATION, token, lifetime=timedelta(minutes=1), keys=keys)
    assert facts == {"address": ADA, "code_id": 7, "digits": "012345"}


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if kind not in MINTS and kind not in PURPOSES]
)
def test_only_a_mail_with_a_code_carries_a_token(kind, made):
    mail = made(kind)
    assert not re.search(r"https://\S{80,}", mail.text)
    assert not re.search(r"\b\d{6}\b", mail.text)


def test_a_code_whose_key_is_gone_makes_no_mail(made):
    with pytest.raises(ValueError, match="cannot be unsealed"):
        made(Kind.REGISTRATION_CODE, sealed=outbox.seal("012345", keys=["another key"]))


def test_a_mail_is_written_in_the_language_of_its_reader(made):
    assert made(Kind.HAVE_ACCOUNT, locale="en").locale == "en"
    assert made(Kind.HAVE_ACCOUNT, locale=None).locale == "en"
