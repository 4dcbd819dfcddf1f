"""Requests in waves: some connections each send one, then each reads its answer."""

from __future__ import annotations

import re
import socket
import time
from types import TracebackType
from typing import Self

CONNECTIONS = 4
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class Caller:
    """A program that asks a server for one path, over connections that stay open."""

    def __init__(self, port: int, path: str, token: str = "") -> None:
        header = f"Authorization: Bearer {token}\r\n" if token else ""
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode()
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._sockets:
            each.close()

    def ask(self, seconds: float) -> tuple[int, float]:
        """Ask for so long: how many answers came, and how many in a second.

        Raises `AssertionError` for an answer that is none.
        """
        number = 0
        began = time.perf_counter()
        while time.perf_counter() < began + seconds:
            for each in self._sockets:
                each.sendall(self._request)
            for each in self._sockets:
                _read(each)
            number += len(self._sockets)
        return number, number / (time.perf_counter() - began)


def _read(connection: socket.socket) -> None:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _more(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    found = LENGTH.search(head)
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert found, head
    while len(body) < int(found[1]):
        body += _more(connection)


def _more(connection: socket.socket) -> bytes:
    got = connection.recv(65536)
    assert got, "the server hung up"
    return got
