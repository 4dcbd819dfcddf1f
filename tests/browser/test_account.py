"""One's own account in two browsers: who is here is seen, ended, and asked again."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Post, Visit
from tests.servers import Program

ENZO = "enzo.ahmadi@county-services.example"
NEW = "seven amber lanterns"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def test_a_learner_ends_another_browser_and_changes_the_password(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    desk, phone = visits(program), visits(program, user_agent=IPHONE)
    desk.register("Ahmadi", ENZO, post)
    phone.goto("/login")
    phone.sign_in(ENZO)
    phone.page.wait_for_url("**/program_select")
    the_other_browser_is_seen_and_ended(desk, phone)
    the_password_is_changed_with_advice_while_typing(desk)
    phone.goto("/login")
    phone.sign_in(ENZO, PASSWORD)
    expect(phone.page.locator("[data-error-summary]")).to_be_focused()
    phone.sign_in(ENZO, NEW)
    phone.page.wait_for_url("**/program_select")


def the_other_browser_is_seen_and_ended(desk: Visit, phone: Visit) -> None:
    page = desk.page
    page.get_by_role("link", name="Account").click()
    rows = page.locator(".whereabouts li")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("This device")
    expect(rows.nth(0).get_by_role("button")).to_have_count(0)
    expect(rows.nth(1)).to_contain_text("Safari on iOS")
    expect(rows.nth(1)).to_contain_text("From a local network · last seen just now")
    desk.press("Sign out: Safari on iOS")
    expect(page.get_by_text("Signed out: Safari on iOS.")).to_be_visible()
    expect(rows).to_have_count(1)
    phone.goto("/program_select")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("Sign in")


def the_password_is_changed_with_advice_while_typing(desk: Visit) -> None:
    page = desk.page
    page.get_by_role("link", name="Change the password").click()
    field, advice = page.get_by_label("New password", exact=True), page.get_by_role("status")
    meter = page.get_by_role("meter", name="Strength")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    for typed, words, level in [
        ("kettle", "Characters to go: 2", "1"),
        ("abababababab", "One character or pattern over and over is easy to guess.", "1"),
        ("12345678", "One character or pattern over and over is easy to guess.", "1"),
        ("enzo.ahmadi7", "It contains your name or your address.", "1"),
        ("amber lant", "Long enough. A few more characters make it stronger.", "2"),
        ("amber lantern", "A good length.", "3"),
        (NEW, "A very good length.", "4"),
        ("", "", "0"),
    ]:
        field.fill(typed)
        expect(meter).to_have_js_property("value", int(level))
        expect(advice).to_have_text(words)
    assert [url for url in sent if "/static/" not in url] == [], "what is typed is not sent"
    field.press_sequentially(NEW[:6], delay=20)
    assert advice.inner_text() == "", "it waits until the fingers rest"
    desk.fill(password=NEW)
    desk.press("Save the new password")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    expect(page.get_by_text("Last changed just now.")).to_be_visible()


def test_without_script_there_is_no_meter(program: Program, visits: Callable[..., Visit]) -> None:
    visitor = visits(program, java_script_enabled=False)
    visitor.goto("/register/password")
    expect(visitor.page.get_by_label("New password")).to_be_visible()
    expect(visitor.page.locator("meter")).to_be_hidden()
