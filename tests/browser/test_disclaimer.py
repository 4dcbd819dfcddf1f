"""A program's text in a real browser: accepted, and asked for again in the middle of a chat."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Post, Visit
from tests.browser.test_looks import Look
from tests.servers import Program

ADA = "ada.lovelace@learn.agency.example"
TEXT = """This program answers from its own text alone. It does not know the people you work with.

– Names, addresses and case numbers have no place in a question.
– What it says is no substitute for a conversation with your supervisor.

Conversations are kept for as long as your class lasts & may be read by the <training team>."""


def test_a_text_is_accepted_and_asked_for_again_when_it_changes(
    start: Callable[..., Program], post: Post, visits: Callable[..., Visit], tmp_path: Path
) -> None:
    database = tmp_path / "rollcall.db"
    program = start("disclaimer", DATABASE_URL=f"sqlite:///{database}")

    def write(text: str, version: int, *, required: bool = True) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(
                "UPDATE chatbot_contents SET disclaimer_text = ?, disclaimer_version = ?,"
                " disclaimer_required = ? WHERE code = 'MI'",
                (text, version, required),
            )

    look = Look()
    write(TEXT, 1)
    learner = visits(program)
    page = learner.page
    learner.register("Lovelace", ADA, post)
    learner.goto("/chat/MI")
    look.at(page, "disclaimer first")
    learner.press("I accept")
    learner.fill(message="What is the righting reflex?")
    write(TEXT + "\n\nAnd one line more.", 2)
    learner.press("Ask")
    expect(page.get_by_text("has changed since you accepted it")).to_be_visible()
    look.at(page, "disclaimer again")
    learner.press("I accept")
    expect(page.get_by_label("Your question")).to_have_value("What is the righting reflex?")
    learner.press("Ask")
    expect(page.get_by_role("log").locator(".answer")).to_be_visible()
    write(TEXT, 3, required=False)
    learner.goto("/chat/MI")
    expect(page.get_by_label("Your question")).to_be_visible()
    look.at(page, "disclaimer optional")
    assert look.findings == []
