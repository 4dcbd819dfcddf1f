"""Admins are told by mail, once, that an import is held: not who brought it, and not too many."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from app.core.audit import NOWHERE
from app.core.people import granting, rolebook
from app.core.roster import imports, telling
from app.models.records import OutgoingMessage

HEADER = "last_name,email,status,lo_root_id\n"
LINES = [f"N{n},p{n:02}@x.example,Active,A1\n" for n in range(20)]
LIMITS = imports.HoldLimits()
GRACE, MARY, HAL, AL = (f"{name}@agency.example" for name in ("grace", "mary", "hal", "al"))


@pytest.fixture
def staff(people, db):
    """Two who may apply lists, one of them kept out, and one who may only look; by address."""
    found = {}
    for email, role, status in (
        (GRACE, "owner", "Active"),
        (MARY, "manager", "Active"),
        (HAL, "manager", "Inactive"),
        (AL, "auditor", "Active"),
    ):
        found[email] = people.account(email, status=status).id
        granting.grant(db, rolebook.find(db, role).id, email, by=None, origin=NOWHERE)
    db.execute(OutgoingMessage.__table__.delete())
    db.commit()
    return found


@pytest.fixture
def check(db, work):
    """Uploads a list in the name of somebody and has the worker check it."""

    def checked(lines, by=None, again=None):
        found = again or imports.receive(
            db, io.BytesIO((HEADER + "".join(lines)).encode()), file_name="May.csv",
            mode="replace", encoding=None, by=by, origin=NOWHERE,
        )  # fmt: skip
        imports.start_check(
            db, found.id, mapping=found.mapping, encoding=None, mode="replace", by=by
        )
        db.commit()
        work()
        return imports.get(db, found.id)

    return checked


def recipients(db):
    db.rollback()
    kind = OutgoingMessage.kind == "import_held"
    return db.scalars(
        select(OutgoingMessage.recipient).where(kind).order_by(OutgoingMessage.id)
    ).all()


def test_those_who_may_let_it_go_are_told_once_but_not_who_uploaded_it(db, staff, check, mails):
    first = check(LINES)
    imports.apply(db, first.id, by=None, origin=NOWHERE)
    db.commit()
    assert recipients(db) == []
    found = check(LINES[:10], by=staff[GRACE])
    assert found.state == "held"
    assert recipients(db) == [MARY]
    text = mails.text(MARY)
    assert f"{GRACE} uploaded the list “May.csv”" in text
    assert "10 of 20 people would lose their access." in text
    assert f"http://localhost/admin/roster/{found.id}\n" in text
    assert "p00@x.example" not in text
    # Checked again, or waiting for its number, it is the same import.
    check([], by=staff[GRACE], again=found)
    imports.start_apply(
        db, found.id, typed=None, force=False, two_person=False, by=staff[GRACE],
        origin=NOWHERE, limits=LIMITS,
    )  # fmt: skip
    db.commit()
    assert recipients(db) == [MARY]


def test_the_number_of_mails_has_an_end(db, staff, check, monkeypatch):
    imports.apply(db, check(LINES).id, by=None, origin=NOWHERE)
    db.commit()
    monkeypatch.setattr(telling, "MOST", 1)
    check(LINES[:10])
    assert recipients(db) == [GRACE]
