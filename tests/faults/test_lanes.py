"""A flood of wrong passwords, against the running program with bcrypt at its real cost.

All of 127.0.0.0/8 is this machine, so that each stranger comes from an address of their own.
"""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from app import hashing
from tests.servers import Program

OWNER = "grace@agency.example"
PASSWORD = "seven amber lanterns here"
STRANGERS = 24
PAUSE = 0.2
"""Seconds between the tries of a stranger; this machine is also the one that measures."""

ROUNDS_OF_BCRYPT = 12
ANSWER_TIME = 3.0
ROUNDS = 5


@dataclass
class Seen:
    """What the strangers were answered: status, seconds, and when to come again."""

    answers: list[tuple[int, float, str | None]] = field(default_factory=list)

    def count(self) -> Counter[int]:
        """How many answers there were of each status."""
        return Counter(status for status, _seconds, _again in self.answers)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Rollcall, running."""
    environment = {"BCRYPT_LOG_ROUNDS": str(ROUNDS_OF_BCRYPT), "ANSWER_TIME": str(ANSWER_TIME)}
    with Program(tmp_path_factory.mktemp("lanes") / "data", **environment) as running:
        yield running


@pytest.fixture(scope="module")
def owner(program: Program) -> Iterator[httpx.Client]:
    """The browser of the first admin, who is signed out again."""
    with browser(program, "127.0.9.9") as client:
        fields = {"last_name": "Hopper", "email": OWNER, "password": PASSWORD}
        path = program.admin_link.removeprefix(program.url)
        assert submit(client, path, **fields).status_code == 303
        assert submit(client, "/logout").status_code == 303
        yield client


def browser(program: Program, address: str) -> httpx.Client:
    """A browser that comes from `address`."""
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=program.url, transport=transport, timeout=60, trust_env=False)


def token(client: httpx.Client, path: str = "/login") -> str:
    """The CSRF token of the page at `path`."""
    page = client.get(path, follow_redirects=True).text
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found, f"no CSRF token at {path}"
    return found[1]


def submit(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """Open the page at `path` and send its form."""
    return client.post(path, data={"csrf_token": token(client, path), **fields})


def sign_in(client: httpx.Client) -> httpx.Response:
    """The owner's sign-in."""
    return submit(client, "/login", email=OWNER, password=PASSWORD)


@contextmanager
def flood(program: Program) -> Iterator[Seen]:
    """Strangers send wrong passwords for addresses that are nobody's, as long as this lasts."""
    seen, over = Seen(), threading.Event()

    def send(number: int) -> None:
        with browser(program, f"127.0.{number + 10}.7") as client:
            fields = {"csrf_token": token(client), "password": "wrong words"}
            for turn in range(10_000):
                if over.is_set():
                    return
                fields["email"] = f"p{number}.{turn}@x.example"
                started = time.monotonic()
                answer = client.post("/login", data=fields)
                seconds = time.monotonic() - started
                seen.answers.append(
                    (answer.status_code, seconds, answer.headers.get("Retry-After"))
                )
                over.wait(PAUSE)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(STRANGERS)]
    for thread in threads:
        thread.start()
    try:
        while len(seen.answers) < STRANGERS:
            time.sleep(0.05)
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def seconds_of_a_hash() -> float:
    """Seconds that this machine needs for a hash, now."""
    began = time.monotonic()
    hashing.hash_password(PASSWORD, rounds=ROUNDS_OF_BCRYPT)
    return time.monotonic() - began


def typical(act: Callable[[], httpx.Response], status: int) -> float:
    """Seconds that this takes, in the middle of some rounds; each must end with `status`."""
    spans = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        assert act().status_code == status
        spans.append(time.monotonic() - started)
    return statistics.median(spans)


def test_a_flood_keeps_out_neither_the_owner_nor_who_proves_their_mailbox(
    program: Program, owner: httpx.Client
) -> None:
    def page() -> httpx.Response:
        return owner.get("/account")

    a_hash = seconds_of_a_hash()
    at_rest = typical(lambda: sign_in(owner), 303)
    page_at_rest = typical(page, 200)
    with flood(program) as seen:
        in_flood = typical(lambda: sign_in(owner), 303)
        page_in_flood = typical(page, 200)
        with browser(program, "127.0.9.10") as elsewhere:
            assert submit(elsewhere, "/forgot-password", email=OWNER).status_code == 303
            fields = {"email": OWNER, "code": mailed_code(elsewhere), "password": PASSWORD + "!"}
            assert submit(elsewhere, "/reset-password", **fields).status_code == 303
    with browser(program, "127.0.9.11") as stranger:
        answer = submit(stranger, "/login", email=OWNER, password=PASSWORD + "!")
        assert answer.status_code == 303, "after the flood a stranger is let in again"
    count = seen.count()
    print(
        f"sign-in {at_rest:.2f} s, in a flood {in_flood:.2f} s; page {page_at_rest:.3f} s,", end=""
    )
    print(f" in a flood {page_in_flood:.3f} s; strangers {dict(count)}")
    assert set(count) <= {401, 429, 503}
    assert count[503] > count[401] > 0
    away = [each for each in seen.answers if each[0] == 503]
    assert {again for _status, _seconds, again in away} == {"2"}
    # Who is turned away is so at once; everybody else is answered at the fixed moment.
    assert statistics.median(seconds for _status, seconds, _again in away) < ANSWER_TIME / 2
    assert min(seconds for status, seconds, _again in seen.answers if status == 401) > ANSWER_TIME
    # One turn is the strangers', so that a queue of all of them would show clearly.
    assert in_flood < at_rest + max(1.5, STRANGERS / 4 * a_hash)


def mailed_code(client: httpx.Client) -> str:
    """The six digits of the newest mail, once it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        page = client.get("/dev/mailbox").text
        if found := re.search(r"^(\d{6})\r?$", page, re.MULTILINE):
            return found[1]
        time.sleep(0.2)
    raise AssertionError("no code in the mailbox")
