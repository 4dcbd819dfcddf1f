"""Conversations for admins: found, read, taken out, deleted, and kept for so long and no longer."""

import csv
import io
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest
from sqlalchemy import func, select, text, update

from app import jobs
from app.core import clock
from app.core.learning import erasing, retention, transcripts, words
from app.core.learning.transcripts import Asked
from app.models.conversations import Exchange, FilePart, ProgramRetention
from app.models.people import Role, User
from app.models.programs import QuotaUse
from app.models.records import AuditEntry, Job

ADA, ALAN = "ada@learn.agency.example", "alan@learn.agency.example"
MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def say(db):
    """Puts exchanges into the table, as the chat would have."""

    def put(user, program, question, answer="Noted.", *, at=MARCH, visible=True, times=1):
        whose = user if isinstance(user, int) else user.id
        rows = [
            Exchange(user_id=whose, program_code=program, user_message=question,
                     bot_message=answer, timestamp=at, is_visible=visible)
            for _ in range(times)
        ]  # fmt: skip
        db.add_all(rows)
        db.commit()
        return rows[0]

    return put


def questions(visitor, path="/admin/conversations", **where):
    page = visitor.page(visitor.get(path, query_string=where))
    return [each.text for each in page.select("tbody th a")]


def events(db, event):
    db.rollback()
    rows = db.scalars(select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id))
    return list(rows)


def count(db):
    db.rollback()
    return db.scalar(select(func.count()).select_from(Exchange))


def test_words_and_phrases_are_found_newest_first_hidden_ones_too(people, say):
    people.program("BCC")
    ada = people.account(ADA, last_name="Lovelace")
    say(ada, "BCC", "What are open questions?", "They invite a **story**.")
    say(ada, "BCC", "Questions that open doors", "Well-being, and/or Zoë’s café.", visible=False)
    say(999, "OLD", "Nobody knows my questions", at=None)
    admin = people.admin()
    assert questions(admin) == [
        "Nobody knows my questions", "Questions that open doors", "What are open questions?",
    ]  # fmt: skip
    assert len(questions(admin, q="QUESTIONS open")) == 2
    assert questions(admin, q='"open questions"') == ["What are open questions?"]
    assert questions(admin, q="“open questions” story") == ["What are open questions?"]
    for typed in ("being", "well-being", "wellbeing or", "and zoë", '"zoë s café"', "doors and/or"):
        expected = [] if typed.startswith("wellbeing") else ["Questions that open doors"]
        assert questions(admin, q=typed) == expected, typed
    page = admin.page(admin.get("/admin/conversations?q=doors"))
    assert page.select_one("mark").text == "doors"
    assert "Cleared by the learner" in page.text
    assert "Deleted account" in admin.get("/admin/conversations?q=nobody").text


ODD = [
    "*", "que*", "q_estions", "%", '"', '""', "' OR 1=1 --", "words:open", "NOT open", "{", "(",
    "\\", "open\\", ")", ":", "a" * 5000, "e\u0301", "\U0001f642", "open AND", "NEAR(open)", "\0",
    "^open", "-open -", "open & !questions", "<->", "x:*", "marks : u1",
]  # fmt: skip
FIND = {"^open", "-open -", "open\\", "open & !questions", "\0"}
"""What is a word that occurs, or nothing at all, once the marks around it are left out."""


def test_odd_words_are_no_error_and_no_wildcards(people, say):
    ada = people.account(ADA)
    say(ada, "BCC", "What are open questions?")
    admin = people.admin()
    for typed in ODD:
        answer = admin.get("/admin/conversations", query_string={"q": typed})
        assert answer.status_code == 200, typed
        found = [each.text for each in admin.page(answer).select("tbody th a")]
        assert bool(found) == (typed in FIND), typed


