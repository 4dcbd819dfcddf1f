"""Who forgot a password, never had one, or is told of a stranger: by mail, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OWNER, PASSWORD, PASSWORD_OF_OWNER, Post, Visit
from tests.servers import Program

VERA = "vera.tsering@learn.agency.example"
IFEOMA = "ifeoma.xiong@learn.agency.example"
MARY = "mary.seacole@learn.agency.example"
EDITH = "edith.cavell@learn.agency.example"
NEW_PASSWORD = "amber tram at noon"


@pytest.fixture
def admin(program: Program, owner: list, visits: Callable[..., Visit]) -> Visit:
    """The owner's browser, signed in."""
    visit = visits(program)
    visit.goto("/login")
    visit.sign_in(OWNER, PASSWORD_OF_OWNER)
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Overview")
    return visit


def add(admin: Visit, last_name: str, email: str) -> None:
    """Add a person by hand."""
    admin.goto("/admin/people/add")
    admin.fill(last_name=last_name, email=email)
    admin.press("Add and send the mail")
    expect(admin.page.get_by_text("a mail is on its way")).to_be_visible()


def is_in(visit: Visit) -> None:
    """The list of programs is there."""
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Programs")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_forgot_then_reset_signs_in_here_and_out_everywhere_else(
    program: Program, post: Post, visits: Callable[..., Visit], script: bool
) -> None:
    name, email = ("Tsering", VERA) if script else ("Xiong", IFEOMA)
    elsewhere = visits(program)
    elsewhere.register(name, email, post)
    here = visits(program, java_script_enabled=script)
    here.goto("/login")
    here.page.get_by_role("link", name="Forgot your password?").click()
    here.fill(email=email)
    here.press("Send the mail")
    expect(here.page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    button = post.button(email, "Choose a new")
    here.goto(button)
    expect(here.page.get_by_label("Email")).to_have_value(email)
    here.fill(password=PASSWORD)
    here.press("Save and sign in")
    expect(here.page.locator("[data-error-summary]")).to_contain_text("You used this password")
    here.fill(password=NEW_PASSWORD)
    here.press("Save and sign in")
    is_in(here)
    expect(here.page.get_by_text("Your password is set.")).to_be_visible()
    assert "was changed" in post.text(email, "was changed")

    elsewhere.goto("/program_select")
    expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    elsewhere.sign_in(email, PASSWORD)
    expect(elsewhere.page.locator("[data-error-summary]")).to_contain_text("Invalid email or")
    elsewhere.sign_in(email, NEW_PASSWORD)
    is_in(elsewhere)

    assert here.goto(button) == 410
    post.forget(email)
    here.press("Send me a new one")
    expect(here.page.get_by_text("Check your mail.")).to_be_visible()
    assert here.goto(post.button(email, "Choose a new")) == 200


def test_an_admin_adds_a_person_whose_welcome_leads_to_signing_in(
    admin: Visit, program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    add(admin, "Seacole", MARY)
    mary = visits(program)
    mary.goto(post.button(MARY, "Welcome"))
    expect(mary.page.get_by_label("Email")).to_have_value(MARY)
    mary.fill(password="short")
    mary.press("Save and sign in")
    expect(mary.page.locator("[data-error-summary]")).to_contain_text("8 characters")
    mary.fill(password=NEW_PASSWORD)
    mary.press("Save and sign in")
    is_in(mary)
    mary.page.get_by_role("link", name="Sign out").click()
    mary.press("Sign out")
    mary.sign_in(MARY, NEW_PASSWORD)
    is_in(mary)


def test_first_time_then_set_up_by_the_code_of_the_newest_mail(
    admin: Visit, program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    add(admin, "Cavell", EDITH)
    edith = visits(program)
    edith.goto("/login")
    edith.page.get_by_role("link", name="Set your first one").click()
    edith.fill(last_name="CAVELL", email=EDITH.upper())
    edith.press("Send the mail")
    expect(edith.page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    code = post.code(EDITH, "Set your")
    edith.fill(code="000000" if code != "000000" else "111111", password=NEW_PASSWORD)
    edith.press("Save and sign in")
    expect(edith.page.locator("[data-error-summary]")).to_contain_text("This code does not fit")
    edith.fill(code=f"{code[:3]} {code[3:]}", password=NEW_PASSWORD)
    edith.press("Save and sign in")
    is_in(edith)
    assert edith.goto(post.button(EDITH, "Welcome")) == 410


def test_this_was_not_me_shuts_a_stranger_out_without_signing_in(
    admin: Visit, program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    somebody = "ida.wells@learn.agency.example"
    add(admin, "Wells", somebody)
    ida, stranger, phone = visits(program), visits(program), visits(program)
    ida.goto(post.button(somebody, "Welcome"))
    ida.fill(password=NEW_PASSWORD)
    ida.press("Save and sign in")
    stranger.goto("/login")
    stranger.sign_in(somebody, NEW_PASSWORD)
    is_in(stranger)

    phone.goto(post.button(somebody, "New sign-in"))
    phone.press("It wasn't me: shut it all")
    expect(phone.page.get_by_text("Every session was ended.")).to_be_visible()
    for each in (ida, stranger):
        each.goto("/program_select")
        expect(each.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    stranger.sign_in(somebody, NEW_PASSWORD)
    expect(stranger.page.locator("[data-error-summary]")).to_contain_text("Invalid email or")
    phone.fill(code=post.code(somebody, "Choose a new"), password="nine grey herons")
    phone.press("Save and sign in")
    is_in(phone)
