"""People who came with a legacy database use Rollcall as if they had always been there."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select

from app import hashing
from app.core.desk import awaited, insight
from app.core.desk.awaited import Scope
from app.core.people import directory
from app.core.people.orders import Order
from app.core.people.wanted import Wanted
from app.models.conversations import Exchange
from app.models.people import User
from tests.legacy import dirt
from tests.legacy.conftest import upgrade
from tests.legacy.variants import PASSWORDS, build


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, ground, own_folder, copies) -> str:
    """A database of the last legacy stage, upgraded and not yet adopted."""
    url = f"sqlite:///{own_folder / 'rollcall.db'}"
    if request.param == "postgresql":
        url = ground["postgres"].replace("DATABASE", f"came_{os.getpid()}")
    if not copies.has("V11 upgraded", url):
        copies.clear(url)
        build("V11", url)
        upgrade(url)
        copies.keep("V11 upgraded", url)
    copies.bring("V11 upgraded", url)
    return url


def test_case_10_every_readable_password_signs_in_and_becomes_ours(visitors, db):
    for email, password in PASSWORDS.items():
        assert visitors().sign_in(email, password).status_code == 303, email
        stored = db.scalar(select(User.password_hash).where(User.email == email))
        assert hashing.OURS.fullmatch(stored)


def test_case_4_a_null_visit_count_counts_from_one(visitors, db):
    email = "margaret@learn.example"
    assert visitors().sign_in(email, PASSWORDS[email]).status_code == 303
    assert db.scalar(select(User.visit_count).where(User.email == email)) == 1


@pytest.mark.parametrize("email", ["unread@learn.example", "brien@learn.example"])
def test_case_11_who_has_no_password_that_we_can_read_is_mailed_a_first_one(
    visitors, mails, db, email
):
    visitors().submit("/forgot-password", email=email)
    assert mails.link(email).startswith("/setup-password/")


def test_case_11_an_empty_hash_is_no_password(visitors, mails, db):
    user = db.get(User, 8)
    assert (user.password_hash, user.has_password()) == (None, False)
    user.email = user.address = "empty@learn.example"
    db.commit()
    visitors().submit("/forgot-password", email="empty@learn.example")
    assert mails.link("empty@learn.example").startswith("/setup-password/")


def test_case_11_lists_and_figures_count_as_the_door_does(people, db):
    waiting = directory.find(db, Wanted(password="no"), Order()).rows
    assert {8, 9} <= {row.user.id for row in waiting}
    assert not any(row.user.has_password() for row in waiting)
    for row in directory.find(db, Wanted(password="yes"), Order()).rows:
        assert row.user.has_password()
    people.listed("Unread", "unread@learn.example")
    assert insight.overview(db).registered == 0
    assert awaited.preview(db, Scope(), limit=5).waiting == 1


def test_case_9_somebody_new_gets_no_id_that_an_old_chat_names(people, db):
    new = people.account("new@x.example")
    assert new.id > dirt.GONE
    assert db.scalars(select(Exchange).where(Exchange.user_id == new.id)).all() == []
