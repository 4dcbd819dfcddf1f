"""What `/api/auth` turns away before it looks for anybody: the audit log has that too."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from app.core.entry import signin
from app.core.errors import N_, Refusal
from app.edge import bodies
from app.edge.bodies import BadField, BadJson, Body, WrongKind
from app.edge.callers import told_origin
from app.edge.db import db
from app.edge.identity import program_origin
from app.models.access import Purpose

Some = TypeVar("Some", bound=Body)


class TooLarge(Refusal):
    """A body that is longer than any that is read here."""

    code = "request_entity_too_large"
    status = 413
    words = N_("What was sent is larger than the %(limit)s that fit here.")


def read(model: type[Some]) -> Some:
    """The body of this request as `model`.

    Raises `TooLarge`, `WrongKind`, `BadJson` or `BadField`, which are remembered as refused,
    without a word of what was sent.
    """
    try:
        return bodies.read(model)
    except BadField as refusal:
        refuse(refusal, field=refusal.field)
    except (WrongKind, BadJson) as refusal:
        refuse(refusal)
    except RequestEntityTooLarge:
        refuse(TooLarge(limit=f"{(request.max_content_length or 0) // 1024} kB"))


def refuse(refusal: Refusal, method: str = Purpose.API.value, **facts: Any) -> NoReturn:
    """Remember that this request was refused, and at which door; raise `refusal`."""
    signin.refuse(
        db, refusal, method, program_origin(), path=request.path, web_origin=told_origin(), **facts
    )
