"""The pause after ten wrong passwords: who is written to, and what lifts it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import func, select

from app.addresses import BadAddress
from app.core.audit import Event, Origin
from app.core.entry import (
    by_code,
    by_link,
    creating,
    letters,
    pausing,
    recovery,
    registration,
    signin,
)
from app.core.entry.by_code import Door
from app.core.errors import (
    CannotSignIn,
    ClosedForGood,
    LinkDead,
    Refusal,
    TooManyCodes,
    TooManyPasswords,
    WrongCode,
)
from app.core.proof import codes, guesses, links
from app.core.proof.codes import NotSixDigits
from app.core.proof.links import Link
from app.edge import ours
from app.models.access import Code, Purpose
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage

ADA = "ada@learn.agency.example"
NOBODY = "nobody@x.example"
NEW = "seven amber lanterns"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
HERE = Origin(ip="127.0.0.9", user_agent=AGENT, place="Utrecht, Netherlands")
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(seconds=32)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def terms(app):
    """What the journeys go by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def clock():
    """A clock that stands at START."""
    with time_machine.travel(START, tick=False) as moved:
        yield moved


@pytest.fixture
def try_wrongly(db, terms, clock):
    """Types wrong passwords, each after the wait that the last one brought."""

    def tried(email=ADA, times=10):
        for _ in range(times):
            with pytest.raises(CannotSignIn):
                signin.with_password(db, email, "wrong", remember=False, terms=terms, origin=HERE)
            clock.shift(STEP)

    return tried


@pytest.fixture
def paused(people, try_wrongly, mails):
    """Pauses Ada's account; the token and the code of the mail about it."""

    def pause():
        if people.db.scalar(select(func.count()).select_from(User)) == 0:
            people.account(ADA)
        try_wrongly()
        return mails.link(ADA).removeprefix("/lift-pause/"), mails.code(ADA)

    return pause


@pytest.fixture
def lift(db, terms):
    """Presses the button, or types the code; commits as the page does."""

    def act(token=None, code=None, email=ADA):
        try:
            if token is not None:
                lifted = pausing.lift_by_link(db, token, terms=terms, origin=HERE)
            else:
                lifted = pausing.lift_by_code(db, email, code, terms=terms, origin=HERE)
        except LinkDead:
            db.rollback()
            raise
        except Refusal:
            db.commit()
            raise
        db.commit()
        return lifted

    return act


def may_try(db, address=ADA):
    try:
        guesses.count(db, address, HERE, known=False)
    except TooManyPasswords:
        return False
    return True


def messages(db):
    rows = db.scalars(select(OutgoingMessage).order_by(OutgoingMessage.id))
    return [(each.kind, each.recipient, each.state) for each in rows]


def events(db, event):
    found = select(AuditEntry).where(AuditEntry.event == event.value).order_by(AuditEntry.id)
    return list(db.scalars(found))


def wrong(code, by=1):
    return f"{(int(code) + by) % 10**6:06d}"


# The mail.


def test_the_tenth_wrong_password_writes_to_the_owner_once(db, people, try_wrongly, mails):
    people.account(ADA)
    try_wrongly(times=9)
    assert messages(db) == []
    try_wrongly(times=1)
    assert messages(db) == [("paused", ADA, "queued")]
    for _ in range(5):
        assert not may_try(db)
    assert len(mails.to(ADA)) == 1
    text = mails.text(ADA)
    assert "New devices have to wait until Mar 2, 2026, 09:15 UTC" in text
    assert "Last try with: Firefox on Linux" in text
    assert "From: Utrecht, Netherlands" in text
    [entry] = events(db, Event.PAUSE_BEGAN)
    assert (entry.ip, entry.details) == ("127.0.0.9", {"address": ADA})