def test_filters_take_any_spelling_of_a_program_a_person_and_whole_days(people, say, db):
    people.program("SAFETY")
    people.program("BCC")
    ada, alan = people.account(ADA), people.account(ALAN)
    for code in ("SAFETY", "safety", "S&R"):
        say(ada, code, f"To {code}")
    say(alan, "BCC", "Late", at=datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC))
    say(alan, "BCC", "Later", at=datetime(2026, 4, 1, tzinfo=UTC))
    say(alan, "BCC", "Undated", at=None)
    admin = people.admin()
    assert len(questions(admin, program="s&r")) == 3
    assert questions(admin, program="bcc", person=ALAN.upper()) == ["Undated", "Later", "Late"]
    assert questions(admin, person=str(ada.id), q="safety") == ["To safety", "To SAFETY"]
    assert questions(admin, person="nobody@learn.agency.example") == []
    assert questions(admin, person="no address") == []
    assert questions(admin, program="NONE") == []
    assert questions(admin, since="2026-04-01") == ["Later"]
    assert questions(admin, until="2026-03-31", program="BCC") == ["Late"]
    assert questions(admin, since="2026-03-31", until="2026-03-31", q="late") == ["Late"]
    assert questions(admin, since="2030-01-01") == questions(admin, until="1970-01-01") == []
    wrong = admin.get("/admin/conversations?since=31.03.2026")
    assert wrong.status_code == 422
    assert admin.page(wrong).select_one(".error-summary a[href='#since']")
    assert admin.get("/admin/conversations?since=2026-02-02&until=2026-02-01").status_code == 422


def test_what_changes_is_found_as_it_is_now(people, say, db):
    ada = people.account(ADA)
    said = say(ada, "BCC", "Where are lanterns?")
    admin = people.admin()
    assert questions(admin, q="lanterns") == ["Where are lanterns?"]
    db.execute(update(Exchange).values(user_message="Where are kettles?", user_id=4711))
    db.commit()
    assert questions(admin, q="lanterns") == questions(admin, person=ADA, q="kettles") == []
    assert questions(admin, q="kettles", person="4711") == ["Where are kettles?"]
    db.delete(db.get(Exchange, said.id))
    db.commit()
    assert questions(admin, q="kettles") == []


def test_pages_follow_each_other_without_a_gap_over_many_blocks_of_ids(people, say, db):
    ada = people.account(ADA)
    far = [3, 900, 1023, 1024, 2047, 2048, 5000, 16383, 16384, 40_000, 262_144, 300_000, 2_000_000]
    for number in far:
        start = MARCH + timedelta(minutes=number)
        said = Exchange(id=number, user_id=ada.id, program_code="BCC", timestamp=start)
        said.user_message, said.bot_message, said.is_visible = f"Number {number}", "one two", True
        db.add(said)
    db.commit()
    wanted = [
        Asked(words="number"), Asked(words='"one two"'), Asked(program="BCC"), Asked(person=ADA),
        Asked(words="two number", program="bcc", since=MARCH.date()),
        Asked(until=(MARCH + timedelta(minutes=300_000)).date()), Asked(),
    ]  # fmt: skip
    for asked in wanted:
        seen, before = [], None
        while True:
            found = transcripts.find(db, transcripts.wanted(db, asked), before=before, limit=2)
            seen += [row.exchange.id for row in found.rows]
            before = found.further
            if before is None:
                break
        top = 300_000 if asked.until else 2_000_000
        assert seen == [each for each in reversed(far) if each <= top], asked


