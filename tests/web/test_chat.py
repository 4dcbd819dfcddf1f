"""Programs and the chat, through pages, JSON and the stream."""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import delete, event, func, select, update

from app.core.learning.questions import AnswerFailed
from app.models.conversations import Exchange
from app.models.people import Entitlement, UserLoRootId
from app.models.programs import Program, QuotaUse

ADA = "ada@learn.agency.example"


@pytest.fixture
def ada(people):
    people.program("BCC", ids=["A1"])
    return people.signed_in(ADA, ids=["A1"])


@pytest.fixture
def answers(app):
    """Lets somebody else answer, until the test is over."""
    parts = app.extensions["rollcall"]
    own = parts.answer

    def let(answer):
        object.__setattr__(parts, "answer", answer)

    yield let
    let(own)


def stored(db):
    db.rollback()
    return db.scalar(select(func.count()).select_from(Exchange))


def test_a_person_sees_the_programs_that_their_ids_open_and_the_open_ones(ada, people, db):
    people.program("MI", ids=["A1", "B2"], name="Motivational Interviewing")
    people.program("SAFETY", ids=["C3"], name="Safety Assessment")
    people.program("OPEN", name="Open to all")
    people.program("OFF", name="Switched off", is_active=False)
    people.program("NULL", name="Hidden by the legacy application")
    db.execute(update(Program).where(Program.code == "NULL").values(is_active=None))
    db.commit()
    names = [each.text for each in ada.page(ada.get("/program_select")).select(".program h2")]
    assert names == ["Motivational Interviewing", "Open to all", "Program BCC"]


def test_programs_are_found_by_words_and_category(ada, people):
    people.program("MI", name="Motivational Interviewing", category="elearning")
    found = ada.page(ada.get("/program_select?q=MOTIV")).select(".program h2")
    assert [each.text for each in found] == ["Motivational Interviewing"]
    found = ada.page(ada.get("/program_select?category=elearning")).select(".program h2")
    assert [each.text for each in found] == ["Motivational Interviewing"]
    assert "Nothing fits" in ada.get("/program_select?q=zzz").text


def test_new_is_said_for_fourteen_days_and_never_of_the_founding_programs(ada, people, db):
    people.program("FRESH")
    page = ada.page(ada.get("/program_select"))
    marked = {each.select_one(".program-code").text for each in page.select(".program:has(.tag)")}
    assert marked == {"FRESH"}
    with time_machine.travel(datetime.now(UTC) + timedelta(days=15)):
        again = people.signed_in("b@x.example", ids=["A1"])
        assert not again.page(again.get("/program_select")).select(".program .tag")


def test_case_30_choosing_a_program_grants_nothing(ada, people, db):
    people.program("MI", ids=["A1", "B2"])
    assert ada.get("/set_program/mi").location == "/chat/MI"
    assert db.scalars(select(UserLoRootId.lo_root_id)).all() == ["A1"]


def test_a_closed_program_is_403_and_an_unknown_one_404(ada, people):
    people.program("SAFETY", ids=["C3"], name="Safety Assessment")
    people.program("OFF", is_active=False)
    closed = ada.get("/chat/SAFETY")
    assert closed.status_code == 403
    assert "Safety Assessment is not open to your account" in closed.text
    assert [ada.get(f"/chat/{code}").status_code for code in ("NONE", "OFF")] == [404, 404]
    assert [ada.ask(code, "What?").status_code for code in ("SAFETY", "NONE")] == [403, 404]


def test_an_answer_quotes_the_heading_and_says_what_remains(ada):
    answer = ada.ask("BCC", "What is an open question?").json
    assert set(answer) == {"reply", "html_reply", "remaining_questions", "quota"}
    assert "Open questions" in answer["html_reply"]
    assert (answer["remaining_questions"], answer["quota"]) == (2, 3)


def test_the_program_may_be_left_out_once_its_page_was_open(ada):
    assert ada.ask(None, "What?").status_code == 400
    ada.get("/chat/bcc")
    assert ada.ask(None, "What is an open question?").status_code == 200


