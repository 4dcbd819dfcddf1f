"""Signing in by a mailed code and by the button of its mail, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Post, Visit
from tests.browser.test_looks import Look
from tests.servers import Program

BIRGIT = "birgit.abebe@learn.agency.example"
VIOLETA = "violeta.al-masri@learn.agency.example"
SUBJECT = "is your Rollcall code"


@pytest.fixture
def look() -> Iterator[Look]:
    """Eyes for pages; at the end nothing may have been found."""
    eyes = Look()
    yield eyes
    assert eyes.findings == []


def is_in(visit: Visit) -> None:
    """The list of programs is there."""
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Programs")


def sign_out(visit: Visit) -> None:
    visit.goto("/logout")
    visit.press("Sign out")


def test_a_code_opens_the_account_and_signs_in_again(
    program: Program, post: Post, visits: Callable[..., Visit], look: Look
) -> None:
    here = visits(program)
    page = here.page
    here.goto("/login")
    here.fill(email="birgit at home")
    here.press("Email me a code")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "code problem with the address")
    here.fill(email=BIRGIT)
    page.get_by_label("Remember me").check()
    here.press("Email me a code")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    expect(page.get_by_label("Code")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value(BIRGIT)
    page.get_by_text("No mail?").click()
    expect(page.get_by_role("button", name="Send it again in")).to_be_disabled()
    look.at(page, "code check your mail")
    code = post.code(BIRGIT, SUBJECT)
    here.fill(code="000000" if code != "000000" else "111111")
    page.keyboard.press("Enter")
    expect(page.locator("[data-error-summary]")).to_contain_text("This code does not fit")
    look.at(page, "code that does not fit")
    here.fill(code="")
    page.get_by_label("Code").press_sequentially(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    is_in(here)
    expect(page.get_by_text("Welcome, ")).to_be_visible()
    cookies = {each["name"]: each["expires"] for each in here.context.cookies()}
    assert cookies["rollcall"] > 0

    sign_out(here)
    post.forget(BIRGIT)
    here.goto("/login?next=/account")
    here.fill(email=BIRGIT)
    here.press("Email me a code")
    button = post.button(BIRGIT, SUBJECT)
    phone = visits(program)
    phone.goto(button)
    look.at(phone.page, "code button elsewhere")
    here.goto(button)
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    look.at(page, "code button here")
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    phone.press("Sign in")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("This link no longer works")
    look.at(phone.page, "code link that is dead")
    post.forget(BIRGIT)
    phone.fill(email=BIRGIT)
    phone.press("Email me a code")
    phone.fill(code=post.code(BIRGIT, SUBJECT))
    phone.press("Sign in")
    is_in(phone)


def test_without_script_the_whole_journey_works(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    email = VIOLETA
    here = visits(program, java_script_enabled=False)
    here.goto("/login")
    here.page.get_by_label("Email").fill(email)
    here.press("Email me a code")
    first = post.code(email, SUBJECT)
    here.page.get_by_text("No mail?").click()
    post.forget(email)
    here.press("Send it again")
    expect(here.page.get_by_text("A new mail is on its way")).to_be_visible()
    assert post.code(email, SUBJECT) != first
    here.fill(code=first)
    here.press("Sign in")
    is_in(here)
    sign_out(here)
    post.forget(email)
    here.page.get_by_label("Email").fill(email)
    here.press("Email me a code")
    elsewhere = visits(program, java_script_enabled=False)
    elsewhere.goto(post.button(email, SUBJECT))
    elsewhere.press("Sign in")
    is_in(elsewhere)
