"""Exchanges that came as two rows, `message` and `sender`, become one row each."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine

from tests.legacy import dirt
from tests.legacy.conftest import run, upgrade
from tests.legacy.variants import build, insert, rows

OLD = [(name, engine) for name in ("V8", "V8-no-is_visible") for engine in ("sqlite", "postgresql")]


@pytest.fixture(scope="module", params=OLD, ids=["-".join(each) for each in OLD])
def chats(request, make_database):
    """The variant, and the rows of a database of the old shape, before and after."""
    name, engine = request.param
    url = make_database(engine)
    build(name, url)
    before = rows(url, "chat_history")
    upgrade(url)
    return name, before, rows(url, "chat_history")


def test_case_3_no_message_is_lost(chats):
    _, before, after = chats
    said = [(each["sender"], each["message"]) for each in before]
    kept = [("user", each["user_message"]) for each in after if each["user_message"]]
    kept += [("bot", each["bot_message"]) for each in after if each["bot_message"]]
    assert sorted(kept) == sorted(said)


def test_case_3_questions_and_answers_become_pairs(chats):
    _, _, after = chats
    pairs = {(each["user_id"], each["user_message"], each["bot_message"]) for each in after}
    for each in dirt.exchanges():
        assert (each["user_id"], each["user_message"], each["bot_message"]) in pairs


def test_case_3_the_row_of_the_question_stays_with_its_id_and_date(chats):
    _, before, after = chats
    asked = {each["id"]: each for each in before}
    for each in after:
        side = "user" if each["user_message"] else "bot"
        assert asked[each["id"]]["sender"] == side
        assert asked[each["id"]]["timestamp"] == each["timestamp"]
        assert asked[each["id"]]["program_code"] == each["program_code"]


def test_case_3_an_unpaired_row_survives_with_an_empty_other_side(chats):
    _, _, after = chats
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


def test_case_3_hidden_stays_hidden(chats):
    name, _, after = chats
    hidden = [
        each["user_message"]
        for each in after
        if not each["is_visible"] and each["program_code"] != "MI"
    ]
    # Where the column was not there, nothing was hidden.
    assert hidden == (["And a closed one?", "What do I report?"] if name == "V8" else [])


PAIRS = {
    "ub": [("1", "2")],
    "uubb": [("1", "3"), ("2", "4")],
    "uub": [("1", ""), ("2", "3")],
    "ubb": [("1", "2"), ("", "3")],
    "bu": [("", "1"), ("2", "")],
    "uuubub": [("1", ""), ("2", ""), ("3", "4"), ("5", "6")],
}
"""Who said something, one after the other (user or bot), and which number answers which."""


def test_a_question_takes_the_next_answer_that_can_be_its_own(make_database):
    url = make_database("sqlite")
    build("V8", url, dirt=False)
    said = []
    # What the others say, and somebody else's answers, stands between and belongs to none of them.
    for number in range(1, 1 + max(map(len, PAIRS))):
        for person, senders in enumerate(PAIRS, start=1):
            if number <= len(senders):
                sender = {"u": "user", "b": "bot"}[senders[number - 1]]
                common = {"program_code": "BCC", "message": str(number)}
                said.append({"user_id": person, "sender": sender, **common})
                said.append({"user_id": 100 + person, "sender": "bot", **common})
    engine = create_engine(url)
    with engine.begin() as connection:
        numbered = [{"id": number, **each} for number, each in enumerate(said, start=1)]
        insert(connection, "chat_history", numbered)
    engine.dispose()
    upgrade(url)
    query = "SELECT user_message, bot_message FROM chat_history WHERE user_id = {} ORDER BY id"
    for person, (senders, pairs) in enumerate(PAIRS.items(), start=1):
        assert [tuple(each) for each in run(url, query.format(person))] == pairs, senders
