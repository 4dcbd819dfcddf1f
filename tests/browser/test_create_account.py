"""Creating an account in a real browser: what is wrong is said, and the mail opens what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Post, Visit
from tests.browser.test_looks import Look
from tests.servers import Program

EVE = "eve@harbour.example"
SUBJECT = "Confirm your address"


@pytest.fixture
def look() -> Iterator[Look]:
    """Eyes for pages; at the end nothing may have been found."""
    eyes = Look()
    yield eyes
    assert eyes.findings == []


def test_who_is_on_no_list_creates_an_account(
    start: Callable[..., Program], post: Post, visits: Callable[..., Visit], look: Look
) -> None:
    program = start("open", REGISTRATION="both")
    here = visits(program)
    page = here.page
    here.goto("/login")
    page.get_by_role("link", name="Create account").click()
    look.at(page, "create account")
    here.fill(full_name="Eve van Dijk", email="eve at home", password="short")
    here.press("Create account")
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_count(2)
    expect(page.get_by_label("Full name")).to_have_value("Eve van Dijk")
    expect(page.get_by_label("Email")).to_have_value("eve at home")
    expect(page.get_by_label("New password", exact=True)).to_have_value("")
    look.at(page, "create account with problems")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Email")).to_be_focused()
    here.fill(email=EVE, password=PASSWORD)
    here.press("Create account")
    expect(page.get_by_role("heading", level=1)).to_have_text("Programs")
    expect(page.get_by_role("main")).to_contain_text(f"Check your mail: {EVE}")
    look.at(page, "look around")
    page.get_by_role("link", name="Confirm my address").click()
    expect(page.get_by_label("Code")).to_be_focused()
    look.at(page, "confirm the address")
    button = post.button(EVE, SUBJECT)
    phone = visits(program)
    phone.goto(button)
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Choose your password")
    look.at(phone.page, "confirm the address elsewhere")
    here.goto(button)
    expect(page.get_by_role("button", name="Confirm and sign in")).to_be_focused()
    look.at(page, "confirm the address by the button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("your account is ready")).to_be_visible()
    phone.page.reload()
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("This link no longer works")
