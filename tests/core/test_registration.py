"""Registering: one answer for everybody, truth in the mailbox, an account for the listed."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import delete, func, select, update

from app.addresses import BadAddress
from app.core import outbox
from app.core.audit import Event, Origin
from app.core.entry import registration, signin
from app.core.entry.choosing import NotBoth
from app.core.errors import LinkDead, NoLongerListed, Refusal
from app.core.people import sessions
from app.core.proof import codes
from app.edge import ours
from app.models.access import Code
from app.models.people import Entitlement, User, UserLoRootId
from app.models.records import AuditEntry, MessageState, OutgoingMessage
from app.models.rosters import RosterLine

ADA = "ada@learn.agency.example"
WORDS = "three green kettles"
HERE = Origin(ip="127.0.0.9", user_agent="A browser")
DAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ROWS = (Code, OutgoingMessage, AuditEntry)


@pytest.fixture
def terms(app):
    """What registration goes by here."""
    with app.app_context():
        return ours.terms()


@pytest.fixture
def begin(db, terms):
    """Asks to register, and commits as the page does."""

    def ask(last_name="Lovelace", email=ADA):
        registration.begin(db, last_name, email, terms=terms, origin=HERE)
        db.commit()

    return ask


@pytest.fixture
def finish(db, terms):
    """Sends code and password, and commits as the page does; a refusal is rolled back."""

    def send(code, password=WORDS, email=ADA):
        try:
            entered = registration.finish(db, email, code, password, terms=terms, origin=HERE)
        except Refusal:
            db.rollback()
            raise
        db.commit()
        return entered

    return send


@pytest.fixture
def finish_by_link(db, terms):
    """Presses the mail's button."""

    def send(path, password=WORDS):
        token = path.rsplit("/", 1)[1]
        try:
            entered = registration.finish_by_link(db, token, password, terms=terms, origin=HERE)
        except Refusal:
            db.rollback()
            raise
        db.commit()
        return entered

    return send


def kinds(db):
    return list(db.scalars(select(OutgoingMessage.kind).order_by(OutgoingMessage.id)))


def count(db, table):
    return db.scalar(select(func.count()).select_from(table))


def problems(refused):
    return {name: refusal.code for name, refusal in refused.value.by_field.items()}


def wrong(digits):
    return f"{(int(digits) + 1) % 10**6:06d}"


# What the mail says


def test_a_listed_person_gets_a_code_and_a_button(people, begin, mails):
    people.listed("Lovelace", ADA, "A1")
    begin()
    assert mails.code(ADA).isdigit()
    assert mails.link(ADA).startswith("/register/password/")
    assert mails.to(ADA)[0]["Subject"] == f"{mails.code(ADA)} is your Rollcall registration code"


def test_a_name_is_forgiven_its_spelling(people, begin, db):
    spellings = [
        ("Lovelace", "  LOVELACE "),
        ("O'Neil", "O\u2019Neil"),
        ("O\u02bcNeil", "ONEIL"),
        ("Muñoz", "Munoz"),
        ("Munoz", "Mun\u0303oz"),
        ("Smith Jr.", "smith"),
        ("Garcia-Lopez", "garcia lopez"),
        ("van der Berg", "VanDerBerg"),
        ("Łukasik", "Lukasik"),
        ("NA", "na"),
    ]
    for number, (listed, typed) in enumerate(spellings):
        people.listed(listed, f"p{number}@x.example", "A1", follow=False)
        begin(typed, f"p{number}@x.example")
    assert kinds(db) == ["registration_code"] * len(spellings)


def test_another_name_gets_the_mail_about_the_name_and_no_code(people, begin, db, mails):
    people.listed("Lovelace", ADA, "A1")
    begin("Hopper")
    assert kinds(db) == ["name_differs"]
    assert "The last name that was typed is not the one on the list" in mails.text(ADA)
    assert "Lovelace" not in mails.text(ADA)
    assert db.scalar(select(Code.secret_hash)) is None


def test_no_name_is_too_odd_to_be_answered(people, begin, db):
    people.listed("Lovelace", ADA, "A1")
    odd = ["Love", "", "\0", "\ud800", "x" * 5000, "\u202eecalevoL", "Lovelace\r\nBcc: x@x.example"]
    for typed in odd:
        begin(typed)
    assert kinds(db) == ["name_differs"] * len(odd)


