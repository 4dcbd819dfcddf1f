"""Examples of what a schema describes: the document's own, else such as the reader would send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ADDRESS = "noor@learn.example"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1XzQ4MjEzMDc3In0.c2lnbmF0dXJl"  # noqa: S105 - opens nothing

NAMED: dict[str, Any] = {
    "Asked.expires_in": 300,
    "Deleted.message": "Conversation deleted",
    "Failure.message": "A valid bearer key is needed.",
    "Problem.code": "no_token",
    "Problem.detail": "Send your access token.",
    "Problem.status": 401,
    "Problem.title": "Unauthorized",
    "Problem.type": "about:blank",
    "Sent.message": "Verification code sent successfully",
    "Verified.message": "Verification successful",
    "access_token": TOKEN,
    "before": "0d3cf0a8-5f5b-4b0e-9d0a-6f6f3a1c2b77",
    "Exchange.code": "q3n2…",
    "Handed.code": "q3n2…",
    "client_id": "rc_7Q2fT9aZ",
    "code": "204816",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "country": "NL",
    "dateCreated": "2026-03-02T09:15:00Z",
    "email": ADDRESS,
    "error": "Invalid API key",
    "excerpt": "Learner: how do I ask open questions?",
    "expires_in": 900,
    "id": "u_48213077",
    "instructions": "What to tell the person, in a sentence or two.",
    "kid": "mPqS8Jr3Xk0v1cYw5tN2dL7bUe9aFgHiQoRzTsVxC4E",
    "locale": "nl-NL",
    "message": "Hello",
    "name": "Noor Visser",
    "passPhrase": "green kettle by the canal",
    "passphrase": "amber tram at noon",
    "phone": "+31612345678",
    "pin": 48213077,
    "query": "open questions",
    "reference": "7KQM-3XTP",
    "refresh_token": "3w0mUqk6p0dQ…",
    "role": "learner",
    "roles": [],
    "status": "ACTIVE",
    "subject": "Hello",
    "token": TOKEN,
    "userId": "u_48213077",
    "user_id": "u_48213077",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
"""By the name of a member, or that of its schema and its own, where a document has no example."""

WANTED = {"TestEmail": ("pin", "passPhrase"), "UpdateInit": ("pin",)}
"""What is sent of bodies that need nothing at all, by the name of their schema."""

OF_TYPE: dict[str, Any] = {"boolean": True, "integer": 1, "number": 1, "null": None}
OF_FORMAT = {"date-time": "2026-03-02T09:20:00Z", "email": ADDRESS}

Schema = Mapping[str, Any]


class Samples:
    """Makes examples; `schemas` are those that a document names."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self.schemas = schemas

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself, where this one only points to it; what is said beside that counts."""
        if "$ref" not in schema:
            return schema
        found = self.schemas[schema["$ref"].rpartition("/")[2]]
        return {**found, **{key: each for key, each in schema.items() if key != "$ref"}}

    def body(self, schema: Schema) -> Any:
        """The least that somebody sends: what must be there, and one of what may be chosen."""
        schema = self.resolve(schema)
        first = schema.get("oneOf", [{}])[0].get("required", [])
        wanted = [*first, *(name for name in schema.get("required", []) if name not in first)]
        wanted = wanted or list(WANTED.get(schema.get("title", ""), ()))
        parts = schema.get("properties", {})
        return {name: self.value(parts[name], name) for name in wanted}

    @staticmethod
    def members(schema: Schema) -> dict[str, Schema]:
        """The members of an object: first those that it needs, in the order of the model."""
        parts = schema.get("properties", {})
        needed = [name for name in schema.get("required", []) if name in parts]
        return {name: parts[name] for name in [*needed, *parts]}

    def value(self, schema: Schema, name: str = "") -> Any:
        """Something that fits; a whole object, with all its members."""
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("examples"):
            return schema["examples"][0]
        if choices := schema.get("anyOf"):
            return self.value(choices[0], name)
        if "enum" in schema:
            return "SUCCESS" if "SUCCESS" in schema["enum"] else schema["enum"][0]
        if schema.get("type") == "object" or "properties" in schema:
            return {
                each: self.value(part, f"{schema.get('title')}.{each}")
                for each, part in self.members(schema).items()
            }
        named = NAMED.get(name, NAMED.get(name.rpartition(".")[2]))
        if schema.get("type") == "array" and not isinstance(named, list):
            return [self.value(schema.get("items", {}))]
        if named is not None and _fits(named, schema):
            return named
        return OF_FORMAT.get(schema.get("format", ""), OF_TYPE.get(schema.get("type", ""), "…"))


def written(value: Any) -> str:
    """The value as JSON that people read."""
    return json.dumps(value, ensure_ascii=False, indent=2)


KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "array": (list,)}


def _fits(value: Any, schema: Schema) -> bool:
    return isinstance(value, KINDS.get(schema.get("type", "string"), ()))
