"""One memory: what was saved in ChatGPT and what was said on the site, in one list."""

import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, event, func, insert, select, update

from app.core.learning import days
from app.models.access import ApiKey, SignInSession
from app.models.conversations import Exchange, SavedConversation
from app.models.people import User
from app.models.records import AuditEntry
from tests.api.custom_gpt import ADA, CustomGpt

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GRACE = "grace@learn.agency.example"


@pytest.fixture
def gpt(app, db, mails):
    """A GPT with a key."""
    return CustomGpt(app, db, mails)


@pytest.fixture
def ada(people):
    """A person with an account."""
    return people.account(ADA)


@pytest.fixture
def token(gpt, ada):
    """Ada's token."""
    return gpt.sign_in()


def said(db, user, at, question="What is an open question?", code="BCC", answer="It invites."):
    row = Exchange(
        user_id=user.id, program_code=code, user_message=question, bot_message=answer,
        timestamp=at, is_visible=True,
    )  # fmt: skip
    db.add(row)
    db.commit()
    return row


def saved(db, user, at, summary="Saved.", lines=("Learner: hello",), **columns):
    row = SavedConversation(
        id=str(uuid.uuid4()), user_id=user.id, summary=summary, raw_text=list(lines),
        characters=sum(map(len, lines)), content_hash="0" * 64, created_at=at, updated_at=at,
        **columns,
    )  # fmt: skip
    db.add(row)
    db.commit()
    return row.id


class TestSiteChats:
    def test_each_program_and_utc_day_is_one_conversation(self, gpt, token, db, ada, people):
        people.program("Safety", name="Safety at work")
        people.program("BCC", name="Coaching")
        said(db, ada, START, "First?", "Safety")
        said(db, ada, START + HOUR, "Second?", "SAFETY", "Two.")
        said(db, ada, START + HOUR * 2, "Third?", "S&R")
        said(db, ada, START + HOUR * 3, "Coach?", "BCC")
        said(db, ada, START + DAY, "Next day?", "Safety")
        said(db, ada, None, "Without a moment?")
        rows = gpt.list(token)
        assert [row["summary"] for row in rows] == [
            "Safety at work: Next day?",
            "Coaching: Coach?",
            "Safety at work: First?",
        ]
        first = rows[-1]
        assert first["raw_text"][:4] == [
            "Learner: First?", "Program: It invites.", "Learner: Second?", "Program: Two.",
        ]  # fmt: skip
        assert len(first["raw_text"]) == 6
        assert first["source"] == "site"
        assert first["title"] == "Safety at work"
        assert first["created_at"] == "2026-03-02T09:00:00.000000Z"
        assert first["updated_at"] == "2026-03-02T11:00:00.000000Z"
        assert uuid.UUID(first["id"]).version == 8
        assert first["user_id"] == ada.public_id
        whole = gpt.post("/conversations/get", {"token": token, "id": first["id"]}).json
        assert whole == first | {"part": 1, "parts": 1, "continued": False}

    def test_what_was_cleared_is_left_out_and_deleting_clears(self, gpt, token, db, ada, people):
        people.program()
        hidden = said(db, ada, START, "Cleared?")
        hidden.is_visible = False
        db.commit()
        said(db, ada, START + HOUR, "Kept?")
        said(db, ada, START + DAY, "Other day?")
        later, row = gpt.list(token)
        assert row["raw_text"] == ["Learner: Kept?", "Program: It invites."]
        changing = {"token": token, "id": row["id"], "title": "Mine"}
        assert gpt.post("/conversations/update", changing).status_code == 409
        gone = gpt.post("/conversations/delete", {"token": token, "id": row["id"]})
        assert gone.status_code == 200
        assert gpt.list(token) == [later]
        for path in ("get", "delete"):
            answer = gpt.post(f"/conversations/{path}", {"token": token, "id": row["id"]})
            assert answer.status_code == 404
        db.expire_all()
        assert db.scalar(select(func.count()).select_from(Exchange)) == 3
        entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "chat:cleared")).one()
        assert entry.details == {"program": "BCC", "day": "2026-03-02"}

    def test_nobody_elses_chat_is_found_by_its_id(self, gpt, token, db, ada, people):
        people.program()
        grace = people.account(GRACE)
        said(db, grace, START)
        foreign = days.id_of(grace.id, days.key_of("BCC"), START.date())
        for path in ("get", "update", "delete"):
            body = {"token": token, "id": foreign}
            answer = gpt.post(f"/conversations/{path}", body)
            assert (answer.status_code, answer.json) == (404, {"error": "Conversation not found"})
        assert gpt.list(gpt.sign_in(GRACE))[0]["id"] == foreign

    def test_a_long_first_question_is_cut_in_the_summary(self, gpt, token, db, ada, people):
        people.program()
        said(db, ada, START, "x" * 900)
        [row] = gpt.list(token)
        assert len(row["summary"]) == 500
        assert row["summary"].endswith("x…")


