"""`flask rollcall keys …`: which keys there are, and a new one."""

import json

import pytest
from sqlalchemy import select

from app.core.entry import signing
from app.models.records import AuditEntry


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


def test_a_leaked_key_is_taken_out_but_never_the_one_that_signs(run, db, settings):
    first = signing.signer(db, keys=[settings.FLASK_SECRET_KEY]).kid
    db.commit()
    refused = run("remove", first)
    assert refused.exit_code == 1
    assert "keys rotate" in refused.stderr
    second = run("rotate").stdout.strip()
    assert json.loads(run("remove", first, "--json").stdout) == {"removed": first}
    assert [each["kid"] for each in signing.published(db)["keys"]] == [second]
    newest = select(AuditEntry.event, AuditEntry.details).order_by(AuditEntry.id.desc()).limit(1)
    assert tuple(db.execute(newest).one()) == ("key:removed", {"kid": first})
    assert run("remove", first).exit_code == 1


def test_an_id_that_begins_with_a_hyphen_is_an_id_too(run, db, settings):
    signing.signer(db, keys=[settings.FLASK_SECRET_KEY])
    db.commit()
    kid = "-" + "k" * 42
    refused = run("remove", kid, "--json")
    assert (refused.exit_code, "no such option" in refused.stderr.lower()) == (1, False)
