"""`flask rollcall adopt --kind mrwillis`: conversations of the predecessor, and whose they are."""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine, func, select, text

from app.core import clock
from app.models.conversations import SavedConversation
from app.models.people import User

NOOR, ADA, GRACE = "noor@learn.example", "ada@a.example", "grace@b.example"
IDS = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number))) for number in range(20)]
AT, LATER = "2025-03-02 09:20:00", "2025-03-03 10:00:00.123456"

SHAPES = {
    "sqlite": "CREATE TABLE conversations (id TEXT, user_id TEXT, summary TEXT, raw_text TEXT,"
    " created_at TIMESTAMP, updated_at TIMESTAMP, PRIMARY KEY (id, user_id))",
    "postgresql": "CREATE TABLE conversations (id uuid, user_id text, summary text,"
    " raw_text text[], created_at timestamp, updated_at timestamptz, PRIMARY KEY (id, user_id))",
}
CODES = "CREATE TABLE verification_codes (email TEXT, code VARCHAR(6), expires_at TIMESTAMP)"


class Predecessor:
    """A small database of the predecessor, and the command that brings it over."""

    def __init__(self, app, db, url, folder):
        self.app, self.db, self.url, self.folder = app, db, url, folder
        self.engine = create_engine(url)
        self.name = self.engine.dialect.name
        self.execute(SHAPES[self.name])

    def execute(self, statement, **values):
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def talk(self, number, user_id, *lines, summary="Practised.", at=AT, changed=LATER):
        said = list(lines) if self.name == "postgresql" else json.dumps(lines)
        self.execute(
            "INSERT INTO conversations VALUES (:id, :user_id, :summary, :said, :at, :changed)",
            id=IDS[number], user_id=user_id, summary=summary, said=said, at=at, changed=changed,
        )  # fmt: skip

    def addresses(self, content):
        file = self.folder / "addresses.csv"
        file.write_text(content)
        return ["--addresses", str(file)]

    def bring(self, *options, code=0):
        """What the command tells programs."""
        done = self.app.test_cli_runner().invoke(
            args=["rollcall", "adopt", "--from", self.url, "--kind", "mrwillis", "--json", *options]
        )
        assert done.exit_code == code, done.output
        self.db.rollback()
        return json.loads(done.stdout)

    def kept(self):
        """What stands here, by id."""
        self.db.rollback()
        return {each.id: each for each in self.db.scalars(select(SavedConversation))}


