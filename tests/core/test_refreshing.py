"""Refresh tokens: one use each, whoever is faster, and what a second use ends."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from app.core.audit import NOWHERE
from app.core.entry import refreshing
from app.core.entry.access_tokens import Audience, InvalidToken
from app.core.people import sessions
from app.core.people.sessions import Lifetimes, Seat
from app.models.access import SignInSession
from app.models.records import AuditEntry

DAY = timedelta(days=1)
THREADS = 20


@pytest.fixture
def given(db, people):
    ada = people.account("ada@learn.agency.example")
    opened = sessions.open_session(
        db, ada.id, method="api", remember=False, lifetimes=Lifetimes(DAY, DAY, DAY),
        origin=NOWHERE, seat=Seat("api", DAY),
    )  # fmt: skip
    token = refreshing.allow(db, opened.session_id, opened.token)
    db.commit()
    return token


def refresh(db, token, audience=Audience.API):
    return refreshing.refresh(db, token, audience, origin=NOWHERE)[2]


def test_twenty_at_once_with_one_token_are_one_winner_and_the_end(app, db, given):
    make = app.extensions["rollcall"].sessions
    barrier = Barrier(THREADS)

    def one(_number):
        with make() as own:
            barrier.wait(20)
            try:
                token = refresh(own, given)
                own.commit()
            except InvalidToken:
                return None
            return token

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(one, range(THREADS)))
    assert Counter(each is not None for each in results) == {True: 1, False: THREADS - 1}
    (won,) = [each for each in results if each]
    with pytest.raises(InvalidToken):
        refresh(db, won)
    row = db.scalars(select(SignInSession)).one()
    assert row.end_reason == "refresh_reused"
    events = Counter(db.scalars(select(AuditEntry.event)))
    assert events["token:renewed"] == 1
    assert events["session:ended"] == 1


@pytest.mark.parametrize("odd", ["", ".", "nonsense", "{handle}", "{handle}.", ".{secret}",
                                 "{handle}.{secret}.{secret}", "{handle}.\ud800", "a" * 5000,
                                 "\0.\0"])  # fmt: skip
def test_what_is_no_refresh_token_is_refused(db, given, odd):
    handle, _, secret = given.partition(".")
    with pytest.raises(InvalidToken):
        refresh(db, odd.format(handle=handle, secret=secret))


def test_a_token_of_another_audience_renews_nothing_and_ends_nothing(db, given):
    with pytest.raises(InvalidToken):
        refresh(db, given, Audience.GPT)
    assert refresh(db, given)