def test_who_has_an_account_is_told_so_under_any_name(people, begin, db, mails):
    people.listed("Lovelace", ADA, "A1")
    people.account(ADA)
    begin()
    begin("Hopper")
    assert kinds(db) == ["have_account", "have_account"]
    assert "It has an account already" in mails.text(ADA)


def test_who_is_on_no_list_is_told_whom_to_ask(begin, db, mails):
    begin("Nobody", "nobody@x.example")
    assert kinds(db) == ["not_listed"]
    assert "Noor in room 4" in mails.text("nobody@x.example")


def test_inactive_lines_alone_count_as_on_no_list(people, begin, db):
    people.listed("Lovelace", ADA, "A1", active=False)
    begin()
    assert kinds(db) == ["not_listed"]


def test_a_stranger_is_written_to_once_a_day(begin, db, mails):
    with time_machine.travel(DAY, tick=False) as clock:
        for _ in range(4):
            begin("Nobody", "nobody@x.example")
            clock.shift(timedelta(hours=5))
        assert len(mails.to("nobody@x.example")) == 1
        clock.shift(timedelta(hours=4))
        begin("Nobody", "nobody@x.example")
        assert len(mails.to("nobody@x.example")) == 2
    states = list(db.scalars(select(OutgoingMessage.state).order_by(OutgoingMessage.id)))
    assert states == ["shown", "held", "held", "held", "shown"]


def test_a_mailbox_gets_five_mails_in_ten_minutes_and_no_more(people, begin, mails, db):
    people.listed("Lovelace", ADA, "A1")
    with time_machine.travel(DAY, tick=False) as clock:
        for _ in range(8):
            begin()
        assert len(mails.to(ADA)) == outbox.MOST.tries
        clock.shift(outbox.MOST.window)
        begin()
        assert len(mails.to(ADA)) == outbox.MOST.tries + 1
    held = select(func.count()).where(OutgoingMessage.state == MessageState.HELD.value)
    assert db.scalar(held) == 3


def test_every_branch_writes_the_same_number_of_rows(people, begin, db):
    people.listed("Lovelace", ADA, "A1")
    people.listed("Hopper", "grace@learn.agency.example", "A1")
    people.account("old@learn.agency.example")
    asked = [
        ("Lovelace", ADA),
        ("Hopper", ADA),
        ("Hopper", "old@learn.agency.example"),
        ("Nobody", "nobody@x.example"),
        ("Nobody", "nobody@x.example"),
    ]
    asked += [("Lovelace", ADA)] * (outbox.MOST.tries + 1)
    for last_name, email in asked:
        before = [count(db, table) for table in ROWS]
        begin(last_name, email)
        grown = [count(db, table) - start for table, start in zip(ROWS, before, strict=True)]
        assert grown == [1, 1, 1], (last_name, email)


def test_what_is_no_address_writes_nothing(begin, db):
    with pytest.raises(BadAddress):
        begin("Lovelace", "no address")
    db.rollback()
    assert [count(db, table) for table in ROWS] == [0, 0, 0]


def test_an_address_is_one_in_every_spelling(people, begin, finish, mails, db):
    people.listed("Lovelace", "Ada@Learn.Agency.Example", "A1")
    begin(email=" ADA@learn.agency.example ")
    finish(mails.code(ADA), email="ada@LEARN.agency.example")
    user = db.scalars(select(User)).one()
    assert (user.email, user.address) == ("Ada@Learn.Agency.Example", ADA)


# The account


def test_an_account_begins_with_what_the_list_says(people, begin, finish, mails, db):
    people.listed("Lovelace", ADA, "A1", "00123", "A1")
    people.listed("Lovelace", ADA, "Z9", active=False)
    with time_machine.travel(DAY, tick=False):
        begin("lovelace ")
        entered = finish(mails.code(ADA))
        assert sessions.check_session(db, entered.token).user.id == entered.user.id
    db.expire_all()
    user = db.scalars(select(User)).one()
    assert (user.last_name, user.email, user.address) == ("Lovelace", ADA, ADA)
    assert (user.status, user.date_added, user.verified_at) == ("Active", DAY, DAY)
    assert user.expiry_date == DAY + timedelta(days=730)
    assert user.visit_count == 1
    assert user.from_roster
    assert user.check_password(WORDS, rounds=4)
    held = set(db.scalars(select(UserLoRootId.lo_root_id)))
    why = {tuple(row) for row in db.execute(select(Entitlement.lo_root_id, Entitlement.source))}
    assert held == {"A1", "00123"}
    assert why == {("A1", "roster"), ("00123", "roster")}
    beside_mail = select(AuditEntry.event).where(AuditEntry.event != Event.MAIL_SENT.value)
    events = list(db.scalars(beside_mail.order_by(AuditEntry.id)))
    assert events == [Event.REGISTRATION_ASKED, Event.ACCOUNT_OPENED, Event.SIGN_IN_ADMITTED]


