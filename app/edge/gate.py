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
from typing import Any

from flask import Flask, current_app, render_template, request
from flask_babel import gettext

from app.core.errors import N_
from app.edge.headers import POLICY

MOST = 10_000
"""How many are remembered: more than that in one minute are no longer told apart."""

WORDS = N_("Many requests came from your network. Wait a minute, then try again.")

Environ = dict[str, Any]


class Gate:
    """Stands before the app; `close()` is told by the app whom to keep waiting, and until when."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._closed: dict[tuple[str, str], tuple[float, bytes, bytes]] = {}
        self._changing = threading.Lock()

    def close(self, until: float) -> None:
        """Answer this request's path to this address so until then, in seconds since 1970."""
        page = render_template("errors/wait.html", words=gettext(WORDS)).encode()
        data = json.dumps({"error": gettext(WORDS), "code": "too_many_requests"}).encode()
        with self._changing:
            if len(self._closed) >= MOST:
                now = time.time()
                self._closed = {key: each for key, each in self._closed.items() if each[0] > now}
            if len(self._closed) < MOST:
                self._closed[_key(request.environ)] = (until, page, data)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Let the request in, or answer it here."""
        closed = self._closed.get(_key(environ)) if self._closed else None
        left = closed[0] - time.time() if closed else 0
        if closed is None or left <= 0 or environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start)
        by_program = "HTTP_X_CSRFTOKEN" in environ or _is_json(environ)
        body = closed[2] if by_program else closed[1]
        kind = "application/json" if by_program else "text/html; charset=utf-8"
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Retry-After", str(math.ceil(left))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", POLICY),
            ("Referrer-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start("429 Too Many Requests", headers)
        return [body]


def init_app(app: Flask) -> None:
    """Put the gate before the app, behind what finds out the true address."""
    gate = Gate(app.wsgi_app)
    app.wsgi_app = gate  # type: ignore[assignment]
    app.extensions["rollcall.gate"] = gate


def close(until: float) -> None:
    """Keep this request's address from posting to this path until then."""
    gate: Gate = current_app.extensions["rollcall.gate"]
    gate.close(until)


def _key(environ: Environ) -> tuple[str, str]:
    return environ.get("REMOTE_ADDR", ""), environ.get("PATH_INFO", "")


def _is_json(environ: Environ) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/json")