@pytest.fixture
def environment(environment, tmp_path):
    """Backups go to a folder of this test's own."""
    return environment | {"DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def there(app, db, tmp_path):
    made = Predecessor(app, db, f"sqlite:///{tmp_path / 'mrwillis.db'}", tmp_path)
    yield made
    made.engine.dispose()


@pytest.fixture
def in_postgres(request, app, db, ground, tmp_path):
    """The predecessor on PostgreSQL, as it was made for."""
    name = f"mrwillis_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    plain = ground["postgres"].replace("+psycopg", "").replace("DATABASE", "postgres")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    made = Predecessor(app, db, ground["postgres"].replace("DATABASE", name), tmp_path)
    yield made
    made.engine.dispose()
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def proves_one_and_all(there, db):
    there.talk(0, "fireNoor", "Learner: can we start?", 'Coach: "yes", \\ {a,b}', "", "last")
    there.talk(1, "fireNoor", at=LATER)
    there.talk(2, "fireAda", "ë ✓")
    there.talk(3, "nobody knows", "secret")
    named = there.addresses(f"user_id,email\nfireNoor, Noor@Learn.example \nfireAda,{ADA},true\n")

    tried = there.bring(*named, "--dry-run")
    assert there.kept() == {}
    done = there.bring(*named)
    assert done["changes"] == tried["changes"]
    assert [line["brought"] for line in done["proof"]] == [2, 3]
    assert all(line["holds"] for line in done["proof"])
    assert done["findings"]["unknown_owner"]["rows"] == [
        {"user_id": "nobody knows", "email": None, "conversations": 1}
    ]
    kept = there.kept()
    assert sorted(kept) == sorted(IDS[:3])
    first = kept[IDS[0]]
    assert first.raw_text == ["Learner: can we start?", 'Coach: "yes", \\ {a,b}', "", "last"]
    assert (first.summary, first.characters) == ("Practised.", sum(map(len, first.raw_text)))
    assert first.created_at == datetime(2025, 3, 2, 9, 20, tzinfo=UTC)
    assert first.updated_at == datetime(2025, 3, 3, 10, 0, 0, 123456, tzinfo=UTC)
    noor = db.get(User, first.user_id)
    assert (noor.address, noor.email, noor.came_by, noor.verified_at) == (NOOR, NOOR, None, None)
    assert noor.date_added == first.created_at

    assert there.bring(*named)["outcome"] == "nothing"
    db.delete(db.get(SavedConversation, IDS[0]))
    db.commit()
    there.talk(4, "fireAda", "new")
    more = there.addresses(f"fireNoor,{NOOR}\nfireAda,{ADA}\nnobody knows,{GRACE}\n")
    again = there.bring(*more)
    assert [line["brought"] for line in again["proof"]] == [1, 2]
    assert sorted(there.kept()) == sorted(IDS[1:5])
    assert db.scalar(select(func.count(User.id))) == 3


def test_conversations_come_once_to_their_people(there, db):
    proves_one_and_all(there, db)


def test_conversations_come_from_postgresql_too(in_postgres, db):
    proves_one_and_all(in_postgres, db)


def test_the_older_shape_comes_from_postgresql(in_postgres, db):
    in_postgres.execute("DROP TABLE conversations")
    in_postgres.execute(
        "CREATE TABLE conversations (id uuid, user_id text, content jsonb NOT NULL,"
        " created_at timestamp, updated_at timestamp, PRIMARY KEY (id, user_id))"
    )
    in_postgres.execute(CODES)
    in_postgres.execute("INSERT INTO verification_codes VALUES ('x@x.example', '123456', now())")
    contents = [
        [{"role": "user", "content": "Where were we?"}, "plain", 7, None],
        {"topic": "coaching", "turns": ["a"]},
        "only text",
    ]
    with psycopg.connect(in_postgres.url.replace("+psycopg", "")) as connection:
        for number, content in enumerate(contents):
            row = (IDS[number], "fireNoor", Jsonb(content), AT, AT)
            connection.execute("INSERT INTO conversations VALUES (%s, %s, %s, %s, %s)", row)
    done = in_postgres.bring(*in_postgres.addresses(f"fireNoor,{NOOR}\n"))
    assert done["findings"]["codes"]["count"] == 1
    kept = in_postgres.kept()
    assert kept[IDS[0]].raw_text == ["user: Where were we?", "plain", "7", ""]
    assert kept[IDS[0]].summary == "user: Where were we?"
    assert json.loads(kept[IDS[1]].raw_text[0]) == contents[1]
    assert kept[IDS[2]].raw_text == ["only text"]


def test_long_odd_and_doubled_rows_lose_nothing(there, db):
    there.execute("CREATE TABLE users (uid TEXT, email TEXT)")
    there.execute(f"INSERT INTO users VALUES ('a', '{ADA}'), ('A', 'ADA@a.example'), ('n', '?')")
    there.execute(f"INSERT INTO users VALUES ('g', '{GRACE}')")
    there.talk(0, "a", "x" * 60_000, "y" * 40_000)
    there.talk(1, "a", "said", summary="s" * 700)
    there.talk(2, "a", "one's")
    there.talk(2, "A", "the other's")
    there.talk(3, "A", "zero \0 byte", at=None, changed=None)
    there.talk(4, "n", "lost")
    there.execute(
        "INSERT INTO conversations VALUES ('no uuid', 'a', NULL, 'just text', 1740907200000, NULL)"
    )
    done = there.bring()
    assert all(line["holds"] for line in done["proof"])
    assert {name: each["count"] for name, each in done["findings"].items()} == {
        "same_address": 2, "bad_address": 1,
    }  # fmt: skip
    assert sorted(done["changes"].values()) == [1, 1, 1, 1, 2, 6]
    kept = there.kept()
    assert [len(each) for each in kept[IDS[0]].raw_text] == [60_000, 40_000]
    assert kept[IDS[0]].characters == 100_000
    assert len(kept[IDS[1]].summary) == 500
    assert kept[IDS[1]].raw_text == ["said", "Summary: " + "s" * 700]
    said = sorted(each.raw_text[0] for each in kept.values())
    assert {"one's", "the other's", "just text", "zero \ufffd byte"} <= set(said)
    plain = next(each for each in kept.values() if each.raw_text == ["just text"])
    assert plain.created_at == plain.updated_at == datetime(2025, 3, 2, 9, 20, tzinfo=UTC)
    assert uuid.UUID(plain.id)
    assert len({each.user_id for each in kept.values()}) == 1
    assert set(db.scalars(select(User.address))) == {ADA, GRACE}
    assert there.bring()["outcome"] == "nothing"


def test_no_conversation_enters_an_account_that_another_may_be_in(there, db, people):
    people.account(NOOR)  # Anybody may have set its password.
    people.account(ADA, verified_at=clock.now())
    people.account(GRACE, password=None)
    for number, user_id in enumerate("nag"):
        there.talk(number, user_id, user_id)
    named = there.addresses(f"n,{NOOR}\na,{ADA}\ng,{GRACE}\n")
    done = there.bring(*named)
    assert [row["user_id"] for row in done["findings"]["not_proven_here"]["rows"]] == ["n"]
    assert sorted(there.kept()) == sorted(IDS[1:3])
    noor = db.scalar(select(User).where(User.address == NOOR))
    noor.verified_at = clock.now()
    db.commit()
    assert there.bring(*named)["proof"][1]["brought"] == 1

    # Who was deleted here does not come again.
    db.execute(text("DELETE FROM saved_conversations"))
    db.delete(db.scalar(select(User).where(User.address == GRACE)))
    db.commit()
    there.talk(5, "g", "more")
    assert "gone" in there.bring(*named)["findings"]
    assert there.kept() == {}


def test_files_of_addresses_that_cannot_be_read(there, tmp_path):
    there.talk(0, "a", "x")
    for content in ("a\n", "a,\n", "a,x@x.example\na,y@x.example\n", 'a,"x'):
        told = there.bring(*there.addresses(content), code=2 if content != 'a,"x' else 0)
        assert told["outcome"] in {"choice", "nothing"}
    (tmp_path / "addresses.csv").write_bytes(b"a,\xff@x.example")
    assert there.bring("--addresses", str(tmp_path / "addresses.csv"), code=2)
