"""The same journeys by other ways: the mail's button, no script, a session that ended meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Post, Visit
from tests.servers import Program

RUBEN = "ruben.nunez@south.agency.example"
CLARA = "clara.haile@learn.agency.example"
WANDA = "wanda.johnson@learn.agency.example"
GLORIA = "gloria.thapa@learn.agency.example"
QUESTION = "What is the righting reflex?\n\nAnd how do I notice it?"


def test_the_button_of_the_mail_works_alone_in_another_browser(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    here, elsewhere = visits(program), visits(program)
    here.ask_to_register("Núñez", RUBEN)
    elsewhere.goto(post.button(RUBEN))
    page = elsewhere.page
    expect(page.get_by_label("Email")).to_have_value(RUBEN)
    expect(page.get_by_label("Code")).to_have_value(post.code(RUBEN))
    for label in ("Email", "Code"):
        expect(page.get_by_label(label)).not_to_be_editable()
    elsewhere.fill(password=PASSWORD)
    elsewhere.press("Create my account")
    page.wait_for_url("**/program_select")
    expect(page.locator(".program h2")).to_have_text(
        ["Motivational Interviewing", "Safety Assessment"]
    )
    assert elsewhere.goto(post.button(RUBEN)) == 410
    expect(page.get_by_role("heading", level=1)).to_have_text("This link no longer works")


def test_everything_works_without_script(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    learner = visits(program, java_script_enabled=False)
    page = learner.page
    learner.register("Haile", CLARA, post)
    page.locator(".programs a").first.click()
    before = page.locator("[data-remaining]").inner_text()
    learner.fill(message="How do I set a coaching goal?")
    learner.press("Ask")
    expect(page.locator(".answer")).to_have_count(1)
    expect(page.locator(".answer blockquote")).to_be_visible()
    assert page.url.endswith("#latest")
    assert page.locator("[data-remaining]").inner_text() != before
    learner.press("Ask")
    expect(page.locator("[data-error-summary]")).to_contain_text("Write a question first.")
    page.get_by_text("Clear this conversation").click()
    learner.press("Clear it")
    expect(page.locator(".answer")).to_have_count(0)
    page.get_by_role("link", name="Sign out").click()
    learner.press("Sign out")
    learner.sign_in(CLARA, "not her password")
    expect(page.locator("[data-error-summary]")).to_contain_text("Invalid email or password")
    learner.sign_in(CLARA)
    expect(page.get_by_role("heading", level=1)).to_have_text("Programs")


@pytest.mark.parametrize(("script", "who"), [(True, WANDA), (False, GLORIA)])
def test_a_question_survives_a_session_that_ended_meanwhile(
    program: Program, post: Post, visits: Callable[..., Visit], script: bool, who: str
) -> None:
    learner, same_cookie = visits(program, java_script_enabled=script), visits(program)
    learner.register(who.partition("@")[0].partition(".")[2], who, post)
    learner.page.locator(".programs a").first.click()
    there = learner.page.url
    learner.fill(message=QUESTION)
    same_cookie.context.add_cookies(learner.context.cookies())
    same_cookie.goto("/logout")
    same_cookie.press("Sign out")

    learner.press("Ask")
    expect(learner.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    learner.sign_in(who)
    expect(learner.page).to_have_url(there)
    expect(learner.page.get_by_label("Your question")).to_have_value(QUESTION)
    learner.press("Ask")
    expect(learner.page.locator(".answer:not(.answer-coming)")).to_have_count(1)
    expect(learner.page.get_by_label("Your question")).to_have_value("")


def test_a_question_survives_signing_out_and_in_by_another_tab(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    learner = visits(program)
    learner.register("Åkesson", "tobias.akesson@partner.example", post)
    learner.page.locator(".programs a").first.click()
    learner.fill(message=QUESTION)
    other_tab = learner.open()
    other_tab.goto(f"{program.url}/logout")
    other_tab.get_by_role("main").get_by_role("button", name="Sign out").click()
    other_tab.wait_for_url("**/login")

    learner.press("Ask")
    expect(learner.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    learner.sign_in("tobias.akesson@partner.example")
    expect(learner.page.get_by_label("Your question")).to_have_value(QUESTION)


def test_older_messages_come_in_place_and_without_script_on_their_own_page(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    learner = visits(program)
    address = "gabriela.benyoussef@learn.agency.example"
    learner.register("Ben Youssef", address, post)
    learner.page.locator(".programs a").first.click()
    write_history(program, address, learner.page.url.rpartition("/")[2], 60)

    learner.page.reload()
    questions = learner.page.locator("[data-history] .question")
    expect(questions).to_have_count(50)
    older = learner.page.get_by_role("link", name="Older messages")
    beyond = older.get_attribute("href")
    older.click()
    expect(questions).to_have_count(60)
    expect(questions.first).to_contain_text("Question 1 of long ago")
    expect(older).to_have_count(0)

    assert beyond is not None
    learner.goto(beyond)
    expect(questions).to_have_count(10)
    learner.page.get_by_role("link", name="To the newest messages").click()
    expect(questions).to_have_count(50)


def write_history(program: Program, address: str, code: str, count: int) -> None:
    """Exchanges as the legacy application left them; nobody can ask so many in a day."""
    folder = Path(program.process.log).parent
    with sqlite3.connect(folder / "rollcall.db") as db:
        (user_id,) = db.execute("SELECT id FROM users WHERE email = ?", [address]).fetchone()
        rows = [
            (
                user_id,
                code,
                f"Question {n} of long ago",
                f"**Answer** {n}",
                "2025-05-01 10:00:00",
                1,
            )
            for n in range(1, count + 1)
        ]
        db.executemany(
            "INSERT INTO chat_history (user_id, program_code, user_message, bot_message, timestamp,"
            " is_visible) VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
    db.close()
