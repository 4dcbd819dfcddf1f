"""The roster in the admin area: upload, preview, apply, put aside; who may, and what goes wrong."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app import BODY_LIMIT
from app.core.people.roles import OWNER, Permission
from app.database import Base
from app.models.people import Role
from app.models.records import AuditEntry
from app.models.rosters import RosterChange, RosterImport, RosterLine

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"
GRACE = "grace@agency.example"


def line(last_name: str = "Lovelace", email: str = ADA, ids: str = "A1") -> str:
    return f"U1,{last_name},{email},Active,Class 1,2026-03-02,{ids}\n"


def upload(visitor: Any, data: str | bytes, name: str = "list.csv", **fields: str) -> Any:
    content = data.encode() if isinstance(data, str) else data
    return visitor.submit("/admin/roster", file=(io.BytesIO(content), name), **fields)


def tables(db: Session) -> dict[str, list[str]]:
    db.rollback()
    changing = {"sessions", "audit_entries"}
    return {
        table.name: sorted(map(repr, db.execute(select(table))))
        for table in Base.metadata.sorted_tables
        if table.name not in changing
    }


def addresses(db: Session) -> list[str]:
    db.rollback()
    return sorted(db.scalars(select(RosterLine.address)))


def events(db: Session, name: str) -> list[AuditEntry]:
    db.rollback()
    return list(db.scalars(select(AuditEntry).where(AuditEntry.event == name)))


def tiles(page: Any) -> dict[str, str]:
    """The numbers on the preview by their words."""
    found = {}
    for tile in page.select("ul.tiles > li"):
        number = re.search(r"\d+", tile.get_text(" ", strip=True))
        words = re.sub(r"\d+", "", tile.get_text(" ", strip=True)).strip()
        found[words] = number[0] if number else ""
    return found


@pytest.fixture
def admin(people):
    return people.admin(GRACE)


# From the file to the list


def test_a_list_is_uploaded_looked_at_and_applied(admin, db, people):
    people.listed("Byron", BO, "B1")
    response = upload(admin, line() + line(ids="A2") + "U9,,x@x.example,Active,C,D,A1\n")
    assert response.status_code == 303
    preview = response.location
    page = admin.page(admin.get(preview))
    assert tiles(page) == {
        "New": "1",
        "Gone": "1",
        "Changed": "0",
        "Unchanged": "0",
        "Problem lines": "1",
    }
    assert page.find(string=re.compile("Nothing has changed yet"))
    assert page.find(id="added").find(string=ADA)
    assert page.find(id="removed").find(string=BO)
    assert "The last name is blank." in page.find(id="problems").get_text()
    assert addresses(db) == [BO]
    applied = admin.submit(preview, f"{preview}/apply", leave_out="y")
    assert applied.status_code == 303
    assert addresses(db) == [ADA, ADA]
    after = admin.follow(applied).text
    assert "The new list is in force." in after
    assert "Applied: this became the list." in after
    assert admin.get("/admin/roster").text.count("list.csv") >= 2
    (entry,) = events(db, "roster:applied")
    assert (entry.details["added"], entry.details["removed"]) == (1, 1)
    assert entry.actor_id is not None


def test_the_preview_changes_nothing_however_often_it_is_opened(admin, db):
    preview = upload(admin, line()).location
    before = tables(db)
    for _ in range(3):
        assert admin.get(preview).status_code == 200
    assert tables(db) == before
    assert addresses(db) == []


def test_problem_lines_need_the_tick(admin, db):
    preview = upload(admin, line() + "nonsense\n").location
    response = admin.submit(preview, f"{preview}/apply")
    assert response.status_code == 422
    assert "Tick that the problem lines are left out" in response.text
    assert addresses(db) == []
    assert admin.submit(preview, f"{preview}/apply", leave_out="y").status_code == 303
    assert addresses(db) == [ADA]


def test_a_list_that_is_put_aside_changes_nothing_and_cannot_be_applied(admin, db):
    preview = upload(admin, line()).location
    response = admin.submit(preview, f"{preview}/discard")
    assert response.status_code == 303
    assert "Put aside. The list in force stays as it was." in admin.follow(response).text
    assert admin.page(admin.get(preview)).find("form", id="apply") is None
    assert admin.submit("/admin/roster", f"{preview}/apply").status_code == 409
    assert addresses(db) == []


def test_the_same_list_again_is_said_to_be_in_force(admin):
    preview = upload(admin, line()).location
    admin.submit(preview, f"{preview}/apply")
    again = upload(admin, line()).location
    page = admin.get(again)
    assert "Nothing to do" in page.text
    assert tiles(admin.page(page))["Unchanged"] == "1"


def test_a_second_press_of_apply_says_that_it_was_applied(admin, db):
    preview = upload(admin, line()).location
    first = admin.submit(preview, f"{preview}/apply")
    second = admin.submit("/admin/roster", f"{preview}/apply")
    assert (first.status_code, second.status_code) == (303, 409)
    assert "already applied or put aside" in second.text
    assert addresses(db) == [ADA]


def test_of_two_admins_with_a_list_each_the_second_must_look_again(admin, db):
    first, second = upload(admin, line()).location, upload(admin, line("Byron", BO)).location
    assert admin.submit(first, f"{first}/apply").status_code == 303
    refused = admin.submit(second, f"{second}/apply")
    assert refused.status_code == 409
    assert "The list changed since this file was checked. Upload it again." in refused.text
    assert addresses(db) == [ADA]


def test_names_and_ids_from_a_file_are_text_and_never_markup(admin):
    markup = "<script>alert(1)</script>"
    data = line(markup, ids=f"{markup}") + f"U9,,{markup}@x,Active,C,D,A1\n"
    data += line("Cay", "cy@x.example").replace("Active", markup)
    response = upload(admin, data, name=f"{markup}.csv")
    for path in (response.location, "/admin/roster"):
        text = admin.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_the_encoding_the_delimiter_and_an_accented_name_are_shown(admin):
    data = (line("Mu\u00f1oz") + line("Byron", BO)).replace(",", ";").encode("cp1252")
    text = admin.get(upload(admin, data, cp1252="y").location).text
    assert "Windows-1252" in text
    assert "Mu\u00f1oz" in text


def test_a_long_preview_shows_the_first_hundred_and_says_how_many_more(admin):
    data = "".join(line("N", f"p{n:03}@x.example") for n in range(130))
    bad = "".join(f"U{n},,q{n}@x.example,Active,C,D,A\n" for n in range(130))
    page = admin.page(admin.get(upload(admin, data + bad).location))
    assert len(page.find(id="added").select("tbody tr")) == 100
    assert len(page.find(id="problems").select("tbody tr")) == 100
    assert page.get_text().count("and 30 more") == 2


# Refused files


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty."),
        (line().replace("Active", "Inactive").encode(), "no active person"),
        (b"U1,,x,Active\n", "first is line 1."),
        (line("Mu\u00f1oz").encode("cp1252"), "Line 1 is not UTF-8."),
        (line().encode("utf-16"), "Save it as CSV UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0", "Save it as CSV UTF-8"),
        (b"last_name,email,lo_root_id\nL,a@x.example,A1\n", "no column \u201cstatus\u201d"),
    ],
    ids=["empty", "nobody active", "problems alone", "cp1252", "utf-16", "xlsx", "no status"],
)
def test_a_refused_file_is_answered_on_the_page_and_leaves_the_list(data, words, admin, db, people):
    people.listed("Byron", BO, "B1")
    before = tables(db)
    response = upload(admin, data)
    assert response.status_code == 422
    assert words in admin.page(response).get_text()
    assert tables(db) == before
    (entry,) = events(db, "roster:refused")
    assert entry.details["reason"]


def test_a_windows_1252_file_is_taken_once_the_tick_says_so(admin, db):
    data = line("Mu\u00f1oz").encode("cp1252")
    refused = upload(admin, data)
    assert refused.status_code == 422
    assert admin.page(refused).find("input", {"name": "cp1252"})
    preview = upload(admin, data, cp1252="y").location
    admin.submit(preview, f"{preview}/apply")
    db.rollback()
    assert db.scalars(select(RosterLine.last_name)).one() == "Mu\u00f1oz"


def test_no_file_at_all_is_asked_for(admin):
    response = admin.submit("/admin/roster")
    assert response.status_code == 422
    assert "Choose a file" in response.text


def test_a_file_may_have_any_name(admin):
    names = ("LIST.CSV", "list", "../../etc/passwd", "a\0b.csv", "\u202egpj.csv", "x" * 300)
    for name in names:
        response = upload(admin, line(), name=name)
        assert response.status_code == 303, name
        assert admin.get(response.location).status_code == 200


def test_an_import_that_is_not_there_is_404(admin):
    for number in (999, 2**31, 2**63, 10**30):
        assert admin.get(f"/admin/roster/{number}").status_code == 404
        for action in ("apply", "discard"):
            response = admin.submit("/admin/roster", f"/admin/roster/{number}/{action}")
            assert response.status_code == 404


# How large


@pytest.fixture
def environment(environment, request):
    if "limit_of_50" in request.node.name:
        environment["UPLOAD_LIMIT"] = "50"
    return environment


def declared(visitor: Any, size: int) -> Any:
    """An upload that says it has `size` bytes; a server refuses it before it reads them."""
    token = visitor.token("/admin/roster")
    return visitor.client.post(
        "/admin/roster",
        data={"csrf_token": token, "file": (io.BytesIO(b"x" * 1000), "list.csv")},
        environ_overrides={"CONTENT_LENGTH": str(size)},
    )


def test_a_file_beyond_a_limit_of_50_megabytes_gets_413_in_words(admin, db):
    before = tables(db)
    response = declared(admin, 50_000_001)
    assert response.status_code == 413
    assert "larger than the 50 MB" in response.text
    assert tables(db) == before


def test_a_file_within_the_limit_but_beyond_that_of_other_requests_is_read(admin, db):
    long = "x" * 900
    data = "".join(line(long, f"p{n}@x.example") for n in range(400))
    assert len(data) > BODY_LIMIT
    response = upload(admin, data)
    assert response.status_code == 303
    assert tiles(admin.page(admin.get(response.location)))["New"] == "400"


def test_a_large_upload_of_somebody_who_may_not_is_never_read(app, people, visitors):
    learner = people.signed_in(ADA)
    for visitor in (learner, visitors()):
        response = visitor.client.post(
            "/admin/roster",
            data={
                "csrf_token": visitor.token("/login"),
                "file": (io.BytesIO(b"x" * 400_000), "list.csv"),
            },
        )
        assert response.status_code == 413


# Who may


def test_without_signing_in_every_page_leads_to_the_sign_in_page(visitor, db):
    before = tables(db)
    for path in ("/admin/roster", "/admin/roster/1"):
        response = visitor.get(path)
        assert response.status_code == 302
        assert response.location.startswith("/login?next=")
    for path in ("/admin/roster", "/admin/roster/1/apply", "/admin/roster/1/discard"):
        response = visitor.submit("/login", path, file=(io.BytesIO(line().encode()), "list.csv"))
        assert response.status_code == 303
        assert response.location.startswith("/login")
    assert tables(db) == before


def test_a_learner_gets_403(people, db):
    learner = people.signed_in(ADA)
    before = tables(db)
    assert learner.get("/admin/roster").status_code == 403
    for path in ("/admin/roster", "/admin/roster/1/apply", "/admin/roster/1/discard"):
        response = learner.submit(
            "/program_select", path, file=(io.BytesIO(line().encode()), "list.csv")
        )
        assert response.status_code == 403
    assert tables(db) == before


def test_who_may_only_read_the_list_can_neither_upload_nor_apply(admin, db):
    preview = upload(admin, line()).location
    permissions = [Permission.ROSTER_READ.value]
    db.execute(update(Role).where(Role.name == OWNER).values(permissions=permissions))
    db.commit()
    before = tables(db)
    assert admin.get(preview).status_code == 200
    assert upload(admin, line("Byron", BO)).status_code == 403
    assert admin.submit(preview, f"{preview}/apply").status_code == 403
    assert admin.submit(preview, f"{preview}/discard").status_code == 403
    assert tables(db) == before


def test_an_old_page_keeps_the_tick_and_asks_for_the_file_again(admin, db):
    response = admin.client.post(
        "/admin/roster",
        data={
            "csrf_token": "old",
            "cp1252": "y",
            "file": (io.BytesIO(line("Mu\u00f1oz").encode("cp1252")), "list.csv"),
        },
    )
    assert response.status_code == 400
    page = admin.page(response)
    form = page.select_one("main form")
    assert form.find("input", {"name": "cp1252"})["value"] == "y"
    assert form.find("input", {"name": "file"})["type"] == "file"
    fields = {each["name"]: each.get("value", "") for each in form.select("input")}
    fields["file"] = (io.BytesIO(line("Mu\u00f1oz").encode("cp1252")), "list.csv")
    assert admin.client.post(form["action"], data=fields).status_code == 303


def test_an_old_page_keeps_the_tick_that_problems_are_left_out(admin, db):
    preview = upload(admin, line() + "nonsense\n").location
    response = admin.client.post(f"{preview}/apply", data={"csrf_token": "old", "leave_out": "y"})
    assert response.status_code == 400
    assert addresses(db) == []
    form = admin.page(response).select_one("main form")
    fields = {each["name"]: each.get("value", "") for each in form.select("input")}
    assert admin.client.post(form["action"], data=fields).status_code == 303
    assert addresses(db) == [ADA]


# Cost


def count_statements(app: Flask, visitor: Any, path: str) -> int:
    engine = app.extensions["rollcall"].sessions.kw["bind"]
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        assert visitor.get(path).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def test_no_page_asks_more_of_the_database_for_more_people_or_uploads(admin, app, db):
    first = upload(admin, line() + "x\n").location
    admin.submit(first, f"{first}/apply", leave_out="y")
    small = upload(admin, line("Byron", BO) + "x\n").location
    costs = [count_statements(app, admin, path) for path in ("/admin/roster", small)]
    many = "".join(line(f"N{n}", f"p{n}@x.example") for n in range(90)) + "x\n" * 90
    for _ in range(4):
        large = upload(admin, many).location
    assert [count_statements(app, admin, path) for path in ("/admin/roster", large)] == costs
    db.rollback()
    assert len(db.scalars(select(RosterImport)).all()) == 6
    assert len(db.scalars(select(RosterChange)).all()) > 4 * 90