def test_the_ids_are_those_of_the_list_at_the_end_and_not_at_the_beginning(
    people, begin, finish, mails, db
):
    people.listed("Lovelace", ADA, "A1")
    begin()
    code = mails.code(ADA)
    db.execute(update(RosterLine).values(lo_root_id="B2", last_name="King"))
    db.commit()
    finish(code)
    assert list(db.scalars(select(UserLoRootId.lo_root_id))) == ["B2"]
    assert db.scalar(select(User.last_name)) == "King"


def test_who_was_dropped_between_the_steps_gets_no_account(
    people, begin, finish, finish_by_link, mails, db
):
    people.listed("Lovelace", ADA, "A1")
    begin()
    code, link = mails.code(ADA), mails.link(ADA)
    db.execute(delete(RosterLine))
    db.commit()
    with pytest.raises(NoLongerListed):
        finish(code)
    with pytest.raises(NoLongerListed):
        finish_by_link(link)
    assert count(db, User) == 0


@pytest.mark.parametrize("state", ["none", "empty", "inactive"])
def test_nobody_registers_without_a_list(state, people, begin, finish, mails, db):
    if state == "inactive":
        people.listed("Lovelace", ADA, "A1", active=False)
    if state == "empty":
        people.listed("Lovelace", ADA, "A1")
        db.execute(delete(RosterLine))
        db.commit()
    begin()
    assert kinds(db) == ["not_listed"]
    with pytest.raises(NotBoth) as refused:
        finish("123456")
    assert problems(refused) == {"code": "wrong_code"}
    assert count(db, User) == 0


def test_the_button_opens_the_account_too_and_only_once(people, begin, finish_by_link, mails, db):
    people.listed("Lovelace", ADA, "A1")
    begin()
    link = mails.link(ADA)
    entered = finish_by_link(link)
    assert entered.user.verified_at is not None
    with pytest.raises(LinkDead):
        finish_by_link(link)
    assert count(db, User) == 1


def test_a_used_code_ends_its_button_and_a_used_button_its_code(
    people, begin, finish, finish_by_link, mails, db
):
    people.listed("Lovelace", ADA, "A1")
    people.listed("Hopper", "grace@learn.agency.example", "A1")
    begin()
    link = mails.link(ADA)
    finish(mails.code(ADA))
    with pytest.raises(LinkDead):
        finish_by_link(link)
    begin("Hopper", "grace@learn.agency.example")
    finish_by_link(mails.link("grace@learn.agency.example"))
    with pytest.raises(NotBoth):
        finish(mails.code("grace@learn.agency.example"), email="grace@learn.agency.example")


def test_looking_at_the_link_uses_nothing_up(people, begin, mails, db, terms, finish_by_link):
    people.listed("Lovelace", ADA, "A1")
    begin()
    link = mails.link(ADA)
    for _ in range(20):
        facts = registration.read_link(db, link.rsplit("/", 1)[1], terms=terms)
        db.rollback()
    assert (facts["address"], facts["digits"]) == (ADA, mails.code(ADA))
    finish_by_link(link)


def test_the_button_works_after_five_wrong_codes(people, begin, finish, finish_by_link, mails):
    people.listed("Lovelace", ADA, "A1")
    begin()
    code = mails.code(ADA)
    for _ in range(codes.LIMIT.tries):
        with pytest.raises(NotBoth):
            finish(wrong(code))
    with pytest.raises(NotBoth) as refused:
        finish(code)
    assert problems(refused) == {"code": "too_many_tries"}
    assert refused.value.status == 429
    finish_by_link(mails.link(ADA))


def test_the_button_runs_out_with_the_code(people, begin, finish_by_link, mails, terms):
    people.listed("Lovelace", ADA, "A1")
    with time_machine.travel(DAY, tick=False) as clock:
        begin()
        link = mails.link(ADA)
        clock.shift(terms.code_lifetime + timedelta(seconds=1))
        with pytest.raises(LinkDead):
            finish_by_link(link)


