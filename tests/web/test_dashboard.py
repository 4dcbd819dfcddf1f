"""Insight: what happened, from roll-ups that count each event exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import delete, event, func, insert, select

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.desk import books, insight, rollups, seals, trends
from app.core.desk.trends import Span
from app.models.conversations import Exchange
from app.models.ledger import ActivePerson, AuditRollup, Figure
from app.models.records import OutgoingMessage
from app.models.rosters import RosterImport
from app.web.admin.charts import Chart, Series, fold, round_up

HERE = Origin(ip="203.0.113.9")
ADA = "ada@learn.agency.example"
BESIDE = [rollups.CHAT_ASKED, rollups.MAILS_WAITING]
KEYS = seals.keys_of(["a secret that stands in tests alone, 0123456789"])


@contextmanager
def statements(db) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    engine = db.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def count(db, what, period="day", **columns):
    """What the roll-ups say of an event."""
    where = [getattr(AuditRollup, name) == value for name, value in columns.items()]
    query = select(func.sum(AuditRollup.count)).where(
        AuditRollup.event == what, AuditRollup.period == period, *where
    )
    return db.scalar(query) or 0


def test_each_event_is_counted_once_however_often_the_worker_looks(db):
    for number in range(3):
        audit.record(db, Event.SIGN_IN_ADMITTED, HERE, actor_id=number % 2 + 1, method="password")
    audit.record(db, Event.SIGN_IN_REFUSED, HERE, method="password", refusal="x", why="wrong")
    db.commit()
    for _ in range(3):
        books.keep(db, KEYS)
    for period in ("hour", "day"):
        assert count(db, "sign_in:admitted", period, kind="password") == 3
        assert count(db, "sign_in:refused", period, reason="wrong") == 1
    for period in ("day", "week", "month"):
        assert count(db, rollups.PEOPLE_ACTIVE, period) == 2
    rollups.tidy(db)
    assert db.scalar(select(func.count()).select_from(ActivePerson)) >= 2


def test_questions_count_for_their_program_and_their_person_once_they_are_settled(db, people):
    people.program("BCC", name="Coaching")
    words = {"user_message": "?", "bot_message": "!", "is_visible": True}
    old = clock.now() - timedelta(minutes=5)
    for code, who, at in [("BCC", 1, old), ("bcc", 2, old), ("X", 1, clock.now())]:
        row = {"user_id": who, "program_code": code, "timestamp": at}
        db.execute(insert(Exchange), [row | words])
    db.commit()
    books.keep(db, KEYS)
    books.keep(db, KEYS)
    found = trends.read(db, Span.WEEK)
    # At midnight five minutes ago was yesterday.
    days_ago = (clock.today() - old.date()).days
    assert found.programs == [("Coaching", 2)]
    assert found.questions == {"Coaching": [0] * (6 - days_ago) + [2] + [0] * days_ago}
    assert found.active["day"] in {0, 2}  # At midnight five minutes ago was yesterday.


def test_the_most_mails_that_waited_at_once_are_noted_for_their_hour_and_day(db, monkeypatch):
    def wait(number):
        db.execute(delete(OutgoingMessage))
        now = clock.now()
        row = {"kind": "reset", "recipient": ADA, "facts": {}, "state": "queued", "attempts": 0,
               "created_at": now, "due_at": now}  # fmt: skip
        if number:
            db.execute(insert(OutgoingMessage), [row] * number)
        db.commit()
        books.keep(db, KEYS)
        return trends.read(db, Span.DAY).waiting[-1], trends.read(db, Span.WEEK).waiting[-1]

    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert [wait(number) for number in (0, 3, 2, 5)] == [(0, 0), (3, 3), (3, 3), (5, 5)]
    assert sum(trends.read(db, Span.WEEK).waiting) == 5


def fill(db, days):
    """Roll-ups as busy days leave them; the first half of them busier than the second."""
    today = rollups.start_of("day", clock.now())
    rows = []
    for back in range(days):
        for number, name in enumerate([*trends.SHOWN, *BESIDE]):
            for kind in range(8):
                key = {"event": str(name), "kind": f"way {kind}", "reason": ""}
                day = today - timedelta(days=back)
                sum_of_day = (10 if back < 7 else 20) * (number + 1)
                rows.append(key | {"period": "day", "begins_at": day, "count": sum_of_day})
                if back < 62:
                    hour = {"period": "hour", "begins_at": day, "count": sum_of_day}
                    rows.append(key | hour)
    db.execute(insert(AuditRollup.__table__), rows)
    db.commit()


def test_the_page_reads_roll_ups_alone_and_says_the_change_first(people, db):
    admin = people.admin()
    fill(db, 70)
    for span, rows in {"day": 24, "week": 7, "month": 30}.items():
        with statements(db) as seen:
            response = admin.get(f"/admin/insight?span={span}")
        assert response.status_code == 200
        assert not [each for each in seen if "audit_entries" in each or "chat_history" in each]
        page = admin.page(response)
        charts = page.select("figure.chart:has(svg[role=img])")
        assert len(charts) == 7
        top = next(each for each in charts if each.h2.text == "Top programs")
        assert len(top.select(".chart-key li")) == 5
        assert len(top.select("tbody tr")) == rows
        assert "way 0 (" in top.figcaption.text
        waiting = next(each for each in charts if each.h2.text == "Mails waiting")
        assert len(waiting.select("rect[class^=tone]")) == (1 if span == "day" else rows)
        assert "Nothing to draw" in page.select_one("#chart-active-title").parent.text
        assert all(each.select_one("svg title").text for each in charts)
        assert all(each.select_one("details table caption") for each in charts)
        assert len(charts[0].select("tbody tr")) == rows
        if span == "week":
            lead = page.select_one(".lead").text
            assert lead.startswith("Sign-ins fell 50% this week: 560, after 1,120")


def test_an_empty_service_has_a_page_too(people, db):
    admin = people.admin()
    page = admin.page(admin.get("/admin/insight?span=nonsense"))
    assert page.select_one(".lead").text == "Nobody signed in this week."
    assert "Nobody asked a program anything." in page.text


def test_bars_stand_where_their_numbers_say():
    series = [Series("a", [1, 0, 4]), Series("b", [1, 0, 0])]
    chart = Chart("x", "X", "", "Day", ["1", "2", "3"], series)
    assert chart.peak == 4
    assert [(bar.tone, bar.y, bar.height) for bar in chart.bars] == [
        (1, 135.0, 45.0),
        (2, 90.0, 45.0),
        (1, 0.0, 180.0),
    ]
    assert not chart.is_empty
    assert [round_up(each) for each in (0, 4, 7, 11, 31, 999)] == [4, 4, 8, 15, 40, 1000]
    many = fold([Series(str(each), [each]) for each in range(7)], "Others")
    assert (len(many), many[-1].name, list(many[-1].counts)) == (5, "Others", [15])


def test_of_a_long_list_the_first_page_counts_nothing_itself(people, db, monkeypatch):
    people.listed("Lovelace", "ada@learn.agency.example")
    admin = people.admin()
    assert "0 of 1 people have registered" in admin.get("/admin").text
    monkeypatch.setattr(insight, "AT_ONCE", 0)
    db.execute(RosterImport.__table__.update().values(lines=5))
    db.commit()
    books.keep(db, KEYS)
    db.execute(Figure.__table__.update().where(Figure.name == "listed").values(value=333_000))
    db.commit()
    with statements(db) as seen:
        assert "0 of 333,000 people have registered" in admin.get("/admin").text
    counting = [each for each in seen if "count(" in each and "roster_lines" in each]
    assert counting == []
