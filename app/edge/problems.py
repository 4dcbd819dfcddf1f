"""How a "no" sounds to programs: RFC 9457 problem JSON, or the words of a contract we inherited."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Flask, current_app, g, jsonify, request
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


def voice() -> Voice | None:
    """How the path of this request is answered; None where people and pages are."""
    voices: dict[str, Voice] = current_app.extensions.get("rollcall.voices", {})
    found = [each for each in voices if request.path.startswith(each)]
    return voices[max(found, key=len)] if found else None