def test_for_nobodys_address_the_same_rows_are_written_and_nothing_is_sent(
    db, people, try_wrongly, mails
):
    people.account(ADA)
    for round_, email in enumerate((ADA, NOBODY), start=1):
        try_wrongly(email)
        tables = (Code, OutgoingMessage, AuditEntry)
        found = [db.scalar(select(func.count()).select_from(table)) for table in tables]
        assert found == [round_, round_, 11 * round_]
    assert messages(db) == [("paused", ADA, "queued"), ("paused", NOBODY, "held")]
    assert mails.to(NOBODY) == []
    code = db.scalars(select(Code).where(Code.address == NOBODY)).one()
    assert code.secret_hash is None
    sealed = select(OutgoingMessage.sealed).where(OutgoingMessage.recipient == NOBODY)
    assert db.scalars(sealed).one() is None


@pytest.mark.parametrize("odd", ["ad\0a@learn.agency.example", f"{ADA}{'x' * 300}", "no address"])
def test_what_is_no_address_is_no_way_around_the_mail(db, people, try_wrongly, odd):
    people.account(ADA)
    try_wrongly(times=9)
    try_wrongly(odd, times=10)
    assert messages(db) == []
    try_wrongly(times=1)
    assert messages(db) == [("paused", ADA, "queued")]


def test_what_is_no_address_finds_nobody(db, people, terms):
    people.account(ADA)
    people.account("grace@x.example", password=None)
    for email in ("ad\0a@learn.agency.example", "grace\0@x.example", f"{ADA}\0"):
        with pytest.raises(CannotSignIn):
            signin.with_password(
                db, email, "three green kettles", remember=False, terms=terms, origin=HERE
            )
    assert messages(db) == []


# By the button.


def test_the_button_lifts_the_pause_once(db, paused, lift, terms):
    token, _code = paused()
    assert not may_try(db)
    pause = pausing.read_link(db, token, terms=terms)
    assert (pause.address, pause.mailbox, pause.ends_at) == (ADA, ADA, START + guesses.WINDOW)
    assert not may_try(db)
    assert lift(token) == ADA
    for _ in range(2):
        with pytest.raises(LinkDead):
            lift(token)
    [entry] = events(db, Event.PAUSE_LIFTED)
    assert entry.details == {"address": ADA, "by": "link"}
    assert may_try(db)


def test_the_button_is_dead_once_the_pause_is_over(db, paused, lift, clock, terms):
    token, _code = paused()
    clock.move_to(START + guesses.WINDOW - timedelta(seconds=1))
    pausing.read_link(db, token, terms=terms)
    clock.shift(timedelta(seconds=1))
    with pytest.raises(LinkDead):
        pausing.read_link(db, token, terms=terms)
    with pytest.raises(LinkDead):
        lift(token)
    assert events(db, Event.PAUSE_LIFTED) == []


@pytest.mark.parametrize("how", ["by itself", "by its button", "by its code"])
def test_the_button_of_an_older_pause_lifts_no_newer_one(db, paused, lift, clock, how):
    older, code = paused()
    if how == "by itself":
        clock.shift(guesses.WINDOW)
    elif how == "by its button":
        lift(older)
    else:
        lift(code=code)
    newer, _code = paused()
    assert newer != older
    with pytest.raises(LinkDead):
        lift(older)
    assert not may_try(db)
    lift(newer)
    assert may_try(db)


def test_the_code_ends_with_the_button_of_the_same_mail(db, paused, lift, try_wrongly):
    token, code = paused()
    lift(token)
    try_wrongly()
    with pytest.raises(WrongCode):
        lift(code=code)
    assert not may_try(db)


def test_the_button_ends_with_the_code_of_the_same_mail(db, paused, lift):
    token, code = paused()
    lift(code=code)
    with pytest.raises(LinkDead):
        lift(token)


def test_a_token_of_another_purpose_or_key_is_refused(db, paused, lift, terms):
    token, _code = paused()
    facts = {"address": ADA, "mailbox": ADA, "ends_at": (START + guesses.WINDOW).isoformat()}
    forged = [links.mint(each, facts, keys=terms.keys) for each in Link if each != Link.UNPAUSE]
    forged += [
        links.mint(Link.UNPAUSE, facts, keys=["another key"]),
        token[:-4],
        token[4:],
        "",
        ".",
    ]
    for each in forged:
        with pytest.raises(LinkDead):
            lift(each)
    assert not may_try(db)
    assert lift(links.mint(Link.UNPAUSE, facts, keys=terms.keys)) == ADA


