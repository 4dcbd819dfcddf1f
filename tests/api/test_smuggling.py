"""Headers that two servers could read in two ways, sent as bytes to the program as it is run."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.servers import ROOT, Program

SECONDS = 20
"""What the program has for an answer, and to close the connection."""

BODY = b'{"email": "ada@learn.agency.example"}'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Rollcall, running."""
    folder = tmp_path_factory.mktemp("smuggling") / "data"
    with Program(folder, ANSWER_TIME="0", WEB_WORKERS="1") as running:
        yield running


@pytest.fixture(scope="module")
def key(program: Program) -> bytes:
    """A key for the custom GPT's contract, made at the console."""
    command = [sys.executable, "-m", "flask", "rollcall", "api-key", "create", "--json"]
    environment = {"FLASK_APP": "wsgi", "DATA_DIR": str(program.folder), "PATH": os.environ["PATH"]}
    made = subprocess.run(
        [*command, "--name", "Coach", "--scope", "gpt"], cwd=ROOT, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    text: str = json.loads(made.stdout)["key"]
    return text.encode()


class Wire:
    """Sends bytes as they are, and reads until the program closes the connection."""

    def __init__(self, program: Program, key: bytes) -> None:
        self.program, self.key = program, key

    def ask(self, *lines: bytes, body: bytes = BODY, length: bytes | None = None) -> bytes:
        """A request for a code with these header lines, by default with the length of its body."""
        host = b"Host: 127.0.0.1:%d" % self.program.port
        kind = b"Content-Type: application/json"
        sized = b"Content-Length: %d" % len(body) if length is None else length
        head = [b"POST /auth/send-link HTTP/1.1", host, kind, *filter(None, [sized]), *lines]
        return b"\r\n".join([*head, b"", b""]) + body

    def answers(self, sent: bytes) -> list[int]:
        """The status of each answer to `sent`, until the program closes."""
        got = b""
        with socket.create_connection(("127.0.0.1", self.program.port), SECONDS) as wire:
            wire.sendall(sent)
            try:
                while part := wire.recv(65536):
                    got += part
            except ConnectionResetError:
                pass  # It closed with bytes of ours unread, which is what it should do.
        return [int(each) for each in re.findall(rb"^HTTP/1\.1 (\d{3}) ", got, re.MULTILINE)]


@pytest.fixture(scope="module")
def wire(program: Program, key: bytes) -> Wire:
    """To the program, with its key."""
    return Wire(program, key)


CLOSE = b"Connection: close"


def test_plain_requests_are_answered_one_by_one(wire: Wire) -> None:
    right = b"X-Api-Key: " + wire.key
    assert wire.answers(wire.ask(right) + wire.ask(right, CLOSE)) == [200, 200]


def test_a_request_hidden_in_the_length_of_another_is_never_carried_out(wire: Wire) -> None:
    right = b"X-Api-Key: " + wire.key
    hidden = wire.ask(right, CLOSE)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    both = {
        # By its chunks it ends before the hidden one, by its length after that: no more is read.
        "length and chunks": wire.ask(
            b"Transfer-Encoding: chunked", b"X-Api-Key: no", body=chunks + hidden
        ),
        "a blank before the colon": wire.ask(
            b"Transfer-Encoding : chunked", b"X-Api-Key: no", body=chunks + hidden
        ),
        "a folded encoding": wire.ask(
            b"Transfer-Encoding:\r\n chunked", b"X-Api-Key: no", body=chunks + hidden
        ),
        "an odd encoding": wire.ask(
            b"Transfer-Encoding: xchunked", b"X-Api-Key: no", body=chunks + hidden, length=b""
        ),
        "two lengths": wire.ask(
            b"Content-Length: %d" % (len(BODY) + len(hidden)), b"X-Api-Key: no", body=BODY + hidden,
            length=b"Content-Length: %d" % len(BODY),
        ),
        "a length with a sign": wire.ask(
            b"X-Api-Key: no", body=BODY + hidden, length=b"Content-Length: +%d" % len(BODY)
        ),
    }  # fmt: skip
    for name, sent in both.items():
        found = wire.answers(sent)
        assert len(found) == 1, (name, found)
        assert found[0] in {400, 401, 501}, (name, found)


def test_a_key_that_came_by_a_side_entrance_opens_nothing(wire: Wire) -> None:
    wrong, key = b"X-Api-Key: no", wire.key
    for name, lines in {
        "an underscore beside": (wrong, b"X_Api_Key: " + key),
        "an underscore before": (b"X_Api_Key: " + key, wrong),
        "an underscore alone": (b"X_Api_Key: " + key,),
        "two of them": (wrong, b"X-Api-Key: " + key),
        "a bare line feed": (b"X-Other: a\nX-Api-Key: " + key, wrong),
        "a bare carriage return": (b"X-Other: a\rX-Api-Key: " + key, wrong),
        "folded": (b"X-Api-Key:\r\n " + key,),
        "folded after another": (wrong + b"\r\n\t" + key,),
        "a blank before the colon": (b"X-Api-Key : " + key,),
        "a NUL": (b"X-Api-Key: " + key + b"\0",),
    }.items():
        found = wire.answers(wire.ask(*lines, CLOSE))
        assert len(found) == 1, (name, found)
        assert found[0] in {400, 401}, (name, found)
