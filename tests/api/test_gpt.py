"""The custom-GPT contract (seed 001): its words, its statuses, and who its tokens stand for."""

import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from joserfc.jws import extract_compact
from sqlalchemy import delete, func, select, update
from werkzeug.test import Client

from app.api.gpt import words
from app.core.audit import NOWHERE
from app.core.entry import access_tokens, keys
from app.core.entry.access_tokens import Audience, Issuer
from app.core.entry.keys import KeyScope
from app.core.people import sessions
from app.models.access import ApiKey, SignInSession
from app.models.conversations import SavedConversation
from app.models.people import User
from app.models.records import AuditEntry, OutgoingMessage
from tests.api.custom_gpt import ADA, LINES, CustomGpt

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ONE_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
UNLIKE = {"Content-Length", "X-Request-ID"}
"""Headers that hang on the length of the address, and that are another one each time."""

PATHS = [
    "/auth/send-link",
    "/auth/verify-email",
    "/conversations",
    "/conversations/list",
    "/conversations/get",
    "/conversations/update",
    "/conversations/delete",
    "/conversations/search",
]


@pytest.fixture
def gpt(app, db, mails):
    """A GPT with a key."""
    return CustomGpt(app, db, mails)


@pytest.fixture
def token(gpt, people):
    """Ada's token."""
    people.account(ADA)
    return gpt.sign_in()


def error(answer):
    assert set(answer.json) == {"error"}, answer.text
    return answer.status_code, answer.json["error"]


class TestTheKey:
    @ONE_SQLITE
    @pytest.mark.parametrize("path", PATHS)
    def test_without_a_key_nothing_of_the_body_is_read(self, gpt, path):
        huge = b"{" * 3_000_000
        for headers in ({}, {"X-Api-Key": ""}, {"X-Api-Key": gpt.key + "x"}):
            answer = gpt.client.post(path, data=huge, headers=headers)
            assert error(answer) == (401, "Invalid API key")
            assert "Set-Cookie" not in answer.headers

    def test_a_key_that_is_for_something_else_run_out_or_revoked_opens_nothing(self, gpt, db):
        body = {"email": ADA}
        assert (
            gpt.client.post(
                "/auth/send-link", json=body, headers={"x-aPI-kEY": gpt.key}
            ).status_code
            == 200
        )
        _row, other = keys.create(db, "Sign-up", [KeyScope.SIGNUP], by=None, origin=NOWHERE)
        past = datetime.now(UTC) - timedelta(seconds=1)
        _row, old = keys.create(db, "Old", [KeyScope.GPT], expires_at=past, by=None, origin=NOWHERE)
        keys.revoke(db, gpt.row.id, by=None, origin=NOWHERE)
        db.commit()
        for key in (other, old, gpt.key):
            answer = gpt.post("/auth/send-link", body, **{"X-Api-Key": key})
            assert error(answer) == (401, "Invalid API key")

    def test_that_a_key_was_used_is_seen_also_where_the_request_was_refused(self, gpt, db):
        assert gpt.post("/conversations/list", {}).status_code == 401
        db.expire_all()
        assert db.scalar(select(ApiKey.last_used_at)) is not None


