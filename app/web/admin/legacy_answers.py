"""What the legacy addresses of programs share: the fields of a request, and the legacy answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import flash, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from app.core.errors import N_, Refusal
from app.core.learning import editing
from app.edge.db import commit, db
from app.edge.refusals import wants_json
from app.edge.words import say
from app.models.programs import Program
from app.web.admin.programs import page_of


class MissingField(Refusal):
    """A request without a field that it needs."""

    code = "missing_field"
    status = 400
    words = N_("The field %(field)s is missing.")


class OpensToAll(Refusal):
    """No LO Root IDs would open a program to everybody, which takes a word of its own."""

    code = "opens_to_all"
    status = 400
    words = N_(
        "Without LO Root IDs everybody who is signed in could open this program. If that is"
        " meant, send open_to_all=true as well."
    )


class TooManyFiles(Refusal):
    """More files at once than one request may have read."""

    code = "too_many_files"
    status = 400
    words = N_("Send %(limit)s files at most.")


class AskedAgain(Refusal):
    """Deleting for good, which is asked for again on a page of its own."""

    code = "asked_again"
    status = 409
    words = N_(
        "Deleting for good is asked for again: the program goes to the trash first, and its code"
        " is typed on the page %(url)s."
    )


class Sent:
    """The fields of the request, whether they came as a form or as JSON."""

    def __init__(self) -> None:
        body = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        self.fields: dict[str, Any] = body if isinstance(body, dict) else {}

    def text(self, name: str, default: str | None = None) -> str:
        """A field as text. Raises `MissingField` without it, unless there is a default."""
        value = self.fields.get(name, default)
        if value is None or not isinstance(value, str | int) or isinstance(value, bool):
            raise MissingField(field=name)
        return str(value)

    def whole(self, name: str, default: int | None = None) -> int:
        """A field as a whole number; -1, which nothing takes, for what is none."""
        text = self.text(name, None if default is None else str(default)).strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1

    def is_yes(self, name: str) -> bool:
        """Whether a field says yes."""
        return str(self.fields.get(name, "")).strip().lower() in {"1", "true", "yes", "on"}

    def program(self) -> Program:
        """The program that is meant by `chatbot_code`, or by `chatbot_name` as some have it.

        Raises `MissingField` or `NotFound`.
        """
        name = self.fields.get("chatbot_code") or self.fields.get("chatbot_name")
        if not isinstance(name, str) or not name.strip():
            raise MissingField(field="chatbot_code")
        return editing.find(db, name)


def told(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Answer a refusal in the legacy way, where a program asks."""

    @wraps(view)
    def answered(**place: Any) -> ResponseReturnValue:
        try:
            return view(**place)
        except Refusal as refusal:
            if not wants_json():
                raise
            return refuse(refusal)

    return answered


def refuse(refusal: Refusal) -> ResponseReturnValue:
    """A refusal as JSON; what was wrong with a field is a 400, as it was."""
    db.rollback()
    status = 400 if refusal.status == 422 else refusal.status
    return jsonify(success=False, error=say(refusal), code=refusal.code), status


def done(program: Program, words: str) -> ResponseReturnValue:
    """Commit, and say so: as JSON, or on the page of the program."""
    commit()
    if wants_json():
        return jsonify(success=True, message=words, code=program.code)
    flash(words, "success")
    return redirect(page_of(program), 303)
