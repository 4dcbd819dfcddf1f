"""`flask rollcall client …`: the same clients as on the page, for who has the console."""

import json

import pytest

from app.core.oauth import clients
from app.core.oauth.clients import UnknownClient

MODULE = "https://module.example"


@pytest.fixture
def run(app, db):
    """Calls a command as a maintainer does."""

    def call(*arguments):
        result = app.test_cli_runner().invoke(args=["rollcall", "client", *arguments])
        db.rollback()
        return result

    return call


def test_a_client_is_made_listed_and_closed(run, db):
    made = run("create", "--name", "MyModule", "--origin", MODULE + "/", "--json")
    assert made.exit_code == 0, made.output
    facts = json.loads(made.stdout)
    assert (facts["name"], facts["origins"], facts["disabled"]) == ("MyModule", [MODULE], None)
    assert clients.allowed(db, facts["client_id"], MODULE).name == "MyModule"
    db.rollback()
    [row] = json.loads(run("list", "--json").stdout)
    assert row["client_id"] == facts["client_id"]
    assert MODULE in run("list").stdout
    closed = run("disable", facts["client_id"], "--json")
    assert json.loads(closed.stdout) == {"disabled": "MyModule"}
    with pytest.raises(UnknownClient):
        clients.known(db, facts["client_id"])
    assert "closed" in run("list").stdout


def test_plainly_it_prints_the_id_alone(run, db):
    made = run("create", "--name", "A", "--origin", MODULE, "--origin", "https://b.example")
    assert clients.find(db, made.stdout.strip()).origins == [MODULE, "https://b.example"]
    assert MODULE in made.stderr


def test_what_cannot_be_done_exits_with_one_and_says_why(run):
    for _ in range(2):
        run("create", "--name", "Twin", "--origin", MODULE)
    for arguments, code in (
        (("create", "--name", " ", "--origin", MODULE), "bad_client"),
        (("create", "--name", "A", "--origin", "module.example"), "bad_origin"),
        (("create", "--name", "A", "--origin", " "), "wrong_origins"),
        (("disable", "Nobody"), "not_found"),
        (("disable", "Twin"), "not_found"),
    ):
        result = run(*arguments, "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["code"] == code
        assert result.stderr.startswith("Refused:")
    assert run("create", "--name", "A").exit_code == 2
