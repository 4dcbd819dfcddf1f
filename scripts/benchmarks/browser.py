"""A browser that costs next to nothing: one connection, cookies, the token of the last page."""

from __future__ import annotations

import http.client
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
NEVER = math.inf
"""The time of an answer that was not the one that was wanted."""

PATIENCE = 200
"""Seconds after which an answer is given up; longer than the program itself waits for anything."""


def networks(first: int = 1) -> Iterator[str]:
    """Addresses of this machine, all different: on Linux the whole of 127.0.0.0/8 is loopback."""
    for number in range(first * 250, 250 * 250):
        yield f"127.0.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True)
class Answer:
    """An answer, and the seconds from the first byte asked to the last byte read."""

    status: int
    text: str
    seconds: float


class Browser:
    """Somebody at the network address `ip`, whose browser calls itself `agent`."""

    def __init__(self, port: int, ip: str, agent: str = "") -> None:
        self.agent = agent
        self.cookies: dict[str, str] = {}
        self.token = ""
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE, source_address=(ip, 0)
        )

    def get(self, path: str) -> Answer:
        """Open a page, and keep its CSRF token."""
        answer = self._ask("GET", path)
        found = TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form with the token of the page that was opened last."""
        return self._ask("POST", path, urlencode({"csrf_token": self.token, **fields}))

    def sign_in(self, email: str, password: str) -> Answer:
        """Send the form of `/login`, which must have been opened."""
        return self.post("/login", email=email, password=password)

    def forget(self) -> None:
        """Lose the session, as after its end; what says that this browser was here stays."""
        self.cookies.pop("rollcall", None)

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> Answer:
        headers = {"User-Agent": self.agent, "Accept": "text/html"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={it}" for name, it in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()  # What came late must not be taken for the next answer.
            raise
        seconds = time.perf_counter() - began
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return Answer(response.status, text, seconds)
