"""`flask rollcall keys …`: which keys there are, and a new one."""

import json

import pytest

from app.core.entry import signing


@pytest.fixture
def run(app, db):
    """Calls a command as a maintainer does."""

    def call(*arguments):
        result = app.test_cli_runner().invoke(args=["rollcall", "keys", *arguments])
        db.rollback()
        return result

    return call


def test_a_new_key_signs_and_the_former_one_verifies(run, db, settings):
    assert "no key yet" in run("list").stderr
    first = signing.signer(db, keys=[settings.FLASK_SECRET_KEY]).kid
    db.commit()
    made = run("rotate", "--json")
    assert made.exit_code == 0, made.output
    second = json.loads(made.stdout)["kid"]
    listed = json.loads(run("list", "--json").stdout)
    assert [(each["kid"], each["signs"]) for each in listed] == [(second, True), (first, False)]
    assert run("list").stdout.splitlines()[0].startswith(second)
    assert signing.signer(db, keys=[settings.FLASK_SECRET_KEY]).kid == second
    third = run("rotate").stdout.strip()
    assert third == signing.published(db)["keys"][0]["kid"]
