"""Google and GitHub in a real browser: sign up, sign in, link, unlink, and be refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from pytest_httpserver import HTTPServer

from tests.browser.conftest import Post, Visit
from tests.browser.test_looks import Look
from tests.providers import Github, Openid
from tests.servers import Program

BIRGIT = "birgit.abebe@learn.agency.example"
NADIA = "nadia@home.example"
MALLORY = "mallory@stranger.example"


@pytest.fixture
def visit(visits: Callable[..., Visit]) -> Callable[[Program], Visit]:
    """Opens browser contexts in which the provider's pages do without the style that they fetch."""

    def begin(program: Program) -> Visit:
        opened = visits(program)
        opened.context.route(
            re.compile("^https:"), lambda route: route.fulfill(content_type="text/css", body="")
        )
        return opened

    return begin


@pytest.fixture
def look() -> Iterator[Look]:
    """Eyes for pages; at the end nothing may have been found."""
    eyes = Look()
    yield eyes
    assert eyes.findings == []


@pytest.fixture(scope="module")
def openid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Openid]:
    """A real provider, as Google."""
    running = Openid(tmp_path_factory.mktemp("openid"))
    yield running
    running.stop()


@pytest.fixture
def github() -> Iterator[Github]:
    """The stand-in for GitHub."""
    with HTTPServer(host="127.0.0.1") as server:
        yield Github(server)


def by_google(visit: Visit, subject: str) -> None:
    """Press the button on the page that is open, and sign in at the provider."""
    visit.page.get_by_role("link", name="Continue with Google").click()
    agree(visit, subject)


def agree(visit: Visit, subject: str) -> None:
    """Sign in at the provider, whose page is open."""
    visit.page.locator("input[name=sub]").fill(subject)
    visit.page.get_by_role("button", name="Authorize").click()


def heading(visit: Visit, words: str) -> None:
    """The page with this heading is there."""
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(words)


def test_somebody_signs_up_signs_in_links_unlinks_and_is_refused(
    openid: Openid,
    github: Github,
    start: Callable[..., Program],
    post: Post,
    visit: Callable[[Program], Visit],
    look: Look,
) -> None:
    own = start("social", **openid.settings(), **github.settings(), REGISTRATION="roster")
    openid.know("birgit", email=BIRGIT, email_verified=True, name="Birgit Abebe")
    openid.know("mallory", email=MALLORY, email_verified=True, name="Mallory")
    here = visit(own)
    page = here.page

    # Sign up: on the list, without a password of ours.
    here.goto("/login")
    look.at(page, "social sign-in page")
    page.get_by_label("Remember me").check()
    by_google(here, "birgit")
    heading(here, "Programs")
    cookie = next(each for each in here.context.cookies(own.url) if each["name"] == "rollcall")
    assert cookie["expires"] > 0, "it was to be remembered"

    # Sign in, from another browser.
    there = visit(own)
    there.goto("/login?next=/account")
    by_google(there, "birgit")
    heading(there, "Your account")

    # Link the account at GitHub, whose address is another one.
    github.mail(NADIA)
    there.page.get_by_role("button", name="Connect GitHub").click()
    heading(there, "Connect GitHub")
    look.at(there.page, "social link out")
    there.page.get_by_role("link", name="Continue to GitHub").click()
    heading(there, "Connect this account?")
    expect(there.page.get_by_text(NADIA)).to_be_visible()
    look.at(there.page, "social link met")
    there.press("Connect GitHub")
    expect(there.page.get_by_text("GitHub signs you in from now on")).to_be_visible()
    assert "GitHub" in post.text(BIRGIT, "was added")
    look.at(there.page, "social account page")
    third = visit(own)
    third.goto("/login")
    third.page.get_by_role("link", name="Continue with GitHub").click()
    heading(third, "Programs")

    # Unlink it: what it opened is over.
    there.press("Remove GitHub")
    expect(there.page.get_by_text("GitHub signs you in no more")).to_be_visible()
    assert "was removed" in str(post.to(BIRGIT, "was removed")["Subject"])
    third.goto("/account")
    heading(third, "Sign in")

    # Who declines there, and who is on no list, is told what to do.
    third.page.get_by_role("link", name="Continue with Google").click()
    third.page.get_by_role("button", name="Deny").click()
    heading(third, "You are not signed in")
    look.at(third.page, "social declined")
    third.page.get_by_role("link", name="Use another way").click()
    by_google(third, "mallory")
    heading(third, "No account here is open to you")
    expect(third.page.get_by_role("link", name="Choose another account")).to_be_visible()
    look.at(third.page, "social no account")
    assert "not on the list" in post.text(MALLORY, "")
    third.goto("/account")
    heading(third, "Sign in")
