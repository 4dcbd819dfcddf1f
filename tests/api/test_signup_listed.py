"""A listed person whom a chat signs up: the account that it made goes again if nobody wants it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select, update

from app import jobs
from app.core.roster import entitlements
from app.models.access import Credential
from app.models.people import CameBy, Entitlement, Role, RoleGrant, Source, Status, User
from app.models.people import UserLoRootId as Held
from app.models.records import AuditEntry
from tests.api.test_signup import NOOR, Chat, chat, count, person, token_of

START = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
WEEK = timedelta(days=7, hours=1)
__all__ = ["chat"]


@pytest.fixture(autouse=True)
def listed(people):
    """Noor is on the list, for a program, and has no account."""
    people.program("BCC", ids=["A1"])
    people.listed("Visser", NOOR, "A1", "A2")


def tidy(app):
    parts = app.extensions["rollcall"]
    jobs.drop_unconfirmed(parts.sessions, parts.settings)


def test_this_was_not_me_deletes_the_account_that_the_sign_up_made(chat, mails, visitor, db):
    pin = chat.sign_up()["pin"]
    user = person(db)
    assert (user.last_name, user.came_by, user.from_roster) == ("Visser", CameBy.CHAT.value, True)
    assert count(db, Held) == 2
    link = mails.link(NOOR)
    page = visitor.follow(visitor.submit(link, answer="not-me"))
    assert "The account is deleted" in page.text
    assert "was there before" not in page.text
    left = [count(db, each) for each in (User, Credential, Entitlement, Held)]
    assert left == [0, 0, 0, 0]
    assert visitor.get(link).status_code == 410
    assert chat.test_mail(pin) == "UNAUTHENTICATED"
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "account:deleted")).one()
    assert entry.details == {"email": NOOR, "why": "disowned"}
    # The list still vouches for them: they may come whenever they like.
    again = chat.sign_up()["pin"]
    assert chat.ask("SignUp_Verify", token=token_of(mails))["status"] == "ACTIVE"
    assert chat.test_mail(again) == "SUCCESS"
    assert (person(db).came_by, person(db).last_name) == (None, "Visser")


def test_what_was_there_before_stays(chat, mails, visitor, db, people):
    people.account("made@x.example", password=None)
    people.listed("Made", "made@x.example", "A1")
    chat.sign_up("made@x.example")
    page = visitor.follow(visitor.submit(mails.link("made@x.example"), answer="not-me"))
    assert "The account that was there before stays as it was" in page.text
    assert person(db, "made@x.example") is not None
    assert count(db, Held) == 1


def test_one_that_is_never_confirmed_is_tidied_away_and_one_that_was_used_is_not(
    chat, mails, db, app, people
):
    with time_machine.travel(START) as clock:
        people.listed("Bos", "proven@x.example", "A1")
        chat.sign_up()
        chat.sign_up("proven@x.example")
        chat.ask("SignUp_Verify", token=token_of(mails, "proven@x.example"))
        clock.shift(timedelta(days=6, hours=23))
        tidy(app)
        assert person(db) is not None
        clock.shift(timedelta(hours=2))
        tidy(app)
    db.rollback()
    assert db.scalars(select(User.address)).all() == ["proven@x.example"]
    assert db.scalar(select(func.count()).select_from(Held)) == 1


def role(db, user):
    made = Role(name="Reader", permissions=["people:read"])
    db.add(made)
    db.flush()
    db.add(RoleGrant(user_id=user.id, role_id=made.id, granted_at=START))


def by_hand(db, user):
    entitlements.grant(db, user.id, ["B1"], Source.ADMIN)
    entitlements.follow_list(db, User.id == user.id)


def closed(db, user):
    user.status = Status.INACTIVE.value


def password(db, user):
    user.set_password("three green kettles", rounds=4)


@pytest.mark.parametrize("has", [role, by_hand, closed, password])
def test_whoever_was_given_anything_by_hand_stays(chat, db, app, has):
    with time_machine.travel(START) as clock:
        chat.sign_up()
        has(db, person(db))
        db.commit()
        clock.shift(WEEK)
        tidy(app)
    assert person(db) is not None
    assert count(db, Held) == (3 if has is by_hand else 2)


def test_who_leaves_the_list_meanwhile_goes_too(chat, db, app, people):
    with time_machine.travel(START) as clock:
        chat.sign_up()
        db.execute(update(User).values(listed=False))
        db.commit()
        clock.shift(WEEK)
        tidy(app)
    assert person(db) is None


def test_the_last_name_is_the_lists_until_it_is_confirmed(chat, visitor, mails, people):
    chat.sign_up()
    before = len(mails.to(NOOR))
    visitor.submit("/first-time-password", last_name="Mallory", email=NOOR)
    assert "last name" in mails.text(NOOR)
    assert len(mails.to(NOOR)) == before + 1
    assert isinstance(chat, Chat)
