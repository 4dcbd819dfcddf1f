"""The pages for developers show every contract as its document has it, with examples that fit."""

import json
import re
import shlex
from itertools import pairwise

import pytest
from jsonschema import Draft202012Validator

from app.web.docs import reading
from app.web.docs.samples import Samples

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing on these pages comes from the database."""


@pytest.fixture
def documents(app, visitor):
    """The documents that are served, by the name of their contract."""
    found = [re.fullmatch(r"/openapi/(\w+)\.json", each.rule) for each in app.url_map.iter_rules()]
    names = {each[1] for each in found if each}
    assert "auth" in names
    return {name: visitor.get(f"/openapi/{name}.json").json for name in names}


def operations(document):
    """Each operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield path, method, told


def test_every_operation_of_every_document_stands_on_its_page(documents, visitor):
    overview = visitor.page(visitor.get("/docs"))
    links = {each["href"] for each in overview.select("main a")}
    assert "/embed" in links
    for name, document in documents.items():
        assert {f"/docs/{name}", f"/openapi/{name}.json"} <= links
        page = visitor.page(visitor.get(f"/docs/{name}"))
        assert page.h1.text == document["info"]["title"]
        there = [each["id"] for each in page.select(".operation")]
        told = [each["operationId"] for _path, _method, each in operations(document)]
        assert sorted(there) == sorted(told)
        for path, method, each in operations(document):
            shown = " ".join(page.select_one(f"#{each['operationId']}").text.split())
            described = each.get("description", "").replace("`", "")
            for words in (path, method.upper(), described, *each["responses"]):
                assert words in shown, (each["operationId"], words)
            schema = each.get("requestBody", {}).get("content", {}).get("application/json")
            for member in _members(document, schema):
                assert member in shown, (each["operationId"], member)


def _members(document, told):
    if told is None:
        return []
    name = told["schema"]["$ref"].rpartition("/")[2]
    return document["components"]["schemas"][name]["properties"]


def test_the_instruction_text_of_a_gpt_is_linked_beside_its_document(documents, visitor, app):
    texts = [each.rule for each in app.url_map.iter_rules() if each.rule.startswith("/openapi/")]
    links = {
        link["href"]
        for name in documents
        for link in visitor.page(visitor.get(f"/docs/{name}")).select("main .actions a")
    }
    assert set(texts) <= links


def test_operations_come_in_the_order_of_a_journey(visitor):
    page = visitor.page(visitor.get("/docs/auth"))
    there = [each["id"] for each in page.select(".operation")]
    journey = ["requestOtp", "verifyOtp", "refresh", "logout"]
    assert [each for each in there if each in journey] == journey


def test_every_example_fits_the_schema_that_it_stands_for(documents):
    checked = 0
    for document in documents.values():
        samples = Samples(document["components"]["schemas"])
        for _path, _method, told in operations(document):
            body = told.get("requestBody", {}).get("content", {})
            answers = [each.get("content", {}) for each in told["responses"].values()]
            for content, make in [(body, samples.body)] + [(a, samples.value) for a in answers]:
                for each in content.values():
                    schema = {**each["schema"], "components": document["components"]}
                    Draft202012Validator(schema).validate(make(each["schema"]))
                    checked += 1
    assert checked > 20


def test_the_lines_of_each_operation_are_a_request_that_its_document_knows(
    documents, visitor, visitors
):
    for name, document in documents.items():
        page = visitor.page(visitor.get(f"/docs/{name}"))
        for path, method, told in operations(document):
            lines = page.select_one(f"#{told['operationId']} pre[data-kind=shell]").text
            words = shlex.split(lines)
            assert words[0] == "curl"
            assert "$TOKEN" not in lines or name == "auth", "elsewhere a key is asked for"
            [address] = [each for each in words if each.startswith("http")]
            assert address == document["servers"][0]["url"] + path
            sent = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
            headers = dict(each.split(": ") for flag, each in pairwise(words) if flag == "-H")
            headers.pop("Content-Type", None)
            answer = visitors().client.open(path, method=method, json=sent, headers=headers)
            assert str(answer.status_code) in told["responses"], (path, answer.text)


def test_the_pages_set_no_cookie_run_no_code_of_others_and_are_linked_everywhere(visitor):
    for path in ("/docs", "/docs/auth"):
        response = visitor.get(path)
        page = visitor.page(response)
        assert "Set-Cookie" not in response.headers
        assert all(each["src"].startswith("/static/") for each in page.select("script"))
        for region in page.select("pre"):
            assert (region["tabindex"], region["role"]) == ("0", "region")
    footer = visitor.page(visitor.get("/login")).select_one("footer")
    assert "/docs" in [each["href"] for each in footer.select("a")]
    assert visitor.get("/docs/nothing").status_code == 404


DOCUMENT = {
    "info": {"title": "Planted", "description": "Words."},
    "servers": [{"url": "https://learn.agency.example"}],
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}},
        "schemas": {},
    },
    "paths": {
        "/plant": {
            "post": {
                "operationId": "plant",
                "summary": "Plant it.",
                "security": [{"key": []}],
                "requestBody": {
                    "content": {"application/json": {"schema": {
                        "type": "object", "required": ["note"],
                        "properties": {"note": {"type": "string", "examples": ["it's <b>"]}},
                    }}}
                },
                "responses": {
                    "200": {"description": "OK", "content": {"application/json": {
                        "schema": {"type": "object", "properties": {
                            "count": {"type": "integer", "minimum": 1, "maximum": 9},
                            "open": {"type": "boolean"},
                        }}
                    }}},
                    "418": {"description": "I'm a teapot"},
                },
            }
        }
    },
}  # fmt: skip


def test_what_a_document_can_say_is_read(app):
    with app.test_request_context():
        contract = reading.read("planted", "/openapi/planted.json", DOCUMENT, order=["/plant"])
    [operation] = contract.operations
    assert (operation.method, operation.path, operation.summary) == ("POST", "/plant", "Plant it")
    assert operation.credentials == ["a key, in the header x-key"]
    assert [(each.name, each.kind, each.is_needed) for each in operation.takes] == [
        ("note", "text", True)
    ]
    assert shlex.split(operation.example)[-1] == '{"note": "it\'s <b>"}'
    [answer] = operation.answers
    assert [(each.name, each.kind) for each in answer.members] == [
        ("count", "number, 1 to 9"),
        ("open", "true or false"),
    ]
    assert [(each.status, each.words) for each in operation.refusals] == [("418", "I'm a teapot")]
