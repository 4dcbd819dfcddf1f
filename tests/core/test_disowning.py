"""'This wasn't me': the mail about a new device, and what its button ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import select, update

from app.core import outbox
from app.core.audit import Event, Origin
from app.core.entry import disowning, letters, recovery, signin
from app.core.entry.choosing import NotBoth
from app.core.errors import CannotSignIn, LinkDead, SignedOut
from app.core.outbox import Kind
from app.core.people import sessions
from app.core.proof import links
from app.core.proof.links import Link
from app.edge import ours
from app.models.access import FormerPassword, Purpose, SignInSession
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada@learn.agency.example"
WORDS = "three green kettles"
NEW = "seven amber lanterns"
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
HERE = Origin(ip="192.0.2.7", user_agent=AGENT, device="the owner's", place="Utrecht")
THERE = Origin(ip="203.0.113.9", user_agent="curl/8.5.0", device="a stranger's")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def terms(app):
    """What the journeys go by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def enter(db, terms):
    """Signs Ada in; the token of the session."""

    def signed_in(origin=HERE, password=WORDS, email=ADA):
        entered = signin.with_password(
            db, email, password, remember=False, terms=terms, origin=origin
        )
        db.commit()
        return entered.token

    return signed_in


@pytest.fixture
def disown(db, terms):
    """Presses the button and commits as the page does; a refusal is rolled back."""

    def act(token, origin=HERE):
        try:
            mailbox = disowning.disown(db, token, terms=terms, origin=origin)
        except LinkDead:
            db.rollback()
            raise
        db.commit()
        return mailbox

    return act


@pytest.fixture
def told(people, enter, mails):
    """Ada's account, and the token of the mail about a stranger's sign-in."""
    people.account(ADA)
    enter(THERE)
    return mails.link(ADA).removeprefix("/not-me/")


def kinds(db, state=None):
    query = select(OutgoingMessage.kind).order_by(OutgoingMessage.id)
    if state is not None:
        query = query.where(OutgoingMessage.state == state)
    return db.scalars(query).all()


def is_in(db, token):
    try:
        sessions.check_session(db, token)
    except SignedOut:
        return False
    return True


# The mail.


def test_a_sign_in_from_a_new_browser_is_told_with_when_what_and_where(people, enter, mails):
    people.account(ADA)
    with time_machine.travel(START, tick=False):
        enter()
        [mail] = mails.to(ADA)
        text = mails.text(ADA)
    assert str(mail["Subject"]) == "New sign-in to Rollcall from Firefox on Windows"
    for words in ("Mar 2, 2026, 09:00 UTC", "Firefox on Windows", "From: Utrecht", "7 days"):
        assert words in text
    assert WORDS not in mail.as_string()


def test_each_browser_is_told_of_once(db, people, enter):
    people.account(ADA)
    for origin in (HERE, HERE, THERE, HERE, THERE):
        enter(origin)
    assert kinds(db) == ["new_device"] * 2


def test_a_browser_that_was_told_of_at_another_account_is_new_at_this_one(db, people, enter):
    people.account(ADA)
    people.account("mallory@x.example")
    enter(THERE, email="mallory@x.example")
    enter(THERE)
    assert kinds(db) == ["new_device"] * 2


def test_a_browser_without_a_name_is_always_a_new_one(db, people, enter):
    people.account(ADA)
    for _ in range(2):
        enter(Origin(ip="192.0.2.7"))
    assert kinds(db) == ["new_device"] * 2


@pytest.mark.parametrize("purpose", [Purpose.RESET, Purpose.SETUP])
def test_who_came_by_mail_is_told_nothing_and_is_known_from_then(
    db, people, enter, terms, mails, purpose
):
    people.account(ADA, password=None if purpose is Purpose.SETUP else WORDS)
    recovery.ask_reset(db, ADA, terms=terms, origin=HERE)
    db.commit()
    token = mails.link(ADA).rsplit("/", 1)[1]
    recovery.choose_by_link(db, purpose, token, NEW, terms=terms, origin=HERE)
    db.commit()
    enter(password=NEW)
    assert "new_device" not in kinds(db)
    enter(THERE, password=NEW)
    assert kinds(db)[-1] == "new_device"


