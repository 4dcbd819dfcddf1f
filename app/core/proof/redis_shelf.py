"""The shelf of codes in Redis (`REDIS_URL`), for several machines; see `shelves`."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import cast

from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import Select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import CodesAway
from app.core.proof.shelves import Kept
from app.models.access import Purpose

BATCH = 1000
"""Addresses that Redis is told of at once."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
AGAIN = timedelta(seconds=5)
"""After which somebody may ask again whom a Redis that is gone turned away."""


class InRedis:
    """Codes in Redis; what becomes of them stands at once, also where the caller rolls back.

    The codes of a purpose and address are members ("id:digest") of one sorted set, by the moment
    at which they run out. A second key leads from an id to its set. Ids are random: a Redis that
    lost everything must not give out the id of an earlier code again, whose link may be about.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def reach(self) -> None:
        """Raise `CodesAway` where Redis does not answer."""
        with _reaching():
            self._redis.ping()

    def put(
        self,
        db: Session,
        purpose: str,
        address: str,
        digest: str | None,
        *,
        lifetime: timedelta,
        kept: timedelta,
    ) -> int:
        """As `Shelf.put`. Codes of one purpose live equally long: so the set outlives each."""
        now, code_id, name = clock.now(), secrets.randbits(52), _set(purpose, address)
        with self._at_once() as redis:
            redis.zremrangebyscore(name, "-inf", _score(now - kept))
            redis.zadd(name, {f"{code_id}:{digest or ''}": _score(now + lifetime)})
            redis.expire(name, lifetime + kept)
            redis.set(_code(code_id), name, ex=lifetime + kept)
            redis.execute()
        return code_id

    def unused(
        self, db: Session, purposes: Sequence[str], address: str, since: datetime
    ) -> list[Kept]:
        """As `Shelf.unused`."""
        with self._at_once() as redis:
            for purpose in purposes:
                redis.zrangebyscore(
                    _set(purpose, address), f"({_score(since)}", "+inf", withscores=True
                )
            found = zip(purposes, redis.execute(), strict=True)
        return [
            Kept(_id(member), purpose, member.partition(":")[2] or None, _moment(score))
            for purpose, members in found
            for member, score in members
        ]

    def claim(self, db: Session, purpose: str, address: str) -> Sequence[int]:
        """As `Shelf.claim`."""
        name = _set(purpose, address)
        with self._at_once() as redis:
            redis.zrange(name, 0, -1)
            redis.delete(name)
            members = redis.execute()[0]
        return [_id(member) for member in members]

    def is_unused(self, db: Session, code_id: int) -> bool:
        """As `Shelf.is_unused`."""
        with _reaching():
            name = cast(str | None, self._redis.get(_code(code_id)))
            members = cast(list[str], self._redis.zrange(name, 0, -1)) if name else []
        return code_id in map(_id, members)

    def run_out(self, db: Session, purposes: Sequence[str], address: str) -> None:
        """As `Shelf.run_out`."""
        now = _score(clock.now())
        with self._at_once() as redis:
            for purpose in purposes:
                redis.zrangebyscore(_set(purpose, address), f"({now}", "+inf")
            for purpose, members in zip(purposes, redis.execute(), strict=True):
                if members:
                    # What was used since then is not put back.
                    redis.zadd(_set(purpose, address), dict.fromkeys(members, now), xx=True)
            redis.execute()

    def end_of(self, db: Session, addresses: Select[str] | Sequence[str]) -> None:
        """As `Shelf.end_of`."""
        found = db.scalars(addresses).all() if isinstance(addresses, Select) else addresses
        for start in range(0, len(found), BATCH):
            some = found[start : start + BATCH]
            with self._at_once() as redis:
                redis.delete(*(_set(purpose, each) for each in some for purpose in Purpose))
                redis.execute()

    @contextmanager
    def _at_once(self) -> Iterator[Pipeline]:
        with _reaching(), self._redis.pipeline(transaction=True) as redis:
            yield redis


def at(url: str) -> InRedis:
    """The shelf in the Redis at `url`; nothing is asked of it yet."""
    # Without time-outs a Redis that drops packets would hold every door. It is tried twice: a
    # connection may be one that an earlier Redis left behind.
    return InRedis(
        Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=1,
            socket_timeout=3,
            retry=Retry(NoBackoff(), 1),
        )
    )


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise CodesAway(clock.now() + AGAIN) from error


def _set(purpose: str, address: str) -> str:
    # The address itself would be one more copy to forget when its person asks for that.
    named = hashlib.sha256(address.encode()).hexdigest()[:40]
    return f"rollcall:codes:{purpose}:{named}"


def _code(code_id: int) -> str:
    return f"rollcall:code:{code_id}"


def _id(member: str) -> int:
    return int(member.partition(":")[0])


def _score(moment: datetime) -> int:
    # Microseconds, which a double holds exactly until the year 2255.
    return (moment - EPOCH) // MICROSECOND


def _moment(score: float) -> datetime:
    return EPOCH + int(score) * MICROSECOND
