"""The pages that admins live in, each looked at once: programs, people, audit, clients and more."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Post, Visit
from tests.browser.test_looks import ADA, Look, look
from tests.servers import Program

__all__ = ["look"]

PEOPLE = """last_name,email,status,lo_root_id
Somerville,mary@elsewhere.example,Active,A1; B2
Noether,emmy.noether.of.the.institute@a-rather-long-name.elsewhere.example,Active,
Byron,bo@elsewhere.example,Active,A1
Hypatia,hypatia@elsewhere.example,Inactive,A1
Nobody,no address,Active,A1
"""
QUESTION = "What is the righting reflex?"


@pytest.fixture(scope="module")
def own(start: Callable[..., Program]) -> Program:
    """A program of this file's own."""
    return start("console")


@pytest.fixture(scope="module")
def cookies(own: Program, browser: Browser, post: Post) -> list[Any]:
    """Those of its owner, after a learner asked a program something."""
    learner, owner = (Visit(browser.new_context(), own.url) for _ in range(2))
    learner.register("Lovelace", ADA, post)
    learner.goto("/chat/MI")
    learner.fill(message=QUESTION)
    learner.press("Ask")
    expect(learner.page.get_by_role("log").locator(".answer")).to_be_visible()
    owner.set_up_admin(own.admin_link)
    expect(owner.page.get_by_role("heading", level=1)).to_have_text("Overview")
    kept: list[Any] = owner.context.cookies()
    for each in (learner, owner):
        each.context.close()
        assert each.complaints == []
    return kept


@pytest.fixture
def admin(own: Program, visits: Callable[..., Visit], cookies: list[Any]) -> Visit:
    """Its owner, signed in."""
    visit = visits(own)
    visit.context.add_cookies(cookies)
    return visit


def test_every_page_of_the_console(own: Program, admin: Visit, look: Look) -> None:
    programs(admin, look)
    people(own, admin, look)
    conversations(admin, look)
    what_happened(admin, look)


def see(admin: Visit, look: Look, path: str, name: str) -> None:
    """Open a page and look at it."""
    assert admin.goto(path) == 200
    look.at(admin.page, f"console {name}")


def programs(admin: Visit, look: Look) -> None:
    page = admin.page
    see(admin, look, "/admin/programs?q=zzz", "programs none fits")
    admin.goto("/admin/programs/add")
    admin.press("Save")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "console program problem")
    admin.fill(code="NEW", name="A new program", description="How to listen.")
    admin.fill(intro_message="Welcome to {program}.", content="# Listening\n\nListen first.")
    page.get_by_label("Everybody who is signed in").check()
    admin.press("Preview")
    expect(page.get_by_role("heading", name="As learners would see it")).to_be_visible()
    look.at(page, "console program preview")
    admin.press("Save")
    expect(page.get_by_role("heading", level=1)).to_have_text("A new program")
    look.at(page, "console program")
    there = page.url
    see(admin, look, f"{there}/people", "program people")
    admin.goto(there)
    page.get_by_role("link", name="Put into the trash").click()
    look.at(page, "console program trash")
    page.locator("main form [type=submit]").last.click()
    see(admin, look, f"{there}/purge", "program purge")
    admin.goto(there)
    admin.press("Restore")
    expect(page.get_by_role("link", name="Edit")).to_be_visible()


