"""The addresses of the legacy application that made accounts of a file, and mended lists."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select

from app.addresses import canonical
from app.models.people import Entitlement, User, UserLoRootId
from app.models.records import AuditEntry, OutgoingMessage
from app.web.admin import legacy_lists

ADA, BO, CY = (f"{name}@learn.agency.example" for name in ("ada", "bo", "cy"))
HEADER = "last_name,email,status,lo_root_ids\n"
UPLOAD = "/admin/upload_user_csv"


@pytest.fixture
def admin(people):
    """An owner, signed in."""
    return people.admin()


def upload(admin, text, **fields):
    data = text if isinstance(text, bytes) else text.encode()
    return admin.submit("/admin", to=UPLOAD, file=(io.BytesIO(data), "people.csv"), **fields)


def held(db):
    db.rollback()
    rows = db.execute(
        select(User.address, UserLoRootId.lo_root_id).join(
            UserLoRootId, UserLoRootId.user_id == User.id
        )
    )
    return {tuple(row) for row in rows}


def test_case_20_an_account_list_makes_accounts_and_doubles_nobody(admin, people, db):
    people.listed("Cay", CY, "L9", follow=False)
    people.account(BO.upper(), ids=["X1"], last_name="Byron")
    answer = upload(
        admin,
        f"{HEADER}Lovelace,Ada@Learn.Agency.Example,Active,A1;A2\n"
        f" LOVELACE ,{ADA}, active ,00123\n"
        f"Lovelace,{ADA},Inactive,A9\n"
        f"Byron,{BO},Active,B1\n"
        f"Cay,{CY},Active,C1\n"
        "Dee,dee@x.example,Inactive,D1\n"
        "Fox,no address,Active,F1\n"
        ",gil@x.example,Active,G1\n"
        "Hall,hal@x.example,Active,H1\n"
        "Hull,hal@x.example,Active,H2\n",
    )
    assert answer.status_code == 200, answer.text
    told = answer.json
    assert (told["success"], told["added"], told["existing"], told["inactive"]) == (True, 2, 1, 1)
    assert [each.split(":")[0] for each in told["warnings"]] == ["Row 8", "Row 9", "Row 11"]
    assert held(db) == {
        *((ADA, each) for each in ("A1", "A2", "00123")),
        (BO, "X1"), (CY, "C1"), (CY, "L9"),
    }  # fmt: skip
    ada = db.scalar(select(User).where(User.address == ADA))
    assert (ada.last_name, ada.email, ada.status) == (
        "Lovelace", "Ada@Learn.Agency.Example", "Active",
    )  # fmt: skip
    assert (ada.password_hash, ada.from_roster, ada.visit_count) == (None, False, 0)
    assert ada.expiry_date - ada.date_added == timedelta(days=730)
    sources = db.execute(select(Entitlement.lo_root_id, Entitlement.source)).all()
    assert {tuple(each) for each in sources} >= {("A1", "admin"), ("C1", "admin"), ("L9", "roster")}
    written = select(OutgoingMessage.recipient).where(OutgoingMessage.user_id == ada.id)
    assert db.scalar(written) is None
    events = db.scalars(select(AuditEntry.event).where(AuditEntry.event.like("%:added")))
    assert sorted(events) == ["account:added", "account:added", "people:added"]
    again = upload(admin, f"{HEADER}Lovelace,{ADA},Active,A1\n").json
    assert (again["added"], again["existing"], again["warnings"]) == (0, 1, [])
    # They can be mailed afterwards, like everybody without a password.
    assert admin.submit("/admin", to=f"/admin/people/{ada.id}/resend").status_code == 303
    db.rollback()
    assert db.scalar(written) == ADA


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("last_name,email\nLovelace,ada@x.example\n", 400, "no column “status”"),
        ("", 400, "empty"),
        (b"last_name,email,status,lo_root_ids\nMu\xf1oz,m@x.example,Active,A\n", 400, "not UTF-8"),
        (HEADER + "N,n@x.example,Active,A\n" * 6, 413, "more than 5 rows"),
    ],
)
def test_an_account_list_that_cannot_be_taken_makes_nobody(
    admin, db, monkeypatch, text, status, words
):
    monkeypatch.setattr(legacy_lists, "MOST_ROWS", 5)
    answer = upload(admin, text)
    assert (answer.status_code, answer.json["success"]) == (status, False)
    assert words in answer.json["error"]
    assert len(db.scalars(select(User.id)).all()) == 1


def test_an_account_list_of_older_excel_is_read_where_that_is_said(admin, db):
    text = f"{HEADER}Muñoz,m@x.example,Active,A1\n".encode("cp1252")
    assert upload(admin, text, encoding="cp1252").json["added"] == 1
    assert upload(admin, text, encoding="utf-16").status_code == 400
    assert "file" in admin.submit("/admin", to=UPLOAD).json["error"]


def test_many_accounts_come_in_few_statements_and_a_shared_address_is_left_alone(admin, people, db):
    people.account("Ann@x.example", address=None, shared_address="ann@x.example")
    people.account("ann@X.example", address=None, shared_address="ann@x.example")
    rows = "".join(f"N{n},p{n}@x.example,Active,A{n % 3}\n" for n in range(1_200))
    told = upload(admin, f"{HEADER}Annette,ANN@x.example,Active,A1\n{rows}").json
    assert (told["added"], told["existing"]) == (1_200, 1)
    assert len(held(db)) == 1_200


def test_who_stands_twice_is_told_and_nobody_is_removed(admin, people, db):
    clean = admin.get("/admin/check_duplicates").json
    assert (clean["has_duplicates"], clean["duplicates"], clean["lines"]) == (False, [], [])
    for email in ("Ann@x.example", "ann@X.example"):
        people.account(email, address=None, shared_address=canonical(email))
    found = admin.get("/admin/check_duplicates").json
    assert found["has_duplicates"]
    [group] = found["duplicates"]
    assert (group["email"], group["count"]) == ("ann@x.example", 2)
    assert {each["email"] for each in group["accounts"]} == {"Ann@x.example", "ann@X.example"}
    removed = admin.submit("/admin", to="/admin/remove_duplicates")
    assert (removed.status_code, removed.json["success"], removed.json["removed"]) == (200, True, 0)
    assert "adopt --merge" in removed.json["message"]
    assert len(db.scalars(select(User.id)).all()) == 3


def test_lines_that_stood_twice_in_the_file_are_told(admin, work):
    header = "last_name,email,status,lo_root_id\n"
    two = "Hall,hal@x.example,Active,H\nHull,hal@x.example,Active,H\n"
    text = f"{header}Lovelace,{ADA},Active,A1\n{two}"
    columns = admin.submit("/admin/roster", file=(io.BytesIO(text.encode()), "l.csv")).location
    names = ("last_name", "email", "status", "lo_root_id")
    chosen = {f"column-{number}": name for number, name in enumerate(names)}
    preview = admin.submit(columns, mode="replace", **chosen).location
    work()
    admin.submit(preview, to=f"{preview}/apply", leave_out="1")
    work()
    lines = admin.get("/admin/check_duplicates").json["lines"]
    assert [(each["line"], each["email"]) for each in lines] == [
        (3, "hal@x.example"),
        (4, "hal@x.example"),
    ]


def test_what_people_hold_is_set_anew_by_the_worker(admin, people, db, work):
    path = "/emergency_fix_user_lo_ids"
    ada = people.account(ADA, ids=["A1"])
    people.listed("Byron", BO, "B1")
    bo = people.account(BO, last_name="Byron")
    db.execute(delete(UserLoRootId).where(UserLoRootId.user_id == ada.id))
    db.execute(insert(UserLoRootId), {"user_id": ada.id, "lo_root_id": "nobody said so"})
    db.commit()
    assert "visiting it changes nothing" in admin.get(path).text
    answer = admin.submit(path)
    assert answer.location.startswith("/admin/jobs/")
    assert held(db) == {(ADA, "nobody said so")}
    work()
    assert held(db) == {(ADA, "A1"), (BO, "B1")}
    assert "Done" in admin.get(answer.location).text
    db.refresh(bo)
    assert bo.listed
    headers = {"X-CSRFToken": admin.token("/admin")}
    assert admin.client.post(path, json={}, headers=headers).json["success"]
