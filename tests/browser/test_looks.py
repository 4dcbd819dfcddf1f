"""Every page for everybody: axe finds nothing, nothing scrolls sideways, the keyboard is enough.

Each page is looked at on a telephone and on a desk, light and dark, after one load.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.core.proof import links, stamps
from app.core.proof.links import Link
from app.database import make_engine, make_sessions
from app.models.people import User
from tests.browser.conftest import PASSWORD, Post, Visit, september_list
from tests.servers import Program

TELEPHONE, DESK = 390, 1280
NARROWEST = 320
"""Pixels at which WCAG 2.2 (1.4.10) asks for a page that does not scroll sideways."""

TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until the new colours are painted."""

ALL_RULES = '{resultTypes: ["violations"]}'
COLOURS = '{resultTypes: ["violations"], runOnly: ["color-contrast"]}'
STANCES: list[tuple[int, Literal["light", "dark"], str | None]] = [
    (DESK, "dark", COLOURS),
    (DESK, "light", ALL_RULES),
    (TELEPHONE, "light", ALL_RULES),
    (TELEPHONE, "dark", None),
]
"""From where a page is looked at, and for what, in the order with the fewest changes.

Between light and dark only the colours differ, and those not with the width: what is left is a
picture for people.
"""

WIDTH_AND_HEADS = "[document.documentElement.scrollWidth, document.querySelectorAll('h1').length]"

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
ADA = "ada.lovelace@learn.agency.example"
PAUSED = "paula.paused@learn.agency.example"
MATILDA = "matilda.nunez@learn.agency.example"


@dataclass
class Look:
    """What was found wrong with the pages that were looked at."""

    axe: str = Axe().axe_script
    findings: list[str] = field(default_factory=list)

    def at(self, page: Page, name: str) -> None:
        """Look at the page that is open."""
        page.evaluate(self.axe)
        for width, scheme, rules in STANCES:
            if rules is None and "SCREENSHOTS" not in os.environ:
                continue
            page.set_viewport_size({"width": width, "height": 850})
            page.emulate_media(color_scheme=scheme)
            expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
            check = f".then(() => axe.run({rules}))" if rules else ""
            found = page.evaluate(TWO_FRAMES + check)
            if rules:
                self._note(found, f"{name}, {width} px, {scheme}")
            keep_picture(page, f"{name}-{width}-{scheme}")
        page.set_viewport_size({"width": NARROWEST, "height": 800})
        wide, heads = page.evaluate(WIDTH_AND_HEADS)
        if wide > NARROWEST:
            self.findings.append(f"{name}: {wide} px wide at {NARROWEST} px")
        if heads != 1:
            self.findings.append(f"{name}: not one h1")
        page.set_viewport_size({"width": DESK, "height": 850})

    def _note(self, result: dict[str, Any], name: str) -> None:
        for violation in result["violations"]:
            for node in violation["nodes"]:
                self.findings.append(
                    f"{name}: {violation['id']}: {node['failureSummary']} {node['html'][:160]}"
                )


