"""Adding people by hand."""

import pytest
from sqlalchemy import func, select

from app.models.people import Entitlement, User, UserLoRootId

ADA = "ada@learn.agency.example"


def test_an_added_person_gets_a_welcome_and_sets_a_password(people, visitors, mails, db):
    people.program("BCC", ids=["A1"])
    admin = people.admin()
    response = admin.submit(
        "/admin/people/add", last_name="Lovelace", email=ADA, lo_root_ids="A1; B2,A1"
    )
    assert (response.status_code, response.location) == (303, "/admin/people")
    assert str(mails.to(ADA)[-1]["Subject"]) == "Welcome to Rollcall"
    link = mails.link(ADA)
    assert link.startswith("/setup-password/")
    ada = visitors()
    assert ada.submit(link, password="seven amber lanterns").status_code == 303
    assert "Program BCC" in ada.get("/program_select").text
    held = select(Entitlement.lo_root_id, Entitlement.source)
    assert set(db.execute(held).all()) == {("A1", "admin"), ("B2", "admin")}
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1", "B2"}


def test_an_added_person_who_is_listed_holds_both(people, db):
    people.listed("Lovelace", ADA, "L1")
    people.admin().submit("/admin/people/add", last_name="Lovelace", email=ADA, lo_root_ids="A1")
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1", "L1"}


def test_an_address_is_taken_in_any_case(people, db):
    people.account(ADA)
    admin = people.admin()
    response = admin.submit("/admin/people/add", last_name="X", email=ADA.upper())
    assert response.status_code == 422
    assert "account with this address already" in response.text
    assert db.scalar(select(func.count()).select_from(User)) == 2


@pytest.mark.parametrize(("last_name", "email"), [("", ADA), ("Lovelace", "no address")])
def test_a_wrong_field_is_named_and_nobody_is_added(people, mails, last_name, email):
    admin = people.admin()
    before = mails.count()
    response = admin.submit("/admin/people/add", last_name=last_name, email=email)
    assert response.status_code == 422
    assert admin.page(response).select(".error-summary a")
    assert mails.count() == before


def test_a_program_adds_people_by_json(people, mails):
    admin = people.admin()
    headers = {"X-CSRFToken": admin.token("/admin")}
    body = {"last_name": "Lovelace", "email": ADA, "lo_root_ids": ["A1"]}
    added = admin.client.post("/admin/add_user", json=body, headers=headers)
    assert added.status_code == 201
    assert (added.json["success"], added.json["mail"]) == (True, "queued")
    again = admin.client.post("/admin/add_user", json=body, headers=headers)
    assert (again.status_code, again.json["success"]) == (409, False)
    bad = admin.client.post("/admin/add_user", json=body | {"email": "x"}, headers=headers)
    assert (bad.status_code, bad.json["success"]) == (400, False)
    for odd in ([], {"email": ADA}, body | {"lo_root_ids": "A1"}, body | {"lo_root_ids": [1]}):
        assert admin.client.post("/admin/add_user", json=odd, headers=headers).status_code == 400
    assert len(mails.to(ADA)) == 1


def test_a_learner_adds_nobody(people, db):
    learner = people.signed_in("b@x.example")
    assert learner.get("/admin/people/add").status_code == 403
    headers = {"X-CSRFToken": learner.token("/program_select")}
    body = {"last_name": "Lovelace", "email": ADA}
    assert learner.client.post("/admin/add_user", json=body, headers=headers).status_code == 403
    assert db.scalar(select(func.count()).select_from(User)) == 1


ODD = ["Love\0lace", "Love\nlace", "Love\x1blace", "Love\x85lace", "Love\ud800lace"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("field", ["last_name", "lo_root_ids"])
def test_what_no_database_can_hold_is_refused_in_words(people, mails, db, odd, field):
    admin = people.admin()
    headers = {"X-CSRFToken": admin.token("/admin")}
    body = {"last_name": "Lovelace", "email": ADA, "lo_root_ids": ["A1"]}
    before = mails.count()
    text = odd if field == "last_name" else ["A1", odd]
    refused = admin.client.post("/admin/add_user", json=body | {field: text}, headers=headers)
    assert (refused.status_code, refused.json["success"]) == (400, False)
    assert "control characters" in refused.json["error"]
    if not odd.isascii() and "\ud800" in odd:
        return  # No form can send half a pair.
    fields = {"last_name": "Lovelace", "email": ADA, "lo_root_ids": "A1"} | {field: odd}
    page = admin.submit("/admin/people/add", **fields)
    assert page.status_code == 422
    assert admin.page(page).select_one(f".error-summary a[href='#{field}']")
    assert mails.count() == before
    assert db.scalar(select(func.count()).select_from(User)) == 1


def test_a_program_may_send_several_ids_in_one_text(people, db):
    admin = people.admin()
    headers = {"X-CSRFToken": admin.token("/admin")}
    body = {"last_name": "Lovelace", "email": ADA, "lo_root_ids": ["A1;A2", " A2 ", "A3,A1", ""]}
    assert admin.client.post("/admin/add_user", json=body, headers=headers).status_code == 201
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1", "A2", "A3"}