def test_the_stream_gives_pieces_then_the_whole(ada):
    response = ada.ask("BCC", "What is an open question?", Accept="text/event-stream")
    assert response.mimetype == "text/event-stream"
    events = [each.split("\n") for each in response.text.strip().split("\n\n")]
    names = [each[0].removeprefix("event: ") for each in events]
    assert set(names[:-1]) == {"delta"}
    assert names[-1] == "done"
    pieces = [json.loads(each[1].removeprefix("data: ")) for each in events]
    assert "".join(each["text"] for each in pieces[:-1]) == pieces[-1]["reply"]
    assert pieces[-1]["remaining_questions"] == 2


def test_the_form_works_without_script(ada, db):
    response = ada.submit("/chat/BCC", message="What is an open question?")
    assert (response.status_code, response.location) == (303, "/chat/BCC#latest")
    page = ada.page(ada.get("/chat/BCC"))
    assert page.select_one(".question").text.endswith("What is an open question?")
    assert "2 questions left today" in page.text


def test_a_closed_quota_answers_in_words_and_stores_nothing(ada, db):
    for _ in range(3):
        ada.ask("BCC", "What is an open question?")
    fourth = ada.ask("BCC", "And now?")
    assert fourth.status_code == 200
    assert fourth.json["remaining_questions"] == 0
    assert "question 3 of 3" in fourth.json["reply"]
    problem = ada.ask("BCC", "And now?", Accept="application/problem+json")
    assert problem.status_code == 429
    assert int(problem.headers["Retry-After"]) <= 86400
    page = ada.submit("/chat/BCC", message="My long thought")
    assert page.status_code == 429
    assert "My long thought" in page.text
    assert stored(db) == 3