class TestCodes:
    def test_a_code_becomes_a_token_in_any_case_of_the_address(self, gpt, people, db):
        ada = people.account(ADA)
        asked = gpt.post("/auth/send-link", {"email": " Ada@Learn.Agency.example", "x": [1]})
        assert asked.status_code == 200
        assert asked.json == {"message": "Verification code sent successfully", "email": ADA}
        code = gpt.mails.code(ADA)
        proven = gpt.post("/auth/verify-email", {"email": ADA.upper(), "code": code})
        assert proven.status_code == 200
        assert proven.json["message"] == "Verification successful"
        assert proven.json["userId"] == ada.public_id
        claims = access_tokens.jwt.decode(
            proven.json["token"], _key_of(db), algorithms=["ES256"]
        ).claims
        assert claims["uid"] == ada.public_id
        assert claims["email"] == ADA
        assert claims["exp"] - claims["iat"] == 86_400
        assert claims["aud"] == "http://localhost/gpt"
        again = gpt.post("/auth/verify-email", {"email": ADA, "code": code})
        assert error(again) == (400, "Invalid or expired code")
        events = db.scalars(select(AuditEntry.event).order_by(AuditEntry.id)).all()
        assert {"code:asked", "sign_in:admitted", "sign_in:refused"} <= set(events)

    def test_missing_members_have_the_words_of_the_contract(self, gpt):
        for body in ({}, {"email": ""}, {"email": None}, {"email": 5}, {"email": ["a"]}):
            assert error(gpt.post("/auth/send-link", body)) == (400, "Email is required")
        assert error(gpt.post("/auth/send-link", {"email": "no address"}))[0] == 400
        for body in ({}, {"email": ADA}, {"code": "123456"}, {"email": ADA, "code": 123456}):
            answer = gpt.post("/auth/verify-email", body)
            assert error(answer) == (400, "Email and code are required")
        for code in ("000000", "12345", "abcdef", "1" * 5000):
            answer = gpt.post("/auth/verify-email", {"email": ADA, "code": code})
            assert error(answer) == (400, "Invalid or expired code")

    @ONE_SQLITE
    def test_what_is_no_json_object_is_told_so_and_never_a_fault(self, gpt):
        for path in PATHS:
            for body in (b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 90_000, b'{"email": 1e999}'):
                answer = gpt.client.post(
                    path, data=body, headers={"X-Api-Key": gpt.key}, content_type="application/json"
                )
                assert answer.status_code in {400, 401}, (path, body[:20], answer.text)
                error(answer)
            form = gpt.client.post(path, data={"email": ADA}, headers={"X-Api-Key": gpt.key})
            assert error(form)[0] == 415
            assert error(gpt.client.get(path, headers={"X-Api-Key": gpt.key}))[0] == 405
        assert error(gpt.post("/auth/nowhere", {}))[0] == 404
        assert error(gpt.post("/conversations/nowhere", {}))[0] == 404

    def test_a_code_works_for_15_minutes_and_through_the_gpt_that_asked(self, app, db, gpt, people):
        people.account(ADA)
        other = CustomGpt(app, db, gpt.mails, "Another")
        with time_machine.travel(START, tick=False) as clock:
            code = gpt.code()
            body = {"email": ADA, "code": code}
            refused = other.post("/auth/verify-email", body)
            assert error(refused) == (400, "Invalid or expired code")
            clock.shift(timedelta(minutes=14, seconds=59))
            assert gpt.post("/auth/verify-email", body).status_code == 200
            code = gpt.code()
            clock.shift(timedelta(minutes=15))
            late = gpt.post("/auth/verify-email", {"email": ADA, "code": code})
            assert error(late) == (400, "Invalid or expired code")

    def test_five_wrong_codes_close_the_way_for_a_while(self, gpt, people):
        people.account(ADA)
        code = gpt.code()
        wrong = f"{(int(code) + 1) % 10**6:06d}"
        for _ in range(5):
            gpt.post("/auth/verify-email", {"email": ADA, "code": wrong})
        answer = gpt.post("/auth/verify-email", {"email": ADA, "code": code})
        assert error(answer)[0] == 429
        assert "button" not in error(answer)[1]
        assert 0 < int(answer.headers["Retry-After"]) <= 900

    def test_everybody_gets_the_same_answer_and_strangers_no_code(self, gpt, people, db):
        people.account(ADA)
        people.account("sue@learn.agency.example", status="Inactive")
        people.listed("Noor", "noor@learn.agency.example")
        answers = []
        for who in ("ada", "sue", "noor", "nobody"):
            email = f"{who}@learn.agency.example"
            answer = gpt.post("/auth/send-link", {"email": email})
            shown = {k: v for k, v in answer.headers.items() if k not in UNLIKE}
            answers.append((answer.status_code, answer.text.replace(who, "x"), shown))
        assert answers == [answers[0]] * 4
        gpt.mails.deliver()
        kinds = dict(db.execute(select(OutgoingMessage.recipient, OutgoingMessage.kind)).all())
        assert kinds == {
            ADA: "sign_in_code",
            "sue@learn.agency.example": "shut_out",
            "noor@learn.agency.example": "sign_in_code",
            "nobody@learn.agency.example": "no_account",
        }

    def test_a_listed_person_gets_an_account_at_the_first_proven_code(self, gpt, people, db):
        people.listed("Noor", "noor@learn.agency.example", "L1")
        token = gpt.sign_in("Noor@learn.agency.example")
        user = db.scalars(select(User)).one()
        assert user.address == "noor@learn.agency.example"
        assert gpt.list(token) == []


