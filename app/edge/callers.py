"""Pages of other origins that ask the API: which ones may, and what their browser lets them read.

CORS is for the origins of a client alone, without cookies (Fetch Standard §3.2). Before a body is
sent all that is known is the origin; what is answered then tells a page nothing but why not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request

from app.core.oauth import clients, handing
from app.core.oauth.clients import ClientNotAllowed
from app.edge.db import db
from app.edge.identity import neighbourhood, program_origin
from app.edge.limits import limiter
from app.edge.ours import ours

P = ParamSpec("P")
R = TypeVar("R")

REMEMBERED = 600
"""Seconds that a browser may remember that a page may ask."""

PAGES = "300 per minute"
"""Posts to one door from one network through the pages of one origin: half of what is its all."""


@dataclass(frozen=True)
class Page:
    """A page of others that may ask: of which client, and of which web origin."""

    client_id: str
    web_origin: str

    @property
    def told(self) -> dict[str, str]:
        """What the audit log has of it."""
        return {"client": self.client_id, "web_origin": self.web_origin}


def web_origin() -> str | None:
    """The origin of the page that asks; None for a page of ours, and for what is no page."""
    origin = request.headers.get("Origin")
    if origin is None:
        return None
    public = urlsplit(ours().settings.PUBLIC_URL)
    if origin in {request.host_url.rstrip("/"), f"{public.scheme}://{public.netloc}"}:
        return None
    return origin


def page_of(client_id: str) -> Page | None:
    """The page that asks as this client; None where no page does and no client is named.

    Raises `ClientNotAllowed`, which is remembered as refused, for a page that names no client or
    is not of it, and for a client without its page: the code that it would get is bound to both.
    """
    origin = web_origin()
    if origin is None and not client_id:
        return None
    g.may_read = False
    try:
        if origin is None or not client_id:
            raise ClientNotAllowed
        clients.allowed(db, client_id, origin)
    except ClientNotAllowed as refusal:
        handing.refuse(db, refusal, client_id, program_origin(), web_origin=told_origin())
    g.may_read = True
    return Page(client_id, origin)


def told_origin() -> str | None:
    """The same, as the audit log has it."""
    origin = web_origin()
    # The header is anybody's to write.
    return origin if origin is None or origin.isprintable() else "unreadable"


def by_page(view: Callable[P, R]) -> Callable[P, R]:
    """Limit the posts through the pages of one origin, so that no module takes all there is."""
    limited = limiter.limit(
        PAGES,
        key_func=lambda: f"{web_origin()} {neighbourhood()}",
        methods=["POST"],
        exempt_when=lambda: web_origin() is None,
    )
    return cast(Callable[P, R], limited(view))


def reader() -> str | None:
    """The origin of the page that asks, where it may read why not; None for all others."""
    origin = web_origin()
    is_open = request.endpoint in _open_to_pages
    return origin if origin and is_open and _is_of_a_client(origin) else None


def readable_by(origin: str) -> dict[str, str]:
    """The headers with which a browser lets a page of this origin read an answer."""
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Vary": "Origin",
    }


def let_pages_read(
    bp: Blueprint, by_client: Collection[str], by_token: Collection[str] = ()
) -> None:
    """Answer the pages of clients at these endpoints of `bp` so that their browser lets them read.

    At those `by_client` the body names the client; before it does a page of any client reads why
    not, and never more. At those `by_token` a page of any client reads the whole answer: what it
    may know is what its token opens, as it is for every other program.
    """

    endpoints = {*by_client, *by_token}
    _open_to_pages.update(endpoints)

    @bp.before_request
    def look() -> None:
        # Asked here, because a database that is away is answered in its own words.
        reader()

    @bp.after_request
    def add(response: Response) -> Response:
        if request.endpoint not in endpoints:
            return response
        response.headers.add("Vary", "Origin")
        origin = web_origin()
        is_by_token = request.endpoint in by_token
        may_all = is_by_token or _tells_nothing(response)
        if origin and g.get("may_read", may_all and _is_of_a_client(origin)):
            response.headers.update(readable_by(origin))
            if request.method == "OPTIONS":
                response.headers.update(_may_send(with_token=is_by_token))
        return response


_open_to_pages: set[str] = set()
"""The endpoints that pages of clients may read, of all blueprints."""


def _may_send(*, with_token: bool) -> dict[str, str]:
    """What a browser is told before it sends: as what, with which headers, and for how long."""
    rule = request.url_rule
    methods = (rule.methods if rule else None) or set()
    sent = ["Authorization"] * with_token + ["Content-Type"]
    return {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods - {"HEAD", "OPTIONS"})),
        "Access-Control-Allow-Headers": ", ".join(sent),
        "Access-Control-Max-Age": str(REMEMBERED),
    }


def _tells_nothing(response: Response) -> bool:
    return request.method == "OPTIONS" or 400 <= response.status_code < 500


def _is_of_a_client(origin: str) -> bool:
    if "is_of_a_client" not in g:
        g.is_of_a_client = clients.is_of_any(db, origin)
        db.rollback()
    return bool(g.is_of_a_client)