def test_case_31_fifty_parallel_questions_at_quota_three_leave_exactly_three(
    app, ada, visitors, db
):
    token = ada.token("/program_select")
    cookie = ada.client.get_cookie("rollcall").value
    replies = []

    def ask(number):
        visitor = visitors()
        visitor.client.set_cookie("rollcall", cookie)
        reply = visitor.client.post(
            "/chat",
            json={"message": f"Question {number}?", "program": "BCC"},
            headers={"X-CSRFToken": token},
        )
        replies.append((reply.status_code, reply.json.get("refused")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(db) == 3
    assert sorted(replies, key=str) == sorted(
        [(200, None)] * 3 + [(200, "quota_used_up")] * 47, key=str
    )
    assert db.scalar(select(QuotaUse.used)) == 3


def test_the_quota_is_of_a_person_a_program_and_a_utc_day(ada, people, db):
    people.program("MI", quota=1)
    assert ada.ask("MI", "What?").json["remaining_questions"] == 0
    assert ada.ask("BCC", "What?").json["remaining_questions"] == 2
    other = people.signed_in("b@x.example")
    assert other.ask("MI", "What?").json["remaining_questions"] == 0
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=1) + timedelta(days=1)
    with time_machine.travel(midnight):
        later = people.signed_in("c@x.example")
        assert later.ask("MI", "What?").json["remaining_questions"] == 0


def test_case_31_clearing_hides_and_refunds_nothing(ada, db):
    ada.ask("BCC", "What is an open question?")
    assert ada.submit("/chat/BCC", to="/chat/BCC/clear").status_code == 303
    page = ada.get("/chat/BCC").text
    assert "2 questions left today" in page
    assert not ada.page(ada.get("/chat/BCC")).select(".question")
    assert db.scalar(select(Exchange.is_visible)) is False


def test_clearing_by_json_wants_a_program(ada):
    headers = {"X-CSRFToken": ada.token("/program_select")}
    ada.ask("BCC", "What is an open question?")
    good = ada.client.post("/clear_chat_history", json={"program": "bcc"}, headers=headers)
    assert good.json == {"success": True}
    bad = ada.client.post("/clear_chat_history", json={}, headers=headers)
    assert (bad.status_code, bad.json["success"]) == (400, False)


def test_case_31_deleting_chats_gives_no_question_back(ada, db):
    ada.ask("BCC", "What is an open question?")
    db.execute(delete(Exchange))
    db.commit()
    assert ada.ask("BCC", "Again?").json["remaining_questions"] == 1


@pytest.mark.parametrize("reason", ["timeout", "unreachable", "broken"])
def test_case_31_a_failed_answer_is_not_counted_and_the_question_is_kept(
    app, ada, db, reason, answers
):
    def fail(_question):
        yield "Half a"
        raise AnswerFailed(reason)

    answers(fail)
    assert ada.ask("BCC", "What?").status_code == 502
    page = ada.submit("/chat/BCC", message="My long thought")
    assert page.status_code == 502
    assert "My long thought" in page.text
    assert "was not counted" in page.text
    stream = ada.ask("BCC", "What?", Accept="text/event-stream").text
    assert "event: error" in stream
    assert (stored(db), db.scalar(select(QuotaUse.used))) == (0, 0)


def test_a_bug_in_an_answerer_is_not_counted_either(app, ada, db, answers):
    def fail(_question):
        raise RuntimeError("a bug")
        yield ""

    answers(fail)
    assert ada.ask("BCC", "What?").status_code == 500
    assert (stored(db), db.scalar(select(QuotaUse.used))) == (0, 0)


def test_who_hangs_up_half_way_has_asked(app, ada, db, answers):
    def slow(_question):
        yield "The first half, "
        yield "and the second."

    answers(slow)
    token = ada.token("/program_select")
    response = ada.client.post(
        "/chat",
        json={"message": "What?", "program": "BCC"},
        headers={"X-CSRFToken": token, "Accept": "text/event-stream"},
        buffered=False,
    )
    next(response.iter_encoded())
    response.close()
    assert (stored(db), db.scalar(select(QuotaUse.used))) == (1, 1)


@pytest.mark.parametrize("text", ["", "   \n ", "\0"])
def test_an_empty_question_is_refused_in_words(ada, text):
    response = ada.ask("BCC", text)
    assert response.status_code == 400
    assert "Write a question first" in response.json["error"]


def test_a_long_question_is_refused_with_the_limit(ada, db):
    response = ada.ask("BCC", "x" * 2001)
    assert response.status_code == 413
    assert "2000 characters; this one has 2001" in response.json["error"]
    assert stored(db) == 0


@pytest.mark.parametrize(
    "body",
    ["[]", '"text"', "{}", '{"message": 1, "program": "BCC"}', '{"message": ["x"]}', "{", ""],
)
def test_a_body_of_another_shape_is_400_json(ada, body):
    headers = {"X-CSRFToken": ada.token("/program_select"), "Content-Type": "application/json"}
    response = ada.client.post("/chat", data=body, headers=headers)
    assert response.status_code == 400
    assert "error" in response.json


def test_a_body_that_is_no_json_is_415(ada):
    headers = {"X-CSRFToken": ada.token("/program_select"), "Content-Type": "text/plain"}
    assert ada.client.post("/chat", data="{}", headers=headers).status_code == 415


def test_case_33_signed_out_chat_is_401_json(visitor, people):
    people.program()
    response = visitor.client.post(
        "/chat", json={"message": "x"}, headers={"X-CSRFToken": visitor.token()}
    )
    assert response.status_code == 401
    assert "error" in response.json


def test_a_session_that_ended_while_typing_gives_the_text_back(ada, visitors, people, db):
    token = ada.token("/chat/BCC")
    other = visitors()
    other.client.set_cookie("rollcall", ada.client.get_cookie("rollcall").value)
    other.submit("/logout")
    response = ada.client.post(
        "/chat/BCC", data={"csrf_token": token, "message": "My long thought"}
    )
    assert response.status_code == 303
    assert response.location == "/login?next=/chat/BCC"
    back = ada.submit(response.location, to="/login", next="/chat/BCC", email=ADA,
                      password="three green kettles")  # fmt: skip
    assert back.location == "/chat/BCC"
    assert ada.page(ada.get("/chat/BCC")).select_one("#message").text.strip() == "My long thought"


def test_case_30_an_id_that_was_taken_away_closes_the_next_question(ada, db):
    assert ada.ask("BCC", "What?").status_code == 200
    db.execute(delete(UserLoRootId))
    db.execute(delete(Entitlement))
    db.commit()
    assert ada.ask("BCC", "What?").status_code == 403


def test_case_33_the_newest_fifty_show_and_older_ones_come_in_pages(ada, db):
    user_id = 1
    for number in range(120):
        at = None if number == 60 else datetime.now(UTC)
        said = {"user_message": f"Q{number}", "bot_message": "A", "timestamp": at}
        db.add(Exchange(user_id=user_id, program_code="BCC", **said))
    db.commit()
    page = ada.page(ada.get("/chat/BCC"))
    shown = [each.text.split(" ")[-1] for each in page.select(".question")]
    assert shown == [f"Q{number}" for number in range(70, 120)]
    older = page.select_one("[data-older]")
    rest = ada.get(f"/older_messages?program_code=BCC&before_id={older['data-older']}").json
    assert [each["message"] for each in rest["messages"]] == [f"Q{n}" for n in range(20, 70)]
    assert rest["has_more"] is True
    last = ada.get(f"/older_messages?program_code=BCC&before_id={rest['messages'][0]['id']}").json
    assert (len(last["messages"]), last["has_more"]) == (20, False)


def test_case_8_old_spellings_of_a_program_are_one_conversation(people, db):
    people.program("SAFETY")
    ada = people.signed_in(ADA)
    for code in ("Safety", "SAFETY", "S&R"):
        db.add(Exchange(user_id=1, program_code=code, user_message=code, bot_message="A"))
    db.commit()
    page = ada.page(ada.get("/chat/safety"))
    assert len(page.select(".question")) == 3
    assert ada.get("/set_program/S&R").location == "/chat/SAFETY"


def test_nobody_sees_the_words_of_another(ada, people):
    ada.ask("BCC", "A very private question about open questions?")
    other = people.signed_in("b@x.example", ids=["A1"])
    assert "very private" not in other.get("/chat/BCC").text


def test_case_32_an_intro_keeps_stray_braces_and_escapes_markup(people):
    people.program(
        "X", intro_message="{program} {quota} {odd} } <b>bold</b>", name="N & M", quota=7
    )
    ada = people.signed_in(ADA)
    intro = ada.page(ada.get("/chat/X")).select_one(".intro")
    assert intro.text == "N & M 7 {odd} } <b>bold</b>"


def test_case_32_two_people_with_one_question_get_answers_of_their_own(ada, people, answers):
    made = []

    def count(question):
        made.append(question.text)
        yield f"Answer {len(made)}"

    answers(count)
    other = people.signed_in("b@x.example", ids=["A1"])
    replies = [each.ask("BCC", "What is an open question?").json for each in (ada, other)]
    assert [each["reply"] for each in replies] == ["Answer 1", "Answer 2"]


def test_markup_in_questions_and_answers_is_inert(people, answers):
    people.program("X")
    ada = people.signed_in(ADA)

    def evil(_question):
        yield "<script>alert(1)</script> [x](javascript:alert(1)) ![p](http://evil.example/p.png)"

    answers(evil)
    reply = ada.ask("X", "<script>alert(2)</script>").json["html_reply"]
    page = ada.page(ada.get("/chat/X"))
    for tree in (reply, str(page.select_one(".log"))):
        assert "<script" not in tree
        assert 'href="javascript' not in tree
        assert "<img" not in tree


def test_continue_leads_to_the_program_asked_last(ada, people):
    people.program("MI", name="Motivational Interviewing")
    ada.ask("MI", "What?")
    page = ada.page(ada.get("/program_select"))
    assert page.select_one(".continue a")["href"] == "/chat/MI"


def test_no_program_open_names_whom_to_ask(people):
    people.program("BCC", ids=["A1"])
    ada = people.signed_in(ADA)
    page = ada.get("/program_select").text
    assert "No program is open to you yet" in page
    assert "Noor in room 4" in page


def test_the_list_of_programs_costs_the_same_however_many_there_are(ada, people, app, db):
    def cost():
        statements = []
        engine = app.extensions["rollcall"].sessions.kw["bind"]

        def note(*args):
            statements.append(args[2])

        event.listen(engine, "before_cursor_execute", note)
        ada.get("/program_select")
        event.remove(engine, "before_cursor_execute", note)
        return len(statements)

    few = cost()
    for number in range(30):
        people.program(f"P{number}", ids=["A1"])
    assert cost() == few
    assert db.scalar(select(func.count()).select_from(Program)) == 31
