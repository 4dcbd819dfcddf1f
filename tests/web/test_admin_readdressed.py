"""The page of changed addresses: seen, searched, ticked, confirmed, held, applied, taken back."""

from __future__ import annotations

import csv
import io

from sqlalchemy import select

from app.core.people.roles import Permission
from app.models.people import Role, RoleGrant, User
from app.models.records import AuditEntry
from tests.web.test_admin_roster import (
    apply,
    line,
    many,
    previewed,
    put_in_force,
    tiles,
    words,
    work,
)

OLD, NEW = "lovelace@old.example", "lovelace@new.example"


def moved(count: int, to: str) -> str:
    """People with user codes and names of their own, whose addresses end on `to`."""
    return "".join(
        line(f"M{n:03}", f"m{n:03}@{to}").replace("U1,", f"U{n:03},") for n in range(count)
    )


def test_an_admin_confirms_who_has_a_new_address_and_the_account_moves(people, db):
    admin = people.admin()
    put_in_force(admin, many(20) + line(email=OLD))
    learner = people.signed_in(OLD)
    preview = previewed(admin, many(20) + line(email=NEW))
    page = admin.page(admin.get(preview))
    assert (tiles(page)["New"], tiles(page)["Gone"], tiles(page)["Address changed"]) == (
        "1", "1", "1",
    )  # fmt: skip
    said = words(admin.get(preview), admin)
    assert "1 of the new and the gone may be the same person with a new address." in said
    assert "None is confirmed yet." in said
    link = page.find("a", string="Address changed")["href"]
    said = words(admin.get(link), admin)
    assert OLD in said
    assert NEW in said
    assert "Not confirmed" in said
    nobody = admin.submit(link, say="same")
    assert nobody.status_code == 422
    assert "Tick who is meant first." in nobody.text
    done = admin.submit(link, say="same", former=OLD)
    assert done.status_code == 303
    assert "Confirmed for 1 person." in admin.follow(done).text
    assert "Their account moves." in admin.get(link).text
    apply(admin, preview)
    assert "1 account moved with its owner" in words(admin.get(preview), admin)
    assert "Moved" in words(admin.get(link), admin)
    assert admin.submit(preview, link, say="two", former=OLD).status_code == 409
    db.rollback()
    assert db.scalars(select(User.address).where(User.last_name == "Lovelace")).one() == NEW
    assert learner.get("/program_select").status_code == 200
    undoing = admin.submit(f"{preview}/undo").location
    work(admin)
    assert "moves back to its former address" in words(admin.get(undoing), admin)
    apply(admin, undoing)
    db.rollback()
    assert db.scalars(select(User.address).where(User.last_name == "Lovelace")).one() == OLD


def test_many_pairs_are_paged_searched_exported_and_confirmed_at_once_until_held(people, db):
    admin = people.admin()
    put_in_force(admin, many(20) + moved(60, "old.example"))
    preview = previewed(admin, many(20) + moved(60, "new.example"))
    first = admin.get(f"{preview}/pairs")
    assert len(admin.page(first).select("input[name=former]")) == 50
    second = admin.page(first).find("a", rel="next")["href"]
    assert len(admin.page(admin.get(second)).select("input[name=former]")) == 10
    found = admin.get(f"{preview}/pairs?q=M05")
    assert len(admin.page(found).select("input[name=former]")) == 10
    assert admin.submit(f"{preview}/pairs", say="all", q="m05").location.endswith("?q=m05")
    rows = list(csv.reader(io.StringIO(admin.get(f"{preview}/pairs.csv").text)))
    assert [len(rows), [row[3] for row in rows].count("yes")] == [61, 10]
    admin.submit(f"{preview}/pairs", say="all")
    said = words(admin.get(preview), admin)
    assert "60 of the 80 people on both lists would move to a new address." in said
    events = select(AuditEntry).where(AuditEntry.event == "roster:pairs_confirmed")
    counts = [each.details["count"] for each in db.scalars(events.order_by(AuditEntry.id))]
    assert counts == [10, 50]


def test_who_may_only_read_lists_sees_the_pairs_without_a_form(people, db):
    admin = people.admin()
    put_in_force(admin, many(20) + line(email=OLD))
    preview = previewed(admin, many(20) + line(email=NEW))
    reader = people.signed_in("mary@agency.example", last_name="Jackson")
    user = db.scalars(select(User).where(User.email == "mary@agency.example")).one()
    role = Role(name="reader", permissions=[Permission.ROSTER_READ.value])
    db.add(role)
    db.flush()
    db.add(RoleGrant(user_id=user.id, role_id=role.id, granted_at=user.date_added))
    db.commit()
    page = reader.page(reader.get(f"{preview}/pairs"))
    assert NEW in page.main.get_text()
    assert page.select("form[method=post], input[name=former]") == []