def test_days_out_of_order_are_found_all_the_same(people, say, db):
    ada = people.account(ADA)
    for number in range(1, 4000):
        at = MARCH if number in (5, 3999) else MARCH + timedelta(days=30 + number // 100)
        db.add(Exchange(user_id=ada.id, program_code="BCC", user_message=f"Number {number}",
                        bot_message="one two", timestamp=at, is_visible=True))  # fmt: skip
    db.commit()
    sought = transcripts.wanted(db, Asked(words="number", until=MARCH.date()))
    found = transcripts.find(db, sought)
    assert [row.exchange.user_message for row in found.rows] == ["Number 3999", "Number 5"]


def test_a_phrase_of_words_that_are_everywhere_is_looked_for_for_so_long(people, say, db):
    ada = people.account(ADA)
    say(ada, "BCC", "one two")
    say(ada, "BCC", "two one", times=450)
    sought = transcripts.wanted(db, Asked(words='"one two"'))
    found = transcripts.find(db, sought, budget=0)
    if db.get_bind().dialect.name == "postgresql":
        assert (found.rows, found.stopped) == ([], True)
    while found.further and not found.rows:
        found = transcripts.find(db, sought, before=found.further, budget=0)
    assert [row.exchange.user_message for row in found.rows] == ["one two"]


def test_a_conversation_is_read_page_by_page_cleaned_and_written_down_once(people, say, db):
    people.program("BCC")
    ada = people.account(ADA, last_name="Lovelace")
    for number in range(120):
        say(ada, "bcc", f"Question {number:03}", "**Strong** <script>alert(1)</script>")
    say(ada, "MI", "Elsewhere")
    admin = people.admin()
    path = f"/admin/conversations/{ada.id}"
    page = admin.page(admin.get(f"{path}?program=BCC"))
    assert [each.text[-3:] for each in page.select(".question")] == [
        f"{n:03}" for n in range(70, 120)
    ]
    assert page.select_one(".answer strong").text == "Strong"
    assert not page.select(".answer script")
    assert not page.select("a[rel=next]")
    older = admin.page(admin.get(page.select_one("a[rel=prev]")["href"]))
    oldest = admin.page(admin.get(older.select_one("a[rel=prev]")["href"]))
    assert len(oldest.select(".question")) == 20
    newer = admin.page(admin.get(oldest.select_one("a[rel=next]")["href"]))
    assert newer.select_one(".question").text.endswith("020")
    link = admin.page(admin.get("/admin/conversations?q=017")).select_one("tbody th a")["href"]
    sought = admin.page(admin.get(link))
    assert sought.select(".said")[-1]["class"] == ["said", "is-sought"]
    assert "Elsewhere" in admin.get(path).text
    assert admin.get("/admin/conversations/4711").status_code == 404
    assert admin.get("/admin/conversations/99999999999").status_code == 404
    read = events(db, "conversation:read")
    assert [each.details["program"] for each in read] == ["BCC", "bcc", None]
    assert {each.user_id for each in read} == {ada.id}


def test_a_csv_holds_what_is_filtered_in_the_legacy_columns(people, say, db):
    ada = people.account(ADA, last_name="=Lovelace")
    said = say(ada, "BCC", '=HYPERLINK("x")', "Line\nbreak, and “quotes”")
    say(ada, "MI", "Not this one")
    admin = people.admin()
    file = admin.submit(
        "/admin/conversations", to="/admin/conversations/export", program="BCC", format="csv"
    )
    assert file.mimetype == "text/csv"
    assert file.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"))))
    whose = [str(said.id), str(ada.id), "'=Lovelace", ADA, "BCC"]
    assert rows == [
        ["id", "user_id", "user_name", "user_email", "chatbot_name", "message", "sender",
         "timestamp"],
        [*whose, "'=HYPERLINK(\"x\")", "user", "2026-03-31 12:00:00"],
        [*whose, "Line\nbreak, and “quotes”", "bot", "2026-03-31 12:00:00"],
    ]  # fmt: skip
    assert events(db, "conversations:exported")[-1].details == {"format": "csv", "program": "BCC"}


def test_an_excel_file_is_made_by_the_worker_and_kept_for_a_day(people, say, db, work):
    ada = people.account(ADA)
    say(ada, "BCC", "=1+1\x0b", "x" * 40_000, times=3)
    admin = people.admin()
    made = admin.submit("/admin/conversations", to="/admin/conversations/export", program="BCC")
    assert made.status_code == 303
    page = admin.get(made.location)
    assert "Look again" in page.text
    job_id = int(made.location.rsplit("/", 1)[1])
    assert admin.get(f"/admin/conversations/files/{job_id}").status_code == 404
    assert work() == 1
    page = admin.page(admin.get(made.location))
    assert "3 exchanges are in it" in page.text
    file = admin.get(page.select_one("a.btn-primary")["href"])
    sheet = openpyxl.load_workbook(io.BytesIO(file.data), read_only=True)["Conversations"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][0] == "id"
    assert len(rows) == 7
    assert rows[1][5] == "'=1+1"
    assert rows[2][5].endswith(" […]")
    assert len(rows[2][5]) == 32_767
    db.execute(update(Job).values(finished_at=clock.now() - timedelta(days=1)))
    db.commit()
    assert admin.get(f"/admin/conversations/files/{job_id}").status_code == 404
    assert "is gone" in admin.get(made.location).text
    jobs.tidy_up(people.app.extensions["rollcall"].sessions)
    assert db.scalar(select(func.count()).select_from(FilePart)) == 0


def test_deleting_says_the_number_and_wants_it_typed(people, say, db, work):
    program = people.program("BCC")
    ada = people.account(ADA)
    db.add(QuotaUse(user_id=ada.id, program_id=program.id, day=clock.today(), used=3))
    say(ada, "bcc", "Gone", times=1100)
    say(ada, "MI", "Stays")
    admin = people.admin()
    preview = "/admin/conversations/delete?preview=1&program=BCC"
    assert "1,100 exchanges will be deleted for good" in admin.get(preview).text
    for typed in ("", "1099", "all"):
        refused = admin.submit(
            preview, to="/admin/conversations/delete", program="BCC", typed=typed
        )
        assert refused.status_code == 409, typed
        assert admin.page(refused).select_one(".error-summary a[href='#typed']")
    assert count(db) == 1101
    began = admin.submit(preview, to="/admin/conversations/delete", program="BCC", typed="1,100")
    assert began.status_code == 303
    say(ada, "BCC", "Asked in the meantime")
    assert work() == 1
    assert "1,100 exchanges were deleted" in admin.get(began.location).text
    assert questions(admin) == ["Asked in the meantime", "Stays"]
    assert questions(admin, q="gone") == []
    assert db.scalar(select(QuotaUse.used)) == 3
    (entry,) = events(db, "conversations:deleted")
    assert entry.details == {"count": 1100, "program": "BCC"}
    assert entry.actor_id == db.scalar(select(User.id).where(User.last_name == "Hopper"))


def test_deleting_by_person_and_age_needs_no_number_where_it_is_little(people, say, db, work):
    ada, alan = people.account(ADA), people.account(ALAN)
    say(ada, "BCC", "Old", at=clock.now() - timedelta(days=31))
    say(ada, "BCC", "Fresh", at=clock.now() - timedelta(days=29))
    say(ada, "BCC", "Undated", at=None)
    say(alan, "BCC", "Of another", at=clock.now() - timedelta(days=31))
    admin = people.admin()
    path = "/admin/conversations/delete"
    assert "There is nothing to delete" in admin.get(f"{path}?preview=1&person=x@y.example").text
    admin.submit(path, person=ADA, older_than="30")
    work()
    assert questions(admin) == ["Of another", "Undated", "Fresh"]
    assert admin.get(f"{path}?preview=1&older_than=soon").status_code == 422
    everything = admin.get(f"{path}?preview=1").text
    assert "3 exchanges will be deleted" in everything
    assert "of everybody" in everything


def test_a_deletion_that_was_stopped_says_how_far_it_came(people, say, db, work, monkeypatch):
    ada = people.account(ADA)
    say(ada, "BCC", "Gone", times=600)
    admin = people.admin()
    began = admin.submit("/admin/conversations/delete", typed="600")
    batch = erasing._batch

    def asked_to_stop(*args):
        db.execute(update(Job).values(stop_asked=True))
        db.commit()
        return batch(*args)

    monkeypatch.setattr(erasing, "_batch", asked_to_stop)
    work()
    assert count(db) == 100
    assert "500 exchanges were deleted until then" in admin.get(began.location).text
    assert [each.details["count"] for each in events(db, "conversations:deleted")] == [500]


def test_retention_deletes_daily_what_is_older_and_says_so_once(people, say, db, work):
    people.program("BCC")
    people.program("MI")
    ada = people.account(ADA)
    for code in ("BCC", "bcc", "MI"):
        say(ada, code, f"Old {code}", at=clock.now() - timedelta(days=91), visible=code == "bcc")
        say(ada, code, f"New {code}", at=clock.now() - timedelta(days=89))
    admin = people.admin()
    path = "/admin/conversations/retention"
    preview = admin.get(f"{path}?preview=1&program=BCC&days=90").text
    assert "2 exchanges are older now" in preview
    assert admin.submit(path, program="BCC", days="90").status_code == 303
    work()
    assert questions(admin) == ["New MI", "Old MI", "New bcc", "New BCC"]
    say(ada, "BCC", "Old again", at=clock.now() - timedelta(days=91))
    sessions = people.app.extensions["rollcall"].sessions
    jobs.tidy_up(sessions)
    jobs.tidy_up(sessions)
    assert work() == 1
    assert "Old again" not in questions(admin)
    jobs.tidy_up(sessions)
    assert work() == 0
    counts = [each.details["programs"] for each in events(db, "conversations:expired")]
    assert counts == [{"BCC": 2}, {"BCC": 1}]
    assert "90 days" in admin.get(path).text
    assert admin.submit(path, program="BCC", days="").status_code == 303
    assert db.scalar(select(ProgramRetention.days)) is None
    assert [each.details["new"] for each in events(db, "retention:set")] == [90, None]
    for wrong in ({"program": "", "days": "90"}, {"program": "BCC", "days": "0"}):
        assert admin.submit(path, **wrong).status_code == 422


def test_much_that_is_older_has_to_be_typed(people, say, db):
    people.program("BCC")
    ada = people.account(ADA)
    say(ada, "BCC", "Old", times=150)
    admin = people.admin()
    path = "/admin/conversations/retention"
    assert admin.submit(path, program="BCC", days="1").status_code == 409
    assert retention.find(db, "BCC").days is None
    assert admin.submit(path, program="BCC", days="1", typed="150").status_code == 303


def test_the_legacy_addresses_search_export_and_delete(people, say, db, work):
    ada = people.account(ADA, last_name="Lovelace", ids=["B2", "A1"])
    say(ada, "BCC", "What are open questions?", at=datetime(2026, 3, 31, 23, tzinfo=UTC))
    say(ada, "MI", "Something else")
    admin = people.admin()
    token = {"X-CSRFToken": admin.token("/admin")}

    def post(path, **body):
        return admin.client.post(f"/admin/{path}", json=body, headers=token)

    found = post("search_conversations", search_term="open", date_to="2026-03-31").json
    assert [each["user_message"] for each in found["conversations"]] == ["What are open questions?"]
    assert found["conversations"][0]["user_email"] == ADA
    assert post("search_conversations", user_email="x@y.example").json["count"] == 0
    assert post("search_conversations", chatbot="mi").json["count"] == 1
    assert post("search_conversations", date_from="soon").status_code == 400
    form = admin.submit("/admin", to="/admin/search_conversations", search_term="else")
    assert form.json["count"] == 1

    rows = admin.get("/admin/export_data?type=conversations&format=csv").text.splitlines()
    assert len(rows) == 5
    users = admin.get("/admin/export_data?type=users&format=csv").data.decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(users)))["lo_root_ids"] == "A1;B2"
    for what, sheet in (("conversations", "Conversations"), ("users", "Users")):
        file = admin.get(f"/admin/export_data?type={what}&format=excel")
        book = openpyxl.load_workbook(io.BytesIO(file.data), read_only=True)
        assert book.sheetnames == [sheet]
    assert admin.get("/admin/export_data?type=secrets").status_code == 400

    assert post("delete_conversations", delete_type="by_user").status_code == 400
    asked = post("delete_conversations", delete_type="by_user", user_id=ada.id)
    assert (asked.status_code, asked.json["count"]) == (409, 2)
    assert post("delete_conversations", delete_type="all", confirm=1).status_code == 409
    done = post("delete_conversations", delete_type="by_chatbot", chatbot_code="mi", confirm=1)
    assert (done.status_code, done.json["success"]) == (200, True)
    work()
    assert questions(admin) == ["What are open questions?"]
    assert admin.get("/admin?search_term=open&chatbot_code=BCC&page=2").location == (
        "/admin/conversations?q=open&program=BCC"
    )


