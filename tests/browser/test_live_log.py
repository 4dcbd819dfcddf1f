"""The audit log that is watched, in a real browser: nothing of a burst is skipped."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OWNER, PASSWORD_OF_OWNER, Post, Visit
from tests.browser.test_looks import Look
from tests.servers import Program

ENTRY = (
    "INSERT INTO audit_entries (id, at, event, details)"
    " VALUES (?, '2026-03-02 09:00:00.000000', 'chat:cleared', '{\"number\": %d}')"
)
FIRST = 100_000
"""The id of the first entry that a test puts there: beyond what the program writes meanwhile."""


@pytest.fixture
def look() -> Iterator[Look]:
    """Eyes for pages; at the end nothing may have been found."""
    eyes = Look()
    yield eyes
    assert eyes.findings == []


def test_a_log_that_is_watched_shows_every_entry_once_in_its_place(
    program: Program, owner: list, visits: Callable[..., Visit], post: Post, look: Look
) -> None:
    admin = visits(program)
    admin.goto("/login")
    admin.sign_in(OWNER, PASSWORD_OF_OWNER)
    expect(admin.page.get_by_role("heading", level=1)).to_have_text("Overview")
    page, late = admin.page, FIRST + 60
    admin.goto("/admin/audit?what=chat")
    expect(page.get_by_text("No entry fits")).to_be_visible()
    look.at(page, "admin audit nothing fits")
    page.get_by_role("button", name="Watch live").click()
    expect(page.get_by_text("Watching. New entries: 0")).to_be_visible()
    ids = [FIRST + number for number in range(120) if FIRST + number != late]
    with closing(sqlite3.connect(program.folder / "rollcall.db")) as database:
        database.executemany(ENTRY % 1, [(each,) for each in ids])
        database.commit()
        expect(page.get_by_text("Watching. New entries: 119")).to_be_visible()
        # One whose transaction ended after those of greater ids.
        database.execute(ENTRY % 2, (late,))
        database.commit()
    expect(page.get_by_text("Watching. New entries: 120")).to_be_visible()
    shown = page.locator("tr[data-entry]").evaluate_all("rows => rows.map(r => r.dataset.entry)")
    assert [int(each) for each in shown] == sorted([*ids, late], reverse=True)
    expect(page.get_by_text("No entry fits")).to_be_hidden()
    look.at(page, "admin audit watched")
