"""The attackers: clients that send wrong passwords to `/login` as fast as answers come.

A process of its own: `python -m scripts.benchmarks.signin.flooders PORT CLIENTS`. Each client has
a network address, a session and a token of its own, and honours nothing: not 429, not 503, not
`Retry-After`. Reads the addresses that they try from the first line of standard input, as JSON;
says `ready` once all have a token and the flood begins; ends with standard input, and prints what
it was answered. Plain sockets and one thread, so that it takes little from whom it attacks.
"""

from __future__ import annotations

import json
import random
import re
import selectors
import socket
import sys
import time
from collections import Counter
from urllib.parse import urlencode

from scripts.benchmarks.browser import Browser, networks

NETWORKS = 200
"""The flood comes from 127.0.200.1 and after, where nobody else is."""

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Flooder:
    """One client, with one request under way at a time."""

    def __init__(self, port: int, ip: str, emails: list[str]) -> None:
        browser = Browser(port, ip)
        browser.get("/login")
        browser.close()
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        self.head = (
            f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n"
            f"Cookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        )
        self.place, self.token, self.emails = (port, ip), browser.token, emails
        self.connect()

    def connect(self) -> None:
        """Begin a connection, and what was read on it."""
        port, ip = self.place
        self.socket = socket.create_connection(("127.0.0.1", port), source_address=(ip, 0))
        self.read = b""

    def ask(self) -> None:
        """Try a wrong password at some address."""
        form = {"csrf_token": self.token, "email": random.choice(self.emails)}  # noqa: S311
        body = urlencode({**form, "password": "five red kettles"})
        self.socket.sendall(f"{self.head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def answer(self) -> str | None:
        """Read what came; the status once the answer is whole, `cut` if the server hung up."""
        came = self.socket.recv(65536)
        if not came:
            return "cut"
        self.read += came
        head, end, body = self.read.partition(b"\r\n\r\n")
        found = LENGTH.search(head)
        if not end or found is None or len(body) < int(found[1]):
            return None
        self.read = b""
        return head.split(b" ", 2)[1].decode()


def flood(flooders: list[Flooder]) -> Counter[str]:
    """Keep every client asking until standard input ends; how often they were answered what."""
    counts: Counter[str] = Counter()
    waiting = selectors.DefaultSelector()
    waiting.register(sys.stdin, selectors.EVENT_READ)
    for each in flooders:
        each.ask()
        waiting.register(each.socket, selectors.EVENT_READ, each)
    while True:
        for key, _ in waiting.select():
            if key.data is None:
                return counts
            _go_on(key.data, waiting, counts)


def _go_on(each: Flooder, waiting: selectors.BaseSelector, counts: Counter[str]) -> None:
    try:
        status = each.answer()
        if status not in {None, "cut"}:
            each.ask()
    except OSError:
        status = "cut"
    if status is not None:
        counts[status] += 1
    if status == "cut":
        waiting.unregister(each.socket)
        each.socket.close()
        each.connect()
        each.ask()
        waiting.register(each.socket, selectors.EVENT_READ, each)


def main() -> None:
    """Flood, and say what came of it."""
    port, clients = (int(each) for each in sys.argv[1:])
    emails = json.loads(sys.stdin.readline())
    ips = networks(first=NETWORKS)
    flooders = [Flooder(port, next(ips), emails) for _ in range(clients)]
    print("ready", flush=True)
    began, spent = time.monotonic(), time.process_time()
    counts = flood(flooders)
    seconds = time.monotonic() - began
    cores = (time.process_time() - spent) / seconds
    print(json.dumps({"answers": counts, "seconds": seconds, "cores": cores}), flush=True)


if __name__ == "__main__":
    main()
