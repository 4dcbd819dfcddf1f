"""How a "no" sounds to programs: RFC 9457 problem JSON, or the words of a contract we inherited."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Flask, Request, current_app, g, jsonify, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.http import HTTP_STATUS_CODES

Voice = Callable[[int, str, str, Mapping[str, str]], ResponseReturnValue]
"""Makes the answer of a status, its words, its code and its headers."""


def problem(status: int, words: str, code: str, headers: Mapping[str, str]) -> ResponseReturnValue:
    """A problem document (RFC 9457 §3); `code` and `reference` are members of our own."""
    answer = jsonify(
        type="about:blank",
        title=HTTP_STATUS_CODES.get(status, "Error"),
        status=status,
        detail=words,
        code=code,
        reference=g.get("reference"),
    )
    answer.mimetype = "application/problem+json"
    return answer, status, dict(headers)


def speak(app: Flask, voices: Mapping[str, Voice]) -> None:
    """Answer every refusal and failure below these paths so, unknown addresses among them."""
    app.extensions.setdefault("rollcall.voices", {}).update(voices)
    app.session_interface = PagesAlone()


def voice() -> Voice | None:
    """How the path of this request is answered; None where people and pages are."""
    voices: dict[str, Voice] = current_app.extensions.get("rollcall.voices", {})
    found = [each for each in voices if request.path.startswith(each)]
    return voices[max(found, key=len)] if found else None


class PagesAlone(SecureCookieSessionInterface):
    """The cookie of people and their pages: where programs come in, it is not even opened."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The cookie's session; an empty one that nothing can be put into for programs."""
        voices: dict[str, Voice] = app.extensions.get("rollcall.voices", {})
        if request.path.startswith(tuple(voices)):
            return self.make_null_session(app)
        return super().open_session(app, request)
