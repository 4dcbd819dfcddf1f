"""The sign-in widget in a real browser: on our page, on pages of others, and in a React page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Post, Visit
from tests.browser.test_looks import Look
from tests.servers import ROOT, Program

ABIGAIL = "abigail.sun@learn.agency.example"
"""Nobody else signs in by code here: one mailbox gets five mails in ten minutes."""

REACT = {"": "adele.boateng@learn.agency.example", "&form=1": "arjun.phiri@learn.agency.example"}
VIOLETA = "violeta.al-masri@learn.agency.example"
MODULE = "https://module.example"
SUBJECT = "is your Rollcall code"
NO_NPM = "There is no npm: the widget was not tried in a React page. Install Node.js 20 or newer."

HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>MyModule</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script type="module" src="/page.js"></script>
<script type="module" src="{home}/static/widget/rollcall-sign-in.js"></script>
</head><body><main><h1>MyModule</h1>
<rollcall-sign-in api="{home}" client-id="{client}" label="Sign in to MyModule" {more}>
<b slot="logo">MyModule</b><a href="{home}/login">Sign in at Rollcall</a>
<small slot="footer">Made by us</small></rollcall-sign-in>
</main></body></html>"""

SCRIPT = """import {{ challengeOf, exchange, makeVerifier }} from "{home}/static/widget/pkce.js";
window.told = [];
for (const name of ["ready", "code-sent", "success", "error", "state"]) {{
  document.addEventListener(`rollcall-${{name}}`, (event) => {{
    window.told.push([name, JSON.parse(JSON.stringify(event.detail))]);
  }});
}}
const widget = document.querySelector("rollcall-sign-in");
const verifier = makeVerifier();
document.addEventListener("rollcall-success", async (event) => {{
  if (location.search.includes("stay")) return;
  window.tokens = await exchange(widget, event.detail.code, verifier);
}});
if (!location.search.includes("without")) {{
  widget.setAttribute("code-challenge", await challengeOf(verifier));
}}
"""


class Module:
    """A site of others on this machine: its pages, under the strictest policy that still works."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.policy = folder, ""
        module = self

        class Handler(SimpleHTTPRequestHandler):
            def end_headers(self) -> None:
                if module.policy:
                    self.send_header("Content-Security-Policy", module.policy)
                super().end_headers()

            def log_message(self, *_words: Any) -> None:
                """Keep silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.origin = f"http://{host}:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever)
        self.thread.start()

    def put(self, home: str, client: str, more: str = "") -> None:
        """Make the page with the widget of this client in it."""
        self.policy = (
            f"default-src 'none'; script-src 'self' {home}; connect-src {home}; base-uri 'none'"
        )
        page = HTML.format(home=home, client=client, more=more)
        (self.folder / "index.html").write_text(page, "utf-8")
        (self.folder / "page.js").write_text(SCRIPT.format(home=home), "utf-8")
        (self.folder / "favicon.ico").write_bytes(b"")

    def stop(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Module]]:
    """Starts sites of others."""
    started: list[Module] = []

    def start(host: str, folder: Path | None = None) -> Module:
        started.append(Module(folder or tmp_path_factory.mktemp("module"), host))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def site(module: Callable[..., Module]) -> Module:
    """The site that is allowed."""
    return module("localhost")


@pytest.fixture(scope="module")
def client(program: Program, site: Module) -> str:
    """The client that may be used from there."""
    return make_client(program, site.origin, MODULE)


def make_client(program: Program, *origins: str) -> str:
    """A client for these origins, made at the console of the running program."""
    command = [sys.executable, "-m", "flask", "rollcall", "client", "create", "--json"]
    command += ["--name", "MyModule", *(f"--origin={each}" for each in origins)]
    environment = {
        "FLASK_APP": "wsgi", "DATA_DIR": str(program.folder), "PATH": os.environ["PATH"],
        "PORT": str(program.port),
    }  # fmt: skip
    made = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    client_id: str = json.loads(made.stdout)["client_id"]
    return client_id


def told(page: Page, name: str) -> list[Any]:
    """What the page heard of this name."""
    return [detail for each, detail in page.evaluate("window.told") if each == name]


def check(page: Page) -> None:
    """Nothing that axe finds, at the width of a telephone and of a desk, light and dark."""
    page.evaluate(Axe().axe_script)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 850})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("axe.run('rollcall-sign-in', {resultTypes: ['violations']})")
            assert [each["id"] for each in found["violations"]] == []
            picture(
                page,
                f"{page.locator('rollcall-sign-in').evaluate('e => e.state')}-{width}-{scheme}",
            )
    page.emulate_media(color_scheme="light")


