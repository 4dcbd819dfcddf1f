"""The roster in the admin area: upload, columns, preview, hold, apply, undo; who may, and not."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app import BODY_LIMIT, jobs
from app.core import clock
from app.core.people.roles import OWNER, Permission
from app.database import Base
from app.models.access import SignInSession
from app.models.people import Role, RoleGrant, User
from app.models.records import AuditEntry, Job
from app.models.rosters import RosterImport, RosterLine

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"
GRACE = "grace@agency.example"


def line(last_name: str = "Lovelace", email: str = ADA, ids: str = "A1") -> str:
    return f"U1,{last_name},{email},Active,Class 1,2026-03-02,{ids}\n"


def upload(visitor: Any, data: str | bytes, name: str = "list.csv", **fields: str) -> Any:
    content = data.encode() if isinstance(data, str) else data
    return visitor.submit("/admin/roster", file=(io.BytesIO(content), name), **fields)


def columns_of(page: Any) -> dict[str, str]:
    """What the second step sends when nothing on it is changed."""
    form = page.find("form", id="columns")
    fields = {
        each["name"]: (each.select_one("option[selected]") or each.select_one("option"))["value"]
        for each in form.select("select")
    }
    fields["mode"] = form.select_one("input[name=mode][checked]")["value"]
    return fields


def work(visitor: Any) -> None:
    """Let the worker do what waits."""
    parts = visitor.app.extensions["rollcall"]
    with visitor.app.app_context():
        jobs.work_off(parts.sessions, parts.settings)


def check(visitor: Any, columns: str, **changes: str) -> str:
    """Send the second step as it stands but for `changes`; the address of the preview."""
    fields = columns_of(visitor.page(visitor.get(columns))) | changes
    response = visitor.submit(columns, **fields)
    assert response.status_code == 303, visitor.page(response).main.get_text(" ", strip=True)
    work(visitor)
    return response.location


def previewed(visitor: Any, data: str | bytes, name: str = "list.csv", **changes: str) -> str:
    """Upload a list and have it checked; the address of its preview."""
    return check(visitor, upload(visitor, data, name).location, **changes)


def apply(visitor: Any, preview: str, **fields: str) -> Any:
    """Press Apply and let the worker do it; the answer to the press."""
    response = visitor.submit(preview, f"{preview}/apply", **fields)
    work(visitor)
    return response


def put_in_force(visitor: Any, data: str, **fields: str) -> str:
    """Upload, check and apply a list; the address of its page."""
    preview = previewed(visitor, data)
    assert apply(visitor, preview, **fields).status_code == 303
    return preview


def many(count: int, first: int = 0) -> str:
    return "".join(line(f"N{n:03}", f"p{n:03}@x.example") for n in range(first, first + count))


def words(response: Any, visitor: Any) -> str:
    """The words of a page, without its frame."""
    return visitor.page(response).main.get_text(" ", strip=True)


def tables(db: Session) -> dict[str, list[str]]:
    db.rollback()
    changing = {"sessions", "audit_entries", "audit_floods"}
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
    found = select(AuditEntry).where(AuditEntry.event == name).order_by(AuditEntry.id)
    return list(db.scalars(found))


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


def second_admin(people: Any, db: Session) -> Any:
    """Another owner, signed in."""
    visitor = people.signed_in("mary@agency.example", last_name="Jackson")
    db.rollback()
    user = db.scalars(select(User.id).where(User.email == "mary@agency.example")).one()
    role = db.scalars(select(Role.id).where(Role.name == OWNER)).one()
    db.add(RoleGrant(user_id=user, role_id=role, granted_at=clock.now()))
    db.commit()
    return visitor


def put_aside(number: int) -> RosterImport:
    """An import of long ago of which nothing came."""
    return RosterImport(
        state="discarded", file_name=f"old {number}.csv", sha256="0" * 64, encoding="utf-8",
        delimiter=",", headed=True, created_at=clock.now(),
    )  # fmt: skip


# From the file to the list


def test_a_list_is_uploaded_looked_at_and_applied(admin, db, people):
    people.listed("Byron", BO, "B1")
    response = upload(admin, line() + line(ids="A2") + "U9,,x@x.example,Active,C,D,A1\n")
    assert response.status_code == 303
    preview = check(admin, response.location)
    page = admin.page(admin.get(preview))
    assert tiles(page) == {
        "New": "1", "Back": "0", "Changed": "0", "Gone": "1", "Unchanged": "0", "Problems": "1",
    }  # fmt: skip
    assert page.find(string=re.compile("Nothing has changed yet"))
    lists = {a.get_text(): a["href"] for a in page.select("ul.tiles a")}
    assert ADA in admin.get(lists["New"]).text
    assert BO in admin.get(lists["Gone"]).text
    assert "The last name is blank." in admin.get(lists["Problems"]).text
    assert addresses(db) == [BO]
    applied = apply(admin, preview, leave_out="y", typed="1")
    assert applied.status_code == 303
    assert addresses(db) == [ADA, ADA]
    assert "Applied: this became the list." in admin.follow(applied).text
    assert admin.get("/admin/roster").text.count("list.csv") >= 2
    (entry,) = events(db, "roster:applied")
    assert (entry.details["added"], entry.details["removed"]) == (1, 1)
    assert entry.actor_id is not None


def test_pasted_text_is_a_list_too(admin, db):
    response = admin.submit("/admin/roster", pasted=line().replace(",", "\t"), mode="add")
    preview = check(admin, response.location)
    assert "Adds and changes only" in words(admin.get(preview), admin)
    apply(admin, preview)
    assert addresses(db) == [ADA]


def test_the_preview_changes_nothing_however_often_it_is_opened(admin, db):
    preview = previewed(admin, line())
    before = tables(db)
    for path in ("", "/people?kind=added", "/people?kind=unchanged", "/problems", "/problems.csv"):
        assert admin.get(f"{preview}{path}").status_code == 200
    assert tables(db) == before
    assert addresses(db) == []


def test_problem_lines_need_the_tick(admin, db):
    preview = previewed(admin, line() + "nonsense\n")
    response = apply(admin, preview)
    assert response.status_code == 422
    assert "Tick that the problem lines are left out" in response.text
    assert addresses(db) == []
    assert apply(admin, preview, leave_out="y").status_code == 303
    assert addresses(db) == [ADA]


def test_a_list_that_is_put_aside_changes_nothing_and_cannot_be_applied(admin, db):
    preview = previewed(admin, line())
    response = admin.submit(preview, f"{preview}/discard")
    assert response.status_code == 303
    assert "Put aside. The list in force stays as it was." in admin.follow(response).text
    assert admin.page(admin.get(preview)).find("form", id="apply") is None
    assert admin.submit("/admin/roster", f"{preview}/apply").status_code == 409
    assert addresses(db) == []


def test_a_second_press_of_apply_says_that_it_was_applied(admin, db):
    preview = previewed(admin, line())
    assert apply(admin, preview).status_code == 303
    second = admin.submit("/admin/roster", f"{preview}/apply")
    assert second.status_code == 409
    assert "already applied or put aside" in second.text
    assert addresses(db) == [ADA]


def test_the_same_file_again_is_said_to_be_in_force_and_may_be_checked_anyway(admin):
    put_in_force(admin, line())
    columns = upload(admin, line()).location
    said = words(admin.get(columns), admin)
    assert f"Nothing to do: this is the list that {GRACE} applied on" in said
    assert "Check anyway" in said
    page = admin.get(check(admin, columns))
    assert "Nothing to do" in page.text
    assert tiles(admin.page(page))["Unchanged"] == "1"


def test_of_two_admins_with_a_list_each_the_second_must_look_again(admin, db):
    first, second = previewed(admin, line()), previewed(admin, line("Byron", BO))
    assert apply(admin, first).status_code == 303
    refused = apply(admin, second, typed="1")
    assert refused.status_code == 409
    assert "The list in force changed since this was checked" in words(refused, admin)
    assert addresses(db) == [ADA]
    again = admin.submit(second, f"{second}/check")
    work(admin)
    assert tiles(admin.page(admin.follow(again)))["Gone"] == "1"
    apply(admin, second, typed="1")
    assert addresses(db) == [BO]


def test_names_and_ids_from_a_file_are_text_and_never_markup(admin):
    markup = "<script>alert(1)</script>"
    data = line(markup, ids=f"{markup}") + f"U9,,{markup}@x,Active,C,D,A1\n"
    data += line("Cay", "cy@x.example").replace("Active", markup)
    columns = upload(admin, data, name=f"{markup}.csv").location
    pages = [admin.get(columns).text]
    preview = check(admin, columns)
    paths = (preview, f"{preview}/people?kind=added", "/admin/roster")
    pages += [admin.get(path).text for path in paths]
    for text in pages:
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


# Columns


def test_the_encoding_the_delimiter_and_an_accented_name_are_shown_and_asked_about(admin, db):
    data = (line("Mu\u00f1oz") + line("Byron", BO)).replace(",", ";").encode("cp1252")
    columns = upload(admin, data).location
    said = words(admin.get(columns), admin)
    assert "Windows-1252, separated by \u201c;\u201d, without a header" in said
    assert "Does Mu\u00f1oz look right?" in said
    apply(admin, check(admin, columns))
    assert sorted(db.scalars(select(RosterLine.last_name))) == ["Byron", "Mu\u00f1oz"]


def test_a_file_that_was_read_in_the_wrong_way_is_read_again(admin):
    columns = upload(admin, line("Mu\u00f1oz")).location
    fields = columns_of(admin.page(admin.get(columns))) | {"encoding": "cp1252", "again": "1"}
    again = admin.submit(columns, **fields)
    assert again.status_code == 303
    assert "Mu\u00c3\u00b1oz" in admin.get(again.location).text


def test_columns_of_any_name_are_set_by_hand_and_known_the_next_time(admin, db):
    data = "Nachname;Anschrift;Stand;Kurs;Note\nMay;may@x.example;Active;A1;1,3\n"
    columns = upload(admin, data).location
    page = admin.get(columns)
    assert "Say which column is" in words(page, admin)
    missing = admin.submit(columns, **columns_of(admin.page(page)))
    assert missing.status_code == 422
    assert "No column is set to" in missing.text
    set_by_hand = dict(zip(
        (f"column-{n}" for n in range(4)), ("last_name", "email", "status", "lo_root_id"),
        strict=True,
    ))  # fmt: skip
    twice = admin.submit(columns, mode="replace", **set_by_hand | {"column-3": "email"})
    assert twice.status_code == 422
    assert "Two columns are set to \u201cEmail\u201d." in twice.text
    apply(admin, check(admin, columns, **set_by_hand))
    assert addresses(db) == ["may@x.example"]
    next_time = columns_of(admin.page(admin.get(upload(admin, data + "Li;li@x.example;Active;;\n")
                                                .location)))  # fmt: skip
    assert {name: next_time[name] for name in set_by_hand} == set_by_hand


def test_of_two_columns_of_one_name_an_admin_chooses(admin, db):
    data = f"last_name,email,E-Mail,status,lo_root_id\nMay,x@x.example,{ADA},Active,A1\n"
    columns = upload(admin, data).location
    page = admin.get(columns)
    said = words(page, admin)
    assert "More than one column is called “Email”: columns 2, 3. Choose one of them." in said
    assert "Say which column is" not in said
    fields = columns_of(admin.page(page))
    assert (fields["column-1"], fields["column-2"]) == ("", "")
    assert admin.submit(columns, **fields).status_code == 422
    apply(admin, check(admin, columns, **{"column-2": "email"}))
    assert addresses(db) == [ADA]
    again = admin.get(upload(admin, data + "\n").location)
    assert "More than one column" not in words(again, admin)
    assert columns_of(admin.page(again))["column-2"] == "email"


def test_columns_without_a_header_are_known_the_next_time(admin, db):
    data = f"A1;Active;May;{ADA}\n"
    columns = upload(admin, data).location
    ours = dict(zip(
        (f"column-{n}" for n in range(4)), ("lo_root_id", "status", "last_name", "email"),
        strict=True,
    ))  # fmt: skip
    apply(admin, check(admin, columns, **ours))
    assert addresses(db) == [ADA]
    again = admin.page(admin.get(upload(admin, data.replace("A1", "A2")).location))
    assert {name: columns_of(again)[name] for name in ours} == ours


def test_a_file_that_is_refused_for_one_line_says_which(admin):
    response = upload(admin, many(3) + "a\0b")
    assert response.status_code == 422
    assert "Line 4: This is no UTF-8 text." in words(response, admin)
    response = upload(admin, many(3) + "\ufeff\0", name="list.xlsx")
    assert "Line 4: This" in words(response, admin)


# Progress


def test_while_the_worker_has_it_the_page_says_how_far_and_whose_turn_it_is(admin, db):
    responses = [upload(admin, line()), upload(admin, line("Byron", BO))]
    previews = []
    for response in responses:
        fields = columns_of(admin.page(admin.get(response.location)))
        previews.append(admin.submit(response.location, **fields).location)
    page = admin.page(admin.get(previews[0]))
    bar = page.select_one("[data-progress]")
    assert bar.find("progress") is not None
    assert bar.find("a", string="Look again")["href"] == previews[0]
    first = db.scalars(select(Job).order_by(Job.id)).first()
    first.state, first.done, first.total = "running", 25, 100
    db.commit()
    facts = admin.get(bar["data-progress"]).json
    assert (facts["over"], facts["done"], facts["total"]) == (False, 25, 100)
    assert facts["words"] == "25 % done"
    second = admin.get(f"{previews[1]}/progress").json
    assert second["words"].startswith("It waits for the import \u201clist.csv\u201d of grace@")
    first.state, first.done = "queued", 0
    db.commit()
    work(admin)
    assert admin.get(bar["data-progress"]).json["over"] is True
    assert tiles(admin.page(admin.get(previews[1])))["New"] == "1"


def test_a_check_whose_job_failed_says_so_and_may_be_begun_again(admin, db):
    response = upload(admin, line())
    fields = columns_of(admin.page(admin.get(response.location)))
    preview = admin.submit(response.location, **fields).location
    job = db.scalars(select(Job)).one()
    job.state, job.error = "failed", "Its worker ended each time it was tried."
    db.commit()
    page = admin.get(preview)
    assert "Its worker ended each time" in words(page, admin)
    again = admin.submit(preview, f"{preview}/check")
    assert again.status_code == 303
    work(admin)
    assert tiles(admin.page(admin.get(preview)))["New"] == "1"


# Lists


def test_every_number_opens_its_list_which_is_searched_and_paged(admin):
    put_in_force(admin, many(8))
    changed = line("N001", "p001@x.example", "A2").replace("A1", "A2")
    preview = previewed(admin, many(7).replace(line("N001", "p001@x.example"), changed)
                        + many(130, 200))  # fmt: skip
    page = admin.page(admin.get(preview))
    assert tiles(page) == {
        "New": "130", "Back": "0", "Changed": "1", "Gone": "1", "Unchanged": "6", "Problems": "0",
    }  # fmt: skip
    seen = []
    path = f"{preview}/people?kind=added"
    while path:
        listed = admin.page(admin.get(path))
        seen += [row.select_one(".under").get_text() for row in listed.select("tbody tr")]
        following = listed.select_one("a[rel=next]")
        path = following["href"] if following else None
    assert seen == [f"p{n:03}@x.example" for n in range(200, 330)]
    found = admin.page(admin.get(f"{preview}/people?kind=added&q=P213"))
    assert [each.get_text() for each in found.select("tbody .under")] == ["p213@x.example"]
    assert "Nobody fits" in admin.get(f"{preview}/people?kind=added&q=nobody").text
    ids = admin.page(admin.get(f"{preview}/people?kind=changed")).select("tbody code")
    assert [each.get_text() for each in ids] == ["+ A2", "\u2212 A1"]
    stay = admin.page(admin.get(f"{preview}/people?kind=unchanged")).select("tbody tr")
    assert len(stay) == 6


def test_who_would_lose_a_program_or_a_session_is_named(admin, people, visitors):
    people.program("BCC", ids=["A1"])
    people.account(ADA, from_roster=True)
    people.listed("Lovelace", ADA, "A1")
    people.listed("Byron", BO, "A1")
    learner = visitors()
    learner.sign_in(ADA)
    assert learner.get("/chat/BCC").status_code == 200
    preview = previewed(admin, line("Byron", BO))
    for kind in ("losing_program", "losing_session"):
        assert ADA in admin.get(f"{preview}/people?kind={kind}").text, kind
    assert "1 person is signed out" in words(admin.get(preview), admin)


def test_problem_lines_are_grouped_paged_and_downloaded_to_be_mended(admin, db):
    bad = "".join(f"U{n},,q{n}@x.example,Active,C,D,A\n" for n in range(60))
    preview = previewed(admin, line() + bad + "U8,=2+3,not an address,Active,C,D,A\n")
    groups = admin.page(admin.get(preview)).find("table").get_text(" ", strip=True)
    assert "The last name is blank. 60 2" in groups
    first = admin.page(admin.get(f"{preview}/problems"))
    assert len(first.select("tbody tr")) == 50
    rest = admin.page(admin.get(first.select_one("a[rel=next]")["href"]))
    assert len(rest.select("tbody tr")) == 11
    file = admin.get(f"{preview}/problems.csv")
    assert file.data.startswith(b"\xef\xbb\xbf")
    assert "attachment" in file.headers["Content-Disposition"]
    assert "_line" in file.text
    assert "'=2+3" in file.text
    apply(admin, preview, leave_out="y")
    mended = file.data.replace(b",,q", b",Name,q").replace(b"not an address", b"now@x.example")
    again = previewed(admin, mended)
    page = admin.get(again)
    assert "Adds and changes only" in words(page, admin)
    assert (tiles(admin.page(page))["New"], tiles(admin.page(page))["Gone"]) == ("61", "0")


# Hold


def test_a_held_import_waits_for_the_number(admin, db):
    put_in_force(admin, many(10))
    preview = previewed(admin, many(7) + line())
    said = words(admin.get(preview), admin)
    assert "3 of 10 people would go. What takes more than 10 % is held." in said
    assert "is held: somebody has to let it go" in admin.get("/admin").text
    for typed in ("", "2", "three"):
        refused = apply(admin, preview, typed=typed)
        assert refused.status_code == 422
        page = admin.page(refused)
        assert page.find("input", {"name": "typed"})["aria-invalid"] == "true"
        assert len(addresses(db)) == 10
    assert apply(admin, preview, typed="3").status_code == 303
    assert len(addresses(db)) == 8


def test_a_list_after_which_nobody_could_enter_is_held(admin, db):
    put_in_force(admin, many(2))
    preview = previewed(admin, many(2).replace("Active", "Inactive"))
    assert "Nobody could enter any more" in words(admin.get(preview), admin)
    assert apply(admin, preview).status_code == 422
    assert apply(admin, preview, typed="2").status_code == 303


def test_two_persons_release_a_held_import(admin, people, db):
    put_in_force(admin, many(10))
    second = second_admin(people, db)
    preview = previewed(admin, many(5))
    asked = admin.submit(preview, f"{preview}/apply", typed="5")
    work(admin)
    assert "A second admin confirms it" in admin.follow(asked).text
    assert len(addresses(db)) == 10
    assert admin.page(admin.get(preview)).find("form", id="apply") is None
    assert admin.submit(preview, f"{preview}/confirm").status_code >= 400
    assert f"{GRACE} asked for this" in words(second.get(preview), second)
    confirmed = second.submit(preview, f"{preview}/confirm")
    assert confirmed.status_code == 303
    work(admin)
    assert len(addresses(db)) == 5
    assert "mary@agency.example" in words(admin.get(preview), admin)


# Afterwards


def test_the_result_says_what_was_done_and_leads_on(admin, db):
    result = put_in_force(admin, many(3))
    said = words(admin.get(result), admin)
    assert "Time taken" in said
    assert GRACE in said
    assert "Undo this import" in said


def test_undo_shows_its_own_dry_run_and_brings_the_former_list(admin, db):
    put_in_force(admin, many(20))
    before = addresses(db)
    last = put_in_force(admin, many(19) + line())
    page = admin.get(f"{last}/undo")
    assert "1 person who came with it goes again." in words(page, admin)
    response = admin.submit(f"{last}/undo")
    assert response.status_code == 303
    work(admin)
    undoing = response.location
    found = tiles(admin.page(admin.get(undoing)))
    assert (found["New"], found["Gone"], found["Changed"]) == ("1", "1", "0")
    assert ADA in addresses(db)
    apply(admin, undoing)
    assert addresses(db) == before
    assert "Undone" in words(admin.get("/admin/roster"), admin)
    assert "cannot be taken back" in admin.get(f"{last}/undo").text


def test_history_is_paged_and_any_two_are_compared(admin, db):
    first = put_in_force(admin, many(20))
    second = put_in_force(admin, many(19) + line())
    pick = [path.rsplit("/", 1)[1] for path in (first, second)]
    page = admin.get(f"/admin/roster/compare?pick={pick[0]}&pick={pick[1]}")
    assert page.status_code == 200
    assert ADA in page.text
    assert admin.get("/admin/roster/compare?pick=1").status_code == 422
    never = previewed(admin, many(20)).rsplit("/", 1)[1]
    refused = admin.get(f"/admin/roster/compare?pick={pick[0]}&pick={never}")
    assert refused.status_code == 409
    assert "never made the list in force" in words(refused, admin)
    for n in range(21):
        db.add(put_aside(n))
    db.commit()
    history = admin.page(admin.get("/admin/roster"))
    assert len(history.select("tbody tr")) == 20
    rest = admin.page(admin.get(history.select_one("a[rel=next]")["href"]))
    assert len(rest.select("tbody tr")) == 4


def test_the_list_in_force_and_a_template_are_downloaded(admin):
    put_in_force(admin, line("=Sum", ids="00123"))
    file = admin.get("/admin/roster/download")
    assert file.data.startswith(b"\xef\xbb\xbfuser_code,last_name,email")
    assert "'=Sum" in file.text
    again = previewed(admin, file.data)
    assert tiles(admin.page(admin.get(again)))["Unchanged"] == "1"
    template = admin.get("/admin/roster/template")
    assert template.text.splitlines()[0].lstrip("\ufeff").split(",")[0] == "user_code"


# Refused files


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty."),
        (line().encode("utf-16"), "Save it as CSV UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0", ""),
    ],
    ids=["empty", "utf-16", "no xlsx"],
)
def test_a_refused_file_is_answered_on_the_page_and_leaves_the_list(
    data, reason, admin, db, people
):
    people.listed("Byron", BO, "B1")
    before = tables(db)
    response = upload(admin, data)
    assert response.status_code == 422
    page = admin.page(response)
    assert reason in page.select_one(".error-summary").get_text()
    assert page.find("input", {"name": "file"})["aria-invalid"] == "true"
    assert tables(db) == before
    (entry,) = events(db, "roster:refused")
    assert entry.details["reason"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"U1,,x@x.example,Active,C,D,A1\n", "The last name is blank."),
        (line().encode().replace(b"A1", b"A\x81\xff"), "ine 1"),
    ],
    ids=["no valid line", "no encoding"],
)
def test_a_file_that_fails_its_check_says_why_and_leaves_the_list(data, reason, admin, db, people):
    people.listed("Byron", BO, "B1")
    preview = previewed(admin, data)
    page = admin.page(admin.get(preview))
    assert reason in page.main.get_text()
    assert page.find("form", id="apply") is None
    assert admin.submit(preview, f"{preview}/apply", leave_out="y").status_code in {409, 422}
    assert addresses(db) == [BO]


def test_no_file_at_all_is_asked_for(admin):
    response = admin.submit("/admin/roster")
    assert response.status_code == 422
    assert "Choose a file, or paste the list as text." in response.text


def test_a_file_may_have_any_name(admin):
    names = ("LIST.CSV", "list", "../../etc/passwd", "a\0b.csv", "\u202egpj.csv", "x" * 300)
    for name in names:
        response = upload(admin, line(), name=name)
        assert response.status_code == 303, name
        assert admin.get(response.location).status_code == 200


def test_an_import_that_is_not_there_is_404(admin):
    for number in (999, 2**31, 2**63, 10**30):
        assert admin.get(f"/admin/roster/{number}").status_code == 404
        for action in ("apply", "confirm", "check", "columns", "discard", "undo"):
            response = admin.submit("/admin/roster", f"/admin/roster/{number}/{action}")
            assert response.status_code == 404, action
        for place in ("columns", "progress", "people", "problems", "problems.csv", "undo"):
            assert admin.get(f"/admin/roster/{number}/{place}").status_code == 404, place


# How large


@pytest.fixture
def environment(environment, request):
    if "limit_of_50" in request.node.name:
        environment["UPLOAD_LIMIT"] = "50"
    if "two_persons" in request.node.name:
        environment["ROSTER_TWO_PERSON"] = "true"
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
    assert tiles(admin.page(admin.get(previewed(admin, data))))["New"] == "400"


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
    for path in ("/admin/roster", "/admin/roster/1", "/admin/roster/1/progress"):
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
    preview = previewed(admin, line())
    columns = upload(admin, line("Byron", BO)).location
    permissions = [Permission.ROSTER_READ.value]
    db.execute(update(Role).where(Role.name == OWNER).values(permissions=permissions))
    db.commit()
    before = tables(db)
    for path in ("/admin/roster", columns, preview):
        page = admin.page(admin.get(path))
        assert page.main.select("form[method=post]") == [], path
        assert page.main.select("button[type=submit]:not(form[method=get] button)") == [], path
    assert upload(admin, line("Byron", BO)).status_code == 403
    assert admin.submit(preview, columns, mode="replace").status_code == 403
    for action in ("apply", "confirm", "check", "discard", "undo"):
        assert admin.submit(preview, f"{preview}/{action}").status_code == 403, action
    assert tables(db) == before


def test_applying_and_undoing_ask_for_the_password_of_who_proved_it_long_ago(admin, db):
    last = put_in_force(admin, line())
    preview = previewed(admin, line() + line("Byron", BO))
    db.execute(update(SignInSession).values(proved_at=datetime(2026, 1, 1, tzinfo=UTC)))
    db.commit()
    for path in (f"{preview}/apply", f"{last}/undo"):
        response = admin.submit("/admin/roster", path)
        assert response.status_code == 303
        assert response.location.startswith("/confirm"), path
    assert addresses(db) == [ADA]


def test_an_old_page_keeps_the_choice_and_asks_for_the_file_again(admin, db):
    response = admin.client.post(
        "/admin/roster",
        data={
            "csrf_token": "old",
            "mode": "add",
            "file": (io.BytesIO(line().encode()), "list.csv"),
        },
    )
    assert response.status_code == 400
    page = admin.page(response)
    form = page.select_one("main form")
    assert form.find("input", {"name": "mode"})["value"] == "add"
    assert form.find("input", {"name": "file"})["type"] == "file"
    fields = {each["name"]: each.get("value", "") for each in form.select("input")}
    fields["file"] = (io.BytesIO(line().encode()), "list.csv")
    assert admin.client.post(form["action"], data=fields).status_code == 303
    assert db.scalars(select(RosterImport.mode)).one() == "add"


def test_an_old_page_keeps_the_tick_that_problems_are_left_out(admin, db):
    preview = previewed(admin, line() + "nonsense\n")
    response = admin.client.post(f"{preview}/apply", data={"csrf_token": "old", "leave_out": "y"})
    assert response.status_code == 400
    assert addresses(db) == []
    form = admin.page(response).select_one("main form")
    fields = {each["name"]: each.get("value", "") for each in form.select("input")}
    assert admin.client.post(form["action"], data=fields).status_code == 303
    work(admin)
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
    put_in_force(admin, line() + "x\n", leave_out="y")
    small = previewed(admin, line("Byron", BO) + "x\n")
    paths = ("", "/people?kind=added", "/people?kind=unchanged", "/problems", "/undo")
    home = count_statements(app, admin, "/admin/roster")
    costs = [count_statements(app, admin, f"{small}{path}") for path in paths]
    many_more = line("Byron", BO) + many(90) + "x\n" * 90
    for _ in range(3):
        large = previewed(admin, many_more)
    assert [count_statements(app, admin, f"{large}{path}") for path in paths] == costs
    assert count_statements(app, admin, "/admin/roster") == home
    db.rollback()
    assert len(db.scalars(select(RosterImport)).all()) == 5
