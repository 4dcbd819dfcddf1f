"""Inviting in a real browser, with the real worker: progress moves, stop stops, mail arrives."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Post, Visit
from tests.browser.test_looks import Look, look
from tests.servers import Program

__all__ = ["look"]
GLORIA = "gloria.thapa@learn.agency.example"


def test_people_are_invited_and_the_progress_is_seen_moving(
    start: Callable[..., Program],
    visits: Callable[..., Visit],
    post: Post,
    look: Look,
) -> None:
    program = start("invitations", INVITE_RATE="100")
    admin = visits(program)
    admin.set_up_admin(program.admin_link)
    admin.goto("/admin")
    admin.page.get_by_role("link", name="Send an invitation").click()
    look.at(admin.page, "invitations")
    admin.press("Send 575 invitations")
    pace = admin.page.locator("[data-live=pace]")
    # The page is not loaded again: the words and the bar change by themselves.
    admin.page.evaluate("window.here = true")
    invited = re.compile(r"[1-9]\d+ of 575 people are invited")
    expect(pace).to_contain_text(invited)
    assert admin.page.evaluate("window.here")
    expect(pace).to_contain_text("100 of 575")
    expect(pace.locator("progress")).to_have_attribute("value", "100")
    look.at(admin.page, "a sending under way")
    admin.press("Stop")
    expect(admin.page.get_by_role("main")).to_contain_text("Stopped")

    first = admin.page.locator("tbody th .under").first.inner_text()
    button = post.button(first, "Your way into")
    learner = visits(program)
    learner.goto(button)
    learner.fill(password=PASSWORD)
    learner.page.locator("main form [type=submit]").click()
    learner.page.wait_for_url("**/program_select")
    admin.page.get_by_role("link", name="Still without a password").click()
    expect(admin.page.locator("tbody th .under").first).not_to_have_text(first)

    admin.goto(f"/admin/explain?q={first}")
    expect(admin.page.locator(".verdict")).to_contain_text("can get in.")
    admin.goto(f"/admin/explain?q={GLORIA.replace('thapa', 'tapa')}")
    expect(admin.page.get_by_role("main")).to_contain_text("one letter differs")
    look.at(admin.page, "somebody who is not on the list")
