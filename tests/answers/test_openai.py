"""A model's answer over real HTTP: what is asked, what streams back, and every way to fail."""

from __future__ import annotations

import itertools
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from app.answers import choose
from app.answers.openai import LONGEST, ask_model
from app.core.learning.questions import Answer, AnswerFailed, Question

KEY = "sk-invented-key-of-the-tests"
PATH = "/v1/chat/completions"

QUESTION = Question(
    program="Garden Care",
    content="# Garden Care\n\nWater early in the morning.",
    role="You are a patient gardener.",
    guidelines="Be brief.",
    text="When should I water my tulips?",
    version="garden-1",
)


@pytest.fixture(scope="module")
def running() -> Iterator[HTTPServer]:
    """A server with threads, so that a stalled answer does not hold up the next."""
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


@pytest.fixture
def server(running: HTTPServer) -> HTTPServer:
    """The running server without memory of earlier tests."""
    running.clear()
    return running


def settings(url: str, **changes: Any) -> SimpleNamespace:
    values = {"OPENAI_API_KEY": KEY, "OPENAI_MODEL": "gardener-1", "OPENAI_TIMEOUT": 10.0}
    return SimpleNamespace(OPENAI_BASE_URL=url, **(values | changes))


def event(content: str | None, **more: Any) -> str:
    """One event as OpenAI's server writes it."""
    delta = {"content": content} if content is not None else {"role": "assistant"}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**body, 'choices': [choice], **more})}\n\n"


def stream(*parts: str, end: str = "data: [DONE]\n\n") -> Response:
    return Response(iter([*parts, end]), content_type="text/event-stream; charset=utf-8")


def serve(server: HTTPServer, reply: Callable[[Request], Response]) -> Answer:
    server.expect_request(PATH, method="POST").respond_with_handler(reply)
    return choose(settings(server.url_for("/v1")))


def failure(pieces: Iterable[str]) -> str:
    """The reason for which an answer fails."""
    with pytest.raises(AnswerFailed) as failed:
        list(pieces)
    assert KEY not in str(failed.value)
    return failed.value.reason


def test_the_pieces_of_an_answer_come_in_order(server: HTTPServer) -> None:
    usage = event(None, choices=[], usage={"prompt_tokens": 1})
    parts = [
        event(None),
        event("Early "),
        ": keep-alive\n\n",
        event("**today**, “naïve” 🌷."),
        usage,
    ]
    answer = serve(server, lambda request: stream(*parts))
    assert list(answer(QUESTION)) == ["Early ", "**today**, “naïve” 🌷."]


def test_a_piece_is_handed_on_before_the_next_is_there(server: HTTPServer) -> None:
    heard = threading.Event()

    def slowly() -> Iterator[str]:
        yield event("first")
        yield event("second" if heard.wait(5) else "nobody heard the first")

    answer = serve(server, lambda request: Response(slowly(), content_type="text/event-stream"))
    pieces = answer(QUESTION)
    assert next(pieces) == "first"
    heard.set()
    assert list(pieces) == ["second"]


def test_the_request_holds_role_guidelines_content_and_question(server: HTTPServer) -> None:
    answer = serve(server, lambda request: stream(event("Yes.")))
    list(answer(QUESTION))
    request, _ = server.log[0]
    body = request.get_json()
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (body["model"], body["stream"]) == ("gardener-1", True)
    system, user = body["messages"]
    assert (system["role"], user) == ("system", {"role": "user", "content": QUESTION.text})
    text = system["content"]
    assert text.startswith("You are a patient gardener.\n\nBe brief.\n\nAnswer only from")
    mark = text.splitlines()[-1]
    assert text.endswith(f"\n\n{mark}\n{QUESTION.content}\n{mark}")
    assert mark not in QUESTION.content
    assert QUESTION.text not in text


