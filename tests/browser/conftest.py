"""A real browser, the running program with a real mail server, and the journeys through both."""

from __future__ import annotations

import csv
import io
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.servers import ROOT, Program, Smtp, chromium, start_smtp

NO_BROWSER = "NO BROWSER: the journeys in tests/browser did not run. Set CHROMIUM, or install it."
PASSWORD = "three green kettles"
OWNER = "grace@agency.example"
PASSWORD_OF_OWNER = "seven violet lanterns"
MAIL_WITHIN = 60
"""Seconds that a mail has to arrive."""

SEEN_WITHIN = 30_000
"""Milliseconds that a page has to do and show what is expected of it."""

expect.set_options(SEEN_WITHIN)

NEEDLESS = """
WebUIOmniboxPopup WebUIOmniboxAimPopup WebUIOmniboxFullPopup
AvoidUnnecessaryBeforeUnloadCheckSync DestroyProfileOnBrowserClose HttpsUpgrades
HttpsFirstBalancedModeAutoEnable LensOverlay MediaRouter PaintHolding ThirdPartyStoragePartitioning
AvoidCorsURLLoaderRestartOnRedirect OptimizationHints NetworkTimeServiceQuerying AimEnabled
PreconnectToSearch
"""
"""What Chromium does without. The pages behind its address bar, which nobody sees, would take half
a second of each window; Playwright leaves out all the others, but the last list alone counts."""

SETTINGS = {
    "ANSWER_TIME": "0.1",
    "RATELIMIT_ENABLED": "false",
    "ORGANISATION": "the Agency",
    "CONTACT": "Noor in room 4",
    "CONTACT_EMAIL": "noor@agency.example",
}
SAFETY = "69168fc1-fff7-413d-96fc-df860b1ab892"
MI = "d0e414d9-68ed-4851-9ae0-a30dfef64997"
"""LO Root IDs that open the sample programs SAFETY and MI."""

GONE = ("clara.haile", "wanda.johnson", "gloria.thapa")
NEW = {"Muñoz": "ines.munoz", "O’Neil": "sean.oneil", "van der Berg": "joost.vanderberg"}


