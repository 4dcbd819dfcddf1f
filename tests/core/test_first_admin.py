"""The console's one-time link: it makes one owner, and then nothing ever again."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app.addresses import BadAddress
from app.core.audit import Event, Origin
from app.core.entry import first_admin
from app.core.errors import AddressTaken, LinkDead, PasswordRefused, Refusal
from app.core.people import roles, sessions
from app.core.proof import links
from app.core.proof.links import Link
from app.edge import ours
from app.models.people import RoleGrant, User
from app.models.records import AuditEntry, OutgoingMessage

GRACE = "grace@agency.example"
WORDS = "four blue teapots"
HERE = Origin(ip="127.0.0.9")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def terms(app):
    """What an owner's account goes by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def enter(db, terms):
    """Uses a link, and commits as the page does; a refusal is rolled back."""

    def use(token, *, last_name="Hopper", email=GRACE, password=WORDS, test_mail=False):
        try:
            entered = first_admin.enter(
                db, token, last_name=last_name, email=email, password=password,
                test_mail=test_mail, terms=terms, origin=HERE,
            )  # fmt: skip
        except (Refusal, BadAddress):
            db.rollback()
            raise
        db.commit()
        return entered

    return use


@pytest.fixture
def mint(db, terms):
    """Makes a link as the console does."""
    return lambda: first_admin.mint_link(db, keys=terms.keys)


def test_the_link_makes_an_owner_who_is_signed_in(enter, mint, db):
    assert not roles.has_owner(db)
    entered = enter(mint())
    here = sessions.check_session(db, entered.token)
    assert here.has_role
    assert here.user.address == GRACE
    assert roles.permissions_of(db, here.user.id) >= {each.value for each in roles.Permission}
    assert roles.has_owner(db)
    events = list(db.scalars(select(AuditEntry.event).order_by(AuditEntry.id)))
    assert events == [Event.ADMIN_APPOINTED, Event.SIGN_IN_ADMITTED]


def test_the_link_works_once(enter, mint):
    token = mint()
    enter(token)
    with pytest.raises(LinkDead):
        enter(token, email="other@agency.example")


def test_a_new_owner_ends_every_link_that_was_made_before(enter, mint):
    older, other = mint(), mint()
    enter(other)
    with pytest.raises(LinkDead):
        enter(older, email="other@agency.example")


def test_a_link_made_after_that_makes_one_more_owner(enter, mint, db):
    enter(mint())
    enter(mint(), email="other@agency.example")
    assert db.scalar(select(func.count()).select_from(RoleGrant)) == 2


def test_looking_uses_nothing_up(enter, mint, db, terms):
    token = mint()
    for _ in range(20):
        first_admin.check_link(db, token, keys=terms.keys)
    enter(token)


def test_the_link_ends_after_a_day(enter, mint):
    with time_machine.travel(START, tick=False) as clock:
        token = mint()
        clock.shift(first_admin.LIFETIME + timedelta(seconds=1))
        with pytest.raises(LinkDead):
            enter(token)


def test_a_link_of_another_purpose_or_key_makes_nobody(enter, db, terms):
    facts = {"stamp": roles.owner_stamp(db)}
    with pytest.raises(LinkDead):
        enter(links.mint(Link.REGISTRATION, facts, keys=terms.keys))
    with pytest.raises(LinkDead):
        enter(links.mint(Link.FIRST_ADMIN, facts, keys=["another key"]))
    assert db.scalar(select(func.count()).select_from(User)) == 0


def test_a_taken_address_is_said_and_the_link_lives_on(enter, mint, people, db):
    people.account(GRACE)
    token = mint()
    with pytest.raises(AddressTaken):
        enter(token, email=" Grace@Agency.Example ")
    assert not roles.has_owner(db)
    enter(token, email="other@agency.example")


def test_a_weak_password_is_said_and_the_link_lives_on(enter, mint):
    token = mint()
    for password in ("gTr-9uQ!xzK", "password1234", "hopper hopper", "grace-grace-gr"):
        with pytest.raises(PasswordRefused):
            enter(token, password=password)
    with pytest.raises(BadAddress):
        enter(token, email="no address")
    enter(token)


def test_a_name_that_cannot_be_stored_is_no_failure(enter, mint, db):
    with pytest.raises(Refusal):
        enter(mint(), last_name="Hop\0per")
    with pytest.raises(Refusal):
        enter(mint(), last_name="Hopper\r\nBcc: all@x.example")
    assert db.scalar(select(func.count()).select_from(User)) == 0


def test_the_test_mail_goes_to_the_owner_if_it_was_asked_for(enter, mint, db, mails):
    enter(mint(), test_mail=True)
    enter(mint(), email="other@agency.example")
    assert list(db.scalars(select(OutgoingMessage.recipient))) == [GRACE]
    assert mails.to(GRACE)[0]["Subject"] == "Mail from Rollcall works"
