"""Redis, where several machines share jobs and limits; and Redis gone."""

from __future__ import annotations

import pytest

from app import config, create_app
from tests.conftest import Visitor
from tests.servers import start_redis

ADA = "ada@learn.agency.example"


@pytest.fixture
def redis(tmp_path):
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()


@pytest.fixture
def environment(environment, redis):
    return environment | {"REDIS_URL": redis.url, "RATELIMIT_ENABLED": "true"}


def test_a_mail_that_one_machine_queues_another_delivers(app, visitor, people, mails):
    people.listed("Lovelace", ADA, "A1")
    visitor.submit("/register", last_name="Lovelace", email=ADA)
    huey = app.extensions["rollcall.jobs"].huey
    with app.app_context():
        huey.execute(huey.dequeue())
    assert mails.deliver() == 0
    assert mails.code(ADA)


def test_two_machines_share_one_limit(app, environment, visitor):
    other = Visitor(
        create_app(config.load(environment | {"DATA_DIR": environment["DATA_DIR"] + "2"}))
    )
    statuses = []
    for number in range(62):
        asking = visitor if number % 2 else other
        statuses.append(asking.submit("/login", email="", password="").status_code)
    assert statuses.count(429) == 2
    other.app.extensions["rollcall"].sessions.kw["bind"].dispose()


def test_without_redis_passwords_and_mail_go_on_and_codes_wait_until_it_is_back(
    app, visitor, people, mails, redis, tmp_path
):
    people.account(ADA)
    people.listed("Hopper", "listed@x.example", "A1")
    visitor.get("/login")
    redis.stop()
    assert visitor.get("/login").status_code == 200
    assert visitor.sign_in(ADA).status_code == 303
    # What leaves is found by the clock, where nobody can wake the worker.
    assert "from a device that was not here before" in mails.text(ADA)
    asked = {"last_name": "Hopper", "email": "listed@x.example"}
    visitor.submit("/logout")
    assert visitor.submit("/register", **asked).status_code == 503
    assert mails.to("listed@x.example") == []
    again = start_redis(tmp_path / "again", port=redis.port)
    try:
        assert visitor.submit("/register", **asked).status_code == 303
        assert mails.code("listed@x.example")
    finally:
        again.stop()
