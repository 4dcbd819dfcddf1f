"""Tokens and the rows that they name: whatever ends the row ends the token."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import delete

from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import access_tokens, signing
from app.core.entry.access_tokens import Audience, InvalidToken, Issuer, NoToken
from app.core.learning import profiles
from app.core.people import sessions
from app.core.people.sessions import Lifetimes, Seat
from app.models.access import SigningKey, SignInSession

SECRET = "a secret that stands in tests alone"
ISSUER = Issuer("https://learn.agency.example", [SECRET])
DAY = timedelta(days=1)
LIFETIMES = Lifetimes(idle=DAY, whole=DAY, remembered=DAY)


@pytest.fixture
def ada(people):
    return people.account("ada@learn.agency.example")


@pytest.fixture
def token(db, ada):
    """Makes a session of Ada's for an audience, and a token of it."""

    def make(audience=Audience.API, seat=Audience.API):
        opened = sessions.open_session(
            db, ada.id, method="api", remember=False, lifetimes=LIFETIMES, origin=NOWHERE,
            seat=Seat(seat.value, DAY) if seat else None,
        )  # fmt: skip
        made = access_tokens.issue(
            db, ada, opened.session_id, audience, issuer=ISSUER, lifetime=DAY
        )
        db.commit()
        return made

    return make


def opens(db, token, audience=Audience.API, issuer=ISSUER):
    """Whom both ways of checking let in; they must agree."""
    db.rollback()
    found = []
    for check in (
        lambda: access_tokens.verify(db, token, audience, issuer=issuer).user.id,
        lambda: profiles.of_bearer(db.get_bind(), token, audience, issuer=issuer).user_id,
    ):
        try:
            found.append(check())
        except InvalidToken:
            found.append(None)
    assert found[0] == found[1]
    return found[0]


def test_a_token_stands_for_its_person(db, ada, token):
    assert opens(db, token()) == ada.id


def test_no_token_is_said_apart_from_a_bad_one(db):
    with pytest.raises(NoToken):
        access_tokens.verify(db, "", Audience.API, issuer=ISSUER)


@pytest.mark.parametrize(
    ("audience", "seat"),
    [(Audience.GPT, Audience.GPT), (Audience.API, Audience.GPT), (Audience.GPT, Audience.API),
     (Audience.API, None)],
)  # fmt: skip
def test_a_token_for_something_else_opens_nothing(db, token, audience, seat):
    assert opens(db, token(audience, seat)) is None


def test_another_installation_with_the_same_keys_is_another_one(db, token):
    other = Issuer("https://evil.example", [SECRET])
    assert opens(db, token(), issuer=other) is None


def test_rotation_signs_nobody_out_and_a_key_that_was_taken_out_does(db, ada, token):
    old = token()
    signing.rotate(db, keys=[SECRET], origin=NOWHERE)
    db.commit()
    new = token()
    assert (opens(db, old), opens(db, new)) == (ada.id, ada.id)
    db.execute(delete(SigningKey).where(SigningKey.serial == 1))
    db.commit()
    assert (opens(db, old), opens(db, new)) == (None, ada.id)


def test_a_key_that_was_replaced_long_ago_verifies_nothing(db, ada, token):
    with time_machine.travel(clock.now(), tick=False) as moving:
        token()
        row = db.query(SignInSession).one()
        row.expires_at += 30 * DAY
        # None of ours lives so long: whoever has the key may sign what they like.
        forged = access_tokens.issue(
            db, ada, row.id, Audience.API, issuer=ISSUER, lifetime=30 * DAY
        )
        signing.rotate(db, keys=[SECRET], origin=NOWHERE)
        db.commit()
        moving.shift(signing.KEPT - timedelta(seconds=1))
        assert opens(db, forged) == ada.id
        moving.shift(timedelta(seconds=1))
        assert opens(db, forged) is None


def test_signing_out_ends_one_session(db, ada, token):
    here, elsewhere = token(), token()
    bearer = access_tokens.verify(db, here, Audience.API, issuer=ISSUER)
    access_tokens.end(db, bearer, NOWHERE)
    db.commit()
    assert (opens(db, here), opens(db, elsewhere)) == (None, ada.id)


def test_a_token_is_no_cookie(db, token):
    token()
    row = db.query(SignInSession).one()
    assert row.audience == "api"
    assert row.idle_seconds is None
