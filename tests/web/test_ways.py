"""Ways to sign in: one list of them, each removed where it is not the last."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import own_phone
from app.core.people import users
from app.core.proof import credentials, ways
from app.core.proof.ways import LastWay
from app.models.access import Credential, CredentialKind
from app.models.people import User

ADA = "ada@learn.agency.example"
NUMBER = "+31612345678"
GOOGLE, PHONE, PIN = CredentialKind.GOOGLE, CredentialKind.PHONE, CredentialKind.PIN


def listed(visitor):
    """The ways on the account page, by name: what each says and which buttons it has."""
    rows = visitor.page(visitor.get("/account")).select("[aria-labelledby=ways] li")
    return {
        row.h3.text: (
            " ".join(row.div.get_text().split()),
            [each.text for each in row.select("a, button")],
        )
        for row in rows
    }


def give(db, kind, identifier, **data):
    user = db.scalars(select(User)).one()
    credentials.add(db, user.id, kind, identifier)
    row = db.scalars(select(Credential).where(Credential.identifier == identifier)).one()
    row.data = data
    db.commit()
    return user


def test_the_page_has_every_way_and_what_can_be_done_about_it(people, db):
    ada = people.signed_in(ADA, verified_at=clock.now())
    give(db, GOOGLE, "g-1", email="ada@home.example")
    give(db, PHONE, NUMBER)
    shown = listed(ada)
    assert list(shown) == [
        "Password",
        "Code by mail",
        "Codes by WhatsApp",
        "Google",
        "PIN for chats",
    ]
    assert shown["Password"][1] == ["Change the password"]
    assert shown["Code by mail"] == (
        f"Code by mail We mail it to {ADA} whenever you ask for one.",
        [],
    )
    assert shown["Codes by WhatsApp"][0].endswith("ends in 78, added just now.")
    assert shown["Codes by WhatsApp"][1] == ["Change the number", "Remove"]
    assert shown["Google"][0].startswith("Google Connected as ada@home.example, added just now")
    assert shown["PIN for chats"][1] == ["Add a PIN"]


def test_who_has_no_password_yet_gets_one_by_mail(people, db):
    ada = people.signed_in(ADA)
    db.scalars(select(User)).one().password_hash = None
    db.commit()
    words, actions = listed(ada)["Password"]
    assert "You have none yet." in words
    assert actions == ["Set a password"]


def test_the_last_way_stays_and_the_page_says_why(app, people, db, monkeypatch):
    settings = app.extensions["rollcall"].settings
    ada = people.signed_in(ADA, verified_at=clock.now())
    user = give(db, PHONE, NUMBER)
    user.password_hash = None
    db.commit()
    assert "Remove" in listed(ada)["Codes by WhatsApp"][1], "a code by mail is a way too"
    monkeypatch.setattr(settings, "CODE_SIGN_IN", False)
    words, actions = listed(ada)["Codes by WhatsApp"]
    assert "It is your only way to sign in, so it stays." in words
    assert actions == ["Change the number"]
    give(db, GOOGLE, "g-1")  # No client of Google's is set up here, so that it opens nothing.
    answer = ada.submit("/account", "/account/phone/remove")
    assert answer.status_code == 409
    assert "Add another one first." in answer.text
    assert set(db.scalars(select(Credential.identifier))) == {NUMBER, "g-1"}


@pytest.mark.parametrize("kind", [GOOGLE, PHONE])
def test_what_counts_as_another_way(people, db, kind):
    user = people.account(ADA)
    give(db, kind, "the one")

    def is_kept(**other):
        try:
            ways.check_not_last(db, user, kind, **{"by_code": False} | other)
        except LastWay:
            return True
        return False

    assert not is_kept()
    user.password_hash = None
    db.commit()
    assert is_kept()
    assert not is_kept(by_code=True)
    give(db, PIN, "12345678")
    assert is_kept(), "a PIN opens no page"
    give(db, CredentialKind.OIDC, "o-1")
    assert not is_kept()
    assert is_kept(closed={CredentialKind.OIDC})
    assert not is_kept(closed={CredentialKind.GITHUB})


def test_of_the_last_two_ways_removed_at_once_one_stays(app, people, db):
    user = people.account(ADA, password=None)
    for kind, identifier in ((GOOGLE, "g-1"), (PHONE, NUMBER)):
        give(db, kind, identifier)
    start = Barrier(2)

    def remove(kind):
        with app.extensions["rollcall"].sessions() as own:
            person = users.get(own, user.id)[0]
            start.wait(20)
            try:
                ways.check_not_last(own, person, kind, by_code=False)
            except LastWay:
                return False
            credentials.remove(own, user.id, kind)
            own.commit()
            return True

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(remove, [GOOGLE, PHONE])) == [False, True]
    assert len(db.scalars(select(Credential)).all()) == 1


def test_an_admin_takes_a_number_away_even_where_it_is_the_last_way(people, db):
    user = people.account(ADA, password=None)
    give(db, PHONE, NUMBER)
    own_phone.remove(db, users.get(db, user.id)[0], NOWHERE, by=None)
    db.commit()
    assert own_phone.of(db, user.id) is None


def test_pressing_this_was_not_me_parts_what_a_stranger_connected(people, mails, visitor, db):
    ada = people.signed_in(ADA, verified_at=clock.now())
    give(db, GOOGLE, "g-1")
    assert ada.get("/account").status_code == 200
    assert visitor.submit(mails.link(ADA)).status_code == 303
    db.rollback()
    assert db.scalars(select(Credential)).all() == []