class TestFaultsAndFloods:
    @ONE_SQLITE
    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("/auth/send-link", "Failed to send verification code"),
            ("/auth/verify-email", "Verification failed"),
            ("/conversations", "Internal Server Error"),
            ("/conversations/list", "Internal Server Error"),
        ],
    )
    def test_a_fault_of_ours_has_the_words_of_the_contract(self, app, path, said):
        with app.test_request_context(path, method="POST"):
            answer, status, _headers = words.voice(500, "It is noted.", "broken", {})
            assert (status, answer.json) == (500, {"error": said})

    class TestLimited:
        @pytest.fixture
        def environment(self, environment):
            """The settings' environment, with limits."""
            return environment | {"RATELIMIT_ENABLED": "true"}

        @ONE_SQLITE
        def test_who_has_no_key_is_told_to_wait_and_closes_the_way_for_nobody_else(
            self, gpt, token
        ):
            path, wrong = "/conversations/list", {"X-Api-Key": "rk_nonsense"}
            statuses = [gpt.post(path, {}, **wrong).status_code for _ in range(60)]
            assert set(statuses) == {401}
            for _ in range(2):
                answer = gpt.post(path, {}, **wrong)
                assert answer.status_code == 429
                assert answer.json["error"]
                assert 0 < int(answer.headers["Retry-After"]) <= 61
            assert gpt.list(token) == []

        @ONE_SQLITE
        def test_a_chat_that_runs_in_circles_waits_alone(self, gpt, token):
            path, other = "/conversations/list", gpt.sign_in()
            answers = [gpt.post(path, {"token": token}).status_code for _ in range(122)]
            assert answers == [200] * 120 + [429] * 2
            assert gpt.post(path, {"token": other}).status_code == 200


def _key_of(db):
    kid = db.scalar(select(access_tokens.SigningKey.kid))
    return access_tokens._key(db, kid)


class TestTokens:
    def test_each_way_to_be_wrong_has_its_word(self, gpt, token, db, people, app):
        for path in PATHS[2:]:
            assert error(gpt.post(path, {})) == (401, "No token provided")
            assert error(gpt.post(path, {"token": ""})) == (401, "No token provided")
            assert error(gpt.post(path, {"token": token + "x"})) == (401, "Invalid token")
            assert error(gpt.post(path, {"token": 5})) == (401, "Invalid token")
            assert error(gpt.post(path, {"token": "x" * 9000})) == (401, "Invalid token")
        unread = gpt.client.post(
            "/conversations",
            data=b"{",
            headers={"X-Api-Key": gpt.key},
            content_type="application/json",
        )
        assert error(unread) == (401, "Invalid token")
        ada = db.scalars(select(User)).one()
        issuer = Issuer("http://localhost", [app.extensions["rollcall"].settings.FLASK_SECRET_KEY])
        session_id = db.scalar(select(SignInSession.id))
        made = {"issuer": issuer, "lifetime": timedelta(hours=1)}
        nameless = access_tokens.issue(db, ada, session_id, Audience.GPT, **made)
        foreign = access_tokens.issue(db, ada, session_id, Audience.API, uid="u_1", **made)
        db.commit()
        assert error(gpt.post("/conversations/list", {"token": nameless})) == (
            401,
            "Invalid token format",
        )
        assert error(gpt.post("/conversations/list", {"token": foreign})) == (401, "Invalid token")
        db.execute(delete(User))
        db.commit()
        gone = gpt.post("/conversations/list", {"token": token})
        assert error(gone) == (401, "User not found")

    def test_it_may_come_in_the_header_and_ends_after_a_day(self, gpt, people):
        people.account(ADA)
        with time_machine.travel(START, tick=False) as clock:
            token = gpt.sign_in()
            header = {"Authorization": f"bearer {token}"}
            assert gpt.post("/conversations/list", {}, **header).json == []
            clock.shift(timedelta(days=1))
            answer = gpt.post("/conversations/list", {"token": token})
            assert error(answer) == (401, "Invalid token")

    @pytest.mark.parametrize("end", ["signed_out", "suspended", "password", "off_list"])
    def test_what_ends_the_sessions_of_a_person_ends_it(self, gpt, people, db, visitors, end):
        if end == "off_list":
            people.listed("Lovelace", ADA, "L1")
        else:
            people.account(ADA)
        token = gpt.sign_in()
        assert gpt.list(token) == []
        if end == "signed_out":
            sessions.end_all_of(db, SignInSession.user_id > 0, "ended")
        elif end == "suspended":
            db.execute(update(User).values(status="Inactive"))
        elif end == "off_list":
            people.listed("Lovelace", ADA, "L1", active=False)
            db.execute(update(User).values(status="Inactive"))
        else:
            browser = visitors()
            browser.sign_in(ADA)
            browser.submit("/account/password", password="seven amber lanterns")
        db.commit()
        answer = gpt.post("/conversations/list", {"token": token})
        assert error(answer) == (401, "Invalid token")

    def test_it_opens_nothing_but_conversations_and_is_listed_among_ones_devices(
        self, gpt, token, visitors
    ):
        browser = visitors()
        assert browser.get("/account", headers={"Authorization": f"Bearer {token}"}).location
        browser.sign_in(ADA)
        page = browser.get("/account").text
        assert "Coach" in page
        assert "in ChatGPT" in page

    def test_no_answer_and_no_entry_holds_the_token_or_the_code(self, gpt, token, db):
        answer = gpt.save(token)
        assert token not in answer.text
        told = " ".join(str(row.details) for row in db.scalars(select(AuditEntry)))
        assert token not in told
        assert gpt.key not in told


