"""Session rows: the only thing that says somebody is signed in, and how they end."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from app.core.audit import NOWHERE, Origin
from app.core.errors import NotFound, SignedOut
from app.core.people import sessions, whereabouts
from app.core.people.sessions import Lifetimes
from app.models.access import SignInSession
from app.models.people import User

LIFETIMES = Lifetimes(
    idle=timedelta(hours=12), whole=timedelta(hours=24), remembered=timedelta(days=30)
)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def ada(people):
    """A person with an account."""
    return people.account("ada@learn.agency.example")


def open_session(db, user, *, remember=False, origin=NOWHERE):
    opened = sessions.open_session(
        db, user.id, method="password", remember=remember, lifetimes=LIFETIMES, origin=origin
    )
    db.commit()
    return opened.token


def is_in(db, token):
    db.rollback()
    try:
        sessions.check_session(db, token)
    except SignedOut:
        return False
    return True


def test_a_session_names_its_person(db, ada):
    here = sessions.check_session(db, open_session(db, ada))
    assert here.user.id == ada.id
    assert not here.has_role


def test_the_token_has_256_random_bits_and_is_nowhere_in_the_row(db, ada):
    tokens = {open_session(db, ada) for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token) == 43 for token in tokens)
    for row in db.execute(select(SignInSession.__table__)):
        assert not any(token in str(value) for value in row for token in tokens)


def test_the_row_keeps_where_it_came_from(db, ada):
    open_session(db, ada, origin=Origin(ip="127.0.0.9", user_agent="A browser " * 100))
    row = db.scalars(select(SignInSession)).one()
    assert (row.ip, row.method) == ("127.0.0.9", "password")
    assert len(row.user_agent) == 400


@pytest.mark.parametrize("token", ["", "no such token", "\0", "\ud800", "é" * 5000])
def test_what_is_no_token_lets_nobody_in(token, db, ada):
    open_session(db, ada)
    assert not is_in(db, token)


def test_the_stored_hash_is_no_token(db, ada):
    open_session(db, ada)
    assert not is_in(db, db.scalar(select(SignInSession.token_hash)))


def test_an_ended_session_is_dead_and_the_others_are_not(db, ada):
    ended, other = open_session(db, ada), open_session(db, ada)
    assert sessions.end_session(db, ended, "signed_out") == ada.id
    db.commit()
    assert not is_in(db, ended)
    assert is_in(db, other)


def test_a_session_ends_once(db, ada):
    token = open_session(db, ada)
    assert sessions.end_session(db, token, "signed_out") == ada.id
    assert sessions.end_session(db, token, "replaced") is None
    assert sessions.end_session(db, "no such token", "signed_out") is None
    db.commit()
    assert db.scalar(select(SignInSession.end_reason)) == "signed_out"


def test_all_sessions_of_one_person_end_together(db, ada, people):
    grace = people.account("grace@learn.agency.example")
    hers = [open_session(db, ada) for _ in range(3)]
    other = open_session(db, grace)
    sessions.end_all_of(db, SignInSession.user_id == ada.id, "off_list")
    db.commit()
    assert not any(is_in(db, token) for token in hers)
    assert is_in(db, other)


def test_who_was_taken_off_the_list_is_told_so_and_when(db, ada):
    with time_machine.travel(START, tick=False):
        token = open_session(db, ada)
        sessions.end_all_of(db, SignInSession.user_id == ada.id, "off_list")
        db.commit()
        with pytest.raises(sessions.TakenOffList) as refused:
            sessions.check_session(db, token)
    assert refused.value.values["date"] == START.date()


def test_twelve_hours_without_a_request_end_a_session(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        token = open_session(db, ada)
        clock.shift(LIFETIMES.idle - SECOND)
        assert is_in(db, token)
        clock.shift(SECOND)
        assert not is_in(db, token)


def test_a_request_moves_the_idle_end_and_never_the_absolute_one(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        token = open_session(db, ada)
        for _ in range(2):
            clock.shift(LIFETIMES.idle - SECOND)
            sessions.note_seen(db, sessions.check_session(db, token))
            db.commit()
        clock.move_to(START + LIFETIMES.whole - SECOND)
        assert is_in(db, token)
        clock.shift(SECOND)
        assert not is_in(db, token)


def test_a_remembered_session_has_no_idle_end_but_an_absolute_one(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        token = open_session(db, ada, remember=True)
        clock.shift(LIFETIMES.remembered - SECOND)
        assert is_in(db, token)
        clock.shift(SECOND)
        assert not is_in(db, token)


def test_last_seen_is_written_every_five_minutes_at_most(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        token = open_session(db, ada)
        written = []
        for minute in range(1, 13):
            clock.move_to(START + timedelta(minutes=minute))
            if sessions.note_seen(db, sessions.check_session(db, token)):
                written.append(minute)
            db.commit()
        assert written == [5, 10]
        assert db.scalar(select(SignInSession.last_seen_at)) == START + timedelta(minutes=10)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "Inactive"},
        {"status": "Suspended"},
        {"expiry_date": datetime(2026, 2, 28, tzinfo=UTC)},
        {"from_roster": True},
    ],
    ids=["inactive", "suspended", "expired", "off list"],
)
def test_who_may_no_longer_be_here_is_out_at_the_next_request(change, db, ada):
    with time_machine.travel(START, tick=False):
        token = open_session(db, ada)
        assert is_in(db, token)
        db.execute(update(User).where(User.id == ada.id).values(**change))
        db.commit()
        assert not is_in(db, token)


def test_a_deleted_person_takes_their_sessions_along(db, ada):
    token = open_session(db, ada)
    db.delete(ada)
    db.commit()
    assert not is_in(db, token)


def test_tidying_keeps_what_ended_within_three_months(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        old = open_session(db, ada)
        clock.shift(timedelta(days=60))
        young = open_session(db, ada)
        clock.shift(timedelta(days=31, seconds=1))
        sessions.tidy(db)
        db.commit()
        assert db.scalar(select(SignInSession.id)) is not None
        hashes = set(db.scalars(select(SignInSession.token_hash)))
    assert len(hashes) == 1
    assert sessions.end_session(db, old, "signed_out") is None
    assert sessions.end_session(db, young, "signed_out") == ada.id


def test_a_proof_lasts_ten_minutes(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        token = open_session(db, ada)
        lasts = {}
        for seconds in (0, 599, 601):
            clock.move_to(START + timedelta(seconds=seconds))
            lasts[seconds] = sessions.check_session(db, token).proven_lately
        assert lasts == {0: True, 599: True, 601: False}
        token = sessions.prove_again(db, token)
        db.commit()
        assert sessions.check_session(db, token).proven_lately


def test_a_session_from_before_proofs_were_noted_has_none(db, ada):
    token = open_session(db, ada)
    db.execute(update(SignInSession).values(proved_at=None))
    db.commit()
    assert not sessions.check_session(db, token).proven_lately


@pytest.mark.parametrize("renew", [sessions.prove_again, sessions.change_token])
def test_a_new_token_kills_the_old_one_and_keeps_the_row(renew, db, ada):
    with time_machine.travel(START, tick=False) as clock:
        old = open_session(db, ada, remember=True)
        number = sessions.check_session(db, old).session_id
        clock.shift(timedelta(minutes=3))
        fresh = renew(db, old)
        db.commit()
        assert not is_in(db, old)
        assert sessions.check_session(db, fresh).session_id == number
        [row] = db.scalars(select(SignInSession))
        assert row.expires_at == START + LIFETIMES.remembered
        assert row.created_at == row.last_seen_at == START
        proven = timedelta(minutes=3) if renew is sessions.prove_again else timedelta()
        assert row.proved_at == START + proven


@pytest.mark.parametrize("renew", [sessions.prove_again, sessions.change_token])
def test_of_two_new_tokens_at_once_one_is_given(renew, db, ada):
    token = open_session(db, ada)
    renew(db, token)
    with pytest.raises(SignedOut):
        renew(db, token)


@pytest.mark.parametrize("renew", [sessions.prove_again, sessions.change_token])
def test_an_ended_session_gets_no_new_token(renew, db, ada):
    token = open_session(db, ada)
    sessions.end_session(db, token, "signed_out")
    with pytest.raises(SignedOut):
        renew(db, token)


def test_sessions_that_are_over_are_not_among_ones_whereabouts(db, ada, people):
    grace = people.account("grace@learn.agency.example")
    with time_machine.travel(START, tick=False) as clock:
        open_session(db, grace)
        sessions.end_session(db, open_session(db, ada), "signed_out")
        open_session(db, ada)
        remembered = open_session(db, ada, remember=True)
        clock.shift(timedelta(hours=11))
        young = open_session(db, ada)
        clock.shift(timedelta(hours=1))

        def numbers(token):
            here = sessions.check_session(db, token)
            found, more = whereabouts.of(db, here, None, limit=10)
            assert not more
            return [each.session.id for each in found]

        first, second = numbers(young), numbers(remembered)
        assert len(first) == 2
        assert first == second[::-1]


def test_whereabouts_are_bounded_and_begin_with_this_one(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        this = open_session(db, ada)
        for _ in range(5):
            clock.shift(SECOND)
            open_session(db, ada)
        found, more = whereabouts.of(db, sessions.check_session(db, this), None, limit=3)
        assert more
        assert [each.is_this for each in found] == [True, False, False]
        seen = [(each.session.last_seen_at - START) / SECOND for each in found]
        assert seen == [0, 5, 4]


def test_sessions_that_ran_out_take_no_place_in_ones_whereabouts(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        remembered = [open_session(db, ada, remember=True) for _ in range(3)]
        clock.shift(SECOND)
        for _ in range(4):
            open_session(db, ada)
        clock.shift(timedelta(hours=12))
        here = sessions.check_session(db, remembered[0])
        for limit, shown, more in ((2, 2, True), (3, 3, False), (4, 3, False)):
            found, left = whereabouts.of(db, here, None, limit=limit)
            assert (len(found), left) == (shown, more)
            assert all(each.session.idle_seconds is None for each in found)


def test_each_idle_time_counts_for_its_own_sessions(db, ada):
    with time_machine.travel(START, tick=False) as clock:
        long = open_session(db, ada)
        db.execute(update(SignInSession).values(idle_seconds=20 * 3600))
        short = open_session(db, ada)
        clock.shift(timedelta(hours=12) - SECOND)
        here = sessions.check_session(db, long)
        assert len(whereabouts.of(db, here, None, limit=5)[0]) == 2
        clock.shift(SECOND)
        assert not is_in(db, short)
        (only,), more = whereabouts.of(db, here, None, limit=5)
        assert only.is_this
        assert not more


def test_nobody_ends_a_session_of_somebody_else(db, ada, people):
    grace = people.account("grace@learn.agency.example")
    hers, mine = open_session(db, grace), open_session(db, ada)
    here = sessions.check_session(db, mine)
    number = sessions.check_session(db, hers).session_id
    for foreign in (number, 99_999):
        with pytest.raises(NotFound):
            whereabouts.end_one(db, here, foreign, NOWHERE)
    whereabouts.end_others(db, here, NOWHERE)
    db.commit()
    assert is_in(db, hers)
    assert is_in(db, mine)
