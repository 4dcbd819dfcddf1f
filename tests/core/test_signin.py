"""The one door: who is let in, who is not, and that nothing tells the two kinds of "no" apart."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import flask_bcrypt
import pytest
import time_machine
from sqlalchemy import func, select, update

from app.core.audit import Event, Origin
from app.core.entry import signin
from app.core.entry.terms import Terms
from app.core.errors import CannotSignIn, Refusal, TooManyPasswords
from app.core.people import sessions
from app.core.people.sessions import Lifetimes
from app.core.proof import guesses
from app.models.access import SignInSession
from app.models.people import User
from app.models.records import AuditEntry

ADA = "ada@learn.agency.example"
WORDS = "three green kettles"
LIFETIMES = Lifetimes(
    idle=timedelta(hours=12), whole=timedelta(hours=24), remembered=timedelta(days=30)
)
TERMS = Terms(
    keys=["a secret that stands in tests alone, 0123456789"],
    code_lifetime=timedelta(minutes=15),
    lifetimes=LIFETIMES,
    rounds=4,
    least=8,
    role_least=12,
    service_words=["Rollcall"],
)
HERE = Origin(ip="127.0.0.9", user_agent="A browser", reference="ABCD-2345")
DAY = datetime(2026, 5, 1, tzinfo=UTC)


def sign_in(db, email=ADA, password=WORDS, *, remember=False, rounds=4):
    entered = signin.with_password(
        db, email, password, remember=remember, terms=replace(TERMS, rounds=rounds), origin=HERE
    )
    db.commit()
    return entered


def refusal_of(db, email=ADA, password=WORDS):
    with pytest.raises(Refusal) as refused:
        sign_in(db, email, password)
    db.rollback()
    return type(refused.value), refused.value.code, refused.value.message


def try_wrongly(db, clock, times=guesses.LIMIT.tries, email=ADA, password="wrong"):
    """Refused `times` times, each after the wait that the last one brought."""
    for _ in range(times):
        assert refusal_of(db, email, password)[0] is CannotSignIn
        clock.shift(timedelta(seconds=32))


def visits(db):
    return db.scalar(select(User.visit_count))


def why(db):
    entry = db.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    return entry.event, entry.details.get("why")


def test_the_right_pair_opens_a_session_counts_the_visit_and_leaves_an_entry(db, people):
    ada = people.account(ADA)
    entered = sign_in(db)
    assert entered.user.id == ada.id
    assert sessions.check_session(db, entered.token).user.id == ada.id
    assert visits(db) == 1
    entry = db.scalars(select(AuditEntry)).one()
    assert (entry.event, entry.user_id, entry.actor_id) == (Event.SIGN_IN_ADMITTED, ada.id, ada.id)
    assert (entry.ip, entry.user_agent, entry.reference) == ("127.0.0.9", "A browser", "ABCD-2345")


def test_the_second_visit_is_counted_on_the_first(db, people):
    people.account(ADA)
    sign_in(db)
    sign_in(db)
    assert visits(db) == 2


def test_the_visits_of_a_legacy_account_are_counted_from_nothing(db, people):
    people.account(ADA)
    db.execute(update(User).values(visit_count=None))
    db.commit()
    sign_in(db)
    assert visits(db) == 1


@pytest.mark.parametrize("spelling", ["ADA@LEARN.AGENCY.EXAMPLE", "  Ada@learn.agency.example\n"])
def test_an_address_is_one_in_every_spelling(spelling, db, people):
    people.account(ADA)
    assert sign_in(db, spelling).user.email == ADA


def test_being_remembered_makes_a_longer_session(db, people):
    people.account(ADA)
    with time_machine.travel(DAY, tick=False):
        assert sign_in(db).remember is False
        assert sign_in(db, remember=True).remember is True
    rows = db.execute(
        select(SignInSession.expires_at, SignInSession.idle_seconds).order_by(SignInSession.id)
    )
    assert [tuple(row) for row in rows] == [
        (DAY + LIFETIMES.whole, 12 * 3600),
        (DAY + LIFETIMES.remembered, None),
    ]


NOBODYS = {
    "unknown": None,
    "wrong password": {},
    "no password": {"password": None},
    "empty hash": {"password": None, "password_hash": ""},
    "unreadable hash": {"password": None, "password_hash": "sha256$$2b$xx$" + "." * 53},
}
SHUT_OUT = {
    "suspended": {"status": "Suspended"},
    "inactive": {"status": "Inactive"},
    "expired": {"expiry_date": datetime(2020, 1, 1, tzinfo=UTC)},
    "off_list": {"from_roster": True},
}


@pytest.mark.parametrize("state", NOBODYS.values(), ids=NOBODYS)
def test_every_failed_proof_gets_the_same_refusal_and_the_same_row(state, db, people):
    if state is not None:
        people.account(ADA, **state)
    expected = (CannotSignIn, "cannot_sign_in", CannotSignIn().message)
    assert refusal_of(db, password="a wrong password") == expected
    entry = db.scalars(select(AuditEntry)).one()
    assert (entry.event, entry.user_id) == (Event.SIGN_IN_REFUSED, None)
    assert entry.details == {
        "method": "password", "refusal": "cannot_sign_in", "address": ADA, "why": "wrong",
    }  # fmt: skip
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 0


@pytest.mark.parametrize("state", SHUT_OUT.values(), ids=SHUT_OUT)
def test_who_may_not_be_here_gets_the_same_refusal_with_the_right_password(state, db, people):
    people.account(ADA, **state)
    assert refusal_of(db) == refusal_of(db, "nobody@x.example") == refusal_of(db, password="wrong")
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 0
    assert not visits(db)


@pytest.mark.parametrize("state", SHUT_OUT.values(), ids=SHUT_OUT)
def test_the_audit_log_knows_why_somebody_was_shut_out(state, db, people):
    people.account(ADA, **state)
    refusal_of(db)
    event, reason = why(db)
    assert event == Event.SIGN_IN_REFUSED
    assert reason in {"suspended", "expired", "off_list"}


def test_the_status_is_read_in_any_case_and_with_blanks(db, people):
    for number, status in enumerate(["Active", "active", " ACTIVE "]):
        people.account(f"p{number}@x.example", status=status)
        sign_in(db, f"p{number}@x.example")


@pytest.mark.parametrize("moment", [DAY, DAY.replace(hour=14)], ids=["midnight", "afternoon"])
def test_an_expiry_date_is_good_through_its_day_and_no_longer(moment, db, people):
    people.account(ADA, expiry_date=moment)
    with time_machine.travel(DAY.replace(hour=23, minute=59, second=59), tick=False) as clock:
        sign_in(db)
        clock.shift(timedelta(seconds=1))
        assert refusal_of(db)[1] == "cannot_sign_in"
        assert why(db) == (Event.SIGN_IN_REFUSED, "expired")


def test_a_line_on_the_list_lets_a_listed_person_in(db, people):
    people.account(ADA, from_roster=True)
    people.listed("Lovelace", ADA, "A1")
    sign_in(db)


def test_inactive_lines_alone_count_as_none(db, people):
    people.account(ADA, from_roster=True)
    people.listed("Lovelace", ADA, "A1", active=False)
    refusal_of(db)


def test_an_id_that_is_not_the_lists_lets_in_who_left_the_list(db, people):
    people.account(ADA, from_roster=True, ids=["A1"])
    sign_in(db)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_after_ten_wrong_tries_the_right_password_is_refused_too(known, db, people):
    if known:
        people.account(ADA)
    with time_machine.travel(DAY, tick=False) as clock:
        try_wrongly(db, clock)
        assert refusal_of(db)[0] is TooManyPasswords


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_after_five_wrong_tries_each_next_one_has_to_wait_longer(known, db, people):
    if known:
        people.account(ADA)
    with time_machine.travel(DAY, tick=False) as clock:
        for _ in range(5):
            assert refusal_of(db, password="wrong")[0] is CannotSignIn
        for wait in (2, 4, 8, 16, 32):
            clock.shift(timedelta(seconds=wait) - timedelta(milliseconds=10))
            assert refusal_of(db)[0] is TooManyPasswords
            clock.shift(timedelta(milliseconds=10))
            assert refusal_of(db, password="wrong")[0] is CannotSignIn


def test_the_pause_ends_by_itself(db, people):
    people.account(ADA)
    with time_machine.travel(DAY, tick=False) as clock:
        try_wrongly(db, clock)
        clock.move_to(DAY + guesses.WINDOW - timedelta(seconds=1))
        assert refusal_of(db)[0] is TooManyPasswords
        clock.shift(timedelta(seconds=1))
        sign_in(db)


@pytest.mark.parametrize("state", SHUT_OUT.values(), ids=SHUT_OUT)
def test_the_pause_does_not_tell_that_a_shut_out_persons_password_was_right(state, db, people):
    people.account(ADA, **state)
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        try_wrongly(db, clock, password=WORDS)
        assert refusal_of(db)[0] is TooManyPasswords


def test_spellings_buy_no_tries(db, people):
    people.account(ADA)
    with time_machine.travel(DAY, tick=False) as clock:
        for number in range(guesses.LIMIT.tries):
            spelling = " " * number + (ADA.upper() if number % 2 else ADA)
            try_wrongly(db, clock, 1, spelling)
        assert refusal_of(db)[0] is TooManyPasswords


def test_a_good_sign_in_gives_back_its_own_tries_and_nobody_elses(db, people):
    people.account(ADA)
    people.account("mallory@x.example", password="four blue teapots")
    with time_machine.travel(DAY, tick=False) as clock:
        try_wrongly(db, clock, guesses.LIMIT.tries - 1)
        sign_in(db, "mallory@x.example", "four blue teapots")
        try_wrongly(db, clock, 1)
        assert refusal_of(db)[0] is TooManyPasswords
        for _ in range(guesses.LIMIT.tries + 2):
            sign_in(db, "mallory@x.example", "four blue teapots")


def test_what_is_no_address_is_counted_and_refused_like_one(db):
    odd = ["", "no address", "a@b", "x" * 5000, "\0@x.example", "\ud800@x.example", "İ" * 254]
    with time_machine.travel(DAY, tick=False) as clock:
        for email in odd:
            try_wrongly(db, clock, email=email)
            assert refusal_of(db, email)[0] is TooManyPasswords


def test_what_can_be_no_password_is_a_wrong_one(db, people):
    people.account(ADA)
    for password in ("", "\0", "\ud800", "x" * 100_000):
        assert refusal_of(db, password=password)[0] is CannotSignIn


def test_a_hash_of_another_cost_is_made_anew_and_the_password_stays(db, people):
    ada = people.account(ADA)
    before = ada.password_hash
    sign_in(db, rounds=5)
    after = db.scalar(select(User.password_hash))
    assert after != before
    assert after.startswith("sha256$$2b$05$")
    sign_in(db, rounds=5)
    assert db.scalar(select(User.password_hash)) == after


def test_a_wrong_password_renews_no_hash(db, people):
    before = people.account(ADA).password_hash
    with pytest.raises(CannotSignIn):
        sign_in(db, password="wrong", rounds=5)
    assert db.scalar(select(User.password_hash)) == before


def test_no_transaction_waits_for_bcrypt(db, people, monkeypatch):
    people.account(ADA)
    seen = []
    for name in ("check_password_hash", "generate_password_hash"):
        real = getattr(flask_bcrypt.Bcrypt, name)

        def watched(*args, _real=real, **kwargs):
            seen.append(db.in_transaction())
            return _real(*args, **kwargs)

        monkeypatch.setattr(flask_bcrypt.Bcrypt, name, watched)
    sign_in(db, rounds=5)
    refusal_of(db, "nobody@x.example")
    assert seen == [False, False, False]


def test_signing_out_ends_the_session_and_leaves_one_entry(db, people):
    ada = people.account(ADA)
    token = sign_in(db).token
    for _ in range(2):
        signin.sign_out(db, token, HERE)
        db.commit()
    ended = db.scalars(
        select(AuditEntry.user_id).where(AuditEntry.event == Event.SESSION_ENDED.value)
    ).all()
    assert ended == [ada.id]
    with pytest.raises(Refusal):
        sessions.check_session(db, token)


def test_a_password_that_was_replaced_while_it_was_compared_opens_nothing(db, people, monkeypatch):
    ada = people.account(ADA)
    real = flask_bcrypt.Bcrypt.check_password_hash

    def slow(*args):
        right = real(*args)
        if right:
            with db.get_bind().begin() as other:
                other.execute(update(User).values(password_hash=None))
        return right

    monkeypatch.setattr(flask_bcrypt.Bcrypt, "check_password_hash", slow)
    assert refusal_of(db)[0] is CannotSignIn
    assert db.scalar(select(func.count()).select_from(SignInSession)) == 0
    db.refresh(ada)
    assert ada.visit_count == 0