class TestSaving:
    def test_a_saved_conversation_comes_back_as_it_was(self, gpt, token):
        text = ["Learner: 1 < 2 & “ü” 😀\nsecond line", "", 'Coach: \\ " \t yes.']
        answer = gpt.save(token, "Practised.", raw_text=text, title="Questions", more={"x": 1})
        row = answer.json
        assert answer.status_code == 201
        assert uuid.UUID(row["id"])
        assert row["raw_text"] == text
        assert (row["summary"], row["title"]) == ("Practised.", "Questions")
        assert re.fullmatch(r"u_\d+", row["user_id"])
        assert row["created_at"] == row["updated_at"]
        assert datetime.fromisoformat(row["created_at"]).tzinfo is not None
        assert gpt.list(token) == [row]

    def test_the_newest_comes_first(self, gpt, token):
        ids = [gpt.save(token, f"No. {n}").json["id"] for n in range(3)]
        assert [row["id"] for row in gpt.list(token)] == ids[::-1]

    def test_limits_are_told_and_nothing_is_a_fault(self, gpt, token, db):
        assert gpt.save(token, "x" * 500).status_code == 201
        bad = [
            {"summary": "x" * 501},
            {"summary": None},
            {"summary": 5},
            {"raw_text": "one text"},
            {"raw_text": [1]},
            {"raw_text": {"a": 1}},
            {"raw_text": None},
            {"raw_text": ["x"] * 2001},
            {"raw_text": ["\0"]},
            {"raw_text": ["\ud800"]},
            {"title": "x" * 201},
            {"idempotency_key": ""},
            {"idempotency_key": 5},
        ]
        for more in bad:
            assert error(gpt.save(token, **more))[0] == 400, more
        for missing in ("summary", "raw_text"):
            body = {"token": token, "summary": "s", "raw_text": []}
            del body[missing]
            assert error(gpt.post("/conversations", body))[0] == 400
        assert gpt.save(token, "s", raw_text=["ü" * 45_000, "x" * 44_999]).status_code == 201
        for lines in (["x" * 90_000], ["ü" * 45_000, "x" * 45_000], ["x" * 200_000]):
            assert error(gpt.save(token, "s", raw_text=lines))[0] == 413
        huge = gpt.save(token, "s", raw_text=["x" * 2_000_000])
        assert error(huge)[0] == 413
        db.rollback()
        assert db.scalar(select(func.count()).select_from(SavedConversation)) == 2

    def test_the_same_content_within_ten_minutes_is_one_row(self, gpt, people):
        people.account(ADA)
        with time_machine.travel(START, tick=False) as clock:
            token = gpt.sign_in()
            first = gpt.save(token).json
            clock.shift(timedelta(minutes=9, seconds=59))
            again = gpt.save(token)
            assert (again.status_code, again.json) == (201, first)
            assert gpt.save(token, "Something else.").json["id"] != first["id"]
            clock.shift(timedelta(seconds=1))
            later = gpt.save(token).json
            assert later["id"] != first["id"]
            assert gpt.save(token).json == later

    def test_a_key_makes_a_save_the_same_for_good_and_another_content_a_conflict(self, gpt, people):
        people.account(ADA)
        people.account("grace@learn.agency.example")
        with time_machine.travel(START, tick=False) as clock:
            token = gpt.sign_in()
            first = gpt.save(token, idempotency_key="one").json
            clock.shift(timedelta(hours=20))
            assert gpt.save(token, idempotency_key="one").json == first
            assert error(gpt.save(token, "Other.", idempotency_key="one"))[0] == 409
            assert gpt.save(token, idempotency_key="two").json["id"] != first["id"]
            grace = gpt.sign_in("grace@learn.agency.example")
            assert gpt.save(grace, idempotency_key="one").json["id"] != first["id"]
            assert [row["id"] for row in gpt.list(grace)] != [first["id"]]

    @pytest.mark.parametrize("more", [{}, {"idempotency_key": "k"}])
    def test_of_twenty_saves_at_once_one_is_stored(self, app, gpt, token, db, more):
        barrier = threading.Barrier(20)
        body = {"token": token, "summary": "s", "raw_text": LINES, **more}

        def save(_number):
            client = Client(app, app.response_class)
            barrier.wait(30)
            return client.post("/conversations", json=body, headers={"X-Api-Key": gpt.key})

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(save, range(20)))
        assert {each.status_code for each in answers} == {201}
        assert len({each.get_json()["id"] for each in answers}) == 1
        db.rollback()
        assert db.scalar(select(func.count()).select_from(SavedConversation)) == 1


