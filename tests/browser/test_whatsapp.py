"""A number is added and signs in, and the page that waits says it when WhatsApp fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_httpserver import HTTPServer

from tests.browser.conftest import Post, Visit
from tests.servers import Program

ENZO = "enzo.ahmadi@county-services.example"
NUMBER = "+31612345678"
ACCOUNT = "AC" + "0" * 32
WITHIN = 60
"""Seconds that a code has to arrive."""


class Twilio:
    """A server that speaks Twilio's API, and may be out of order."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.work()

    def work(self) -> None:
        """Take every message."""
        self._answer(200, {"status": "active"}, 201, {"sid": "SM1", "status": "queued"})

    def fail(self) -> None:
        """Take none, and say so wherever it is asked."""
        error = {"code": 20500, "message": "Down", "status": 503}
        self._answer(503, error, 503, error)

    def _answer(self, look: int, account: object, send: int, message: object) -> None:
        self.server.clear()
        base = f"/2010-04-01/Accounts/{ACCOUNT}"
        self.server.expect_request(f"{base}.json").respond_with_json(account, status=look)
        self.server.expect_request(f"{base}/Messages.json").respond_with_json(message, status=send)

    def code(self) -> str:
        """The digits of the newest message, once there is one."""
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            for request, _ in reversed(self.server.log):
                if request.method == "POST":
                    fields = parse_qs(request.get_data(as_text=True))
                    assert fields["To"] == [f"whatsapp:{NUMBER}"]
                    return str(json.loads(fields["ContentVariables"][0])["1"])
            time.sleep(0.05)
        raise AssertionError("no code was sent")


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    """The provider."""
    with HTTPServer(host="127.0.0.1") as server:
        yield Twilio(server)


def nothing_wrong(page: Page) -> None:
    """Axe finds nothing on this page at its narrowest."""
    page.set_viewport_size({"width": 390, "height": 850})
    page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run()")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []


def test_a_number_is_added_and_signs_in_and_mail_is_offered_when_whatsapp_fails(
    twilio: Twilio,
    start: Callable[..., Program],
    post: Post,
    visits: Callable[..., Visit],
) -> None:
    own = start(
        "whatsapp",
        TWILIO_ACCOUNT_SID=ACCOUNT,
        TWILIO_AUTH_TOKEN="a token of this test alone",
        TWILIO_WHATSAPP_FROM="+14155238886",
        TWILIO_CONTENT_SID="HX" + "1" * 32,
        TWILIO_BASE_URL=twilio.server.url_for("").rstrip("/"),
    )
    desk, guest = visits(own), visits(own)
    desk.register("Ahmadi", ENZO, post)
    desk.goto("/account")
    desk.page.get_by_role("link", name="Add a number").click()
    nothing_wrong(desk.page)
    desk.fill(phone="+31 6 1234 5678")
    desk.press("Send the code")
    expect(desk.page.get_by_label("Code")).to_be_focused()
    nothing_wrong(desk.page)
    desk.fill(code=twilio.code())
    desk.press("Confirm the number")
    expect(desk.page.get_by_text("number that ends in 78")).to_be_visible()
    nothing_wrong(desk.page)
    twilio.work()
    guest.goto("/login")
    guest.press("WhatsApp me a code")
    nothing_wrong(guest.page)
    guest.fill(phone=NUMBER)
    guest.press("Send the code")
    code = twilio.code()
    trouble = guest.page.locator("[data-trouble] .notice")
    expect(trouble).to_be_hidden()
    twilio.fail()
    guest.page.get_by_text("No code?").click()
    guest.page.get_by_role("link", name="Use another number").click()
    guest.fill(phone=NUMBER)
    guest.press("Send the code")
    expect(trouble).to_be_visible()
    expect(trouble.get_by_role("link")).to_have_text("Get in by mail instead")
    nothing_wrong(guest.page)
    guest.fill(code=f"{code[:3]} {code[3:]}")
    guest.press("Sign in")
    guest.page.wait_for_url("**/program_select")