def test_a_refused_sign_in_is_not_told(db, people, enter):
    people.account(ADA)
    people.account("out@x.example", status="Inactive")
    for email, password in ((ADA, "wrong"), ("out@x.example", WORDS)):
        with pytest.raises(CannotSignIn):
            enter(password=password, email=email)
    assert kinds(db) == []


def test_a_full_mailbox_keeps_no_alarm_back(db, people, enter, terms, mails, disown):
    people.account(ADA)
    for _ in range(outbox.MOST.tries + 2):
        recovery.ask_reset(db, ADA, terms=terms, origin=THERE)
    db.commit()
    enter(THERE)
    token = mails.link(ADA).removeprefix("/not-me/")
    disown(token)
    reset = mails.link(ADA).removeprefix("/reset-password/")
    recovery.choose_by_link(db, Purpose.RESET, reset, NEW, terms=terms, origin=HERE)
    db.commit()
    assert kinds(db, "held") == ["reset"] * 2
    assert kinds(db)[-3:] == ["new_device", "reset", "password_changed"]


def test_alarms_have_a_cap_of_their_own(db, people, enter):
    people.account(ADA)
    for number in range(outbox.MOST.tries + 2):
        enter(Origin(device=f"browser {number}"))
    assert kinds(db, "held") == ["new_device"] * 2


# The button.


def test_looking_names_the_person_and_changes_nothing(db, told, terms, enter):
    before = [tuple(row) for row in db.execute(select(User.__table__))]
    for _ in range(3):
        assert disowning.read_link(db, told, terms=terms).mailbox == ADA
        db.rollback()
    assert [tuple(row) for row in db.execute(select(User.__table__))] == before


def test_it_ends_every_session_and_the_password_and_mails_a_way_back(
    db, people, enter, told, disown, mails, terms
):
    people.account("grace@x.example")
    tokens = [enter(), enter(THERE)]
    grace = enter(THERE, email="grace@x.example")
    assert disown(told) == ADA
    assert [is_in(db, token) for token in tokens] == [False, False]
    assert is_in(db, grace)
    with pytest.raises(CannotSignIn):
        enter()
    assert kinds(db)[-3:] == ["new_device", "reset", "setup"]
    [entry] = db.scalars(
        select(AuditEntry).where(AuditEntry.event == Event.INTRUSION_REPORTED.value)
    )
    assert (entry.ip, entry.details) == ("192.0.2.7", {})


def test_the_mailed_link_gives_a_new_password_but_not_the_old_one(
    db, told, disown, mails, terms, enter
):
    disown(told)
    token = mails.link(ADA).removeprefix("/reset-password/")
    for purpose, password, error in (
        (Purpose.SETUP, NEW, LinkDead),
        (Purpose.RESET, WORDS, NotBoth),
    ):
        with pytest.raises(error):
            recovery.choose_by_link(db, purpose, token, password, terms=terms, origin=HERE)
        db.rollback()
    entered = recovery.choose_by_link(db, Purpose.RESET, token, NEW, terms=terms, origin=HERE)
    db.commit()
    assert is_in(db, entered.token)
    enter(password=NEW)


def test_the_mailed_code_gives_a_new_password_too(db, told, disown, mails, terms, enter):
    disown(told)
    recovery.choose_by_code(db, Purpose.RESET, ADA, mails.code(ADA), NEW, terms=terms, origin=HERE)
    db.commit()
    enter(password=NEW)


def test_the_password_that_a_stranger_knew_is_among_the_former_ones(db, told, disown):
    before = db.scalar(select(User.password_hash))
    disown(told)
    db.rollback()
    assert db.scalar(select(User.password_hash)) is None
    assert db.scalars(select(FormerPassword.password_hash)).all() == [before]
    assert db.scalar(select(User.verified_at)) is not None


def test_the_second_press_finds_the_link_dead(db, told, disown):
    disown(told)
    with pytest.raises(LinkDead):
        disown(told)
    assert kinds(db) == ["new_device", "reset"]