def picture(page: Page, name: str) -> None:
    """Keep a picture where `SCREENSHOTS` says."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"widget-{name}.png", full_page=True)


def test_on_a_page_of_others_a_code_becomes_tokens_and_nothing_is_kept(
    program: Program, post: Post, visits: Callable[..., Visit], site: Module, client: str
) -> None:
    site.put(program.url, client)
    here = visits(program)
    page = here.page
    here.goto(site.origin + "/")
    field = page.get_by_label("Email")
    expect(field).to_be_visible()
    expect(page.get_by_role("link", name="Sign in at Rollcall")).to_be_hidden()
    expect(page.get_by_text("Made by us")).to_be_visible()
    check(page)
    # From here on by the keyboard alone.
    field.focus()
    page.keyboard.type("abigail at home")
    page.keyboard.press("Enter")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Enter an address like"))
    check(page)
    page.keyboard.press("Control+A")
    page.keyboard.type(ABIGAIL)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Send me a code")).to_be_focused()
    page.keyboard.press("Enter")
    code = page.get_by_label("Code")
    expect(code).to_be_focused()
    expect(page.get_by_text(f"If {ABIGAIL} can sign in here")).to_be_visible()
    expect(page.get_by_role("button", name="Send it again in")).to_have_attribute(
        "aria-disabled", "true"
    )
    check(page)
    digits = post.code(ABIGAIL, SUBJECT)
    page.keyboard.type("12 34")
    page.keyboard.press("Enter")
    expect(code).to_have_accessible_description(re.compile("6 digits; this one has 4"))
    code.fill("")
    page.keyboard.type("000000" if digits != "000000" else "111111")
    page.keyboard.press("Enter")
    expect(code).to_have_accessible_description(re.compile("This code does not fit"))
    expect(code).to_be_focused()
    code.fill("")
    page.keyboard.type(f"{digits[:3]} {digits[3:]}")
    page.keyboard.press("Enter")
    expect(page.locator(".rollcall-done")).to_be_focused()
    check(page)
    page.wait_for_function("window.tokens")
    assert page.evaluate("window.tokens.user.email") == ABIGAIL
    (success,) = told(page, "success")
    assert set(success) == {"code", "user"}
    assert success["user"] is None
    (sent,) = told(page, "code-sent")
    assert sent == {
        "channel": "email", "to_masked": "a•••@learn.agency.example", "expires_in": 300
    }  # fmt: skip
    assert [each["state"] for each in told(page, "state")][-3:] == ["identify", "code", "done"]
    token = page.evaluate("window.tokens.access_token")
    assert token not in json.dumps(page.evaluate("window.told"))
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert here.context.cookies() == []


def test_on_our_own_page_the_cookie_is_the_session(
    program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    look = Look()
    here = visits(program)
    page = here.page
    post.forget(VIOLETA)
    here.goto("/embed?label=Sign+in+to+MyModule")
    look.at(page, "embed")
    page.evaluate(
        "addEventListener('rollcall-success', (event) => { window.success = event.detail; })"
    )
    widget = page.locator("rollcall-sign-in")
    widget.get_by_label("Email").fill(VIOLETA)
    page.keyboard.press("Enter")
    code = widget.get_by_label("Code")
    expect(code).to_be_focused()
    code.fill(post.code(VIOLETA, SUBJECT))
    page.keyboard.press("Enter")
    expect(widget.get_by_text("Signed in as")).to_be_visible()
    success = page.evaluate("window.success")
    assert success["code"] is None
    assert success["user"]["email"] == VIOLETA
    assert "rollcall" in {each["name"] for each in here.context.cookies()}
    tab = here.open()
    tab.goto(f"{program.url}/account")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("account", ignore_case=True)
    widget.get_by_role("button", name="Sign out").click()
    expect(widget.get_by_text("You are signed out.")).to_be_visible()
    tab.goto(f"{program.url}/account")
    assert tab.url.startswith(f"{program.url}/login")
    # The token against forged forms went with the cookie, and a new one is fetched.
    widget.get_by_label("Email").fill(VIOLETA)
    page.keyboard.press("Enter")
    expect(widget.get_by_label("Code")).to_be_focused()
    assert look.findings == []


def test_the_page_about_it_follows_the_options_and_checks_an_origin(
    program: Program, visits: Callable[..., Visit], client: str
) -> None:
    here = visits(program)
    page = here.page
    here.goto("/embed")
    page.get_by_label("Client id").fill(client)
    page.get_by_label("Language").select_option("de")
    expect(page.locator("rollcall-sign-in").get_by_text("Anmelden", exact=True)).to_be_visible()
    expect(page.locator("#snippet")).to_contain_text(f'client-id="{client}"')
    expect(page.locator("#snippet")).to_contain_text('lang="de"')
    page.get_by_label("In a shadow tree").check()
    expect(page.locator("rollcall-sign-in[shadow]").get_by_label("E-Mail")).to_be_visible()
    page.get_by_label("Codes by").select_option("email whatsapp")
    both = page.locator("rollcall-sign-in").get_by_label("E-Mail oder WhatsApp-Nummer")
    both.fill("+49 1512 3456789")
    expect(page.locator("rollcall-sign-in").get_by_label("WhatsApp", exact=True)).to_be_checked()
    page.get_by_label("Web origin of your page").fill("https://foo.example/")
    page.get_by_role("button", name="Show and check").click()
    expect(
        page.get_by_text("https://foo.example is not allowed for this client: add it.")
    ).to_be_visible()
    page.get_by_label("Web origin of your page").fill(MODULE)
    page.get_by_role("button", name="Show and check").click()
    expect(page.get_by_text(f"{MODULE} is allowed for this client.")).to_be_visible()


def test_an_origin_that_is_not_allowed_gets_no_further_and_says_so(
    program: Program, browser: Browser, module: Callable[..., Module], client: str
) -> None:
    site = module("127.0.0.1")
    site.put(program.url, client)
    # The browser itself complains about what it does not let the page read.
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.origin + "/")
    page.get_by_label("Email").fill(ABIGAIL)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Email")).to_have_accessible_description(
        re.compile("Rollcall cannot be reached from here")
    )
    (error,) = told(page, "error")
    assert error["code"] == "unreachable"
    assert told(page, "code-sent") == []
    context.close()


def test_without_a_challenge_it_is_refused_at_the_start_and_leads_elsewhere(
    program: Program, visits: Callable[..., Visit], site: Module, client: str
) -> None:
    site.put(program.url, client)
    here = visits(program)
    page = here.page
    here.goto(site.origin + "/?without")
    expect(page.get_by_role("alert")).to_contain_text("Sign-in is not set up for this page")
    expect(page.get_by_role("link", name="Use another way")).to_have_attribute(
        "href", f"{program.url}/login"
    )
    page.wait_for_function("window.told.some(([name]) => name === 'error')")
    assert told(page, "error")[0]["code"] == "no_code_challenge"
    check(page)
    page.evaluate("document.querySelector('rollcall-sign-in')"
                  ".setAttribute('code-challenge', 'x'.repeat(43))")  # fmt: skip
    expect(page.get_by_label("Email")).to_be_visible()


def test_in_the_end_it_goes_where_its_page_says_and_nowhere_else(
    program: Program, post: Post, visits: Callable[..., Visit], site: Module, client: str
) -> None:
    here = visits(program)
    page = here.page
    site.put(program.url, client, more='redirect-uri="https://elsewhere.example/"')
    here.goto(site.origin + "/")
    expect(page.get_by_role("alert")).to_contain_text("Sign-in is not set up for this page")
    assert told(page, "error")[0]["code"] == "bad_redirect_uri"
    site.put(program.url, client, more='redirect-uri="/after.html?from=widget"')
    (site.folder / "after.html").write_text("<!doctype html><title>After</title>", "utf-8")
    post.forget(ABIGAIL)
    here.goto(site.origin + "/?stay")
    page.get_by_label("Email").fill(ABIGAIL)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(post.code(ABIGAIL, SUBJECT))
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/after\.html\?from=widget&code=[\w-]{43}$"))


def test_its_css_variables_theme_it_from_wherever_they_are_set(
    program: Program, visits: Callable[..., Visit], site: Module, client: str
) -> None:
    site.put(program.url, client)
    here = visits(program)
    page = here.page
    here.goto(site.origin + "/")
    button = page.get_by_role("button", name="Send me a code")
    set_one = (
        "([where, name, value]) => document.querySelector(where).style.setProperty(name, value)"
    )
    page.evaluate(set_one, ["main", "--rollcall-accent", "rgb(120, 20, 90)"])
    page.evaluate(set_one, ["rollcall-sign-in", "--rollcall-radius", "3px"])
    expect(button).to_have_css("background-color", "rgb(120, 20, 90)")
    expect(button).to_have_css("border-radius", "3px")


def test_until_a_challenge_comes_the_link_is_there_and_nothing_is_wrong(
    program: Program, visits: Callable[..., Visit], site: Module, client: str
) -> None:
    site.put(program.url, client)
    here = visits(program)
    page = here.page
    page.clock.install()
    here.goto(site.origin + "/?without")
    page.wait_for_function("document.querySelector('rollcall-sign-in').state === 'asleep'")
    expect(page.get_by_role("link", name="Sign in at Rollcall")).to_be_visible()
    page.evaluate(
        "document.querySelector('rollcall-sign-in').setAttribute('code-challenge', 'x'.repeat(43))"
    )
    expect(page.get_by_label("Email")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in at Rollcall")).to_be_hidden()
    page.clock.run_for(5000)
    assert told(page, "error") == []


def test_after_five_wrong_codes_it_says_how_long_to_wait(
    program: Program, post: Post, visits: Callable[..., Visit], site: Module, client: str
) -> None:
    site.put(program.url, client, more="shadow theme='dark'")
    here = visits(program)
    page = here.page
    here.goto(site.origin + "/")
    page.get_by_label("Email").fill("locked.out@learn.agency.example")
    page.keyboard.press("Enter")
    code = page.get_by_label("Code")
    expect(code).to_be_focused()
    for number in range(6):
        code.fill(f"00000{number}")
        with page.expect_response("**/api/auth/verify-otp"):
            page.keyboard.press("Enter")
        page.wait_for_function(
            "n => window.told.filter(([name]) => name === 'error').length > n", arg=number
        )
    expect(code).to_have_accessible_description(re.compile(r"Too many tries. Wait \d+ minutes"))
    last = told(page, "error")[-1]
    assert last["retry_after"] > 60
    check(page)


@pytest.fixture(scope="module")
def react(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module of `tests/browser/react`, built by Vite with the files that people copy."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail(NO_NPM)
    folder = tmp_path_factory.mktemp("react")
    shutil.copytree(ROOT / "tests/browser/react", folder, dirs_exist_ok=True)
    for name in ("RollcallSignIn.jsx", "RollcallForm.jsx"):
        shutil.copy(ROOT / "static/widget" / name, folder / "src" / name)
    quietly = ["--no-audit", "--no-fund", "--ignore-scripts"]
    for command in ([npm, "ci", *quietly], [npm, "run", "build"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return folder / "dist"


@pytest.fixture(scope="module")
def in_react(react: Path, program: Program, module: Callable[..., Module]) -> str:
    """The address of that module, with what it has to know."""
    (react / "favicon.ico").write_bytes(b"")
    site = module("localhost", react)
    return f"{site.origin}/?api={program.url}&client={make_client(program, site.origin)}"


@pytest.mark.parametrize("form", REACT)
def test_in_a_react_page_built_by_vite(
    form: str, in_react: str, program: Program, post: Post, visits: Callable[..., Visit]
) -> None:
    person = REACT[form]
    here = visits(program)
    page = here.page
    post.forget(person)
    here.goto(f"{in_react}{form}")
    page.get_by_label("Email").fill(person)
    page.keyboard.press("Enter")
    code = page.get_by_label("Code")
    expect(code).to_be_focused()
    code.fill(post.code(person, SUBJECT))
    page.keyboard.press("Enter")
    expect(page.locator("[data-welcome]")).to_have_text(f"Welcome, {person}")
    assert here.context.cookies() == []


def test_the_plain_form_takes_a_number_too(
    in_react: str, program: Program, browser: Browser
) -> None:
    # The browser itself complains about a code that is wrong.
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{in_react}&form=1")
    field = page.get_by_label("WhatsApp number")
    expect(field).to_have_attribute("type", "text")
    expect(field).to_have_attribute("autocomplete", "username")
    field.fill("+44 (7700) 900-123")
    with page.expect_request("**/api/auth/request-otp") as asked:
        page.keyboard.press("Enter")
    number = {"phone": "+447700900123"}
    assert asked.value.post_data_json.items() >= number.items()
    assert "email" not in asked.value.post_data_json
    code = page.get_by_label("Code, sent to +447700900123")
    expect(code).to_be_focused()
    code.fill("123456")
    with page.expect_request("**/api/auth/verify-otp") as proven:
        page.keyboard.press("Enter")
    assert proven.value.post_data_json.items() >= (number | {"code": "123456"}).items()
    assert "email" not in proven.value.post_data_json
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    page.get_by_role("button", name="Change").click()
    expect(field).to_be_visible()
    context.close()
