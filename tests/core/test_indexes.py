"""Among many people nobody is looked for row by row, even where SQLite has statistics."""

import pytest
from sqlalchemy import insert, text

from app.core import clock
from app.core.desk import entries
from app.core.desk.entries import Filters
from app.core.people import directory
from app.core.people.orders import Order, Place
from app.core.people.wanted import Wanted
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage
from tests.statements import statements

# PostgreSQL knows how many rows have nothing in a column, and how few a test has.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ADA = "ada@learn.agency.example"
MANY = 2_000


@pytest.fixture
def scans(db, people):
    """Does something among many people, with statistics; which tables were read row by row."""
    people.account(ADA)
    now = clock.now()
    rows = [
        {"last_name": "Many", "email": address, "address": address, "status": "Active",
         "date_added": now, "last_seen_at": now, "expiry_date": now, "enforced": True,
         "from_roster": False, "listed": True}
        for number in range(MANY)
        for address in [f"p{number}@x.example"]
    ]  # fmt: skip
    db.execute(insert(User), rows)
    mails = {"kind": "setup", "recipient": ADA, "facts": {}, "state": "sent", "attempts": 1}
    db.execute(insert(OutgoingMessage), [mails | {"created_at": now, "due_at": now}] * MANY)
    db.execute(insert(AuditEntry), [{"at": now, "event": "account:added", "details": {}}] * MANY)
    db.execute(text("ANALYZE"))
    db.commit()
    engine = db.get_bind()
    engine.dispose()  # Statistics are read by a connection when it is opened.

    def watch(act):
        db.rollback()  # What is asked is noted of a connection that is taken from now on.
        with statements(engine) as said:
            act()
        plans = []
        with engine.connect() as connection:
            for statement in said:
                if statement.lstrip().startswith("SELECT"):
                    told = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
                    plans += [row[3] for row in told]
        assert plans
        tables = ("users", "outgoing_messages", "audit_entries")
        return [each for each in plans if each.startswith(tuple(f"SCAN {name}" for name in tables))]

    return watch


def test_whoever_signs_in_is_found_at_once(visitors, scans):
    visitor = visitors()
    assert scans(lambda: visitor.sign_in(ADA)) == []


def test_the_entries_about_a_person_are_found_at_once(db, scans):
    assert scans(lambda: entries.search(db, Filters(person=ADA))) == []
    assert scans(lambda: entries.search(db, Filters(actor=ADA, what="account"))) == []


@pytest.mark.parametrize(
    ("sort", "wanted"),
    [("seen", {"seen": "30"}), ("seen", {"seen": "not90"}), ("expiry", {"expiry": "soon"}),
     ("expiry", {"expiry": "expired", "status": "active"})],
)  # fmt: skip
@pytest.mark.parametrize("backwards", [False, True])
def test_a_list_sorted_by_the_moment_it_is_filtered_by_begins_where_they_do(
    db, scans, monkeypatch, sort, wanted, backwards
):
    monkeypatch.setattr(directory, "FEW", 10)
    place = Place(None, backwards=True) if backwards else None

    def look():
        directory.find(db, Wanted.read(wanted), Order.read(sort, ""), place)

    steps = scans(look)
    assert [each for each in steps if "COVERING INDEX ix_users_email" not in each] == []