class TestChanging:
    def test_what_is_given_changes_and_the_rest_stays(self, gpt, people):
        people.account(ADA)
        with time_machine.travel(START, tick=False) as clock:
            token = gpt.sign_in()
            first = gpt.save(token, title="Old", idempotency_key="k").json
            clock.shift(timedelta(minutes=1))
            body = {"token": token, "id": first["id"].upper(), "title": "New"}
            changed = gpt.post("/conversations/update", body)
            assert changed.status_code == 200
            assert changed.json == first | {
                "title": "New",
                "updated_at": "2026-03-02T09:01:00.000000Z",
            }
            assert gpt.list(token) == [changed.json]
            # The save that came first, sent again, is still that save.
            assert gpt.save(token, title="Old", idempotency_key="k").json == changed.json
            bad = {"token": token, "id": first["id"], "summary": "x" * 501}
            assert error(gpt.post("/conversations/update", bad))[0] == 400
            bad = {"token": token, "id": first["id"], "raw_text": ["x" * 90_000]}
            assert error(gpt.post("/conversations/update", bad))[0] == 413

    def test_what_is_deleted_is_gone_for_good(self, gpt, token, db):
        first = gpt.save(token).json["id"]
        gone = gpt.post("/conversations/delete", {"token": token, "id": first})
        assert gone.json == {"message": "Conversation deleted", "id": first}
        assert gpt.list(token) == []
        assert db.scalar(select(func.count()).select_from(SavedConversation)) == 0
        again = gpt.post("/conversations/delete", {"token": token, "id": first})
        assert error(again) == (404, "Conversation not found")

    def test_somebody_elses_is_like_one_that_is_not_there(self, gpt, token, people):
        people.account("grace@learn.agency.example")
        foreign = gpt.save(gpt.sign_in("grace@learn.agency.example")).json["id"]
        for id_ in (foreign, str(uuid.uuid4()), "x", "", "00004fe3-1111-8111-8111-111111111111"):
            for path in ("get", "update", "delete"):
                body = {"token": token, "id": id_}
                assert error(gpt.post(f"/conversations/{path}", body)) == (
                    404,
                    "Conversation not found",
                )
        body = {"token": token, "before": foreign}
        assert error(gpt.post("/conversations/list", body)) == (404, "Conversation not found")


def test_a_token_is_short_enough_to_be_copied(token):
    assert len(token) < 1000
    assert extract_compact(token.encode()).headers()["alg"] == "ES256"
