"""`flask rollcall adopt --kind flancer`: people, PINs and passphrases of the predecessor."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from app import hashing
from app.core import clock
from app.models.access import Credential
from app.models.people import User
from app.models.predecessors import BroughtOver
from app.models.records import AuditEntry

NOOR, ADA, GRACE, MAX = "noor@learn.example", "ada@a.example", "grace@b.example", "max@m.example"
PASSPHRASE = "Green Kettle by the Canal "
SALT = "0b3f6f6e-6d1a-4a57-9b4b-0d7f2b2f0001"
MADE = "2025-03-02 09:15:00"

SHAPE = [
    "CREATE TABLE fl64_gpt_user (user_ref INTEGER PRIMARY KEY, pin INTEGER, pass_hash VARCHAR,"
    " pass_salt VARCHAR, email VARCHAR, locale VARCHAR DEFAULT 'en', status VARCHAR,"
    " date_created TIMESTAMP)",
    "CREATE TABLE fl64_gpt_token (code VARCHAR, user_ref INTEGER, type VARCHAR,"
    " date_created TIMESTAMP)",
    "CREATE TABLE fl64_gpt_openai_user (user_ref INTEGER, ephemeral_id VARCHAR,"
    " date_created TIMESTAMP, date_last TIMESTAMP)",
    "CREATE TABLE fl64_gpt_oauth2_client (id INTEGER, client_id VARCHAR, client_secret VARCHAR)",
    "INSERT INTO fl64_gpt_oauth2_client VALUES (1, 'c', 's')",
    "INSERT INTO fl64_gpt_openai_user VALUES (1, 'e', NULL, NULL)",
]


def digest_of(passphrase: str, salt: str = SALT) -> str:
    return hashlib.sha256((passphrase.strip().lower() + salt).encode()).hexdigest()


class Predecessor:
    """A small database of the predecessor, and the command that brings it over."""

    def __init__(self, app, db, url):
        self.app, self.db, self.url = app, db, url
        self.engine = create_engine(url)
        with self.engine.begin() as connection:
            for statement in SHAPE:
                connection.execute(text(statement))

    def person(self, user_ref, email, pin, status="ACTIVE", **other):
        row = {
            "user_ref": user_ref, "pin": pin, "pass_hash": digest_of(PASSPHRASE), "pass_salt": SALT,
            "email": email, "locale": "en", "status": status, "date_created": MADE,
        } | other  # fmt: skip
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        with self.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO fl64_gpt_user ({names}) VALUES ({values})"), row)

    def execute(self, statement):
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def bring(self, *options, code=0):
        """What the command tells programs."""
        done = self.app.test_cli_runner().invoke(
            args=["rollcall", "adopt", "--from", self.url, "--kind", "flancer", "--json", *options]
        )
        assert done.exit_code == code, done.output
        assert digest_of(PASSPHRASE) not in done.output
        self.db.rollback()
        return json.loads(done.stdout)

    def user(self, address):
        return self.db.scalar(select(User).where(User.address == address))

    def pins(self):
        """The digits of every PIN here, and whose they are."""
        self.db.rollback()
        query = select(Credential.identifier, User.address).join(
            User, User.id == Credential.user_id
        )
        return dict(self.db.execute(query.where(Credential.kind == "pin")).all())


@pytest.fixture
def environment(environment, tmp_path):
    """Backups go to a folder of this test's own."""
    return environment | {"DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def there(app, db, tmp_path):
    made = Predecessor(app, db, f"sqlite:///{tmp_path / 'flancer.db'}")
    yield made
    made.engine.dispose()


def test_people_come_with_pins_and_passphrases_once(there, db, app):
    there.person(1, " Noor@Learn.example ", 4821, locale="nl_nl")
    there.person(2, ADA, 1001, "UNVERIFIED")
    there.person(3, GRACE, 1002, "BLOCKED", date_created=1740906900000)
    there.person(4, MAX, 1003, "BLOCKED")
    there.execute(f"INSERT INTO fl64_gpt_token VALUES ('t', 4, 'EMAIL_VERIFICATION', '{MADE}')")

    tried = there.bring("--dry-run")
    assert tried["outcome"] == "tried"
    assert there.user(NOOR) is None
    done = there.bring()
    assert done["outcome"] == "done"
    assert done["changes"] == tried["changes"]
    assert all(line["holds"] for line in done["proof"])
    assert [line["brought"] for line in done["proof"]] == [4, 4]
    assert {name: each["count"] for name, each in done["findings"].items()} == {
        "tokens": 1, "openai": 1, "oauth": 1,
    }  # fmt: skip

    made = datetime(2025, 3, 2, 9, 15, tzinfo=UTC)
    noor = there.user(NOOR)
    assert (noor.email, noor.locale, noor.status) == (NOOR, "nl-NL", "Active")
    assert (noor.verified_at, noor.date_added, noor.came_by) == (made, made, None)
    assert there.user(ADA).verified_at is None
    assert (there.user(GRACE).status, there.user(GRACE).verified_at) == ("Inactive", made)
    assert (there.user(MAX).status, there.user(MAX).verified_at) == ("Inactive", None)
    pin = db.scalar(select(Credential).where(Credential.identifier == "4821"))
    assert (pin.user_id, pin.data) == (noor.id, {"salt": SALT, "legacy": True})
    wrapped = digest_of("green kettle by the canal")
    assert hashing.verify_password(wrapped, pin.secret_hash, rounds=4)
    assert wrapped not in pin.secret_hash
    entry = db.scalar(select(AuditEntry).where(AuditEntry.event == "database:adopted"))
    assert entry.details["backup"]["path"] == done["backup"]
    assert Path(done["backup"]).is_file()
    assert not list(Path(app.extensions["rollcall"].settings.DATA_DIR).glob("*.hashes"))

    assert there.bring()["outcome"] == "nothing"
    # Who left, or took the PIN away, does not get it back.
    gone = there.user(ADA)
    db.delete(gone)
    db.delete(db.get(Credential, pin.id))
    db.commit()
    assert there.bring()["outcome"] == "nothing"
    there.person(5, "new@n.example", 1005)
    assert [line["brought"] for line in there.bring()["proof"]] == [1, 1]
    assert sorted(there.pins()) == ["1002", "1003", "1005"]


def test_a_pin_joins_an_account_whose_mailbox_is_proven_on_both_sides(there, db, people, mails):
    now = clock.now()
    people.account(NOOR, verified_at=now)
    people.account(ADA)  # Never proven here: anybody may have set its password.
    people.account(GRACE, verified_at=now)
    people.account("pin@p.example", verified_at=now)
    people.admin("owner@o.example")
    db.add(
        Credential(
            user_id=there.user("pin@p.example").id, kind="pin", identifier="1001", data={},
            created_at=now,
        )
    )  # fmt: skip
    owner = there.user("owner@o.example")
    owner.verified_at = now
    db.commit()
    there.person(1, NOOR, 4821)
    there.person(2, ADA, 1002)
    there.person(3, GRACE, 1003, "UNVERIFIED")
    there.person(4, "pin@p.example", 1004)
    there.person(5, "owner@o.example", 1005)
    there.person(6, MAX, 1001)

    done = there.bring()
    assert there.pins() == {"4821": NOOR, "1001": "pin@p.example"}
    left = {"not_proven_here", "not_proven_there", "has_pin", "has_role", "pin_of_two"}
    assert left <= set(done["findings"])
    assert done["findings"]["not_proven_here"]["rows"][0]["email"] == ADA
    assert done["changes"]["PINs that joined an account which was here"] == 1
    noor = there.user(NOOR)
    assert noor.has_password()
    assert noor.date_added.year == now.year
    assert there.user(MAX) is not None
    # Its person is told, once, and can say that it was never them; nobody else gets a mail.
    told = mails.to(NOOR)[-1]
    assert told["Subject"] == "A way into your Rollcall account was added"
    text = told.get_body(("plain",)).get_content()
    assert "moved to Rollcall, and is now part of your account here" in text
    assert "/not-me/" in text
    assert "4821" not in text
    assert [mails.to(each) for each in (ADA, GRACE, MAX)] == [[], [], []]

    ada = there.user(ADA)
    ada.verified_at = now
    db.commit()
    again = there.bring()
    assert again["proof"][1]["brought"] == 1
    assert there.pins()["1002"] == ADA


def test_what_clashes_or_cannot_be_read_is_reported_and_not_guessed(there, db):
    there.person(1, "Ann@x.example", 1001)
    there.person(2, "ann@X.example", 1002)
    there.person(3, "no address", 1003)
    there.person(4, ADA, 1004, "DELETED")
    there.person(5, GRACE, 77)
    there.person(6, NOOR, 1006, pass_hash="plain text", locale="klingon?", date_created="soon")
    there.person(7, MAX, 1007)
    there.person(8, "two@x.example", 1007)

    done = there.bring()
    rows = {name: [row["user_ref"] for row in each["rows"]] for name, each in
            done["findings"].items() if each["rows"]}  # fmt: skip
    assert {name: sorted(each) for name, each in rows.items()} == {
        "same_address": ["1", "2"], "bad_address": ["3"], "unknown_status": ["4"],
        "bad_pin": ["5"], "bad_digest": ["6"], "bad_locale": ["6"], "pin_of_two": ["7", "8"],
    }  # fmt: skip
    assert there.pins() == {"1006": NOOR}
    pin = db.scalar(select(Credential))
    assert (pin.secret_hash, pin.data) == (None, {})
    query = select(User.address).order_by(User.address)
    assert list(db.scalars(query)) == sorted([GRACE, NOOR, MAX, "two@x.example"])
    assert [line["left"] for line in done["proof"]] == [4, 7]


def test_it_can_be_taken_back(there, app):
    there.person(1, NOOR, 4821)
    there.bring()
    run = app.test_cli_runner()
    asked = run.invoke(args=["rollcall", "adopt", "--undo"])
    assert asked.exit_code == 2
    assert "1 people" in asked.stderr
    assert run.invoke(args=["rollcall", "adopt", "--undo", "--yes"]).exit_code == 0
    assert there.user(NOOR) is None
    assert there.bring()["outcome"] == "done"
    assert there.pins() == {"4821": NOOR}


def test_an_interrupted_run_goes_on_where_it_was(there, app, db, monkeypatch):
    for number in range(6):
        there.person(number, f"p{number}@p.example", 2000 + number, pass_salt=f"salt {number}",
                     pass_hash=digest_of("one", f"salt {number}"))  # fmt: skip
    hash_password, made = hashing.hash_password, []

    def interrupted(password, *, rounds):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(password)
        return hash_password(password, rounds=rounds)

    def counted(password, *, rounds):
        made.append(password)
        return hash_password(password, rounds=rounds)

    monkeypatch.setattr("app.hashing.hash_password", interrupted)
    command = ["rollcall", "adopt", "--from", there.url, "--kind", "flancer"]
    assert app.test_cli_runner().invoke(args=command).exit_code != 0
    assert there.pins() == {}
    monkeypatch.setattr("app.hashing.hash_password", counted)
    assert there.bring()["outcome"] == "done"
    assert len(there.pins()) == 6
    assert len(made) == len(set(made)) == 6


def test_words_for_people_and_wrong_use(there, app, tmp_path):
    there.person(1, NOOR, 4821)

    def run(*options):
        return app.test_cli_runner().invoke(args=["rollcall", "adopt", *options])

    done = run("--from", there.url, "--kind", "flancer", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "Would come:" in done.stdout
    assert "people" in done.stdout
    assert "Tried on a copy" in done.stderr
    wrong = [
        ["--from", there.url], ["--kind", "flancer"],
        ["--from", there.url, "--kind", "flancer", "--status", "keep"],
        ["--from", there.url, "--kind", "flancer", "--addresses", str(tmp_path / "flancer.db")],
        ["--from", f"sqlite:///{tmp_path / 'none.db'}", "--kind", "flancer"],
        ["--from", "mysql://x/y", "--kind", "flancer"],
        ["--from", "nothing", "--kind", "flancer"],
        ["--from", there.url, "--kind", "mrwillis"],
    ]  # fmt: skip
    for options in wrong:
        assert run(*options).exit_code == 2, options
    assert not (tmp_path / "none.db").exists()


def test_nothing_is_kept_that_the_proof_does_not_bear_out(there, db):
    there.person(1, NOOR, 4821)
    meddle = {
        "sqlite": ["CREATE TRIGGER meddle AFTER INSERT ON credentials BEGIN"
                   " UPDATE credentials SET identifier = '9' || identifier; END"],
        "postgresql": [
            "CREATE FUNCTION meddle() RETURNS trigger AS $$ BEGIN"
            " NEW.identifier := '9' || NEW.identifier; RETURN NEW; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER meddle BEFORE INSERT ON credentials"
            " FOR EACH ROW EXECUTE FUNCTION meddle()",
        ],
    }  # fmt: skip
    engine = db.get_bind().dialect.name
    for statement in meddle[engine]:
        db.execute(text(statement))
    db.commit()
    try:
        told = there.bring(code=1)
        # A backup could not hold a trigger of PostgreSQL's, and then nothing is begun.
        assert told["outcome"] == ("unproven" if engine == "sqlite" else "failed")
        assert there.user(NOOR) is None
        assert db.scalar(select(BroughtOver.reference)) is None
    finally:
        db.rollback()
        if engine == "postgresql":
            db.execute(text("DROP TRIGGER meddle ON credentials"))
            db.execute(text("DROP FUNCTION meddle"))
            db.commit()