def test_the_button_asks_for_a_good_password_and_stays_alive(people, begin, finish_by_link, mails):
    people.listed("Lovelace", ADA, "A1")
    begin()
    with pytest.raises(NotBoth) as refused:
        finish_by_link(mails.link(ADA), "password")
    assert problems(refused) == {"password": "password_refused"}
    finish_by_link(mails.link(ADA))


# Refusals of step two


def test_a_wrong_code_and_a_weak_password_are_said_at_once(people, begin, finish, mails):
    people.listed("Lovelace", ADA, "A1")
    begin()
    with pytest.raises(NotBoth) as refused:
        finish(wrong(mails.code(ADA)), "password")
    assert problems(refused) == {"code": "wrong_code", "password": "password_refused"}


def test_a_weak_password_does_not_use_the_code_up_nor_count_as_a_try(people, begin, finish, mails):
    people.listed("Lovelace", ADA, "A1")
    begin()
    code = mails.code(ADA)
    for _ in range(codes.LIMIT.tries + 2):
        with pytest.raises(NotBoth) as refused:
            finish(code, "password")
        assert problems(refused) == {"password": "password_refused"}
    finish(code)


@pytest.mark.parametrize("known", [True, False], ids=["listed", "unknown"])
def test_wrong_codes_are_answered_and_counted_alike_for_known_and_unknown(
    known, people, begin, finish, db
):
    if known:
        people.listed("Lovelace", ADA, "A1")
    begin()
    said = []
    for _ in range(codes.LIMIT.tries + 1):
        with pytest.raises(NotBoth) as refused:
            finish("000000")
        said.append(problems(refused)["code"])
    assert said == ["wrong_code"] * codes.LIMIT.tries + ["too_many_tries"]
    refusals = select(func.count()).where(AuditEntry.event == Event.SIGN_IN_REFUSED.value)
    assert db.scalar(refusals) == codes.LIMIT.tries + 1


def test_a_new_mail_resets_no_count(people, begin, finish, mails):
    people.listed("Lovelace", ADA, "A1")
    begin()
    for _ in range(codes.LIMIT.tries):
        with pytest.raises(NotBoth):
            finish(wrong(mails.code(ADA)))
    begin()
    with pytest.raises(NotBoth) as refused:
        finish(mails.code(ADA))
    assert problems(refused) == {"code": "too_many_tries"}


def test_a_code_that_ended_by_wrong_tries_stays_dead_after_the_pause(people, begin, finish, mails):
    people.listed("Lovelace", ADA, "A1")
    with time_machine.travel(DAY, tick=False) as clock:
        begin()
        with pytest.raises(NotBoth):
            finish(wrong(mails.code(ADA)))
        clock.shift(timedelta(minutes=14))
        begin()
        late = mails.code(ADA)
        for _ in range(codes.LIMIT.tries - 1):
            with pytest.raises(NotBoth):
                finish(wrong(late))
        clock.shift(timedelta(minutes=1))
        with pytest.raises(NotBoth) as refused:
            finish(late)
        assert problems(refused) == {"code": "code_ran_out"}


def test_who_comes_late_with_the_right_code_is_mailed_a_new_one(
    people, begin, finish, mails, terms
):
    people.listed("Lovelace", ADA, "A1")
    with time_machine.travel(DAY, tick=False) as clock:
        begin()
        old = mails.code(ADA)
        clock.shift(terms.code_lifetime)
        with pytest.raises(NotBoth) as refused:
            finish(old)
        assert problems(refused) == {"code": "code_ran_out"}
        said = refused.value.by_field["code"].message
        assert said == f"This code has run out. A new one is on its way to {ADA}."
        assert len(mails.to(ADA)) == 2
        finish(mails.code(ADA))


def test_a_new_code_after_a_late_one_does_not_wait_for_the_clock(
    app, people, visitor, mails, terms
):
    people.listed("Lovelace", ADA, "A1")
    queue = app.extensions["rollcall.jobs"].huey
    with time_machine.travel(DAY, tick=False) as clock:
        visitor.submit("/register", last_name="Lovelace", email=ADA)
        code = mails.code(ADA)
        queue.flush()
        clock.shift(terms.code_lifetime)
        visitor.submit("/register/password", email=ADA, code=code, password=WORDS)
        assert len(queue.pending()) == 1