def test_a_server_of_ones_own_needs_no_key(
    server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-for-another-server")
    server.expect_request(PATH).respond_with_handler(lambda request: stream(event("Yes.")))
    answer = choose(settings(server.url_for("/v1"), OPENAI_API_KEY=None))
    assert list(answer(QUESTION)) == ["Yes."]
    assert "a-key" not in server.log[0][0].headers["Authorization"]


@pytest.mark.parametrize(
    ("status", "reason", "requests"),
    [(400, "refused", 1), (401, "refused", 1), (404, "refused", 1), (429, "refused", 1),
     (500, "broken", 2), (503, "broken", 2)],
)  # fmt: skip
def test_an_error_of_the_server_is_named(
    server: HTTPServer, status: int, reason: str, requests: int
) -> None:
    body = json.dumps({"error": {"message": f"No: {KEY} {QUESTION.text}", "code": "x"}})
    headers = {"Retry-After": "30"}
    answer = serve(server, lambda request: Response(body, status, headers))
    started = time.monotonic()
    assert failure(answer(QUESTION)) == reason
    assert time.monotonic() - started < 20
    assert len(server.log) == requests


def test_a_server_that_stumbles_once_is_asked_again(server: HTTPServer) -> None:
    replies = iter([Response("down", 503), stream(event("Here."))])
    answer = serve(server, lambda request: next(replies))
    assert list(answer(QUESTION)) == ["Here."]


def test_a_slow_first_byte_is_a_timeout(server: HTTPServer) -> None:
    given_up = threading.Event()

    def late(request: Request) -> Response:
        given_up.wait(10)
        return stream(event("Too late."))

    server.expect_request(PATH).respond_with_handler(late)
    answer = ask_model(settings(server.url_for("/v1"), OPENAI_TIMEOUT=0.4))
    started = time.monotonic()
    assert failure(answer(QUESTION)) == "timeout"
    assert time.monotonic() - started < 5
    given_up.set()
    assert len(server.log) <= 1


def test_silence_before_the_first_byte_may_be_longer_than_a_pause(server: HTTPServer) -> None:
    def late(request: Request) -> Response:
        time.sleep(1)
        return stream(event("Thought through."))

    server.expect_request(PATH).respond_with_handler(late)
    answer = ask_model(settings(server.url_for("/v1")), pause=0.6)
    assert list(answer(QUESTION)) == ["Thought through."]


def test_a_stall_in_the_middle_is_a_timeout_long_before_the_end(server: HTTPServer) -> None:
    given_up = threading.Event()

    def stall() -> Iterator[str]:
        yield event("Well, ")
        given_up.wait(10)
        yield event("never heard")

    reply = Response(stall(), content_type="text/event-stream")
    server.expect_request(PATH).respond_with_handler(lambda request: reply)
    pieces = ask_model(settings(server.url_for("/v1")), pause=0.4)(QUESTION)
    assert next(pieces) == "Well, "
    started = time.monotonic()
    assert failure(pieces) == "timeout"
    assert time.monotonic() - started < 5
    given_up.set()


@pytest.mark.parametrize("drip", [": keep-alive\n\n", event("on and ")], ids=["comments", "text"])
def test_a_stream_that_never_ends_is_ended(server: HTTPServer, drip: str) -> None:
    def endless() -> Iterator[str]:
        for _ in range(40):
            yield drip
            time.sleep(0.1)

    reply = Response(endless(), content_type="text/event-stream")
    server.expect_request(PATH).respond_with_handler(lambda request: reply)
    answer = ask_model(settings(server.url_for("/v1"), OPENAI_TIMEOUT=0.8))
    started = time.monotonic()
    assert failure(answer(QUESTION)) == "timeout"
    assert time.monotonic() - started < 3.5


@pytest.mark.parametrize(
    "reply",
    [
        Response("<html><body>Please log in</body></html>", content_type="text/html"),
        Response(json.dumps({"choices": []}), content_type="application/json"),
        Response("data: <html>\n\n", content_type="text/event-stream"),
        Response("data: [1, 2]\n\n", content_type="text/event-stream"),
        Response('data: {"choices": "none"}\n\n', content_type="text/event-stream"),
        Response('data: {"choices": [{"delta": null}]}\n\n', content_type="text/event-stream"),
        Response(
            'data: {"choices": [{"delta": {"content": {}}}]}\n\n', content_type="text/event-stream"
        ),
        Response(b"data: \xff\xfe\n\n", content_type="text/event-stream"),
        Response(
            'data: {"error": {"message": "overloaded"}}\n\n', content_type="text/event-stream"
        ),
    ],
    ids=[
        "page",
        "json",
        "page in an event",
        "list",
        "choices",
        "delta",
        "content",
        "bytes",
        "error",
    ],
)
def test_nonsense_is_a_broken_answer(server: HTTPServer, reply: Response) -> None:
    assert failure(serve(server, lambda request: reply)(QUESTION)) == "broken"


def test_a_connection_cut_in_the_middle_is_a_broken_answer() -> None:
    def reply_in_part(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            part = event("Half an ").encode()
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999"
            connection.sendall(head.encode() + b"\r\n\r\n" + part)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer = choose(settings(f"http://127.0.0.1:{listener.getsockname()[1]}/v1"))
        thread = threading.Thread(target=reply_in_part, args=[listener])
        thread.start()
        pieces = answer(QUESTION)
        assert next(pieces) == "Half an "
        assert failure(pieces) == "broken"
        thread.join()


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    started = time.monotonic()
    assert failure(choose(settings(f"http://127.0.0.1:{port}/v1"))(QUESTION)) == "unreachable"
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("parts", [[], [event(None)], [event("")], [event(" \n")]])
def test_an_answer_without_text_is_empty(server: HTTPServer, parts: list[str]) -> None:
    assert failure(serve(server, lambda request: stream(*parts))(QUESTION)) == "empty"


def test_an_answer_beyond_the_cap_is_cut(server: HTTPServer) -> None:
    endless = (event("0123456789" * 77) for _ in itertools.count())
    reply = Response(endless, content_type="text/event-stream")
    assert len("".join(serve(server, lambda request: reply)(QUESTION))) == LONGEST


def test_what_cannot_be_stored_is_taken_out(server: HTTPServer) -> None:
    answer = serve(server, lambda request: stream(event("a\0b \ud83d")))
    assert list(answer(QUESTION)) == ["ab ?"]


def test_who_stops_listening_leaves_the_answerer_usable(server: HTTPServer) -> None:
    answer = serve(server, lambda request: stream(event("one"), event("two")))
    pieces = answer(QUESTION)
    assert next(pieces) == "one"
    pieces.close()  # type: ignore[attr-defined]
    assert list(answer(QUESTION)) == ["one", "two"]


def test_neither_key_nor_question_is_logged(
    server: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    answer = serve(server, lambda request: stream(event("Yes.")))
    with caplog.at_level(logging.DEBUG):
        list(answer(QUESTION))
    assert KEY not in caplog.text
    assert "tulips" not in caplog.text
    assert "early in the morning" not in caplog.text