def test_every_earlier_alarm_is_answered_by_one_press(people, enter, mails, disown):
    people.account(ADA)
    tokens = []
    for origin in (HERE, THERE):
        enter(origin)
        tokens.append(mails.link(ADA).removeprefix("/not-me/"))
    disown(tokens[0])
    with pytest.raises(LinkDead):
        disown(tokens[1])


@pytest.mark.parametrize(
    "change",
    [
        {"address": "new@x.example", "email": "new@x.example"},
        {"verified_at": START},
    ],
)
def test_the_link_dies_when_its_owner_proves_the_mailbox_or_moves(db, told, disown, change):
    db.execute(update(User).values(**change))
    db.commit()
    with pytest.raises(LinkDead):
        disown(told)


def test_a_new_password_by_the_stranger_does_not_kill_the_link(db, told, disown):
    db.execute(update(User).values(password_hash="changed meanwhile"))
    db.commit()
    disown(told)
    assert db.scalar(select(User.password_hash)) is None


def test_the_link_is_good_for_seven_days(db, told, terms):
    now = datetime.now(UTC)
    with time_machine.travel(now + disowning.LIFETIME - timedelta(minutes=1)):
        disowning.read_link(db, told, terms=terms)
    with (
        time_machine.travel(now + disowning.LIFETIME + timedelta(minutes=1)),
        pytest.raises(LinkDead),
    ):
        disowning.read_link(db, told, terms=terms)


def test_another_sign_in_leaves_the_link_alive(told, enter, disown):
    enter()
    assert disown(told) == ADA


def test_a_token_of_another_purpose_or_key_is_refused(db, told, disown, terms):
    facts = links.read(Link.NOT_ME, told, lifetime=disowning.LIFETIME, keys=terms.keys)
    forged = [links.mint(each, facts, keys=terms.keys) for each in Link if each != Link.NOT_ME]
    forged += [links.mint(Link.NOT_ME, facts, keys=["another key"]), told[:-4], told[4:], ""]
    forged.append(links.mint(Link.NOT_ME, facts | {"user": 999}, keys=terms.keys))
    for each in forged:
        with pytest.raises(LinkDead):
            disown(each)
    for purpose in recovery.LINKS:
        with pytest.raises(LinkDead):
            recovery.read_link(db, purpose, told, terms=terms)
    assert disown(told)


def test_twenty_presses_at_once_have_one_winner(app, db, told, terms):
    barrier = Barrier(20)

    def press(_number):
        with app.extensions["rollcall"].sessions() as own:
            barrier.wait(20)
            try:
                disowning.disown(own, told, terms=terms, origin=HERE)
                own.commit()
            except LinkDead:
                own.rollback()
                return "dead"
            return "ended"

    with ThreadPoolExecutor(20) as pool:
        assert sorted(pool.map(press, range(20))) == ["dead"] * 19 + ["ended"]
    db.rollback()
    assert kinds(db) == ["new_device", "reset"]
    assert len(db.scalars(select(FormerPassword.id)).all()) == 1


# Afterwards.


@pytest.mark.parametrize("ending", ["none", "signed out", "ended from the list"])
def test_the_strangers_browser_is_a_new_one_again(db, people, enter, mails, disown, terms, ending):
    people.account(ADA)
    token = enter(THERE)
    link = mails.link(ADA).removeprefix("/not-me/")
    if ending != "none":
        sessions.end_session(db, token, ending.replace(" ", "_"))
        db.commit()
    disown(link)
    letters.send(db, Kind.RESET, ADA, terms=terms)
    db.commit()
    reset = mails.link(ADA).rsplit("/", 1)[1]
    recovery.choose_by_link(db, Purpose.RESET, reset, NEW, terms=terms, origin=HERE)
    db.commit()
    before = kinds(db).count("new_device")
    enter(password=NEW)
    assert kinds(db).count("new_device") == before
    enter(THERE, password=NEW)
    assert kinds(db).count("new_device") == before + 1


def test_the_sessions_that_were_over_stay_over_and_keep_their_end(db, people, enter, told, disown):
    token = enter()
    sessions.end_session(db, token, "signed_out")
    db.commit()
    ended = select(SignInSession.ended_at).where(SignInSession.device == HERE.device)
    before = db.scalar(ended)
    disown(told)
    db.rollback()
    assert db.scalar(ended) == before
