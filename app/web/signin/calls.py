"""Calls to providers elsewhere, which are slow, huge or broken at times: within bounds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from flask import g
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

ALL_WITHIN = 5.0
"""Seconds that all calls for one answer of ours may take together."""

LARGEST = 100_000
"""Bytes of a provider's answer that are read."""

PIECE = 16_384

CALLERS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="provider")
"""A call is waited for no longer than it may take, wherever it hangs: at a name that nobody
resolves, at a header that never ends. So many hang at most; who comes then is told so in time."""


class TooLarge(requests.RequestException):
    """An answer of more than `LARGEST` bytes."""


def bound(session: requests.Session) -> None:
    """Let a session call within these bounds, and follow no redirect."""
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, Bounded())


class Bounded(HTTPAdapter):
    """Carries out calls until the moment that is set for the whole of this request."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The answer, read whole. Raises `requests.Timeout` or `TooLarge`."""
        until: float = g.setdefault("providers_until", time.monotonic() + ALL_WITHIN)
        left = until - time.monotonic()
        if left <= 0:
            raise requests.Timeout
        call = CALLERS.submit(self._read, request, until, verify=verify, cert=cert, proxies=proxies)
        try:
            return call.result(left)
        except TimeoutError:
            call.cancel()
            raise requests.Timeout from None

    def _read(
        self, request: requests.PreparedRequest, until: float, **options: Any
    ) -> requests.Response:
        left = max(0.1, until - time.monotonic())
        body = b""
        with super().send(request, stream=True, timeout=left, **options) as answer:
            # As it comes: to wait for whole pieces would keep the thread for as long as it drips.
            while piece := self._next(answer):
                body += piece
                if len(body) > LARGEST:
                    raise TooLarge
                if time.monotonic() > until:
                    raise requests.Timeout
        # What follows takes the body from here, as if it had read it.
        answer._content = body
        return answer

    def _next(self, answer: requests.Response) -> bytes:
        try:
            return answer.raw.read1(PIECE, decode_content=True) or b""
        except HTTPError:
            raise requests.ConnectionError from None
