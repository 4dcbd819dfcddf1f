"""The gate before everything: who was told to wait, and does not, gets a short answer at once.

A whole page for each request of a flood would cost more than the pages of everybody else. The
limits themselves are in `limits`; here is only remembered, in this process, whom they refused.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterable
from html import escape
from typing import Any
from urllib.parse import parse_qs

from flask import Flask, current_app, render_template, request
from flask_babel import gettext

from app.core.errors import N_, Busy
from app.edge.headers import POLICY
from app.edge.identity import network, network_of
from app.edge.lanes import AGAIN, strangers

KEPT = ("csrf_token", "next", "remember", "email")
"""What the page for who is turned away carries on from the one before it."""

LONGEST_FORM = 16_384
"""Bytes of a form that are looked at here."""

MOST = 10_000
"""How many are remembered: more than that in one minute are no longer told apart."""

WORDS = N_("Many requests came from your network. Wait a minute, then try again.")

DATA = json.dumps({"error": WORDS, "code": "too_many_requests"}).encode()
"""The same for programs."""

Environ = dict[str, Any]


class Gate:
    """Stands before the app; `close()` is told by the app whom to keep waiting, and until when."""

    def __init__(self, flask: Flask, home: str) -> None:
        self._app: Callable[..., Iterable[bytes]] = flask.wsgi_app
        self._flask = flask
        self._home = home
        self._busy: str | None = None
        self._closed: dict[tuple[str, str], tuple[float, bytes]] = {}
        self._pages: dict[bytes, bytes] = {}
        self._next_tidying = 0.0
        self._changing = threading.Lock()

    def close(self, until: float) -> None:
        """Answer this request's path to its network so until then, in seconds since 1970."""
        page = render_template("errors/wait.html", words=gettext(WORDS)).encode()
        secret = "token" in (request.view_args or {})
        path = _above(request.path) if secret else request.path
        with self._changing:
            # One copy of a page for everybody who reads its language in its colours.
            page = self._pages.setdefault(page, page)
            self._tidy()
            if len(self._closed) < MOST:
                self._closed[network(), path] = (until, page)

    def _tidy(self) -> None:
        now = time.time()
        if len(self._closed) >= MOST and now >= self._next_tidying:
            self._closed = {key: each for key, each in self._closed.items() if each[0] > now}
            self._next_tidying = now + 1

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Let the request in, or answer it here."""
        until, page = self._found(environ) if self._closed else (0.0, b"")
        left = until - time.time()
        if environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start)
        if left <= 0:
            if _is_stranger(environ) and strangers.is_full():
                return self._turn_away(environ, start)
            return self._app(environ, start)
        by_program = "HTTP_X_CSRFTOKEN" in environ or _is_json(environ)
        body = DATA if by_program else page
        kind = "application/json" if by_program else "text/html; charset=utf-8"
        start("429 Too Many Requests", _headers(kind, body, math.ceil(left)))
        return [body]

    def _turn_away(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """The lane is asked first: a short page, with what was typed but for the password."""
        length = min(int(environ.get("CONTENT_LENGTH") or 0), LONGEST_FORM)
        typed = parse_qs(environ["wsgi.input"].read(length).decode("utf-8", "replace"))
        page = self._busy_page()
        for name in KEPT:
            page = page.replace(f"*{name}*", escape(typed.get(name, [""])[0]))
        body = page.encode()
        start("503 Service Unavailable", _headers("text/html; charset=utf-8", body, AGAIN.seconds))
        return [body]

    def _busy_page(self) -> str:
        if self._busy is None:
            marked = {name: f"*{name}*" for name in KEPT}
            with self._flask.test_request_context(base_url=self._home):
                words = gettext(Busy.words)
                self._busy = render_template("signin/busy.html", words=words, form=marked)
        return self._busy

    def _found(self, environ: Environ) -> tuple[float, bytes]:
        who, path = network_of(environ.get("REMOTE_ADDR")), environ.get("PATH_INFO", "")
        none = (0.0, b"")
        return max(self._closed.get((who, each), none) for each in (path, _above(path)))


def init_app(app: Flask) -> None:
    """Put the gate before the app, behind what finds out the true address."""
    gate = Gate(app, app.extensions["rollcall"].settings.PUBLIC_URL)
    app.wsgi_app = gate  # type: ignore[assignment]
    app.extensions["rollcall.gate"] = gate


def close(until: float) -> None:
    """Keep this request's address from posting to this path until then."""
    gate: Gate = current_app.extensions["rollcall.gate"]
    gate.close(until)


def _is_stranger(environ: Environ) -> bool:
    # Whoever carries a device cookie is looked at more closely inside.
    return environ.get("PATH_INFO") == "/login" and "device=" not in environ.get("HTTP_COOKIE", "")


def _headers(kind: str, body: bytes, seconds: int) -> list[tuple[str, str]]:
    return [
        ("Content-Type", kind),
        ("Content-Length", str(len(body))),
        ("Retry-After", str(seconds)),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", POLICY),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    ]


def _above(path: str) -> str:
    # The last part of a mailed link is a secret, and each is another one.
    return path.rpartition("/")[0] + "/"


def _is_json(environ: Environ) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/json")