def september_list() -> bytes:
    """The sample list half a year on: 3 new, 3 gone, 1 changed, 1 line without an address."""
    with (ROOT / "data/sample/roster.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.reader(file) if not line[2].startswith(GONE)]
    changed = next(i for i, line in enumerate(lines) if line[6] == SAFETY and line[0] != "P00001")
    lines[changed][6] = "a-class-of-september"
    last = ["Active", "Motivational Interviewing Online", "2026-09-01", MI]
    for number, (name, address) in enumerate(NEW.items()):
        lines.append([f"00310{number}", name, f"{address}@learn.agency.example", *last])
    lines.insert(40, ["003199", "Okafor", "", *last])
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode()


class Post:
    """The mails that the running program sent by SMTP."""

    def __init__(self, smtp: Smtp) -> None:
        self.smtp = smtp
        self.settings = {"MAIL_SERVER": smtp.host, "MAIL_PORT": str(smtp.port)}
        """What makes a program send its mails here."""

    def to(self, address: str, subject: str) -> EmailMessage:
        """The newest mail to `address` with these words in its subject, once it is there."""
        deadline = time.monotonic() + MAIL_WITHIN
        while time.monotonic() < deadline:
            for _sender, recipients, message in reversed(self.smtp.messages):
                if address in recipients and subject in message["Subject"]:
                    return message
            time.sleep(0.05)
        raise AssertionError(f"no mail “{subject}” to {address} within {MAIL_WITHIN} s")

    def forget(self, address: str) -> None:
        """Leave out what came to `address` so far, perhaps from another program."""
        self.smtp.messages[:] = [each for each in self.smtp.messages if address not in each[1]]

    def text(self, address: str, subject: str = "registration code") -> str:
        """The text part of that mail."""
        part = self.to(address, subject).get_body(("plain",))
        assert part is not None
        content: str = part.get_content()
        return content

    def code(self, address: str, subject: str = "registration code") -> str:
        """The six digits that were mailed to `address`."""
        found = re.search(r"^(\d{6})\r?$", self.text(address, subject), re.MULTILINE)
        assert found, "no code in the mail"
        return found[1]

    def button(self, address: str, subject: str = "registration code") -> str:
        """Where the button in the HTML of the mail leads."""
        part = self.to(address, subject).get_body(("html",))
        assert part is not None
        found = re.search(r'<a class="button" href="([^"]+)"', part.get_content())
        assert found, "no button in the mail"
        return found[1]


class Visit:
    """One browser context at one program, and what its console complained about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.complaints: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        """A new tab, watched from the start."""
        page = self.context.new_page()
        page.set_default_timeout(SEEN_WITHIN)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        return page

    def _note(self, message: ConsoleMessage) -> None:
        # A refusal's own status is what the page shows; everything else is a fault of ours.
        refused = re.search(r"responded with a status of 4\d\d", message.text)
        if message.type in {"error", "warning"} and not refused:
            self.complaints.append(f"{message.location.get('url')}: {message.text}")

    def goto(self, path: str) -> int:
        """Open a page of the program; its HTTP status."""
        response = self.page.goto(path if "://" in path else self.url + path)
        assert response is not None
        return response.status

    def press(self, name: str) -> None:
        """Press the button of this name in the page's main part."""
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).click()

    def fill(self, **fields: str) -> None:
        """Type into fields, by their names."""
        for name, text in fields.items():
            self.page.locator(f"main [name={name}]").fill(text)

    def set_up_admin(self, link: str) -> None:
        """Follow the link of the first start and make the owner's account."""
        self.goto(link)
        self.fill(email=OWNER, last_name="Hopper", password=PASSWORD_OF_OWNER)
        self.page.get_by_label("Send me a test mail").check()
        self.press("Create the account")

    def upload(self, content: bytes, name: str = "September roster.csv") -> None:
        """Upload a list; the page about its columns comes."""
        self.goto("/admin/roster")
        file: Any = {"name": name, "mimeType": "text/csv", "buffer": content}
        self.page.get_by_label("Roster file").set_input_files(files=[file])
        self.press("Go on to the columns")

    def preview(self, content: bytes, name: str = "September roster.csv") -> None:
        """Upload a list and have it checked; the preview comes."""
        self.upload(content, name)
        self.page.get_by_role("button", name=re.compile("heck the file|Check anyway")).click()
        self.page.locator(".tiles").wait_for()

    def ask_to_register(self, last_name: str, email: str) -> None:
        """Step 1 of registering."""
        self.goto("/register")
        self.fill(last_name=last_name, email=email)
        self.press("Continue")

    def register(self, last_name: str, email: str, post: Post) -> None:
        """Both steps, with the code that the mail brings, typed as people type it."""
        post.forget(email)
        self.ask_to_register(last_name, email)
        code = post.code(email)
        self.fill(code=f"{code[:3]} {code[3:]}", password=PASSWORD)
        self.press("Create my account")
        self.page.wait_for_url("**/program_select")

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Fill in the sign-in page that is open."""
        self.fill(email=email, password=password)
        self.press("Sign in")


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Headless Chromium; where there is none the tests skip, loudly, but never in CI."""
    program = chromium()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_BROWSER)
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{NO_BROWSER}", flush=True)
        pytest.skip(NO_BROWSER)
    args = [f"--disable-features={','.join(NEEDLESS.split())}"]
    # Chromium's own sandbox does not work for root, and the pages are ours.
    args += ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=args)
        yield started
        started.close()


@pytest.fixture(scope="session")
def post(browser: Browser) -> Iterator[Post]:
    """The mail server."""
    smtp = start_smtp()
    yield Post(smtp)
    smtp.stop()


@pytest.fixture(scope="module")
def start(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    """Starts programs, with our mail server unless `mail` is false, and with further settings.

    They end with the file, because each that only waits takes time from the others.
    """
    running: list[Program] = []

    def begin(name: str, *, mail: bool = True, **more: str) -> Program:
        environment = SETTINGS | (post.settings if mail else {}) | more
        folder: Path = tmp_path_factory.mktemp(name)
        running.append(Program(folder / "data", **environment))
        return running[-1]

    yield begin
    # Each takes a second to finish what it is at, and they need not wait for each other.
    with ThreadPoolExecutor() as stopping:
        for ended in [stopping.submit(each.stop) for each in running]:
            ended.result()


@pytest.fixture(scope="session")
def program(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program on the sample data, shared by the tests that leave its list alone."""
    folder: Path = tmp_path_factory.mktemp("shared")
    with Program(folder / "data", **SETTINGS, **post.settings) as running:
        yield running


@pytest.fixture(scope="session")
def owner(program: Program, browser: Browser) -> list[Any]:
    """The cookies of the owner of the shared program; whoever asks first has the account made."""
    visit = Visit(browser.new_context(), program.url)
    visit.set_up_admin(program.admin_link)
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Overview")
    cookies: list[Any] = visit.context.cookies()
    visit.context.close()
    return cookies


@pytest.fixture
def visits(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens browser contexts of their own; at the end none may have complained."""
    opened: list[Visit] = []

    def visit(program: Program, **options: Any) -> Visit:
        opened.append(Visit(browser.new_context(reduced_motion="reduce", **options), program.url))
        return opened[-1]

    yield visit
    for each in opened:
        each.context.close()
    assert [words for each in opened for words in each.complaints] == []