def test_a_code_of_long_ago_is_just_wrong(people, begin, finish, mails, db, terms):
    people.listed("Lovelace", ADA, "A1")
    with time_machine.travel(DAY, tick=False) as clock:
        begin()
        old = mails.code(ADA)
        clock.shift(terms.code_lifetime + timedelta(hours=2))
        with pytest.raises(NotBoth) as refused:
            finish(old)
    assert problems(refused) == {"code": "wrong_code"}
    assert len(kinds(db)) == 1


def test_a_stranger_learns_nothing_by_guessing_at_a_late_code(people, begin, finish, mails, terms):
    people.listed("Lovelace", ADA, "A1")
    with time_machine.travel(DAY, tick=False) as clock:
        begin()
        guess = wrong(mails.code(ADA))
        clock.shift(terms.code_lifetime)
        with pytest.raises(NotBoth) as refused:
            finish(guess)
    assert problems(refused) == {"code": "wrong_code"}
    assert len(mails.to(ADA)) == 1


def test_the_code_of_one_address_opens_no_account_for_another(people, begin, finish, mails, db):
    people.listed("Lovelace", ADA, "A1")
    people.listed("Hopper", "grace@learn.agency.example", "A1")
    begin()
    begin("Hopper", "grace@learn.agency.example")
    with pytest.raises(NotBoth):
        finish(mails.code(ADA), email="grace@learn.agency.example")
    assert count(db, User) == 0


def test_the_password_is_judged_by_what_was_typed_and_not_by_the_list(people, begin, finish, mails):
    people.listed("Kowalczykowska", ADA, "A1")
    begin("Kowalczykowska")
    with pytest.raises(NotBoth) as refused:
        finish(mails.code(ADA), "ada-ada-ada")
    assert problems(refused) == {"password": "password_refused"}
    finish(mails.code(ADA), "kowalczykowska")


def test_an_account_that_was_made_in_the_meantime_stays_as_it_is(people, begin, finish, mails, db):
    people.listed("Lovelace", ADA, "A1")
    begin()
    code = mails.code(ADA)
    people.account(ADA, password="four blue teapots")
    with pytest.raises(Refusal):
        finish(code)
    db.expire_all()
    user = db.scalars(select(User)).one()
    assert user.check_password("four blue teapots", rounds=4)


def test_who_registered_signs_in_with_that_password(people, begin, finish, mails, db, terms):
    people.listed("Lovelace", ADA, "A1")
    begin()
    finish(mails.code(ADA))
    entered = signin.with_password(db, ADA, WORDS, remember=False, terms=terms, origin=HERE)
    db.commit()
    db.refresh(entered.user)
    assert entered.user.visit_count == 2


# What is kept of it


@pytest.fixture
def lines(app):
    """Every line that is logged, as it is written."""
    caught = []

    class Catcher(logging.Handler):
        def emit(self, record):
            caught.append(self.format(record))

    catcher = Catcher()
    root = logging.getLogger()
    catcher.setFormatter(root.handlers[0].formatter)
    root.addHandler(catcher)
    root.setLevel(logging.DEBUG)
    yield caught
    root.removeHandler(catcher)


def test_code_link_token_and_password_are_in_no_log_line(lines, people, visitor, mails):
    people.listed("Lovelace", ADA, "A1")
    visitor.submit("/register", last_name="Lovelace", email=ADA)
    code, link = mails.code(ADA), mails.link(ADA)
    visitor.get(link)
    visitor.submit("/register/password", email=ADA, code=code, password="password")
    visitor.submit("/register/password", email=ADA, code=code, password=WORDS)
    visitor.get("/program_select")
    visitor.submit("/logout")
    visitor.sign_in(ADA, "a wrong pass phrase")
    visitor.sign_in(ADA, WORDS)
    with visitor.client.session_transaction() as cookie:
        secrets = [code, link, link.rsplit("/", 1)[1], WORDS, "a wrong pass phrase", cookie["sid"]]
    assert any("/register/password" in line for line in lines)
    for secret in secrets:
        assert not [line for line in lines if secret in line]


def test_audit_entries_hold_neither_code_nor_password(people, begin, finish, mails, db):
    people.listed("Lovelace", ADA, "A1")
    begin()
    code = mails.code(ADA)
    with pytest.raises(NotBoth):
        finish(wrong(code), WORDS)
    finish(code)
    for entry in db.scalars(select(AuditEntry)):
        told = f"{entry.details}"
        assert code not in told
        assert wrong(code) not in told
        assert WORDS not in told