def people(own: Program, admin: Visit, look: Look) -> None:
    page = admin.page
    see(admin, look, "/admin/people?q=learn.agency&status=active", "people filtered")
    page.get_by_label(re.compile("Tick Lovelace")).check()
    page.get_by_label("Do the same for several people").select_option("suspend")
    admin.press("For those ticked")
    expect(page.get_by_role("heading", level=1)).to_have_text("Suspend: 1 person")
    look.at(page, "console people bulk")
    admin.goto("/admin/people?q=learn.agency")
    page.get_by_role("link", name="Lovelace").click()
    look.at(page, "console person")
    there = page.url
    see(admin, look, f"{there}/edit", "person edit")
    see(admin, look, f"{there}/delete", "person delete")
    see(admin, look, "/admin/people/add", "people add")
    admin.fill(last_name="Byron", email="bo@elsewhere.example")
    page.locator("main form [type=submit]").click()
    expect(page.get_by_text("Byron was added")).to_be_visible()
    with closing(sqlite3.connect(own.folder / "rollcall.db", isolation_level=None)) as database:
        database.execute("UPDATE outgoing_messages SET created_at = '2026-01-01 00:00:00.000000'")
    page.get_by_role("link", name="Invite those without a password").click()
    expect(page.get_by_role("heading", name="1 person gets a mail")).to_be_visible()
    look.at(page, "console people invite")
    see(admin, look, "/admin/people/invite?who=all&password=yes", "people invite nobody")
    see(admin, look, f"/admin/explain?q={ADA}", "explain")
    see(admin, look, "/admin/people/bulk?action=extend&who=all&q=learn", "people extend")
    from_a_file(admin, look)


def from_a_file(admin: Visit, look: Look) -> None:
    page = admin.page
    admin.goto("/admin/people")
    page.get_by_role("link", name="Add from a file").click()
    page.get_by_text("Paste them as text instead").click()
    page.get_by_text("The file comes from an older Excel").click()
    look.at(page, "console people file")
    admin.fill(pasted="last_name,email\nByron,bo@elsewhere.example")
    admin.press("Show what it would do")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "console people file refused")
    admin.fill(pasted=PEOPLE)
    admin.press("Show what it would do")
    expect(page.get_by_role("heading", level=1)).to_have_text("2 people would be added")
    look.at(page, "console people file preview")
    admin.press("Add 2 people")
    expect(page.get_by_text("2 people were added.")).to_be_visible()
    # Until then the page reads itself anew.
    expect(page.get_by_text("Done", exact=True)).to_be_visible()


def conversations(admin: Visit, look: Look) -> None:
    see(admin, look, "/admin/conversations?q=zzz", "conversations none fits")
    see(admin, look, "/admin/conversations?q=reflex&program=MI", "conversations found")
    admin.page.locator("tbody th a").first.click()
    look.at(admin.page, "console conversation")
    see(admin, look, "/admin/conversations/delete?preview=1&program=MI", "conversations delete")
    path = "/admin/conversations/retention?preview=1&program=MI&days=30"
    see(admin, look, path, "conversations retention")


def what_happened(admin: Visit, look: Look) -> None:
    see(admin, look, f"/admin/audit?person={ADA}", "audit filtered")
    admin.page.locator("tbody th a").first.click()
    look.at(admin.page, "console audit entry")
    see(admin, look, "/admin/insight?span=day", "insight")
    see(admin, look, "/admin", "home")


def test_an_admin_makes_a_client_and_sees_what_it_opens(admin: Visit, look: Look) -> None:
    page = admin.page
    admin.goto("/admin/clients")
    look.at(page, "clients none")
    page.get_by_role("main").get_by_role("link", name="Make a client").first.click()
    admin.fill(name="MyModule", origins="module.example")
    admin.press("Make the client")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "clients wrong origin")
    admin.fill(origins="https://module.example\nhttps://test.module.example:8443")
    admin.press("Make the client")
    expect(page.get_by_text("“MyModule” is saved.")).to_be_visible()
    look.at(page, "clients")
    page.get_by_role("link", name="Close… MyModule").click()
    look.at(page, "clients close")
    client = page.locator("code", has_text="rc_").inner_text()
    admin.goto(f"/embed?client_id={client}&origin=https%3A%2F%2Ffoo.example")
    look.at(page, "embed not allowed")
    page.get_by_role("link", name="Add it to “MyModule”").click()
    admin.press("Save")
    admin.goto(f"/embed?client_id={client}&origin=https%3A%2F%2Ffoo.example")
    expect(page.get_by_text("https://foo.example is allowed for this client.")).to_be_visible()
