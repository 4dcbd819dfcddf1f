"""The pages of roles: what a change takes away is said first, and every change is proven."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.core import clock
from app.core.audit import NOWHERE
from app.core.people import granting, rolebook, roles
from app.core.people.sessions import PROOF_LASTS
from app.models.people import Role

ADA = "ada@learn.agency.example"


@pytest.fixture
def grace(people):
    """An owner, signed in."""
    return people.admin()


@pytest.fixture
def help_desk(db):
    """The id of that role."""
    return rolebook.find(db, "help desk").id


def give(db, email, name):
    granting.grant(db, rolebook.find(db, name).id, email, by=None, origin=NOWHERE)
    db.commit()


def test_a_role_counts_at_the_next_request_and_is_gone_at_the_one_after(
    grace, people, db, help_desk
):
    ada = people.signed_in(ADA)
    assert ada.get("/admin/people").status_code == 403
    page = f"/admin/roles/{help_desk}"
    given = grace.submit(page, to=f"{page}/grant", email=ADA.upper())
    assert (given.status_code, given.location) == (303, page)
    assert ADA in grace.get(page).text
    assert ada.get("/admin/people").status_code == 200
    assert ada.get("/admin/audit").status_code == 403
    user = db.scalar(select(roles.RoleGrant.user_id).where(roles.RoleGrant.role_id == help_desk))
    away = f"{page}/withdraw/{user}"
    assert "Help people: send mails again" in grace.get(away).text
    assert grace.submit(away).status_code == 303
    assert ada.get("/admin/people").status_code == 403
    assert grace.get(away).status_code == 404


def test_an_address_of_nobody_and_a_second_grant_are_said_beside_the_field(
    grace, people, help_desk, db
):
    page = f"/admin/roles/{help_desk}"
    people.account(ADA)
    give(db, ADA, "help desk")
    for typed, words in (
        ("nobody@x.example", "Nobody here has this address"),
        ("no address", "Nobody here has this address"),
        (ADA, "has this role already"),
        ("grace@agency.example", "Nobody changes their own roles"),
        ("", "Enter an address"),
    ):
        refused = grace.submit(page, to=f"{page}/grant", email=typed)
        assert refused.status_code == 422
        link = grace.page(refused).select_one(".error-summary a[href='#grant-email']")
        assert words in link.text


def test_what_a_change_takes_away_is_said_before_it_is_saved(grace, people, db, help_desk):
    for number in range(2):
        people.account(f"p{number}@x.example")
        give(db, f"p{number}@x.example", "help desk")
    give(db, "p0@x.example", "auditor")
    page = f"/admin/roles/{help_desk}/change"
    version = rolebook.get(db, help_desk).version
    fields = {"name": "help desk", "version": version}
    fields["permissions"] = ["people:read", "people:help", "roster:write"]
    asked = grace.submit(page, **fields)
    assert asked.status_code == 200
    shown = " ".join(grace.page(asked).main.text.split())
    assert "2 people have this role. Nothing is saved yet." in shown
    assert "See which mails were sent, and what the mail server said. 1 person" in shown
    assert "They gain Upload, apply and undo lists." in shown
    assert "people:write" not in rolebook.get(db, help_desk).permissions
    db.rollback()
    assert "roster:write" not in rolebook.get(db, help_desk).permissions
    saved = grace.submit(page, **fields, sure="1")
    assert saved.status_code == 303
    db.rollback()
    assert rolebook.get(db, help_desk).permissions == sorted(fields["permissions"])
    late = grace.submit(page, **fields, sure="1")
    assert late.status_code == 409
    assert "changed since you opened the page" in late.text


def test_a_role_is_made_and_deleted_and_an_odd_one_is_named(grace, db):
    empty = grace.submit("/admin/roles/new", name="Team lead")
    assert empty.status_code == 422
    assert grace.page(empty).select_one(".error-summary a[href='#permissions']")
    assert grace.page(empty).select_one("#permissions")
    taken = grace.submit("/admin/roles/new", name="Manager", permissions=["people:read"])
    assert "Choose another name" in taken.text
    unknown = grace.submit("/admin/roles/new", name="Odd", permissions=["people:fly"])
    assert unknown.status_code == 422
    made = grace.submit("/admin/roles/new", name="Team lead", permissions=["people:read"])
    assert made.status_code == 303
    page = made.location
    assert "Nobody has this role" in grace.get(page).text
    role = rolebook.find(db, "team lead")
    gone = grace.submit(f"{page}/delete", version=role.version)
    assert (gone.status_code, gone.location) == (303, "/admin/roles")
    assert grace.get(page).status_code == 404


def test_the_owners_role_stays_and_so_does_the_last_owner(grace, people, db):
    owner = rolebook.find(db, "owner")
    page = f"/admin/roles/{owner.id}"
    assert not grace.page(grace.get(page)).select(f"a[href='{page}/change']")
    for part in ("change", "delete"):
        assert grace.get(f"{page}/{part}").status_code == 409
    me = db.scalar(select(roles.RoleGrant.user_id))
    refused = grace.submit(page, to=f"{page}/withdraw/{me}")
    assert refused.status_code == 409
    assert "Nobody changes their own roles" in refused.text


def test_who_may_not_give_a_role_is_offered_no_way_to(people, db, visitors):
    db.add(Role(name="keeper", permissions=["roles:read", "roles:write"], version=0))
    people.account(ADA)
    give(db, ADA, "keeper")
    people.account("bob@x.example")
    give(db, "bob@x.example", "auditor")
    ada = visitors()
    ada.sign_in(ADA)
    auditor = rolebook.find(db, "auditor").id
    page = ada.page(ada.get(f"/admin/roles/{auditor}"))
    assert not page.select("main form")
    assert "you cannot give it" in page.text
    refused = ada.submit("/admin/roles", to=f"/admin/roles/{auditor}/grant", email="bob@x.example")
    assert refused.status_code == 403
    form = ada.page(ada.get("/admin/roles/new"))
    assert form.select_one("#may-people-read").has_attr("disabled")
    # A permission that is not one's own is not taken from a form that was tampered with.
    fields = {"name": "More", "permissions": ["roles:read", "people:write"]}
    assert ada.submit("/admin/roles/new", **fields).status_code == 303
    db.rollback()
    assert rolebook.find(db, "more").permissions == ["roles:read"]


def test_every_change_asks_who_it_is_when_that_was_long_ago(grace, help_desk, db):
    page = f"/admin/roles/{help_desk}"
    with time_machine.travel(clock.now() + PROOF_LASTS + timedelta(seconds=1), tick=False):
        for path in ("/admin/roles/new", f"{page}/change", f"{page}/delete"):
            assert "/confirm?next=" in grace.get(path).location
        for path in ("grant", "change", "delete", "withdraw/1"):
            posted = grace.submit("/admin/roles", to=f"{page}/{path}", email=ADA)
            assert "/confirm?next=" in posted.location
        assert grace.get(page).status_code == 200
