"""Exchanges that came as two rows, `message` and `sender`, become one row each."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from tests.legacy import dirt
from tests.legacy.conftest import run, upgrade
from tests.legacy.variants import build, insert, rows


@pytest.fixture(params=["V8", "V8-no-is_visible"])
def chats(request, empty_url):
    """The rows of a database of the old shape, before and after."""
    build(request.param, empty_url)
    before = rows(empty_url, "chat_history")
    upgrade(empty_url)
    return before, rows(empty_url, "chat_history")


def test_case_3_no_message_is_lost(chats):
    before, after = chats
    said = [(each["sender"], each["message"]) for each in before]
    kept = [("user", each["user_message"]) for each in after if each["user_message"]]
    kept += [("bot", each["bot_message"]) for each in after if each["bot_message"]]
    assert sorted(kept) == sorted(said)


def test_case_3_questions_and_answers_become_pairs(chats):
    _, after = chats
    pairs = {(each["user_id"], each["user_message"], each["bot_message"]) for each in after}
    for each in dirt.exchanges():
        assert (each["user_id"], each["user_message"], each["bot_message"]) in pairs


def test_case_3_the_row_of_the_question_stays_with_its_id_and_date(chats):
    before, after = chats
    asked = {each["id"]: each for each in before}
    for each in after:
        side = "user" if each["user_message"] else "bot"
        assert asked[each["id"]]["sender"] == side
        assert asked[each["id"]]["timestamp"] == each["timestamp"]
        assert asked[each["id"]]["program_code"] == each["program_code"]


def test_case_3_an_unpaired_row_survives_with_an_empty_other_side(chats):
    _, after = chats
    alone = [
        (each["user_message"], each["bot_message"])
        for each in after
        if each["program_code"] == "MI" and each["user_id"] == 1
    ]
    assert alone == [
        ("", "An answer to nothing."),
        ("Nobody answered this.", ""),
        ("Somebody answered this.", "This is the answer."),
        ("The model failed here.", ""),
    ]


def test_case_3_hidden_stays_hidden(empty_url):
    build("V8", empty_url)
    upgrade(empty_url)
    hidden = [
        each["user_message"]
        for each in rows(empty_url, "chat_history")
        if not each["is_visible"] and each["program_code"] != "MI"
    ]
    assert hidden == ["And a closed one?", "What do I report?"]


@pytest.mark.parametrize(
    ("senders", "pairs"),
    [
        ("ub", [("1", "2")]),
        ("uubb", [("1", "3"), ("2", "4")]),
        ("uub", [("1", ""), ("2", "3")]),
        ("ubb", [("1", "2"), ("", "3")]),
        ("bu", [("", "1"), ("2", "")]),
        ("uuubub", [("1", ""), ("2", ""), ("3", "4"), ("5", "6")]),
    ],
)
def test_a_question_takes_the_next_answer_that_can_be_its_own(make_database, senders, pairs):
    url = make_database("sqlite")
    build("V8", url, dirt=False)
    said = [
        {
            "id": 2 * number,
            "user_id": 1,
            "program_code": "BCC",
            "message": str(number),
            "sender": {"u": "user", "b": "bot"}[sender],
        }
        for number, sender in enumerate(senders, start=1)
    ]
    # Somebody else's messages stand between these and belong to none of them.
    said += [{**each, "id": each["id"] + 1, "user_id": 2, "sender": "bot"} for each in said]
    engine = create_engine(url)
    with engine.begin() as connection:
        insert(connection, "chat_history", said)
    engine.dispose()
    upgrade(url)
    query = "SELECT user_message, bot_message FROM chat_history WHERE user_id = 1 ORDER BY id"
    assert [tuple(each) for each in run(url, query)] == pairs
