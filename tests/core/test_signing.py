"""The keys of tokens: made once, kept under the secret, replaced, and lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from joserfc.jwk import ECKey
from sqlalchemy import select

from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import signing
from app.core.entry.signing import NewestKey
from app.core.errors import NotFound
from app.models.access import SigningKey
from app.models.records import AuditEntry

SECRETS = ["a secret that stands in tests alone"]


def kids(db):
    return [each["kid"] for each in signing.published(db)["keys"]]


def test_many_first_boots_at_once_make_one_key(app, db):
    make = app.extensions["rollcall"].sessions
    barrier = Barrier(8)

    def boot(_number):
        with make() as own:
            barrier.wait(20)
            kid = signing.signer(own, keys=SECRETS).kid
            own.commit()
            return kid

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(boot, range(8)))
    assert set(made) == set(kids(db))
    assert len(db.scalars(select(SigningKey)).all()) == 1


def test_what_is_published_is_public_and_named_by_its_thumbprint(db):
    assert signing.published(db) == {"keys": []}
    signing.signer(db, keys=SECRETS)
    (key,) = signing.published(db)["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["crv"], key["use"], key["alg"]) == ("P-256", "sig", "ES256")
    assert key["kid"] == ECKey.import_key(key).thumbprint()
    sealed = db.scalars(select(SigningKey.sealed)).one()
    assert signing.signer(db, keys=SECRETS).key.as_dict(private=True)["d"] not in sealed


def test_a_new_key_signs_and_the_old_one_is_published_until_its_tokens_died(db):
    first = signing.signer(db, keys=SECRETS).kid
    with time_machine.travel(clock.now() + timedelta(days=90), tick=False) as clock_:
        second = signing.rotate(db, keys=SECRETS, origin=NOWHERE)
        assert signing.signer(db, keys=SECRETS).kid == second
        assert kids(db) == [second, first]
        clock_.shift(signing.KEPT)
        assert kids(db) == [second]
    db.commit()
    assert db.scalars(select(AuditEntry.details)).one() == {"kid": second}


def test_a_key_that_is_taken_out_gives_an_older_one_no_new_life(db):
    signing.signer(db, keys=SECRETS)
    with time_machine.travel(clock.now() + timedelta(days=10), tick=False) as clock_:
        leaked = signing.rotate(db, keys=SECRETS, origin=NOWHERE)
        clock_.shift(timedelta(days=10))
        newest = signing.rotate(db, keys=SECRETS, origin=NOWHERE)
        signing.remove(db, leaked, origin=NOWHERE)
        assert kids(db) == [newest]
        with pytest.raises(NewestKey):
            signing.remove(db, newest, origin=NOWHERE)
        with pytest.raises(NotFound):
            signing.remove(db, leaked, origin=NOWHERE)


def test_a_former_secret_still_opens_the_key(db):
    kid = signing.signer(db, keys=SECRETS).kid
    assert signing.signer(db, keys=["a new secret", *SECRETS]).kid == kid


def test_a_lost_secret_costs_a_new_key_once_and_no_token(db):
    first = signing.signer(db, keys=SECRETS).kid
    second = signing.signer(db, keys=["another secret"]).kid
    assert second != first
    # Where two processes had different secrets, each would go on with a key of its own.
    for _ in range(3):
        assert signing.signer(db, keys=SECRETS).kid == first
        assert signing.signer(db, keys=["another secret"]).kid == second
    assert kids(db) == [second, first]
