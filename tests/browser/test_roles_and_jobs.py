"""Roles, outbox and jobs in a real browser: a role from making to deleting, a bar that moves."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OWNER, PASSWORD_OF_OWNER, Post, Visit
from tests.browser.test_looks import Look
from tests.servers import Program

CALLUM = "callum.davis@south.agency.example"


@pytest.fixture
def look() -> Iterator[Look]:
    """Eyes for pages; at the end nothing may have been found."""
    eyes = Look()
    yield eyes
    assert eyes.findings == []


@pytest.fixture
def admin(program: Program, owner: list, visits: Callable[..., Visit], post: Post) -> Visit:
    """The owner, signed in, beside a learner who has an account."""
    learner = visits(program)
    learner.register("Davis", CALLUM, post)
    visit = visits(program)
    visit.goto("/login")
    visit.sign_in(OWNER, PASSWORD_OF_OWNER)
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Overview")
    return visit


def test_a_role_is_made_given_changed_and_deleted_and_a_bar_moves(
    program: Program, admin: Visit, post: Post, look: Look
) -> None:
    page = admin.page
    admin.goto("/admin/roles")
    look.at(page, "admin roles")
    page.get_by_role("link", name="Make a role").click()
    admin.press("Make the role")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    admin.fill(name="Team lead")
    page.get_by_label("See everybody, what they hold").check()
    page.get_by_label("Help people").check()
    look.at(page, "admin role form")
    admin.press("Make the role")
    admin.fill(email=CALLUM)
    admin.press("Give the role")
    expect(page.get_by_text("a mail is on its way")).to_be_visible()
    look.at(page, "admin role")
    assert "you can" in post.text(CALLUM, "You are now “Team lead”")
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Help people").uncheck()
    admin.press("Show what changes")
    expect(page.get_by_role("main")).to_contain_text("1 person has this role. Nothing is saved")
    look.at(page, "admin role change")
    admin.press("Save the change")
    expect(page.get_by_text("Saved. It counts from now on.")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    look.at(page, "admin role delete")
    admin.press("Delete the role")
    expect(page).to_have_url(re.compile("/admin/roles$"))

    admin.goto("/admin/outbox")
    admin.press("Send me a test mail")
    look.at(page, "admin outbox")
    page.get_by_role("link", name="grace@agency.example").first.click()
    look.at(page, "admin message")

    with closing(sqlite3.connect(program.folder / "rollcall.db", isolation_level=None)) as database:
        database.execute(
            "INSERT INTO jobs (kind, state, facts, done, total, attempts, stop_asked, worker,"
            " claimed_until, created_at, started_at)"
            " VALUES ('count', 'running', '{}', 10, 100, 1, 0, 'elsewhere:1:1',"
            " '2999-01-01 00:00:00.000000', '2026-03-02 09:00:00.000000',"
            " '2026-03-02 09:00:00.000000')"
        )
        admin.goto("/admin/jobs")
        look.at(page, "admin jobs")
        bar = page.get_by_role("progressbar", name="How far: Count")
        expect(bar).to_have_attribute("value", "10")
        database.execute("UPDATE jobs SET done = 60")
        expect(bar).to_have_attribute("value", "60")
        page.get_by_role("link", name="Count", exact=True).click()
        look.at(page, "admin job")
        database.execute("UPDATE jobs SET state = 'failed', error = 'The disk is full.'")
        expect(page.get_by_text("The disk is full.")).to_be_visible()
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
