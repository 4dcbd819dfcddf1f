"""Rollcall over HTTP in the test's own process, and a mail server that its mails arrive at."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from flask import Flask
from werkzeug.serving import make_server

from tests.conftest import Mails
from tests.servers import Smtp, free_port

ARRIVES_WITHIN = 30
"""Seconds until a mail must be there."""


def settings_with(smtp: Smtp) -> dict[str, str]:
    """What makes an installation send its mails there, at an address of its own."""
    return {
        "MAIL_SERVER": smtp.host,
        "MAIL_PORT": str(smtp.port),
        "MAIL_DEFAULT_SENDER": "Rollcall <rollcall@agency.example>",
        "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
    }


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve the app at its own address."""
    address: str = app.extensions["rollcall"].settings.PUBLIC_URL
    server = make_server("127.0.0.1", int(address.rpartition(":")[2]), app, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def arrived(smtp: Smtp, mails: Mails, address: str) -> str:
    """The text of the first mail that comes to `address`; what came before is forgotten."""
    deadline = time.monotonic() + ARRIVES_WITHIN
    while time.monotonic() < deadline:
        mails.deliver()
        for _sender, recipients, message in smtp.messages:
            if address in recipients:
                part = message.get_body(("plain",))
                assert part is not None
                smtp.messages.clear()
                text: str = part.get_content()
                return text.replace("\r\n", "\n")
        time.sleep(0.05)
    raise AssertionError(f"no mail to {address}")


def code_in(text: str) -> str:
    """The six digits of a mail."""
    found = re.search(r"^(\d{6})$", text, re.MULTILINE)
    assert found, "no code in the mail"
    return found[1]
