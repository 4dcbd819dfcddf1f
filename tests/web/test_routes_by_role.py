"""Every route as everybody: nobody, a learner, each role of the box, and one that permits nothing.

Who gets past a door does not hang on the kind of database, so that one is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core.audit import NOWHERE
from app.core.people import granting, rolebook
from app.core.people.roles import Permission
from app.models.people import Role

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ROLES = {
    "owner": "*",
    "manager": "* except roles:write",
    "help desk": "insight:read outbox:read people:help people:read programs:read roster:read",
    "auditor": "*:read",
    "nothing": "",
}
"""What each role may do: the four of the box, and one that was made to permit nothing."""

ADMIN = {"admin", "admin_legacy"}
"""The blueprints whose pages ask for a permission."""

TABLE = Path(__file__).with_name("admin_routes.txt")
"""Permission, method and address of every admin route: changing one is a line of its own."""

FIRST_PAGE = "/admin"
"""It asks for any permission at all."""

LEARNERS = """
/accept_disclaimer/<code>
/account
/account/conversations
/account/conversations.csv
/account/conversations/<conversation_id>
/account/conversations/<conversation_id>/delete
/account/email
/account/email/<token>
/account/password
/account/phone
/account/phone/code
/account/phone/remove
/account/pin
/account/pin/remove
/account/profile
/account/sessions/<int(max=2147483647):session_id>/end
/account/sessions/end-others
/account/ways/<provider>
/account/ways/<provider>/confirm
/account/ways/<provider>/remove
/chat
/chat/<code>
/chat/<code>/clear
/clear_chat_history
/confirm
/index_bcc
/index_generic/<code>
/index_mi
/index_safety
/older_messages
/program_select
/set_program/<code>
"""
"""What asks nobody for a permission, but everybody to sign in."""

CHANGES = {"write", "help"}
LOOKING = {
    "/admin/conversations/export": "a large file is made in the background: that takes a row",
    "/admin/conversations/saved/export": "that it was taken is written down about its person",
    "/admin/search_conversations": "the legacy application searched by POST",
    "/get_chatbot_content": "the legacy application read by POST",
}
"""POST routes that ask for a permission to read alone, and why."""

VALUES = {"token": "x" * 60, "code": "NOPE", "filename": "app.css", "conversation_id": "x"}
VALUES |= {"provider": "google"}


def permissions_of(words: str) -> set[str]:
    """The permissions that a line of `ROLES` stands for."""
    everything = {each.value for each in Permission}
    if words == "*:read":
        return {each for each in everything if each.endswith(":read")}
    if words.startswith("*"):
        return everything - set(words.split()[2:])
    return set(words.split())


def routes(app: Flask) -> Iterator[tuple[str, str, str, Any]]:
    """Method, rule, path and view of every route but the static files."""
    adapter = app.url_map.bind("localhost")
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint == "static":
            continue
        # An id that nobody has: what is behind the door says 404, and nothing changes.
        values = {name: VALUES.get(name, 2_000_000_000) for name in rule.arguments}
        for method in sorted(rule.methods & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            path = adapter.build(rule.endpoint, values, method=method)
            yield method, rule.rule, path, app.view_functions[rule.endpoint]


def is_admin(rule: str, view: Any) -> bool:
    """Whether a route belongs to the admin area, by its address or by what it asks for."""
    return rule.startswith("/admin") or hasattr(view, "permission")


@pytest.fixture
def as_role(people, db, visitors):
    """Signs somebody in who has this role and no other; their visitor and their token."""

    def sign_in(name: str | None) -> tuple[Any, str]:
        email = f"{(name or 'learner').replace(' ', '-')}@agency.example"
        people.account(email)
        if name == "nothing":
            db.add(Role(name=name, permissions=[], version=0))
        if name is not None:
            granting.grant(db, rolebook.find(db, name).id, email, by=None, origin=NOWHERE)
        db.commit()
        visitor = visitors()
        assert visitor.sign_in(email).status_code == 303
        return visitor, visitor.token("/program_select")

    return sign_in


def test_every_admin_route_names_its_permission(app):
    asked = {
        rule: getattr(view, "permission", None)
        for _method, rule, _path, view in routes(app)
        if is_admin(rule, view) and rule != FIRST_PAGE
    }
    assert len(asked) > 40
    assert {rule: each for rule, each in asked.items() if not isinstance(each, Permission)} == {}
    assert set(asked.values()) <= set(Permission)
    blueprints = {rule.endpoint.split(".")[0] for rule in app.url_map.iter_rules()}
    assert {each for each in blueprints if each.startswith("admin")} == ADMIN


def test_every_admin_route_asks_for_the_permission_of_the_table(app):
    asked = {
        f"{view.permission.value} {method} {rule}"
        for method, rule, _path, view in routes(app)
        if is_admin(rule, view) and rule != FIRST_PAGE
    }
    assert asked == set(TABLE.read_text("utf-8").splitlines())


def test_what_changes_something_asks_for_more_than_reading(app):
    too_little = {
        rule: view.permission.value
        for method, rule, _path, view in routes(app)
        if method != "GET" and hasattr(view, "permission") and rule not in LOOKING
        if view.permission.value.split(":")[1] not in CHANGES
    }
    assert too_little == {}


def test_the_roles_of_the_box_are_those_of_the_table(db):
    found = {each.role.name: set(each.role.permissions) for each in rolebook.all_roles(db)}
    assert found == {name: permissions_of(words) for name, words in ROLES.items() if words}


@pytest.mark.parametrize("name", ROLES)
def test_a_role_opens_what_it_permits_and_nothing_else(app, as_role, name):
    visitor, token = as_role(name)
    held = permissions_of(ROLES[name])
    wrong = []
    for method, rule, path, view in routes(app):
        if not is_admin(rule, view):
            continue
        permission = getattr(view, "permission", None)
        may = permission.value in held if permission else bool(held)
        status = visitor.client.open(path, method=method, data={"csrf_token": token}).status_code
        if (status == 403) is may or status >= 500:
            wrong.append((method, rule, permission, status))
    assert wrong == []


def test_nobody_and_a_learner_get_into_no_admin_page(app, as_role, visitors):
    learner, token = as_role(None)
    wrong = []
    for method, rule, path, view in routes(app):
        if not is_admin(rule, view):
            continue
        answer = learner.client.open(path, method=method, data={"csrf_token": token})
        guest = visitors()
        outside = guest.client.open(path, method=method, data={"csrf_token": guest.token()})
        to_sign_in = (outside.location or "").startswith("/login?next=")
        if answer.status_code != 403 or not to_sign_in:
            wrong.append((method, rule, answer.status_code, outside.status_code))
    assert wrong == []


def test_a_learners_pages_are_those_of_the_table_and_the_rest_is_for_everybody(app, visitors):
    guest = visitors()
    token = guest.token()
    closed = set()
    for method, rule, path, view in routes(app):
        if is_admin(rule, view):
            continue
        answer = guest.client.open(path, method=method, data={"csrf_token": token})
        if re.match("/login[?]next=", answer.location or ""):
            closed.add(rule)
    assert sorted(closed) == sorted(LEARNERS.split())


def test_no_role_gets_json_posted_without_a_token(app, as_role):
    # The same of forms is tested of every route, whoever it is for, in test_every_answer.
    owner, _token = as_role("owner")
    wrong = []
    for method, rule, path, view in routes(app):
        if method == "GET" or not is_admin(rule, view):
            continue
        status = owner.client.open(path, method=method, json={}).status_code
        if status != 400:
            wrong.append((method, rule, status))
    assert wrong == []
