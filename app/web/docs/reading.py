"""A contract as its pages show it: plain values, read from its OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app.web.docs.samples import Samples, Schema, written


@dataclass(frozen=True)
class Member:
    """A member of a JSON object, by its whole name, like `user.programs[].code`."""

    name: str
    kind: str
    words: str
    is_needed: bool


@dataclass(frozen=True)
class Answer:
    """What comes back: its status, what it means, its members, and an example."""

    status: str
    words: str
    members: list[Member]
    sample: str | None


@dataclass(frozen=True)
class Operation:
    """One thing that a program can ask."""

    name: str
    method: str
    path: str
    summary: str
    words: str
    credentials: list[str]
    body: str
    takes: list[Member]
    example: str
    answers: list[Answer]
    refusals: list[Answer]


@dataclass(frozen=True)
class Contract:
    """A document: for whom it is, and all its operations."""

    name: str
    address: str
    title: str
    words: str
    server: str
    credentials: list[str]
    operations: list[Operation]


def read(name: str, address: str, document: Mapping[str, Any], *, order: Sequence[str]) -> Contract:
    """The contract in `document`, served at `address`; its paths come in the order of `order`."""
    reader = Reader(document)
    places = {path: place for place, path in enumerate(order)}
    paths = sorted(document["paths"].items(), key=lambda each: places.get(each[0], len(places)))
    return Contract(
        name=name,
        address=address,
        title=document["info"]["title"],
        words=document["info"]["description"],
        server=reader.server,
        credentials=[_shown(each) for each in reader.schemes.values()],
        operations=[
            reader.operation(method, path, told)
            for path, methods in paths
            for method, told in methods.items()
        ],
    )


class Reader:
    """Reads the operations of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        parts = document["components"]
        self.schemes: dict[str, Any] = parts.get("securitySchemes", {})
        self.samples = Samples(parts["schemas"])
        self.server: str = document["servers"][0]["url"]

    def operation(self, method: str, path: str, told: Mapping[str, Any]) -> Operation:
        """One operation, by its method and path."""
        schema = _schema_of(told.get("requestBody", {}))
        answers = [self._answer(status, each) for status, each in told["responses"].items()]
        return Operation(
            name=told["operationId"],
            method=method.upper(),
            path=path,
            summary=told["summary"].removesuffix("."),
            words=told.get("description", ""),
            credentials=[
                _shown(self.schemes[each]) for asked in told.get("security", []) for each in asked
            ],
            body=self.samples.resolve(schema).get("description", "") if schema else "",
            takes=list(self._members(schema)) if schema else [],
            example=self._example(method.upper(), path, told, schema),
            answers=[each for each in answers if each.status < "400"],
            refusals=[each for each in answers if each.status >= "400"],
        )

    def _answer(self, status: str, told: Mapping[str, Any]) -> Answer:
        schema = _schema_of(told)
        is_object = schema is not None and self.samples.resolve(schema).get("type") != "string"
        return Answer(
            status=status,
            words=meaning(status) or told["description"],
            members=list(self._members(schema)) if schema and is_object else [],
            sample=written(self.samples.value(schema)) if schema and is_object else None,
        )

    def _members(self, schema: Schema, above: str = "") -> Iterator[Member]:
        schema = self.samples.resolve(schema)
        if schema.get("type") == "array":
            yield from self._members(schema["items"], f"{above}[]")
            return
        needed = schema.get("required", [])
        for name, part in self.samples.members(schema).items():
            whole = self.samples.resolve(part)
            full = f"{above}.{name}" if above else name
            words = part.get("description") or whole.get("description", "")
            yield Member(full, self._kind(whole), words, name in needed)
            inner = self.samples.resolve(whole["items"]) if "items" in whole else whole
            if inner.get("properties"):
                yield from self._members(whole, full)

    def _kind(self, schema: Schema) -> str:
        schema = self.samples.resolve(schema)
        if "const" in schema:
            return f"“{schema['const']}”"
        if "enum" in schema:
            words: str = _("one of %(words)s", words=", ".join(schema["enum"]))
            return words
        if choices := schema.get("anyOf"):
            kinds = [self._kind(each) for each in choices if each.get("type") != "null"]
            may_be_none = len(kinds) < len(choices)
            return str(_(" or ")).join([*kinds, _("null")] if may_be_none else kinds)
        return _kind_of(schema, self._kind)

    def _example(
        self, method: str, path: str, told: Mapping[str, Any], schema: Schema | None
    ) -> str:
        # Who sends a body need not say that it is a POST.
        asks = "" if method == "GET" or schema is not None else f" -X {method}"
        parts = [f"curl -sS{asks} {self.server}{path}"]
        for asked in told.get("security", []):
            parts += [f'-H "{_header(self.schemes[each])}"' for each in asked]
        if schema is not None:
            parts += ["-H 'Content-Type: application/json'", f"-d '{self._body(schema)}'"]
        return " \\\n  ".join(parts)

    def _body(self, schema: Schema) -> str:
        sent = self.samples.body(schema)
        text = json.dumps(sent, ensure_ascii=False) if len(sent) < 2 else written(sent)
        return text.replace("'", "'\\''").replace("\n", "\n  ")