class TestPages:
    def test_pages_join_without_gap_or_double_whatever_is_between(
        self, gpt, token, db, ada, people
    ):
        people.program("A")
        people.program("B")
        for number in range(12):
            at = START + DAY * (number // 3) + HOUR * (number % 3)
            if number % 2:
                said(db, ada, at, f"No. {number}?", "AB"[number % 3 % 2])
            else:
                saved(db, ada, at, f"No. {number}.")
        # Of the same moment: the greater id comes first.
        for _ in range(3):
            saved(db, ada, START)
        whole = gpt.list(token)
        order = [(row["created_at"], row["id"]) for row in whole]
        assert order == sorted(order, reverse=True)
        assert len(whole) > 10
        for size in (1, 2, 5, 50):
            found, before = [], None
            while page := gpt.list(token, limit=size, before=before):
                assert len(page) <= size
                found += page
                before = page[-1]["id"]
            assert found == whole, size
        for limit in (0, 51, "1", 1.5, True, 10**30):
            answer = gpt.post("/conversations/list", {"token": token, "limit": limit})
            assert answer.status_code in {400, 401}, limit

    def test_a_page_is_never_too_long_and_a_long_row_comes_cut(self, gpt, token, db, ada):
        nasty = ['"\\' * 5000, "\n" * 9000, "ü" * 9000]
        for number in range(4):
            saved(db, ada, START + HOUR * number, f"No. {number}.", nasty)
        tall = saved(db, ada, START + DAY, "Tall.", ["x" * 50_000, "y" * 39_000])
        page = gpt.list(token)
        assert [row["id"] for row in page] == [tall]
        assert page[0]["truncated"] is True
        assert page[0]["raw_text"] == ["x" * 50_000]
        found, before = [], tall
        while page := gpt.list(token, before=before):
            found += page
            before = page[-1]["id"]
        assert [row["summary"] for row in found] == ["No. 3.", "No. 2.", "No. 1.", "No. 0."]
        assert {row["truncated"] for row in found} == {False}

    def test_a_long_conversation_is_read_in_parts(self, gpt, token, db, ada):
        lines = ["a" * 10, "\x01" * 60_000, "", "é" * 20_000, '"' * 9000]
        named = saved(db, ada, START, "Long.", lines)
        joined, part, parts = [], 0, 1
        while part < parts:
            part += 1
            answer = gpt.post("/conversations/get", {"token": token, "id": named, "part": part})
            assert len(answer.text) < 100_000
            got = answer.json
            parts = got["parts"]
            first, *others = got["raw_text"]
            joined = [*joined[:-1], joined[-1] + first] if got["continued"] else [*joined, first]
            joined += others
        assert joined == lines
        assert parts > 4
        answer = gpt.post("/conversations/get", {"token": token, "id": named, "part": parts + 1})
        assert answer.status_code == 404

    def test_what_is_saved_with_much_to_escape_is_answered_cut(self, gpt, token):
        answer = gpt.save(token, "s", raw_text=["\x01" * 80_000])
        assert answer.status_code == 201
        assert answer.json["truncated"] is True
        assert len(answer.text) < 100_000


class TestSearch:
    def find(self, gpt, token, query, **more):
        body = {"token": token, "query": query, **more}
        answer = gpt.post("/conversations/search", body)
        assert answer.status_code == 200, answer.text
        assert len(answer.text) < 90_000
        return answer.json

    def test_both_kinds_are_found_by_their_words_in_any_case(self, gpt, token, db, ada, people):
        people.program("BCC", name="Coaching")
        said(db, ada, START, "Which kettle is GREEN?")
        hidden = said(db, ada, START + DAY, "A green kettle, cleared")
        hidden.is_visible = False
        db.commit()
        gpt.save(token, "A kettle, 100 % ÄRGER.", raw_text=["Learner: green_tea", "Coach: 50 %"])
        gpt.save(token, "Nothing of it.")
        grace = people.account(GRACE)
        saved(db, grace, START, "A green kettle of somebody else")
        found = self.find(gpt, token, "Green KETTLE")
        assert found["next"] is None
        assert [hit["source"] for hit in found["conversations"]] == ["chatgpt", "site"]
        assert found["conversations"][1]["excerpt"].startswith("Learner: Which kettle is GREEN?")
        assert len(self.find(gpt, token, "ärger")["conversations"]) == 1
        assert len(self.find(gpt, token, '"50 %"')["conversations"]) == 1
        assert self.find(gpt, token, "%")["conversations"] == []
        assert self.find(gpt, token, "greenXtea")["conversations"] == []
        assert self.find(gpt, token, "kettle nowhere")["conversations"] == []

    def test_a_change_is_found_and_what_it_replaced_is_not(self, gpt, token):
        named = gpt.save(token, "About kettles.").json["id"]
        gpt.post("/conversations/update", {"token": token, "id": named, "summary": "About tea."})
        assert self.find(gpt, token, "kettles")["conversations"] == []
        assert self.find(gpt, token, "tea")["conversations"][0]["id"] == named

    def test_pages_of_a_search_find_everything_however_far_apart(self, gpt, token, db, ada, people):
        people.program()
        rows = []
        for number in range(700):
            word = "kettle" if number in {3, 350, 699} else "tea"
            at = (START + HOUR * number).replace(tzinfo=UTC)
            rows.append({
                "id": str(uuid.uuid4()), "user_id": ada.id, "summary": f"{word} {number}",
                "raw_text": ["x"], "characters": 1, "content_hash": "", "created_at": at,
                "updated_at": at,
            })  # fmt: skip
        db.execute(insert(SavedConversation), rows)
        for number in (2, 300, 600):
            said(db, ada, START + HOUR * number, f"kettle said {number}")
        found, before, asked = [], None, 0
        while asked == 0 or before:
            asked += 1
            page = self.find(gpt, token, "kettle", before=before, limit=2)
            found += [hit["summary"] for hit in page["conversations"]]
            before = page["next"]
        assert [int(each.rpartition(" ")[2]) for each in found] == [699, 600, 350, 300, 3, 2]
        assert asked < 10

    def test_what_a_search_finds_fits_into_an_answer(self, gpt, token, db, ada):
        for number in range(20):
            lines = ["\x01" * 80 + "kettle" + "\x01" * 200]
            saved(db, ada, START + HOUR * number, "\x01" * 500, lines, title="\x01" * 200)
        first = self.find(gpt, token, "kettle")
        second = self.find(gpt, token, "kettle", before=first["next"])
        assert len(first["conversations"]) + len(second["conversations"]) == 20

    def test_a_search_without_a_word_finds_nothing(self, gpt, token):
        gpt.save(token)
        assert self.find(gpt, token, "…")["conversations"] == []
        for query in ("", None, 5, "x" * 201):
            body = {"token": token, "query": query}
            assert gpt.post("/conversations/search", body).status_code == 400


def test_a_page_costs_the_same_however_much_there_is(app, gpt, token, db, ada, people):
    """Counted in statements, and each of them looks its rows up by an index."""
    people.program()
    for number in range(40):
        said(db, ada, START + DAY * number)
        saved(db, ada, START + DAY * number + HOUR)
    engine = app.extensions["rollcall"].sessions.kw["bind"]
    statements = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        statements.append((statement, parameters))

    def count(limit):
        statements.clear()
        gpt.list(token, limit=limit)
        return len(statements)

    gpt.list(token)  # Now and then it is noted that a key was used.
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert count(2) == count(30) <= 12
    finally:
        event.remove(engine, "before_cursor_execute", note)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            for statement, parameters in statements:
                if "chat_history" in statement or "saved_conversations" in statement:
                    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                    told = [row[3] for row in plan]
                    scanned = [each for each in told if "SCAN" in each and "chat_history" in each]
                    scanned += [each for each in told if "SCAN saved_conversations" in each]
                    assert scanned == [], told


def test_the_account_of_a_person_takes_its_memory_along(db, ada, people):
    saved(db, ada, START)
    grace = people.admin("root@agency.example")
    page = grace.get(f"/admin/people/{ada.id}/delete").text
    assert "1 conversation" in page
    answer = grace.submit(f"/admin/people/{ada.id}/delete", chats="keep")
    assert answer.status_code == 303
    db.expire_all()
    assert db.scalar(select(func.count()).select_from(SavedConversation)) == 0
    assert db.scalar(select(func.count()).select_from(User)) == 1


def test_a_page_is_read_while_an_import_holds_its_person(gpt, token, db, app):
    long_ago = datetime.now(UTC) - HOUR
    db.execute(update(SignInSession).values(last_seen_at=long_ago))
    db.execute(update(ApiKey).values(last_used_at=long_ago))
    db.commit()
    with app.extensions["rollcall"].sessions() as importing:
        importing.execute(update(User).values(last_name="Byron"))
        began = time.monotonic()
        assert gpt.list(token) == []
        assert time.monotonic() - began < 5


@pytest.fixture
def just_before(app):
    """Does something once, in a transaction of its own, right before a statement that begins so."""
    engine, waiting = app.extensions["rollcall"].sessions.kw["bind"], []

    def look(_connection, _cursor, statement, *_more):
        if waiting and statement.startswith(waiting[0][0]):
            with app.extensions["rollcall"].sessions() as other:
                other.execute(waiting.pop()[1])
                other.commit()

    event.listen(engine, "before_cursor_execute", look)
    yield lambda words, what: waiting.append((words, what))
    event.remove(engine, "before_cursor_execute", look)
    assert waiting == []


def test_a_change_in_the_moment_of_a_deletion_finds_nothing(gpt, token, just_before):
    row = gpt.save(token).json
    just_before("UPDATE saved_conversations", delete(SavedConversation))
    answer = gpt.post("/conversations/update", {"token": token, "id": row["id"], "title": "Mine"})
    assert (answer.status_code, answer.json) == (404, {"error": "Conversation not found"})


def test_a_save_in_the_moment_its_person_is_deleted_is_refused(gpt, token, just_before):
    just_before("INSERT INTO saved_conversations", delete(User))
    answer = gpt.save(token)
    assert (answer.status_code, answer.json) == (401, {"error": "User not found"})
