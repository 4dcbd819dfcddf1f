"""The document for ChatGPT keeps the rules of Actions, each of them by its name."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.custom_gpt import CustomGpt

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

HOST = "learn.agency.example"
MOST = 100_000


@pytest.fixture
def environment(environment):
    """The settings' environment, with a public address."""
    return environment | {"PUBLIC_URL": f"https://{HOST}"}


@pytest.fixture
def client(app):
    """Who imports the document."""
    return app.test_client()


@pytest.fixture
def document(client):
    """The document as it is served."""
    answer = client.get("/openapi/gpt.json", base_url=f"https://{HOST}")
    assert answer.status_code == 200
    return json.loads(answer.text)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from refs(each)


def schemas(document: dict[str, Any], value: Any) -> Iterator[dict[str, Any]]:
    """The schema and all that it is made of, by its references too."""
    if "$ref" in value:
        name = value["$ref"].removeprefix("#/components/schemas/")
        value = document["components"]["schemas"][name]
    yield value
    for part in (*value.get("properties", {}).values(), *value.get("anyOf", [])):
        yield from schemas(document, part)
    if "items" in value:
        yield from schemas(document, value["items"])


def answers(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for _method, _path, operation in operations(document):
        for answer in operation["responses"].values():
            for kind, content in answer.get("content", {}).items():
                yield operation["operationId"], kind, content["schema"]


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for _method, _path, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield operation["operationId"], kind, content["schema"]


def a01(document: dict[str, Any]) -> bool:
    local = all(each.startswith("#/components/schemas/") for each in refs(document))
    return document["openapi"] == "3.1.0" and local


def a02(document: dict[str, Any]) -> bool:
    if len(document["servers"]) != 1:
        return False
    address = urlsplit(document["servers"][0]["url"])
    return (address.scheme, address.netloc, address.path) == ("https", HOST, "")


def a03(document: dict[str, Any]) -> bool:
    ids = [operation.get("operationId") for _, _, operation in operations(document)]
    return all(ids) and len(ids) == len(set(ids))


def a04(document: dict[str, Any]) -> bool:
    return len(list(operations(document))) <= 30


def a05(document: dict[str, Any]) -> bool:
    return all(
        0 < len(operation.get(each, "")) <= 300
        for _, _, operation in operations(document)
        for each in ("summary", "description")
    )


def a06(document: dict[str, Any]) -> bool:
    told = [each for _, _, schema in bodies(document) for each in schemas(document, schema)]
    told += [each for _, _, schema in answers(document) for each in schemas(document, schema)]
    told += [each for _, _, operation in operations(document)
             for each in operation.get("parameters", [])]  # fmt: skip
    return all(len(each.get("description", "")) <= 700 for each in told)


def a07(document: dict[str, Any]) -> bool:
    return not any(
        each["in"] in {"header", "cookie"}
        for _, _, operation in operations(document)
        for each in operation.get("parameters", [])
    )


def a08(document: dict[str, Any]) -> bool:
    schemes = document["components"]["securitySchemes"]
    if len(schemes) != 1:
        return False
    [(name, scheme)] = schemes.items()
    right = {"type": "apiKey", "in": "header", "name": "x-api-key"}
    return scheme == right and all(
        operation.get("security") in ([], [{name: []}]) for _, _, operation in operations(document)
    )


def a09(document: dict[str, Any]) -> bool:
    return "authorizationUrl" not in json.dumps(document)


def a10(document: dict[str, Any]) -> bool:
    return all(method in {"get", "post"} for method, _, _ in operations(document))


def a11(document: dict[str, Any]) -> bool:
    kinds = [(id_, kind) for id_, kind, _ in (*bodies(document), *answers(document))]
    return all(kind == "application/json" for id_, kind in kinds if id_ != "getPrivacyPolicy")


def a12(document: dict[str, Any]) -> bool:
    exempt = {"getPrivacyPolicy", "listConversations"}
    whole = [
        next(schemas(document, schema)) for id_, _, schema in answers(document) if id_ not in exempt
    ]
    nested = [
        each
        for _, _, schema in answers(document)
        for each in schemas(document, schema)
        if each.get("type") == "object"
    ]
    return all(
        each.get("type") == "object" and each.get("properties") for each in (*whole, *nested)
    ) and isinstance(document["components"]["schemas"], dict)


def a13(document: dict[str, Any]) -> bool:
    asks = {"updateConversation", "deleteConversation"}
    return all(
        operation.get("x-openai-isConsequential") is (operation["operationId"] in asks)
        for method, _, operation in operations(document)
        if method == "post"
    )


def a14(document: dict[str, Any]) -> bool:
    told = [each for _, _, schema in (*bodies(document), *answers(document))
            for each in schemas(document, schema)]  # fmt: skip
    # What is in all of an array's texts is limited together.
    together = [each["items"] for each in told if each.get("x-mostCharacters", MOST) < MOST]
    return all(
        each in together or "enum" in each or each.get("maxLength", MOST) < MOST
        if each.get("type") == "string"
        else each.get("maxItems", MOST) < MOST
        for each in told
        if each.get("type") in {"string", "array"}
    )


def a15(document: dict[str, Any]) -> bool:
    text = json.dumps(document)
    return not any(word in text for word in ('"binary"', "multipart/", "event-stream", "octet"))


RULES = [a01, a02, a03, a04, a05, a06, a07, a08, a09, a10, a11, a12, a13, a14, a15]


@pytest.mark.parametrize("rule", RULES)
def test_the_document_keeps_the_rule(document, rule):
    assert rule(document)


def _set(document: dict[str, Any], way: str, value: Any) -> dict[str, Any]:
    *parents, last = way.split(">")
    inner = document
    for each in parents:
        inner = inner[each]
    inner[last] = value
    return document


SEND, SHAPES = "paths>/auth/send-link>post", "components>schemas"
PLANTED = [
    (a01, "openapi", "3.0.3"),
    (a01, f"{SHAPES}>Sent>$ref", "https://elsewhere.example/x.json"),
    (a02, "servers", [{"url": "http://learn.agency.example"}]),
    (a02, "servers", [{"url": "https://learn.agency.example:8443"}]),
    (a03, f"{SEND}>operationId", "verifyCode"),
    (a04, "paths", {f"/{n}": {"post": {}} for n in range(31)}),
    (a05, f"{SEND}>description", "x" * 301),
    (a05, f"{SEND}>summary", ""),
    (a06, f"{SHAPES}>SendCode>properties>email>description", "x" * 701),
    (a07, f"{SEND}>parameters", [{"in": "header", "name": "x"}]),
    (a08, "components>securitySchemes", {}),
    (a08, f"{SEND}>security", [{"other": []}]),
    (a09, "components>authorizationUrl", "https://x.example"),
    (a10, "paths>/auth/send-link", {"put": {"operationId": "x", "responses": {}}}),
    (a11, f"{SEND}>requestBody>content", {"application/json; charset=utf-8": {"schema": {}}}),
    (a12, f"{SHAPES}>Sent", {"type": "object"}),
    (a12, f"{SHAPES}>Hit>properties", {}),
    (a13, f"{SEND}>x-openai-isConsequential", None),
    (a14, f"{SHAPES}>Sent>properties>message", {"type": "string"}),
    (a14, f"{SHAPES}>Hits>properties>conversations>maxItems", MOST),
    (a15, f"{SHAPES}>Sent>properties>message>format", "binary"),
]


@pytest.mark.parametrize(("rule", "way", "value"), PLANTED)
def test_a_planted_breach_is_found(document, rule, way, value):
    assert not rule(_set(copy.deepcopy(document), way, value))


def test_a16_the_instruction_text_is_short_enough_and_names_every_operation(client, document):
    answer = client.get("/openapi/gpt-instructions.txt", base_url=f"https://{HOST}")
    assert answer.mimetype == "text/plain"
    assert len(answer.text) <= 8000
    for _, _, operation in operations(document):
        if operation["operationId"] != "getPrivacyPolicy":
            assert operation["operationId"] in answer.text


def test_it_is_valid_and_has_the_operations_of_the_contract(document):
    OpenAPIV31SpecValidator(document).validate()
    inherited = {
        "sendVerificationCode": "/auth/send-link",
        "verifyCode": "/auth/verify-email",
        "addConversation": "/conversations",
        "listConversations": "/conversations/list",
        "getPrivacyPolicy": "/privacy-policy",
    }
    found = {operation["operationId"]: path for _, path, operation in operations(document)}
    assert found.items() >= inherited.items()
    assert document["paths"]["/conversations/list"]["post"]["responses"]["200"]
    assert document["paths"]["/conversations"]["post"]["responses"].keys() >= {"201", "400", "409"}


def test_every_example_of_the_document_is_taken(app, db, mails, people, document):
    """As a client that read the document would send it."""
    gpt = CustomGpt(app, db, mails)
    gpt.client.environ_base["HTTP_HOST"] = HOST
    people.account("noor@learn.example")
    token = gpt.sign_in("noor@learn.example")
    for id_, _, schema in bodies(document):
        own = {"token": token, "id": gpt.save(token, f"For {id_}.").json["id"]}
        shape = next(schemas(document, schema))
        body = {name: each["examples"][0] for name, each in shape["properties"].items()
                if "examples" in each}  # fmt: skip
        body |= {name: value for name, value in own.items() if name in shape["properties"]}
        path = next(path for _, path, each in operations(document) if each["operationId"] == id_)
        answer = gpt.post(path, body)
        expected = {"addConversation": 201, "verifyCode": 400}.get(id_, 200)
        assert answer.status_code == expected, (id_, answer.text)