def _kind_of(schema: Schema, kind: Any) -> str:
    least, most = schema.get("minLength"), schema.get("maxLength")
    if schema.get("type") == "array":
        each = kind(schema.get("items", {}))
        words: str = _("list of objects") if each == _("object") else _("list: %(kind)s", kind=each)
    elif schema.get("type") == "object" or "properties" in schema:
        words = _("object")
    elif schema.get("type") == "boolean":
        words = _("true or false")
    elif schema.get("type") == "integer":
        least, most = schema.get("minimum"), schema.get("maximum")
        both = least is not None and most is not None
        words = _("number, %(least)s to %(most)s", least=least, most=most) if both else _("number")
    elif schema.get("format") == "date-time":
        words = _("moment (RFC 3339)")
    elif least and most:
        words = _("text, %(least)s to %(most)s characters", least=least, most=most)
    elif most:
        words = _("text, up to %(most)s characters", most=most)
    else:
        words = _("text")
    return words


def meaning(status: str) -> str:
    """What a status says to who sees it, whatever the operation; empty where there is no rule."""
    meanings: dict[str, str] = {
        "200": _("Done."),
        "201": _("Stored."),
        "204": _("Done; the answer has no body."),
        "400": _("What was sent does not fit, or the code is not right."),
        "401": _("Who asks is not known, or no longer."),
        "403": _("The key is missing, or not for this."),
        "404": _("There is no such thing for this person."),
        "409": _("It is there already, with another content."),
        "413": _("Too much was sent."),
        "415": _("The body is not application/json."),
        "429": _("Too often. Retry-After says how many seconds to wait."),
        "500": _("A failure on our side. Try again later."),
        "503": _("Busy for a moment. Retry-After says when to try again."),
    }
    return meanings.get(status, "")


def _schema_of(told: Mapping[str, Any]) -> Schema | None:
    """The schema of a body, in whichever of its forms it is described."""
    for each in told.get("content", {}).values():
        schema: Schema = each["schema"]
        return schema
    return None


def _header(scheme: Mapping[str, Any]) -> str:
    if scheme["type"] == "apiKey":
        return f"{scheme['name']}: $KEY"
    held = "$TOKEN" if scheme.get("bearerFormat") == "JWT" else "$KEY"
    return f"Authorization: Bearer {held}"


def _shown(scheme: Mapping[str, Any]) -> str:
    """How a program shows who it is, in words."""
    words: str
    if scheme["type"] == "apiKey":
        words = _("a key, in the header %(name)s", name=scheme["name"])
    elif scheme.get("bearerFormat") == "JWT":
        words = _("an access token, in the header Authorization: Bearer")
    else:
        words = _("a key, in the header Authorization: Bearer")
    return words
