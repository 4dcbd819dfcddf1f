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
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs

from flask import Flask, current_app, render_template, request
from flask_babel import gettext

from app.config import Settings
from app.core.errors import Busy
from app.edge import callers, headers, problems
from app.edge.identity import network, network_of
from app.edge.lanes import AGAIN, strangers

KEPT = ("csrf_token", "next", "remember", "email")
"""What the page for who is turned away carries on from the one before it."""

LONGEST_FORM = 16_384
"""Bytes of a form that are looked at here."""

HTML = "text/html; charset=utf-8"

MOST = 10_000
"""How many are remembered: more than that in one minute are no longer told apart."""

Environ = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What who was told to wait gets: a page for people, data for programs."""

    page: bytes
    data: bytes
    kind: str = "application/json"
    """Of the data."""

    reader: str | None = None
    """The web origin of a page of others that may read it."""


OPEN = (0.0, Answer(b"", b""))


class Gate:
    """Stands before the app; `close()` is told by the app whom to keep waiting, and until when."""

    def __init__(self, flask: Flask, settings: Settings) -> None:
        self._app: Callable[..., Iterable[bytes]] = flask.wsgi_app
        self._flask = flask
        self._home = settings.PUBLIC_URL
        self._headers = headers.fixed(settings)
        self._busy: str | None = None
        self._closed: dict[tuple[str, str], tuple[float, Answer]] = {}
        self._answers: dict[Answer, Answer] = {}
        self._next_tidying = 0.0
        self._changing = threading.Lock()

    def close(self, until: float, words: str) -> None:
        """Answer this request's path to its network so until then, in seconds since 1970."""
        answer = _answer(words)
        secret = "token" in (request.view_args or {})
        path = _above(request.path) if secret else request.path
        with self._changing:
            # One copy of a page for everybody who reads its language in its colours.
            answer = self._answers.setdefault(answer, answer)
            self._tidy()
            if len(self._closed) < MOST:
                self._closed[network(), path] = (until, answer)

    def _tidy(self) -> None:
        now = time.time()
        if len(self._closed) >= MOST and now >= self._next_tidying:
            self._closed = {key: each for key, each in self._closed.items() if each[0] > now}
            self._next_tidying = now + 1

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Let the request in, or answer it here."""
        if environ["REQUEST_METHOD"] != "POST":
            return self._app(environ, start)
        until, answer = self._found(environ) if self._closed else OPEN
        left = until - time.time()
        if left > 0:
            by_program = "HTTP_X_CSRFTOKEN" in environ or _is_json(environ) or not answer.page
            kind = answer.kind if by_program else HTML
            body = answer.data if by_program else answer.page
            sent = self._headers_for(kind, body, math.ceil(left))
            if answer.reader and environ.get("HTTP_ORIGIN") == answer.reader:
                sent += callers.readable_by(answer.reader).items()
            start("429 Too Many Requests", sent)
            return [body]
        if _is_stranger(environ) and strangers.is_full():
            body = self._busy_page(_typed(environ))
            start("503 Service Unavailable", self._headers_for(HTML, body, AGAIN.seconds))
            return [body]
        return self._app(environ, start)

    def _busy_page(self, typed: dict[str, list[str]]) -> bytes:
        """The lane is asked first: a short page, with what was typed but for the password."""
        if self._busy is None:
            marked = {name: f"*{name}*" for name in KEPT}
            with self._flask.test_request_context(base_url=self._home):
                words = gettext(Busy.words)
                self._busy = render_template("signin/busy.html", words=words, form=marked)
        page = self._busy
        for name in KEPT:
            page = page.replace(f"*{name}*", escape(typed.get(name, [""])[0]))
        return page.encode()

    def _headers_for(self, kind: str, body: bytes, seconds: int) -> list[tuple[str, str]]:
        own = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Retry-After": str(seconds),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return list((self._headers | own).items())

    def _found(self, environ: Environ) -> tuple[float, Answer]:
        who, path = network_of(environ.get("REMOTE_ADDR")), environ.get("PATH_INFO", "")
        places = (path, _above(path))
        found = (self._closed.get((who, each), OPEN) for each in places)
        return max(found, key=lambda each: each[0])


def init_app(app: Flask, settings: Settings) -> None:
    """Put the gate before the app, behind what finds out the true address."""
    gate = Gate(app, settings)
    app.wsgi_app = gate  # type: ignore[assignment]
    app.extensions["rollcall.gate"] = gate


def close(until: float, words: str) -> None:
    """Keep this request's address from posting to this path until then; `words` tell why."""
    gate: Gate = current_app.extensions["rollcall.gate"]
    gate.close(until, words)


def _answer(words: str) -> Answer:
    spoken = problems.voice()
    if spoken is not None:
        said = current_app.make_response(spoken(429, words, "too_many_requests", {}))
        return Answer(b"", said.get_data(), said.content_type, callers.reader())
    page = render_template("errors/wait.html", words=words).encode()
    return Answer(page, json.dumps({"error": words, "code": "too_many_requests"}).encode())


def _is_stranger(environ: Environ) -> bool:
    # Whoever carries a device cookie is looked at more closely inside.
    return environ.get("PATH_INFO") == "/login" and "device=" not in environ.get("HTTP_COOKIE", "")


def _typed(environ: Environ) -> dict[str, list[str]]:
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0  # The header is anybody's to write.
    body = environ["wsgi.input"].read(max(0, min(length, LONGEST_FORM)))
    return parse_qs(body.decode("utf-8", "replace"))


def _above(path: str) -> str:
    # The last part of a mailed link is a secret, and each is another one.
    return path.rpartition("/")[0] + "/"


def _is_json(environ: Environ) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/json")
