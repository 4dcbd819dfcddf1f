"""The main job, whole: an admin sets up and uploads a list; a learner registers, asks, leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD, Post, Visit, september_list
from tests.servers import Program

INES = "ines.munoz@learn.agency.example"
QUESTION = "What is the righting reflex?"
HEADING = "The righting reflex and how to resist it"


def tile(page: Page, label: str) -> int:
    """The number of the preview's tile of this name."""
    found = page.locator(".tile").filter(has=page.get_by_text(label, exact=True))
    return int(found.locator(".tile-number").inner_text().replace(",", ""))


@pytest.fixture(scope="module")
def fresh(start: Callable[..., Program]) -> Program:
    """A program that nobody has set up yet."""
    return start("fresh")


def test_an_admin_and_a_learner_do_the_main_job(
    fresh: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    admin, learner, thief = visits(fresh), visits(fresh), visits(fresh)
    an_admin_is_made_by_the_printed_link(admin, fresh, post)
    a_list_is_previewed_and_applied(admin)
    a_learner_registers(learner, post)
    a_learner_asks(learner)
    a_learner_clears_the_conversation(learner)
    closed_and_unknown_programs_have_pages(learner)
    signing_out_ends_every_copy_of_the_cookie(learner, thief)
    a_learner_signs_in_again(learner)


def an_admin_is_made_by_the_printed_link(admin: Visit, program: Program, post: Post) -> None:
    admin.set_up_admin(program.admin_link)
    expect(admin.page.get_by_role("heading", level=1)).to_have_text("Overview")
    assert "can reach your people" in post.text("grace@agency.example", "works")
    assert admin.goto(program.admin_link) == 410


def a_list_is_previewed_and_applied(admin: Visit) -> None:
    page = admin.page
    before = people_on_the_list(admin)
    admin.preview(september_list())
    expect(page.get_by_role("heading", level=1)).to_have_text("Preview")
    names = ["New", "Gone", "Changed", "Unchanged", "Problems"]
    assert [tile(page, name) for name in names] == [3, 3, 1, before - 4, 1]
    page.get_by_role("link", name="Problems").click()
    problems = page.get_by_role("region", name="Problem lines")
    row = problems.get_by_role("row", name="41 Email The email address is blank.")
    expect(row).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="New", exact=True).click()
    expect(page.get_by_role("region", name="New people")).to_contain_text("Muñoz")
    page.go_back()
    assert people_on_the_list(admin) == before
    page.go_back()

    admin.press("Apply: 3 in, 3 out")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page).to_have_title("Error: Preview · Rollcall")
    page.get_by_label("Leave out the problem lines").check()
    admin.press("Apply: 3 in, 3 out")
    expect(page.get_by_text("Applied: this became the list.")).to_be_visible()
    assert people_on_the_list(admin) == before


def people_on_the_list(admin: Visit) -> int:
    admin.goto("/admin/roster")
    return int(admin.page.locator(".facts-rows dd").first.inner_text().replace(",", ""))


def a_learner_registers(learner: Visit, post: Post) -> None:
    # As she types her name: without the accent, and in another case.
    learner.register("munoz", INES, post)
    expect(learner.page.get_by_text("Welcome, Muñoz.")).to_be_visible()
    expect(learner.page.locator(".program h2")).to_have_text(["Motivational Interviewing"])


def a_learner_asks(learner: Visit) -> None:
    page = learner.page
    page.get_by_role("link", name="Motivational Interviewing").click()
    expect(page.get_by_text("6 questions left today")).to_be_visible()
    pieces: list[str] = []
    page.expose_function("noteWriting", lambda text: pieces.append(text))
    page.evaluate(
        """() => new MutationObserver(() => {
            const coming = document.querySelector(".answer-coming");
            if (coming) window.noteWriting(coming.textContent);
        }).observe(document.body, { childList: true, subtree: true, characterData: true })"""
    )
    page.get_by_label("Your question").press_sequentially(QUESTION)
    page.keyboard.press("Enter")
    answer = page.get_by_role("log").locator(".answer")
    expect(answer).to_contain_text(HEADING)
    assert len({len(piece) for piece in pieces if piece}) > 1, "the answer came in one piece"
    expect(page.get_by_text("5 questions left today")).to_be_visible()
    expect(page.get_by_label("Your question")).to_have_value("")

    page.reload()
    expect(page.locator("[data-history] .question")).to_contain_text(QUESTION)
    expect(page.locator("[data-history] .answer")).to_contain_text(HEADING)
    expect(page.get_by_role("log")).to_be_empty()
    assert "Motivational Interviewing" in page.locator("h1").inner_text()


def a_learner_clears_the_conversation(learner: Visit) -> None:
    learner.page.get_by_text("Clear this conversation").click()
    learner.press("Clear it")
    expect(learner.page.locator(".question")).to_have_count(0)
    expect(learner.page.get_by_text("5 questions left today")).to_be_visible()


def closed_and_unknown_programs_have_pages(learner: Visit) -> None:
    assert learner.goto("/chat/BCC") == 403
    expect(learner.page.locator("main")).to_contain_text("is not open to your account")
    expect(learner.page.get_by_role("link", name="Your programs")).to_be_visible()
    assert learner.goto("/chat/NOPE") == 404
    assert learner.goto("/nowhere") == 404
    expect(learner.page.get_by_text("Reference")).to_be_visible()


def signing_out_ends_every_copy_of_the_cookie(learner: Visit, thief: Visit) -> None:
    thief.context.add_cookies(learner.context.cookies())
    thief.goto("/program_select")
    expect(thief.page.locator(".program")).to_have_count(1)
    learner.page.get_by_role("link", name="Sign out").click()
    learner.press("Sign out")
    expect(learner.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    thief.goto("/program_select")
    expect(thief.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def a_learner_signs_in_again(learner: Visit) -> None:
    page = learner.page
    learner.goto("/chat/MI")
    learner.sign_in(INES, "not her password")
    expect(page).to_have_title("Error: Sign in · Rollcall")
    expect(page.locator("[data-error-summary]")).to_contain_text("Invalid email or password")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value(INES)
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    learner.sign_in(INES, PASSWORD)
    page.wait_for_url("**/chat/MI")
    expect(page.get_by_role("heading", level=1)).to_have_text("Motivational Interviewing")
