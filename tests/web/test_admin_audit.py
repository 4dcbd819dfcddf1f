"""The audit log as admins read it, and as commands do."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.desk import books, entries, seals
from app.core.desk.entries import Filters
from app.models.records import AuditEntry
from app.web.admin.events import AREAS, WORDS

ADA = "ada@learn.agency.example"
HERE = Origin(ip="203.0.113.9", user_agent="Firefox", reference="7F3K-2QAB")


def keys(app):
    """The keys with which this app seals."""
    return seals.keys_of([app.extensions["rollcall"].settings.FLASK_SECRET_KEY])


def names(page):
    """What the rows of the log are called, from the top."""
    return [each.get_text(strip=True) for each in page.select("tbody th a")]


def test_every_event_has_words_and_every_area_a_name():
    assert {event.value for event in Event if event not in WORDS} == set()
    assert {area for area in entries.areas() if area not in AREAS} == set()


def test_each_filter_finds_what_it_is_for_and_nothing_else(people, db):
    admin = people.admin()
    ada = people.account(ADA)
    audit.record(db, Event.PAUSE_BEGAN, HERE, address=ADA)
    audit.record(db, Event.PAUSE_LIFTED, HERE, user_id=ada.id, by="link")
    audit.record(db, Event.ROSTER_APPLIED, Origin(ip="198.51.100.7"), actor_id=ada.id)
    db.commit()
    today = clock.today()
    for query, found in {
        "what=roster": ["List applied"],
        "what=sign_in:pause_began": ["Sign-in paused"],
        "what=sign_in": ["Pause lifted", "Sign-in paused", "Signed in"],
        f"person={ADA.upper()}": ["List applied", "Pause lifted", "Sign-in paused"],
        f"person={ADA}&what=sign_in": ["Pause lifted", "Sign-in paused"],
        f"actor={ADA}": ["List applied"],
        "actor=nobody@x.example": [],
        "ip=198.51.100.7": ["List applied"],
        "reference=7f3k-2qab": ["Pause lifted", "Sign-in paused"],
        f"since={today}&until={today}&what=roster": ["List applied"],
        f"until={today - timedelta(days=1)}": [],
        f"since={today + timedelta(days=1)}": [],
        "what=no_such_thing": [],
    }.items():
        page = admin.page(admin.get(f"/admin/audit?{query}"))
        assert names(page) == found, query
    odd = admin.get("/admin/audit?since=31.2.&person=%00&until=9999-12-31&ip=%F0%28")
    assert odd.status_code == 200
    assert "is no date" in odd.text


def test_pages_follow_each_other_without_a_gap(people, db):
    admin = people.admin()
    row = {"at": clock.now(), "event": Event.CHAT_CLEARED.value, "details": {}}
    db.execute(insert(AuditEntry), [row] * 120)
    db.commit()
    path, seen = "/admin/audit?what=chat", []
    while path:
        page = admin.page(admin.get(path))
        seen += [int(each["href"].rsplit("/", 1)[1]) for each in page.select("tbody th a")]
        following = page.select_one("a[rel=next]")
        path = following and following["href"]
    assert len(seen) == 120
    assert seen == sorted(set(seen), reverse=True)


def test_an_entry_shows_old_and_new_and_its_seal(app, people, db):
    admin = people.admin()
    audit.record(
        db, Event.ACCOUNT_ADDED, HERE, user_id=1, actor_id=1,
        changed={"status": ["Active", "Inactive"]}, note="<b>by hand</b>",
    )  # fmt: skip
    db.commit()
    newest = db.scalar(select(func.max(AuditEntry.id)))
    response = admin.get(f"/admin/audit/{newest}")
    page = admin.page(response)
    assert (page.select_one("del").text, page.select_one("ins").text) == ("Active", "Inactive")
    assert "<b>by hand" not in response.text
    assert "Waits" in response.text
    books.keep(db, keys(app))
    assert f"Number {newest} of the chain" in admin.get(f"/admin/audit/{newest}").text
    assert admin.get("/admin/audit/999999999999").status_code == 404


def test_the_live_tail_brings_what_came_since_as_rows_of_the_page(people, db):
    admin = people.admin()
    page = admin.page(admin.get("/admin/audit"))
    bar = page.select_one("[data-tail]")
    nothing = admin.get(f"{bar['data-tail']}?after={bar['data-last']}").json
    assert (nothing["count"], nothing["rows"].strip()) == (0, "")
    audit.record(db, Event.PAUSE_BEGAN, HERE, address="<i>@x.example")
    db.commit()
    news = admin.get(f"{bar['data-tail']}?after={bar['data-last']}").json
    assert news["count"] == 1
    assert "Sign-in paused" in news["rows"]
    assert "<i>" not in news["rows"]
    assert admin.get(f"{bar['data-tail']}?after={news['last']}").json["count"] == 0


def numbers(rows):
    """The ids of the entries in rows of the table, from the top."""
    return [int(each) for each in re.findall(r'data-entry="(\d+)"', rows)]


def watch(visitor, bar, last=None, missing=()):
    """What the tail brings after an entry, with those that it waits for."""
    address, late = bar["data-tail"], ",".join(map(str, missing))
    asked = f"after={last or bar['data-last']}&missing={late}"
    return visitor.get(f"{address}{'&' if '?' in address else '?'}{asked}").json


def test_the_live_tail_skips_nothing_of_a_burst(people, db):
    admin = people.admin()
    bar = admin.page(admin.get("/admin/audit?what=chat")).select_one("[data-tail]")
    row = {"at": clock.now(), "event": Event.CHAT_CLEARED.value, "details": {}}
    db.execute(insert(AuditEntry), [row] * 120)
    db.commit()
    seen, last, pages = [], bar["data-last"], []
    while not pages or pages[-1]["more"]:
        pages.append(watch(admin, bar, last))
        found = numbers(pages[-1]["rows"])
        assert found == sorted(found, reverse=True)
        seen += found[::-1]
        last = pages[-1]["last"]
    assert [each["count"] for each in pages] == [50, 50, 20]
    shown = select(AuditEntry.id).where(AuditEntry.event == Event.CHAT_CLEARED.value)
    assert seen == list(db.scalars(shown.order_by(AuditEntry.id)))


def test_the_live_tail_waits_for_what_has_not_happened_yet(people, db):
    admin = people.admin()
    page = admin.page(admin.get(f"/admin/audit?person={ADA}&what=sign_in:pause_began"))
    bar = page.select_one("[data-tail]")
    assert "No entry fits" in page.select_one("[data-tail-empty]").text
    assert page.select_one("[data-tail-table]").has_attr("hidden")
    audit.record(db, Event.PAUSE_BEGAN, HERE, address="bo@x.example")
    audit.record(db, Event.CODE_ASKED, HERE, address=ADA)
    db.commit()
    assert watch(admin, bar)["count"] == 0
    audit.record(db, Event.PAUSE_BEGAN, HERE, address=ADA)
    db.commit()
    news = watch(admin, bar)
    assert (news["count"], news["more"]) == (1, False)
    assert "Sign-in paused" in news["rows"]


def test_the_live_tail_brings_an_entry_whose_transaction_ended_late(app, people, db):
    if db.get_bind().dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: its entries come in the order of their ids")
    admin = people.admin()
    bar = admin.page(admin.get("/admin/audit")).select_one("[data-tail]")
    with app.extensions["rollcall"].sessions() as slow:
        audit.record(slow, Event.ROSTER_APPLIED, HERE)
        audit.record(db, Event.CHAT_CLEARED, HERE)
        db.commit()
        first = watch(admin, bar)
        slow.commit()
    (late,) = first["missing"]
    assert first["last"] == late + 1
    assert watch(admin, bar, first["last"])["count"] == 0
    second = watch(admin, bar, first["last"], first["missing"])
    assert (numbers(second["rows"]), second["last"]) == ([late], late + 1)
    # What fits no filter is not brought because it was late, and nonsense is nobody's id.
    of_chats = {"data-tail": "/admin/audit/tail?what=chat"}
    assert watch(admin, of_chats, late + 1, [late, "x", -1, 10**12])["count"] == 0


def test_the_export_is_what_is_filtered_and_holds_no_formula(people, db, monkeypatch):
    monkeypatch.setattr(entries, "BATCH", 2)
    admin = people.admin()
    for _ in range(5):
        audit.record(db, Event.PAUSE_BEGAN, Origin(user_agent="=1+1"), address="=HYPERLINK(1)")
    db.commit()
    response = admin.get("/admin/audit/export?what=sign_in:pause_began")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="audit-')
    assert response.text.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(response.text.removeprefix("\ufeff"))))
    assert len(rows) == 5
    assert {(row["address"], row["user_agent"]) for row in rows} == {("'=HYPERLINK(1)", "'=1+1")}


def test_the_page_says_when_the_chain_was_verified_and_what_was_wrong(app, people, db):
    admin = people.admin()
    assert "nobody looked at it yet" in admin.get("/admin/audit").text
    books.keep(db, keys(app))
    books.look_after(db, keys(app), days=0)
    assert "The chain holds up to number 1" in admin.get("/admin/audit").text
    db.execute(update(AuditEntry).values(event="session:ended"))
    db.commit()
    books.look_after(db, keys(app), days=0)
    assert "is not as it was sealed" in admin.get("/admin/audit").text


def run(app, *command):
    """Run a command of the program: its exit code, what it printed, what it said beside that."""
    result = app.test_cli_runner().invoke(args=["rollcall", "audit", *command])
    return result.exit_code, result.stdout, result.stderr


def test_the_command_verifies_and_names_a_tampered_entry(app, people, db):
    people.admin()
    code, said, _ = run(app, "verify", "--json")
    assert (code, json.loads(said)["waiting"]) == (0, 1)
    code, said, _ = run(app, "verify", "--seal")
    assert (code, "The chain holds" in said) == (0, True)
    db.execute(update(AuditEntry).values(user_id=77))
    db.commit()
    code, said, _ = run(app, "verify", "--json")
    assert code == 1
    assert json.loads(said)["problem"]["what"] == "changed"
    code, _, error = run(app, "verify")
    assert (code, "Entry 1" in error) == (1, True)


def test_commands_export_show_and_prune(app, people, db):
    people.admin()
    audit.record(db, Event.PAUSE_BEGAN, HERE, address=ADA)
    db.commit()
    code, said, _ = run(app, "export", "--json", "--person", ADA)
    assert (code, json.loads(said)["address"]) == (0, ADA)
    code, said, _ = run(app, "export", "--what", "sign_in")
    assert len(said.splitlines()) == 3
    for name, value in (("ip", HERE.ip), ("reference", HERE.reference)):
        _, said, _ = run(app, "export", f"--{name}", value, "--what", "sign_in:pause_began")
        assert (ADA in said, len(said.splitlines())) == (True, 2)
        assert len(run(app, "export", f"--{name}", "none")[1].splitlines()) == 1
    _, said, _ = run(app, "export", "--actor", "grace@agency.example", "--json")
    assert {json.loads(each)["actor"] for each in said.splitlines()} == {"grace@agency.example"}
    code, said, _ = run(app, "show", "7f3k-2qab")
    assert (code, bool(re.search(r"sign_in:pause_began\s+ada@", said))) == (0, True)
    assert run(app, "show", "NONE-SUCH")[0] == 1
    assert run(app, "prune")[0] == 2
    run(app, "verify", "--seal")
    db.execute(update(AuditEntry).where(AuditEntry.id == 1).values(at=clock.now() - timedelta(9)))
    db.commit()
    code, said, _ = run(app, "prune", "--days", "5", "--json")
    assert json.loads(said) == {"days": 5, "entries": 1, "deleted": False}
    code, said, _ = run(app, "prune", "--days", "5", "--yes")
    assert (code, "1 entries" in said) == (0, True)
    assert run(app, "verify")[0] == 0


def test_a_long_log_is_searched_by_its_indexes(db):
    if db.get_bind().dialect.name != "sqlite":
        pytest.skip("SQLite says how it searches whatever the table holds")
    connection = db.connection()
    for filters in (Filters(), Filters(what="roster"), Filters(ip="::1"), Filters(reference="X"),
                    Filters(person=ADA), Filters(since=clock.today())):  # fmt: skip
        seen = []
        with_plan = connection.engine.connect()
        for way in entries._ways(db, filters):
            query = select(AuditEntry.id).where(*way).order_by(AuditEntry.id.desc()).limit(9)
            text = str(query.compile(with_plan, compile_kwargs={"literal_binds": True}))
            seen += [row[3] for row in with_plan.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        with_plan.close()
        assert not any("TEMP B-TREE" in step for step in seen), (filters, seen)