def keep_picture(page: Page, name: str) -> None:
    """A screenshot where SCREENSHOTS names a folder, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        file = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        page.screenshot(path=Path(folder) / f"{file}.png", full_page=True)


@pytest.fixture
def look() -> Iterator[Look]:
    """Eyes for pages; at the end nothing may have been found."""
    eyes = Look()
    yield eyes
    assert eyes.findings == []


@pytest.fixture(scope="module")
def cookies(program: Program, owner: list, post: Post, browser: Browser) -> dict[str, list]:
    """The cookies of an admin, of a learner, and of a learner to whom nothing is open."""
    kept = {"admin": owner}
    for who in ("learner", "idle"):
        visit = Visit(browser.new_context(), program.url)
        if who == "learner":
            visit.register("Lovelace", ADA, post)
        else:
            visit.register("Nunez", MATILDA, post)
        kept[who] = visit.context.cookies()
        visit.context.close()
    return kept


@pytest.fixture
def admin(program: Program, visits: Callable[..., Visit], cookies: dict[str, list]) -> Visit:
    """An admin, signed in."""
    visit = visits(program)
    visit.context.add_cookies(cookies["admin"])
    return visit


@pytest.fixture
def learner(program: Program, visits: Callable[..., Visit], cookies: dict[str, list]) -> Visit:
    """A learner, signed in."""
    visit = visits(program)
    visit.context.add_cookies(cookies["learner"])
    return visit


def test_pages_before_signing_in(
    program: Program, post: Post, visits: Callable[..., Visit], look: Look
) -> None:
    visitor = visits(program)
    paths = "/login /register /register/password /nowhere /setup/admin/dead"
    for path in f"{paths} /privacy-policy /terms /support /docs /docs/auth".split():
        visitor.goto(path)
        look.at(visitor.page, f"out {path}")
    assert visitor.goto("/dev/mailbox") == 404
    address = "tobias.akesson@partner.example"
    visitor.ask_to_register("Akesson", address)
    visitor.page.get_by_text("No mail?").click()
    look.at(visitor.page, "out check your mail")
    visitor.goto(post.button(address))
    look.at(visitor.page, "out by the button of the mail")


def test_pages_for_who_forgot_or_is_told_of_a_stranger(
    program: Program,
    post: Post,
    visits: Callable[..., Visit],
    look: Look,
    cookies: dict[str, list],
) -> None:
    visitor = visits(program)
    visitor.goto("/first-time-password")
    look.at(visitor.page, "recovery first time")
    visitor.goto("/forgot-password")
    look.at(visitor.page, "recovery forgot")
    visitor.fill(email=ADA)
    visitor.press("Send the mail")
    look.at(visitor.page, "recovery check your mail")
    visitor.goto(post.button(ADA, "Choose a new"))
    visitor.fill(password="kettle")
    look.at(visitor.page, "recovery by link")
    visitor.goto("/reset-password/dead")
    look.at(visitor.page, "recovery dead link")
    visitor.goto("/lift-pause")
    visitor.fill(email=ADA, code="12345")
    visitor.press("Lift the pause")
    look.at(visitor.page, "alarm lift by code")
    for name, path in links_of_alarm(program).items():
        assert visitor.goto(path) == 200
        look.at(visitor.page, f"alarm {name}")


def links_of_alarm(program: Program) -> dict[str, str]:
    """The links of the two mails about strangers, as the worker would mint them."""
    keys = [(program.folder / "secret.key").read_text().strip()]
    ends_at = datetime.now(UTC) + timedelta(minutes=9)
    with closing(sqlite3.connect(program.folder / "rollcall.db")) as database, database:
        row = ("password", PAUSED, 10, ends_at.replace(tzinfo=None).isoformat(" "), 10)
        database.execute(
            "INSERT OR REPLACE INTO try_counts (scope, subject, count, window_ends_at, in_a_row)"
            " VALUES (?, ?, ?, ?, ?)",
            row,
        )
    engine = make_engine(f"sqlite:///{program.folder / 'rollcall.db'}")
    with make_sessions(engine)() as db:
        ada = db.scalars(select(User).where(User.address == ADA)).one()
        stamp = stamps.of_mailbox(ada)
    engine.dispose()
    pause = {"address": PAUSED, "mailbox": PAUSED, "ends_at": ends_at.isoformat()}
    not_me = {"user": ada.id, "stamp": stamp}
    return {
        "lift by link": "/lift-pause/" + links.mint(Link.UNPAUSE, pause, keys=keys),
        "not me": "/not-me/" + links.mint(Link.NOT_ME, not_me, keys=keys),
    }


def test_pages_with_a_problem(program: Program, visits: Callable[..., Visit], look: Look) -> None:
    visitor = visits(program)
    page = visitor.page

    def problem(name: str) -> None:
        expect(page.locator("[data-error-summary]")).to_be_focused()
        expect(page).to_have_title(re.compile("^Error: "))
        look.at(page, name)

    visitor.goto("/login")
    visitor.press("Sign in")
    problem("problem empty sign-in")
    visitor.sign_in("nobody@agency.example", "not a password")
    problem("problem wrong password")
    visitor.goto("/register")
    visitor.fill(last_name="Lovelace", email="ada at home")
    visitor.press("Continue")
    problem("problem bad address")
    page.get_by_role("link", name="Enter an address like").click()
    expect(page.get_by_label("Email")).to_be_focused()
    visitor.ask_to_register("Lovelace", "nobody@agency.example")
    visitor.fill(code="1234", password="password")
    visitor.press("Create my account")
    problem("problem code and password")


def test_a_page_that_was_open_for_long_gives_back_what_was_typed(
    program: Program, visits: Callable[..., Visit], look: Look
) -> None:
    visitor = visits(program)
    visitor.goto("/register")
    visitor.fill(last_name="Lovelace", email=ADA)
    visitor.context.clear_cookies()
    visitor.press("Continue")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Please press once more")
    look.at(visitor.page, "problem old page")
    visitor.press("Press again")
    visitor.page.wait_for_url("**/register/password")


def test_pages_of_a_learner(learner: Visit, look: Look) -> None:
    page = learner.page
    for path in ("/program_select", "/program_select?q=zzz", "/logout"):
        learner.goto(path)
        look.at(page, f"learner {path}")
    learner.goto("/chat/MI")
    learner.fill(message="What is the righting reflex?")
    learner.press("Ask")
    expect(page.get_by_role("log").locator(".answer")).to_be_visible()
    expect(page.get_by_text("Clear this conversation")).to_be_visible()
    look.at(page, "learner fresh answer")
    page.reload()
    page.get_by_text("Clear this conversation").click()
    look.at(page, "learner history")
    assert learner.goto("/admin") == 403
    look.at(page, "learner not an admin")


def test_pages_of_an_account(
    program: Program, learner: Visit, visits: Callable[..., Visit], look: Look
) -> None:
    page = learner.page
    phone = visits(program, user_agent=IPHONE)
    phone.goto("/login")
    phone.sign_in(ADA)
    phone.page.wait_for_url("**/program_select")
    learner.goto("/account")
    expect(page.get_by_role("button", name="Sign out everywhere else")).to_be_visible()
    look.at(page, "account")
    for part in ("profile", "email"):
        learner.goto(f"/account/{part}")
        look.at(page, f"account {part}")
    learner.goto("/account/password")
    for typed, name in (("kettle", "short"), ("amber lant", "enough"), ("x" * 16, "run")):
        learner.fill(password=typed)
        expect(page.get_by_role("status")).not_to_be_empty()
        page.wait_for_timeout(800)
        look.at(page, f"account password {name}")
    learner.fill(password="seven amber lanterns")
    expect(page.get_by_role("status")).to_have_text("A very good length.")
    look.at(page, "account password long")
    learner.fill(password=PASSWORD)
    learner.press("Save the new password")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "account password problem")


def test_the_page_that_asks_again(
    program: Program, visits: Callable[..., Visit], cookies: dict[str, list], look: Look
) -> None:
    learner = visits(program)
    page = learner.page
    learner.goto("/login")
    learner.sign_in(ADA)
    page.wait_for_url("**/program_select")
    with closing(sqlite3.connect(program.folder / "rollcall.db", isolation_level=None)) as database:
        database.execute(
            "UPDATE sessions SET proved_at = '2026-01-01 00:00:00.000000'"
            " WHERE user_id = (SELECT id FROM users WHERE email = ?)",
            [ADA],
        )
    learner.goto("/account/password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Please confirm it is you")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    look.at(page, "account confirm")
    learner.fill(password="not her password")
    learner.press("Confirm")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "account confirm problem")
    learner.fill(password=PASSWORD)
    learner.press("Confirm")
    page.wait_for_url("**/account/password")


def test_pages_where_nothing_is_open(
    program: Program, visits: Callable[..., Visit], cookies: dict[str, list], look: Look
) -> None:
    idle = visits(program)
    idle.context.add_cookies(cookies["idle"])
    idle.goto("/program_select")
    expect(idle.page.get_by_role("heading", level=2)).to_have_text("No program is open to you yet")
    look.at(idle.page, "learner nothing open")
    assert idle.goto("/chat/BCC") == 403
    look.at(idle.page, "learner closed program")


def test_pages_of_the_admin_area(admin: Visit, look: Look) -> None:
    page = admin.page
    areas = ("/roster", "/people?q=zzz", "/programs", "/outbox")
    for path in areas:
        admin.goto(f"/admin{path}")
        look.at(page, f"admin{path}")


def test_pages_of_an_emergency(admin: Visit, look: Look) -> None:
    page = admin.page
    admin.goto("/admin/programs/emergency")
    admin.press("Open all programs")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "admin emergency problem")
    admin.fill(reason="The list of this morning lacks a class")
    admin.press("Open all programs")
    expect(page.get_by_text("Emergency: all programs are open.")).to_be_visible()
    look.at(page, "admin emergency on")
    admin.press("End it now")
    expect(page.get_by_text("It is over.")).to_be_visible()
    admin.goto("/emergency_fix_user_lo_ids")
    look.at(page, "admin set anew")


def test_pages_of_an_import(admin: Visit, look: Look) -> None:
    page = admin.page
    admin.goto("/admin/roster")
    admin.press("Go on to the columns")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "admin no file")
    admin.upload(b"\xff\xfe\x00nothing")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    look.at(page, "admin unreadable file")
    admin.upload(september_list())
    look.at(page, "admin columns")
    admin.preview(september_list())
    look.at(page, "admin preview")
    preview = page.url
    for path in ("people?kind=removed", "people?kind=back", "problems", "problems?remarks=1"):
        admin.goto(f"{preview}/{path}")
        look.at(page, f"admin import {path}")
    admin.goto("/admin/roster/compare?pick=1&pick=3")
    look.at(page, "admin compare")
    admin.goto("/admin/roster/1/undo")
    look.at(page, "admin undo")
    admin.goto(preview)
    admin.press("Put it aside")
    expect(page.get_by_text("Put aside.")).to_be_visible()
    page.get_by_role("link", name="September roster.csv").first.click()
    look.at(page, "admin put aside")
    page.get_by_role("link", name="Roster").locator("visible=true").click()
    page.get_by_role("link", name="roster.csv", exact=True).click()
    expect(page.get_by_text("Applied: this became the list.")).to_be_visible()


def test_the_keyboard_alone_signs_in(program: Program, learner: Visit) -> None:
    page = learner.page
    learner.context.clear_cookies()
    learner.goto("/login")
    keyboard = page.keyboard
    expect(page.get_by_label("Email")).to_be_focused()
    keyboard.type(ADA)
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show password")).to_be_focused()
    keyboard.press("Enter")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    for _ in range(2):
        keyboard.press("Tab")
    expect(page.get_by_label("Remember me")).to_be_focused()
    keyboard.press("Space")
    keyboard.press("Tab")
    expect(page.get_by_role("main").get_by_role("button", name="Sign in")).to_be_focused()
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Programs")
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_theme_can_be_chosen_and_is_kept(
    program: Program, visits: Callable[..., Visit]
) -> None:
    visitor = visits(program, color_scheme="light")
    visitor.goto("/login")
    visitor.page.get_by_role("button", name="Dark theme").click()
    visitor.goto("/register")
    expect(visitor.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(visitor.page.get_by_role("button", name="Dark theme")).to_have_attribute(
        "aria-pressed", "true"
    )


@pytest.fixture(scope="module")
def development(start: Callable[..., Program]) -> Program:
    """A program without a mail server, not set up yet."""
    return start("development", mail=False, CONTACT_EMAIL="", CONTACT="Łucja Muñoz’ Büro")


def wait_for_mail(visitor: Visit) -> None:
    """Ask to register and open the mailbox once the mail is there."""
    visitor.ask_to_register("Lovelace", ADA)
    for _ in range(60):
        visitor.goto("/dev/mailbox")
        if visitor.page.get_by_role("link", name="registration code").count():
            return
        visitor.page.wait_for_timeout(100)
    raise AssertionError("no mail in the mailbox")


def test_the_page_of_the_first_start(
    development: Program, visits: Callable[..., Visit], look: Look
) -> None:
    visitor = visits(development)
    visitor.goto(development.admin_link)
    look.at(visitor.page, "out first start")
    visitor.goto("/dev/mailbox")
    look.at(visitor.page, "mailbox empty")


def test_without_a_mail_server_the_mailbox_shows_each_mail(
    development: Program, visits: Callable[..., Visit], look: Look
) -> None:
    visitor = visits(development)
    wait_for_mail(visitor)
    page = visitor.page
    mail = page.frame_locator(".mail-frame")
    expect(mail.get_by_role("heading")).to_have_text("Your registration code")
    expect(mail.locator(".code")).to_have_text(re.compile(r"^\d{6}$"))
    expect(page.locator(".mail-text")).to_contain_text(mail.locator(".code").inner_text())
    look.at(page, "mailbox")
    page.emulate_media(color_scheme="dark")
    expect(mail.locator("body")).to_have_css("background-color", "rgb(13, 20, 19)")


def test_the_mailbox_shows_every_letter_as_it_is(
    development: Program, visits: Callable[..., Visit]
) -> None:
    visitor = visits(development)
    wait_for_mail(visitor)
    mail = visitor.page.frame_locator(".mail-frame").locator("body")
    for part in (mail, visitor.page.locator(".mail-text")):
        expect(part).to_contain_text("Łucja Muñoz’ Büro")