def test_a_key_that_is_still_listed_verifies_the_button(db, paused, terms):
    token, _code = paused()
    rotated = replace(terms, keys=["a new key", *terms.keys])
    assert pausing.lift_by_link(db, token, terms=rotated, origin=HERE) == ADA


def test_twenty_presses_at_once_have_one_winner(app, db, paused, terms):
    token, _code = paused()
    barrier = Barrier(20)

    def press(_number):
        with app.extensions["rollcall"].sessions() as own:
            barrier.wait(20)
            try:
                pausing.lift_by_link(own, token, terms=terms, origin=HERE)
                own.commit()
            except LinkDead:
                own.rollback()
                return "dead"
            return "lifted"

    with ThreadPoolExecutor(20) as pool:
        assert sorted(pool.map(press, range(20))) == ["dead"] * 19 + ["lifted"]
    db.rollback()
    assert len(events(db, Event.PAUSE_LIFTED)) == 1


# By the code.


def test_the_code_lifts_the_pause_once(db, paused, lift):
    _token, code = paused()
    assert lift(code=f" {code[:3]} {code[3:]} ", email=ADA.upper()) == ADA
    [entry] = events(db, Event.PAUSE_LIFTED)
    assert entry.details == {"address": ADA, "by": "code"}
    with pytest.raises(WrongCode):
        lift(code=code)
    assert may_try(db)


def test_five_wrong_codes_end_the_right_one_but_not_the_button(db, paused, lift):
    token, code = paused()
    for by in range(1, 6):
        with pytest.raises(WrongCode):
            lift(code=wrong(code, by))
    with pytest.raises(TooManyCodes):
        lift(code=code)
    with pytest.raises(NotSixDigits):
        lift(code="12345")
    assert not may_try(db)
    assert lift(token) == ADA


def test_codes_for_nobody_are_refused_and_counted_like_somebodys(db, lift):
    answers = []
    for _ in range(6):
        with pytest.raises(Refusal) as refused:
            lift(code="123456", email=NOBODY)
        answers.append(type(refused.value))
    assert answers == [WrongCode] * 5 + [TooManyCodes]
    with pytest.raises(BadAddress):
        lift(code="123456", email="no address")


def test_a_code_of_another_purpose_or_person_lifts_nothing(db, people, paused, lift, terms, mails):
    paused()
    recovery.ask_reset(db, ADA, terms=terms, origin=HERE)
    db.commit()
    with pytest.raises(WrongCode):
        lift(code=mails.code(ADA))
    people.account("grace@x.example")
    with pytest.raises(WrongCode):
        lift(code=paused_code(db, terms, "grace@x.example"))
    assert not may_try(db)


def paused_code(db, terms, email):
    """The code of a mail about a pause of `email`."""
    _id, digits = codes.issue(
        db, Purpose.UNPAUSE, email, lifetime=letters.UNPAUSE_LIFETIME, keys=terms.keys
    )
    db.commit()
    return digits


# Other ways out.


def test_a_new_password_by_mail_ends_the_pause(db, paused, terms, mails):
    token, _code = paused()
    recovery.ask_reset(db, ADA, terms=terms, origin=HERE)
    db.commit()
    reset = mails.link(ADA).removeprefix("/reset-password/")
    recovery.choose_by_link(db, Purpose.RESET, reset, NEW, terms=terms, origin=HERE)
    db.commit()
    assert may_try(db)
    with pytest.raises(LinkDead):
        pausing.read_link(db, token, terms=terms)


# A hundred wrong codes in a row.


def type_wrong_codes(db, clock, terms, purpose, *, times=100):
    for number in range(times):
        if number % codes.LIMIT.tries == 0:
            clock.shift(codes.LIMIT.window)
        with pytest.raises(WrongCode):
            codes.check(db, purpose, ADA, "000000", keys=terms.keys)
        db.commit()


