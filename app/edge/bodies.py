"""What a program sends: one JSON object, read strictly, and checked against a model."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema

from app.core.errors import N_, Refusal

MOST_DEEP = 32
"""Arrays and objects within each other."""

STORABLE = r"^[^\u0000]*$"
"""A database takes every text but this one character, which `read_object` refuses."""

Some = TypeVar("Some", bound="Body")


class Body(BaseModel):
    """The base of all bodies: `false` is no number, and what is not known is left aside."""

    model_config = ConfigDict(strict=True, extra="ignore")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The model as its document shows it: each text with the rule that all bodies have."""
        made = handler(core_schema)
        for each in handler.resolve_ref_schema(made).get("properties", {}).values():
            _say_what_is_storable(each)
        return made


class WrongKind(Refusal):
    """A body that is not `application/json`."""

    code = "unsupported_media_type"
    status = 415
    words = N_("Send a JSON object, as application/json in UTF-8.")


class BadJson(Refusal):
    """A body that is no JSON object (RFC 8259), or holds what cannot be stored."""

    code = "bad_json"
    status = 400
    words = N_("The body is not a JSON object in UTF-8.")


class BadField(Refusal):
    """A member that is missing, or not of its kind; `field` is its name."""

    code = "bad_field"
    status = 400
    words = N_("%(field)s: %(reason)s")

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field=field, reason=reason)
        self.field = field


def read(model: type[Some]) -> Some:
    """The body of this request as `model`. Raises `WrongKind`, `BadJson` or `BadField`."""
    return check(model, read_object(model.model_fields))


def check(model: type[Some], value: dict[str, Any]) -> Some:
    """The object as `model`. Raises `BadField` for the first member that does not fit."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        # Never what was sent: it could be a code, or somebody's passphrase.
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(map(str, first["loc"])) or "body"
        raise BadField(name, first["msg"]) from None


def read_object(known: Collection[str] | None = None) -> dict[str, Any]:
    """The JSON object of this request, or those members of it alone that are `known`.

    Raises `WrongKind` or `BadJson`.
    """
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset not in {"utf-8", "utf8"}:
        raise WrongKind
    try:
        text = request.get_data().decode("utf-8")
        value = json.loads(
            text, parse_constant=_refuse, object_pairs_hook=_without_twins, parse_int=_number
        )
        if not isinstance(value, dict):
            raise BadJson
        if known is not None:
            value = {name: each for name, each in value.items() if name in known}
        _look_through(value)
    except (ValueError, RecursionError):
        raise BadJson from None
    return value


def _say_what_is_storable(schema: dict[str, Any]) -> None:
    # What has a pattern or a format of its own has no place for the character in it.
    if schema.get("type") == "string" and "format" not in schema:
        schema.setdefault("pattern", STORABLE)
    for each in (*schema.get("anyOf", []), *filter(None, [schema.get("items")])):
        _say_what_is_storable(each)


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and the infinities are Python's own, and no JSON.


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # Two readers could take different ones (RFC 8259 §4).
        raise ValueError("the same name twice")
    return found


def _number(digits: str) -> int | float:
    # A number that nothing here can have is none that anybody has to count with.
    return int(digits) if len(digits) <= 20 else float(digits)


def _look_through(value: Any, deep: int = 0) -> None:
    """Refuse what no database takes: half of a pair of surrogates, NUL; and too deep nesting."""
    if deep > MOST_DEEP:
        raise ValueError("too deep")
    if isinstance(value, str):
        value.encode("utf-8")
        if "\0" in value:
            raise ValueError("a NUL")
    elif isinstance(value, list):
        for each in value:
            _look_through(each, deep + 1)
    elif isinstance(value, dict):
        for name, each in value.items():
            _look_through(name, deep + 1)
            _look_through(each, deep + 1)
