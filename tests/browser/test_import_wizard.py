"""An import in a real browser: progress seen moving, held, applied, undone; also without script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit
from tests.browser.test_looks import keep_picture
from tests.servers import Program

HEADER = "user_code;Apellido;E-mail;status;class_name;date;lo_root_id\n"
WIDTHS = (390, 1280)
PEOPLE, EACH = 1_000, 120
"""People of the large list and lines of each: enough that its check is seen on its way."""

CHECKED_WITHIN = 120_000
"""Milliseconds that a check or an apply has."""


def roster(people: int, each: int) -> bytes:
    """A list as a spreadsheet of another language saves it."""
    lines = (
        f'P{n};"Muñoz";p{n}@learn.agency.example;Active;"Class ""A""";2026-09-01;A{number}\n'
        for n in range(people)
        for number in range(each)
    )
    return (HEADER + "".join(lines)).encode("cp1252")


def tiles(page: Page) -> dict[str, int]:
    """The numbers of the preview by their words."""
    return {
        each.locator(".tile-label").inner_text(): int(
            each.locator(".tile-number").inner_text().replace(",", "")
        )
        for each in page.locator(".tile").all()
    }


def picture(page: Page, name: str) -> None:
    """The page as it looks on a telephone and on a desk."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 850})
        keep_picture(page, f"wizard {name} {width}")


@pytest.fixture(scope="module")
def fresh(start: Callable[..., Program]) -> Program:
    """A program of its own, because the list in force changes."""
    return start("wizard")


@pytest.fixture(scope="module")
def cookies(fresh: Program, browser: Browser) -> list[Any]:
    """Those of its admin."""
    visit = Visit(browser.new_context(), fresh.url)
    visit.set_up_admin(fresh.admin_link)
    kept = visit.context.cookies()
    visit.context.close()
    return kept


def test_an_import_is_seen_moving_held_applied_and_taken_back(
    fresh: Program, visits: Callable[..., Visit], cookies: list[Any]
) -> None:
    admin = visits(fresh)
    admin.context.add_cookies(cookies)
    the_columns_are_asked_about(admin)
    the_progress_moves(admin)
    the_number_is_asked_for(admin)
    it_is_taken_back(admin)


def the_columns_are_asked_about(admin: Visit) -> None:
    page = admin.page
    admin.goto("/admin/roster")
    picture(page, "file")
    drop(page, b"nobody", "wrong.csv")
    expect(page.locator("[data-drop-name]")).to_contain_text("wrong.csv")
    file: Any = {"name": "September.csv", "mimeType": "text/csv", "buffer": roster(PEOPLE, EACH)}
    page.get_by_label("Roster file").set_input_files(files=[file])
    expect(page.locator("[data-drop-name]")).to_contain_text("September.csv")
    admin.press("Go on to the columns")
    expect(page.locator(".question-line")).to_contain_text(
        "We read this as Windows-1252, separated by “;”, with a header. Does Muñoz look right?"
    )
    expect(page.get_by_label("Use “Apellido” as")).to_have_value("last_name")
    picture(page, "columns")


def the_progress_moves(admin: Visit) -> None:
    page = admin.page
    admin.press("Yes, check the file")
    bar = page.locator("progress")
    expect(bar).to_be_visible()
    # The page that is loaded anew stands where the one before it stood.
    page.reload()
    moving = "() => !document.querySelector('progress') || document.querySelector('progress').value"
    page.wait_for_function(f"{moving} > 0", timeout=CHECKED_WITHIN)
    first = bar.evaluate("(bar) => bar.value / bar.max")
    assert 0 < first <= 1, "the progress was not seen on its way"
    picture(page, "progress")
    expect(page.locator(".tiles")).to_be_visible(timeout=CHECKED_WITHIN)
    assert tiles(page)["New"] == PEOPLE
    picture(page, "held")


def the_number_is_asked_for(admin: Visit) -> None:
    page = admin.page
    gone = tiles(page)["Gone"]
    expect(page.get_by_text("people would go. What takes more than 10 % is held.")).to_be_visible()
    name = f"Apply: {PEOPLE:,} in, {gone} out"
    admin.press(name)
    expect(page.locator("[data-error-summary]")).to_be_focused()
    admin.fill(typed=str(gone))
    admin.press(name)
    expect(page.get_by_text("Applied: this became the list.")).to_be_visible(timeout=CHECKED_WITHIN)
    picture(page, "result")


def it_is_taken_back(admin: Visit) -> None:
    page = admin.page
    page.get_by_role("link", name="Undo this import").click()
    picture(page, "undo")
    admin.press("Show me what undoing it would change")
    expect(page.locator(".tiles")).to_be_visible(timeout=CHECKED_WITHIN)
    found = tiles(page)
    assert found["Gone"] == PEOPLE
    picture(page, "undo preview")
    admin.fill(typed=str(PEOPLE))
    admin.press(f"Apply: {found['New']} in, {PEOPLE:,} out")
    expect(page.get_by_text("Applied: this became the list.")).to_be_visible(timeout=CHECKED_WITHIN)
    admin.goto("/admin/roster")
    expect(page.get_by_role("region", name="History")).to_contain_text("Undone")
    picture(page, "history")
    for name in ("September.csv", "roster.csv"):
        page.get_by_label(f", {name}").last.check()
    admin.press("Compare the two ticked")
    expect(page.locator(".tile").first).to_contain_text(f"{PEOPLE:,}")
    picture(page, "compare")


def test_without_script_look_again_leads_on(
    fresh: Program, visits: Callable[..., Visit], cookies: list[Any]
) -> None:
    admin = visits(fresh, java_script_enabled=False)
    admin.context.add_cookies(cookies)
    admin.upload(roster(PEOPLE, 5), "plain.csv")
    admin.page.get_by_role("button", name="heck the file").click()
    for _ in range(120):
        if admin.page.locator(".tiles").count():
            break
        admin.page.get_by_role("link", name="Look again").click()
        admin.page.wait_for_timeout(250)
    assert tiles(admin.page)["New"] == PEOPLE


def drop(page: Page, content: bytes, name: str) -> None:
    """Drop a file on the field, as from a folder beside the browser."""
    page.evaluate(
        """([text, name]) => {
            const bytes = Uint8Array.from(text, (each) => each.charCodeAt(0));
            const carried = new DataTransfer();
            carried.items.add(new File([bytes], name, { type: "text/csv" }));
            document.querySelector("[data-drop]").dispatchEvent(
                new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }),
            );
        }""",
        [content.decode("latin-1"), name],
    )
