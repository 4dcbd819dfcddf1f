"""Days on which somebody said much on the site: nothing of them is lost, and none hides another."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, insert

from app.core.learning import days
from app.models.conversations import Exchange
from tests.api.custom_gpt import ADA, CustomGpt

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def gpt(app, db, mails):
    """A GPT with a key."""
    return CustomGpt(app, db, mails)


@pytest.fixture
def ada(people):
    """A person with an account, and two programs."""
    people.program("BCC")
    people.program("Safety")
    return people.account(ADA)


@pytest.fixture
def token(gpt, ada):
    """Ada's token."""
    return gpt.sign_in()


def spoke(db, user, at, times, *, codes=("BCC",), answer="It invites."):
    """So many exchanges, ten seconds apart; the lines of their conversation."""
    rows = [
        {
            "user_id": user.id, "program_code": codes[number % len(codes)],
            "user_message": f"No. {number}?", "bot_message": answer,
            "timestamp": at + timedelta(seconds=10 * number), "is_visible": True,
        }
        for number in range(times)
    ]  # fmt: skip
    db.execute(insert(Exchange), rows)
    db.commit()
    return [
        line for row in rows
        for line in (f"Learner: {row['user_message']}", f"Program: {row['bot_message']}")
    ]  # fmt: skip


def whole(gpt, token, named):
    """The lines of all parts."""
    lines, part, parts = [], 0, 1
    while part < parts:
        part += 1
        body = {"token": token, "id": named, "part": part}
        answer = gpt.post("/conversations/get", body)
        assert answer.status_code == 200, answer.text
        assert len(answer.text) < 100_000
        parts = answer.json["parts"]
        assert answer.json["truncated"] is (parts > 1)
        lines += answer.json["raw_text"]
    return lines


def test_a_day_of_1400_exchanges_is_listed_and_read_to_its_last_line(gpt, token, db, ada):
    lines = spoke(db, ada, START, 1400)
    [row] = gpt.list(token)
    assert row["raw_text"] == lines
    assert row["truncated"] is False
    assert whole(gpt, token, row["id"]) == lines


def test_a_day_too_long_for_a_page_says_so_and_comes_whole_in_parts(gpt, token, db, ada):
    lines = spoke(db, ada, START, 1400, answer='"Open" ones. ' * 10)
    [row] = gpt.list(token)
    assert row["truncated"] is True
    shown = row["raw_text"]
    assert 200 < len(shown) < len(lines)
    assert shown == lines[: len(shown)]
    assert whole(gpt, token, row["id"]) == lines
    # What was said last is found, and its excerpt shows it.
    found = gpt.post("/conversations/search", {"token": token, "query": '"No. 1399"'}).json
    [hit] = found["conversations"]
    assert "No. 1399" in hit["excerpt"]


@pytest.mark.parametrize("answer", ["So.", "It invites, and it does not ask for a yes. "])
def test_a_long_day_hides_no_other(gpt, token, db, ada, answer):
    long = spoke(db, ada, START, 2100, answer=answer)
    short = spoke(db, ada, START + DAY, 5)
    newer, *rest = gpt.list(token)
    assert newer["raw_text"] == short
    [older] = rest or gpt.list(token, before=newer["id"])
    assert older["raw_text"] == long[: len(older["raw_text"])]
    assert older["truncated"] is (older["raw_text"] != long)
    assert gpt.list(token, before=older["id"]) == []
    assert whole(gpt, token, older["id"]) == long


def test_two_spellings_of_one_program_are_cut_without_a_gap(gpt, token, db, ada):
    lines = spoke(db, ada, START, 1500, codes=("Safety", "SAFETY", "S&R"), answer="Wear it. " * 9)
    [row] = gpt.list(token)
    shown = row["raw_text"]
    assert row["truncated"] is True
    assert shown == lines[: len(shown)]
    assert whole(gpt, token, row["id"]) == lines


def test_a_page_reads_no_more_of_a_long_day_than_it_shows(app, gpt, token, db, ada):
    """Neither the first one of a page nor one of the same day that stands on the next page."""
    answer = "It invites. " * 30
    spoke(db, ada, START, 1400, answer=answer)
    spoke(db, ada, START + timedelta(minutes=1), 3, codes=("Safety",))
    spoke(db, ada, START + DAY, 2)
    first = gpt.list(token)
    assert [len(row["raw_text"]) for row in first] == [4, 6]
    engine, read = app.extensions["rollcall"].sessions.kw["bind"], []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if "OVER (" in statement and "chat_history" in statement:
            read.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        [second] = gpt.list(token, before=first[-1]["id"])
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert second["truncated"] is True
    [(statement, parameters)] = read
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(statement, parameters).all()
    taken = sum(len(row.user_message) + len(row.bot_message) + days.AROUND for row in rows)
    assert taken < 95_000