def ask(db, terms, mails, purpose):
    """Has the mail of this purpose sent; the token of its button, and its code."""
    if purpose is Purpose.UNPAUSE:
        guesses.count(db, ADA, HERE, known=False)
        pausing.begin(db, ADA, ADA, terms=terms, origin=HERE)
    elif purpose is Purpose.REGISTRATION:
        registration.begin(db, "Lovelace", ADA, terms=terms, origin=HERE)
    elif purpose is Purpose.SIGN_IN:
        by_code.ask(db, ADA, Door(purpose, 15 * MINUTE), terms=terms, origin=HERE)
    else:
        recovery.ask_reset(db, ADA, terms=terms, origin=HERE)
    db.commit()
    return mails.link(ADA).rsplit("/", 1)[1], mails.code(ADA)


def press(db, terms, purpose, token):
    """Presses the button of that mail."""
    if purpose is Purpose.UNPAUSE:
        pausing.lift_by_link(db, token, terms=terms, origin=HERE)
    elif purpose is Purpose.REGISTRATION:
        registration.finish_by_link(db, token, NEW, terms=terms, origin=HERE)
    elif purpose is Purpose.CREATE:
        creating.prove_by_link(db, token, None, NEW, terms=terms, origin=HERE)
    elif purpose is Purpose.SIGN_IN:
        linked = by_link.read(db, token, terms=terms)
        by_link.prove(db, linked, Door(purpose, 15 * MINUTE), origin=HERE)
    else:
        recovery.choose_by_link(db, purpose, token, NEW, terms=terms, origin=HERE)
    db.commit()


WITH_A_BUTTON = [*codes.BY_MAIL, Purpose.SIGN_IN, Purpose.UNPAUSE]


@pytest.mark.parametrize("purpose", WITH_A_BUTTON)
def test_a_hundred_wrong_codes_close_the_way_until_the_button_is_pressed(
    db, people, terms, clock, mails, purpose
):
    people.listed("Lovelace", ADA, "A1")
    if purpose is Purpose.CREATE:
        people.account(ADA, password=None, came_by="open")
    elif purpose is not Purpose.REGISTRATION:
        people.account(ADA, password=None if purpose is Purpose.SETUP else "three green kettles")
    type_wrong_codes(db, clock, terms, purpose)
    clock.shift(timedelta(days=30))
    token, code = ask(db, terms, mails, purpose)
    with pytest.raises(ClosedForGood):
        codes.check(db, purpose, ADA, code, keys=terms.keys)
    press(db, terms, purpose, token)
    code_id, digits = codes.issue(db, purpose, ADA, lifetime=15 * MINUTE, keys=terms.keys)
    assert codes.check(db, purpose, ADA, digits, keys=terms.keys) == code_id
    codes.use(db, purpose, ADA, code_id)


@pytest.mark.parametrize("purpose", [Purpose.API, Purpose.GPT])
@pytest.mark.parametrize("way", [Purpose.RESET, Purpose.SIGN_IN])
def test_a_way_that_has_no_button_is_open_again_once_its_owner_came_in_otherwise(
    db, people, terms, clock, mails, purpose, way
):
    people.account(ADA)
    type_wrong_codes(db, clock, terms, purpose)
    door = Door(purpose, 15 * MINUTE)
    for refused in (True, False):
        clock.shift(timedelta(days=30))
        by_code.ask(db, ADA, door, terms=terms, origin=HERE)
        db.commit()
        code = mails.code(ADA)
        if refused:
            with pytest.raises(ClosedForGood):
                by_code.prove(db, ADA, code, door, terms=terms, origin=HERE)
            press(db, terms, way, ask(db, terms, mails, way)[0])
        else:
            by_code.prove(db, ADA, code, door, terms=terms, origin=HERE)


def test_ninety_nine_wrong_codes_close_nothing(db, terms, clock):
    type_wrong_codes(db, clock, terms, Purpose.RESET, times=99)
    clock.shift(codes.LIMIT.window)
    code_id, digits = codes.issue(db, Purpose.RESET, ADA, lifetime=15 * MINUTE, keys=terms.keys)
    assert codes.check(db, Purpose.RESET, ADA, digits, keys=terms.keys) == code_id
