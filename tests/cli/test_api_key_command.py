"""`flask rollcall api-key …`: the same keys as on the page, for who has the console."""

import json

import pytest

from app.core.entry import keys
from app.core.entry.keys import InvalidKey, KeyScope


@pytest.fixture
def run(app, db):
    """Calls a command as a maintainer does."""

    def call(*arguments):
        result = app.test_cli_runner().invoke(args=["rollcall", "api-key", *arguments])
        db.rollback()
        return result

    return call


def test_a_key_is_printed_once_listed_and_revoked(run, db):
    made = run("create", "--name", "Coach", "--json")
    assert made.exit_code == 0, made.output
    [(name, text)] = json.loads(made.stdout).items()
    assert name == "key"
    assert keys.check(db, text, KeyScope.GPT).scopes == ["gpt", "signup"]
    db.rollback()
    [row] = json.loads(run("list", "--json").stdout)
    assert (row["name"], row["begins"], row["revoked"]) == ("Coach", text[:8], None)
    listed = run("list")
    assert "Coach" in listed.stdout
    assert text not in listed.output
    gone = run("revoke", "Coach", "--json")
    assert json.loads(gone.stdout) == {"revoked": "Coach"}
    with pytest.raises(InvalidKey):
        keys.check(db, text, KeyScope.GPT)
    assert "revoked" in run("list").stdout


def test_a_key_has_the_scopes_and_the_end_that_were_asked_for(run, db):
    made = run("create", "--name", "Sign-up", "--scope", "signup", "--expires", "30")
    text = made.stdout.strip()
    row = keys.check(db, text, KeyScope.SIGNUP)
    assert (row.expires_at - row.created_at).days in {29, 30}
    with pytest.raises(InvalidKey):
        keys.check(db, text, KeyScope.GPT)
    number = row.id
    db.rollback()
    assert run("revoke", str(number)).exit_code == 0


def test_what_cannot_be_done_exits_with_one_and_says_why(run):
    for _ in range(2):
        run("create", "--name", "Twin")
    for arguments, code in (
        (("create", "--name", " "), "bad_key"),
        (("revoke", "Nobody"), "not_found"),
        (("revoke", "999"), "not_found"),
        (("revoke", "Twin"), "several_keys"),
    ):
        refused = run(*arguments, "--json")
        assert refused.exit_code == 1, arguments
        assert json.loads(refused.stdout)["code"] == code
    assert run("create").exit_code == 2
    assert run("create", "--name", "x", "--scope", "all").exit_code == 2
