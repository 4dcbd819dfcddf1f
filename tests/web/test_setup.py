"""The first admin's page."""

import threading

import pytest
from sqlalchemy import func, select

from app.models.people import RoleGrant, User

GRACE = {"email": "grace@agency.example", "last_name": "Hopper", "password": "three green kettles"}


def test_the_link_makes_an_owner_who_is_signed_in(visitor, people, mails):
    response = visitor.submit(people.admin_link(), test_mail="1", **GRACE)
    assert (response.status_code, response.location) == (303, "/admin")
    assert "You are the first admin here" in visitor.get("/admin").text
    assert "Mail works" in mails.to("grace@agency.example")[0]["Subject"] or mails.count() == 1


def test_the_link_works_once(visitors, people):
    link = people.admin_link()
    for _ in range(3):
        assert visitors().get(link).status_code == 200
    assert visitors().submit(link, **GRACE).status_code == 303
    assert visitors().get(link).status_code == 410
    late = visitors()
    data = {"csrf_token": late.token(), **GRACE, "email": "other@agency.example"}
    assert late.client.post(link, data=data).status_code == 410


def test_two_links_make_one_owner(visitors, people, db):
    first, second = people.admin_link(), people.admin_link()
    assert visitors().submit(first, **GRACE).status_code == 303
    assert visitors().get(second).status_code == 410
    assert db.scalar(select(func.count()).select_from(RoleGrant)) == 1


def test_twenty_at_once_make_one_owner(visitors, people, db):
    link = people.admin_link()
    statuses = []

    def enter(number):
        visitor = visitors()
        fields = {**GRACE, "email": f"grace{number}@agency.example"}
        data = {"csrf_token": visitor.token(), **fields}
        statuses.append(visitor.client.post(link, data=data).status_code)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303] + [410] * 19
    assert db.scalar(select(func.count()).select_from(User)) == 1


@pytest.mark.parametrize(
    ("field", "value", "focus"),
    [
        ("email", "no address", "#admin-email"),
        ("last_name", "", "#last_name"),
        ("password", "", "#new-password"),
        ("password", "short words", "#new-password"),
        ("password", "password1234", "#new-password"),
        ("password", "Hopper Hopper", "#new-password"),
    ],
)
def test_a_wrong_field_is_named_and_the_link_stays_good(visitor, people, field, value, focus):
    link = people.admin_link()
    response = visitor.submit(link, **{**GRACE, field: value})
    assert response.status_code == 422
    links = [each["href"] for each in visitor.page(response).select(".error-summary a")]
    assert links == [focus]
    assert visitor.submit(link, **GRACE).status_code == 303


def test_an_address_with_an_account_is_said_to_be_taken(visitor, people):
    people.account("grace@agency.example")
    response = visitor.submit(people.admin_link(), **GRACE)
    assert response.status_code == 422
    assert "account with this address already" in response.text
