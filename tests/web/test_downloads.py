"""Every list that leaves is written down before its first row, whoever takes it and by what way."""

from __future__ import annotations

import re
from datetime import timedelta

import click
import pytest
from sqlalchemy import func, select, update

from app.cli import commands
from app.config import ROOT
from app.core import clock
from app.models.access import SignInSession
from app.models.records import AuditEntry
from tests import downloads
from tests.downloads import BY_GET, BY_POST, EMPTY, OWN

VALUES = {"code": "BCC", "filename": "app.css", "token": "x" * 60, "conversation_id": "x"}
VALUES |= {"provider": "google", "contract": "auth", "kind": "added"}


@pytest.fixture
def grace(people, db):
    """An owner, where there is something behind every address."""
    owner = people.admin()
    downloads.furnish(people, db)
    return owner


def last_id(db):
    """The id of the newest entry."""
    db.rollback()
    return db.scalar(select(func.max(AuditEntry.id))) or 0


def since(db, entry_id):
    """The entries after that one."""
    db.rollback()
    query = select(AuditEntry).where(AuditEntry.id > entry_id).order_by(AuditEntry.id)
    return list(db.scalars(query))


def test_every_file_by_get_is_in_the_table_and_leaves_its_entry_before_its_first_row(
    app, grace, db
):
    adapter = app.url_map.bind("localhost")
    files = set()
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint == "static":
            continue
        values = {name: VALUES.get(name, 1) for name in rule.arguments}
        known = BY_GET.get(rule.rule)
        path = known.path if known else adapter.build(rule.endpoint, values, method="GET")
        before = last_id(db)
        answer = grace.client.get(path, buffered=False)
        if "attachment" not in answer.headers.get("Content-Disposition", ""):
            answer.close()
            continue
        files.add(rule.rule)
        entries = since(db, before)
        assert answer.data
        if rule.rule in EMPTY:
            assert entries == []
            continue
        assert len(entries) == 1, rule.rule
        assert entries[0].actor_id, rule.rule
        if known:
            assert (entries[0].event, entries[0].details.get("kind")) == (known.event, known.kind)
    assert files == {*BY_GET, OWN, *EMPTY}


@pytest.mark.parametrize("path", BY_POST)
def test_a_file_by_a_form_leaves_its_entry_before_its_first_row(grace, db, path):
    before = last_id(db)
    form = {"csrf_token": grace.token("/admin"), **BY_POST[path]}
    answer = grace.client.post(path, data=form, buffered=False)
    entries = since(db, before)
    assert "attachment" in answer.headers["Content-Disposition"]
    assert [each.event for each in entries] == ["conversations:exported"]
    answer.close()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("route", BY_GET)
def test_a_list_with_people_on_it_asks_for_the_password_again(grace, db, route):
    db.execute(update(SignInSession).values(proved_at=clock.now() - timedelta(minutes=11)))
    db.commit()
    before, asked = last_id(db), BY_GET[route]
    page = {"Referer": "http://localhost/admin/people?q=ada"}
    answer = grace.get(asked.path, headers=page)
    if not asked.asks:
        assert answer.status_code == 200
        return
    assert answer.location.startswith("/confirm?next=")
    assert since(db, before) == []


def test_the_way_to_a_file_leads_back_to_the_page_with_its_link(grace, people, db):
    db.execute(update(SignInSession).values(proved_at=None))
    db.commit()
    page = {"Referer": "http://localhost/admin/people?q=ada"}
    way = grace.get("/admin/people/export?q=ada", headers=page).location
    proved = grace.submit(way, to="/confirm", password="three green kettles",
                          next="/admin/people?q=ada", again="1")  # fmt: skip
    assert "next=/admin/people?q%3Dada&again=1" in way
    assert proved.location == "/admin/people?q=ada"
    assert "Now press again" in grace.get(proved.location).text
    # Without a page before it the file itself comes, as it was narrowed.
    db.execute(update(SignInSession).values(proved_at=None))
    db.commit()
    assert "next=/export?q%3Dada" in grace.get("/export?q=ada").location


def test_an_entry_says_what_narrowed_the_list_and_holds_none_of_its_rows(grace, people, db):
    people.account("ada@learn.agency.example")
    before = last_id(db)
    grace.get("/admin/people/export?q=ada%00&status=active&role=")
    grace.get("/admin/people/export")
    narrowed, whole = since(db, before)
    assert narrowed.details == {
        "kind": "people", "filters": {"q": "ada", "status": "active"}, "whole": False,
    }  # fmt: skip
    assert (whole.details["filters"], whole.details["whole"]) == ({}, True)
    assert narrowed.reference
    page = grace.page(grace.get("/admin/audit?what=list"))
    assert [each.text for each in page.select("tbody th a")] == ["List taken as a file"] * 2


def test_nothing_but_the_room_of_files_sends_one():
    senders = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "app").rglob("*.py")
        if re.search(r"attachment;|send_file|as_attachment", path.read_text("utf-8"))
    }
    assert senders == {"app/web/account/conversations.py", "app/web/admin/downloads.py"}


TAKING = {
    "audit export": ([], "audit_log"),
    "conversations export": (["FILE"], None),
    "conversations saved export": (["FILE", "--person", "grace@agency.example"], None),
    "conversations search": (["kettle"], None),
    "people export": (["--search", "ada"], "people"),
    "people list": (["--search", "ada"], "people"),
    "roster compare": (["1", "2", "--list", "came"], "compared_lists"),
    "roster export": ([], "list_in_force"),
    "roster pairs": (["1"], "changed_addresses"),
}
"""Commands that print a list of people or write it to a file, and which list it is."""

NOBODY_IN_IT = {
    "api-key list": "keys",
    "client list": "clients",
    "jobs list": "jobs",
    "keys list": "keys",
    "programs list": "programs",
    "roles list": "roles and how many have them",
    "roster history": "imports and their counts",
}
"""Commands that list what is no person."""

LISTING = {"compare", "export", "history", "list", "pairs", "search"}
"""What a command is called that lists something."""


def leaves(group, above=()):
    """Every command below, by its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*above, name))
        else:
            yield " ".join((*above, name))


def test_every_command_that_lists_is_known():
    listing = {name for name in leaves(commands) if name.split()[-1] in LISTING}
    assert listing == {*TAKING, *NOBODY_IN_IT}


@pytest.mark.parametrize("command", TAKING)
def test_a_command_that_takes_a_list_leaves_an_entry(app, grace, people, db, tmp_path, command):
    words, kind = TAKING[command]
    if command == "roster compare":
        path = tmp_path / "list.csv"
        path.write_text("U1,Byron,bo@x.example,Active,C,2026-03-02,A1\n")
        runner = app.test_cli_runner()
        runner.invoke(args=["rollcall", "roster", "import", str(path), "--apply", "--force"])
    before = last_id(db)
    given = [str(tmp_path / "file") if word == "FILE" else word for word in words]
    result = app.test_cli_runner().invoke(args=["rollcall", *command.split(), *given])
    assert result.exit_code == 0, result.output
    entries = since(db, before)
    event = "list:taken" if kind else "conversations:exported"
    assert [(each.event, each.details.get("kind")) for each in entries] == [(event, kind)]
