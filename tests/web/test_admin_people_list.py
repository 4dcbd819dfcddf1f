"""The list of people: what finds whom, in which order, and the file of them."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app.core import clock
from app.core.people import directory
from app.models.people import User


def emails(visitor, query=""):
    page = visitor.page(visitor.get(f"/admin/people?{query}"))
    return [each.text for each in page.select("tbody th .under")]


@pytest.fixture
def crowd(people, db):
    """An admin, and five people who each differ in something."""
    now = clock.now()
    people.account("ada@x.example", last_name="Lovelace", ids=["A1"], last_seen_at=now)
    people.account("alan@y.example", last_name="Turing", password=None)
    people.account("zoe@x.example", last_name="Émile", status="Inactive",
                   last_seen_at=now - timedelta(days=100))  # fmt: skip
    people.account(
        "bo@z.example",
        last_name="van der Berg",
        expiry_date=now + timedelta(days=5),
        last_seen_at=now - timedelta(days=40),
    )
    people.listed("Gone", "cy@x.example", "L1")
    people.account(
        "cy@x.example", last_name="Gone_100%", from_roster=True, expiry_date=now - timedelta(days=5)
    )
    people.listed("Dee", "dee@x.example")
    people.account("dee@x.example", last_name="Dee", from_roster=True, listed=True)
    return people.admin()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=LOVE", {"ada"}),
        ("q=ove", {"ada"}),
        ("q=van+berg", {"bo"}),
        ("q=turing+y.example", {"alan"}),
        ("q=É", {"zoe"}),
        ("q=émile", {"zoe"}),
        ("q=tu", {"alan"}),
        ("q=u", set()),
        ("q=0%25", set()),
        ("q=00%25", {"cy"}),
        ("q=a_a", set()),
        ("q=%22ada%22", set()),
        ("status=suspended", {"zoe"}),
        ("password=no", {"alan"}),
        ("roster=listed", {"dee"}),
        ("roster=off", {"cy"}),
        ("roster=never&q=x.example", {"ada", "zoe"}),
        ("role=owner", {"grace"}),
        ("lo=A1", {"ada"}),
        ("seen=never", {"alan", "cy", "dee"}),
        ("seen=30", {"ada", "grace"}),
        ("seen=not90", {"zoe"}),
        ("expiry=expired", {"cy"}),
        ("expiry=soon", {"bo"}),
        ("status=active&password=yes&seen=never&roster=listed", {"dee"}),
    ],
)
def test_filters_and_searches_find_whom_they_say(crowd, monkeypatch, query, found):
    assert {each.partition("@")[0] for each in emails(crowd, query)} == found
    # A database with more people than are counted finds the same ones by other ways.
    monkeypatch.setattr(directory, "FEW", 1)
    assert {each.partition("@")[0] for each in emails(crowd, query)} == found


@pytest.mark.parametrize("few", [10_000, 2])
@pytest.mark.parametrize("query", ["sort=seen", "sort=expiry&dir=down", "sort=name", "sort=email",
                                   "dir=up&sort=added", "sort=seen&status=active"])  # fmt: skip
def test_pages_lead_forwards_and_back_through_everybody_once(crowd, db, monkeypatch, few, query):
    monkeypatch.setattr(directory, "FEW", few)
    monkeypatch.setattr("app.web.admin.people.PAGE", 2)
    seen, address = [], f"/admin/people?{query}"
    pages = []
    while address:
        page = crowd.page(crowd.get(address))
        pages.append([each.text for each in page.select("tbody th .under")])
        seen += pages[-1]
        link = page.select_one("[rel=next]")
        address = link and link["href"]
    everybody = select(User.email).where(User.status == "Active") if "status" in query else (
        select(User.email))  # fmt: skip
    assert len(seen) == len(set(seen))
    assert set(seen) == set(db.scalars(everybody))
    back, address = [pages[-1]], page.select_one("[rel=prev]")
    while address:
        page = crowd.page(crowd.get(address["href"]))
        back.append([each.text for each in page.select("tbody th .under")])
        address = page.select_one("[rel=prev]")
    assert back[::-1] == pages
    last = crowd.page(crowd.get(f"/admin/people?{query}&last=1"))
    assert [each.text for each in last.select("tbody th .under")][-1] == seen[-1]


def test_people_without_a_moment_come_last_in_both_directions(crowd):
    assert emails(crowd, "sort=seen&dir=down")[-3:] != emails(crowd, "sort=seen&dir=up")[:3]
    never = {"alan@y.example", "cy@x.example", "dee@x.example"}
    assert set(emails(crowd, "sort=seen&dir=down")[-3:]) == never
    assert set(emails(crowd, "sort=seen&dir=up")[-3:]) == never


def test_a_search_follows_what_is_changed_and_deleted(people, db):
    user = people.account("ada@x.example", last_name="Lovelace")
    admin = people.admin()
    db.execute(update(User).where(User.id == user.id).values(last_name="Byron"))
    db.commit()
    assert emails(admin, "q=love") == []
    assert emails(admin, "q=byron") == ["ada@x.example"]
    admin.submit(f"/admin/people/{user.id}/delete", chats="keep")
    assert emails(admin, "q=byron") == []


def test_the_list_knows_who_is_on_the_roster_as_it_changes(people, db):
    people.account("ada@x.example", last_name="Lovelace")
    people.listed("Lovelace", "ada@x.example", "A1")
    admin = people.admin()
    assert emails(admin, "roster=listed") == ["ada@x.example"]
    assert emails(admin, "lo=A1") == ["ada@x.example"]


def test_odd_filters_are_left_aside(crowd):
    for query in ("status=x", "after=0", "after=999999", "before=x", "sort=drop", "dir=1", "q=%00"):
        assert len(emails(crowd, query)) == 7


def test_the_file_has_the_legacy_header_and_no_formula(people):
    people.account("ada@x.example", last_name="=1+1", ids=["A1", "B2"])
    admin = people.admin()
    for path in ("/admin/people/export?q=ada", "/export?q=ada", "/export_users?q=ada"):
        answer = admin.get(path)
        assert answer.data.startswith(b"\xef\xbb\xbf")
        assert "attachment" in answer.headers["Content-Disposition"]
        header, row = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
        assert ",".join(header) == (
            "ID,Last Name,Email,Visit Count,Status,Date Added,Expiry Date,LO Root IDs"
        )
        assert row[1:3] == ["'=1+1", "ada@x.example"]
        assert set(row[7].split("; ")) == {"A1", "B2"}


def test_who_has_no_name_is_reached_all_the_same(crowd, people, db):
    nameless = people.account("nn@x.example", last_name="").id
    row = crowd.page(crowd.get("/admin/people?q=nn@x")).select_one("tbody th")
    assert (row.a.text, row.a["href"]) == ("No name", f"/admin/people/{nameless}")
    page = crowd.page(crowd.get(row.a["href"]))
    assert page.h1.text.strip() == "nn@x.example"