def test_who_may_only_read_changes_nothing(people, say, db):
    ada = people.account(ADA)
    say(ada, "BCC", "Stays")
    admin = people.admin()
    db.execute(update(Role).values(permissions=["conversations:read"]))
    db.commit()
    page = admin.get("/admin/conversations")
    assert page.status_code == 200
    assert "Delete …" not in page.text
    for path in ("delete", "retention"):
        assert (
            admin.submit("/admin/conversations", to=f"/admin/conversations/{path}").status_code
            == 403
        )
    assert admin.get("/admin/conversations/delete").status_code == 403
    assert admin.get("/admin/export_data?type=users").status_code == 403
    assert count(db) == 1


def test_the_index_of_words_is_what_postgresql_asks(people, say, db):
    if db.get_bind().dialect.name != "postgresql":
        pytest.skip("SQLite asks its own table")
    ada = people.account(ADA)
    say(ada, "BCC", "Gone", times=50)
    db.execute(text("SET LOCAL enable_seqscan = off"))
    wanted = transcripts.wanted(db, Asked(words="gone", program="BCC", since=MARCH.date()))
    query = select(Exchange.id).where(words.matching(db, wanted)).compile(db.get_bind())
    plan = db.connection().exec_driver_sql(f"EXPLAIN {query}", query.params)
    assert "ix_chat_history_words" in "".join(row[0] for row in plan)
