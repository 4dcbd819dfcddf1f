"""What must hold before a view runs: signed in, permitted, coming back to a page of ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from app.core.errors import NotAllowed
from app.core.people.roles import Permission
from app.database import LAST_ID as LAST_ID
from app.edge import identity

P = ParamSpec("P")
R = TypeVar("R")


def signed_in(view: Callable[P, R]) -> Callable[P, R]:
    """Let only people in who are signed in; `SignedOut` otherwise."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        identity.user()
        return view(*args, **kwargs)

    return guarded


def permitted(permission: Permission) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only people in whose roles carry `permission`; `NotAllowed` for others."""

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            identity.user()
            if permission.value not in identity.permissions():
                raise NotAllowed
            return view(*args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return guard


def freshly_proven(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Let only people in who proved lately who they are; others do so now and come back.

    A form comes back to the page that it stood on, where they press again.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
        way = ask_again()
        return view(*args, **kwargs) if way is None else way

    return guarded


def ask_again(*, for_file: bool = False) -> Response | None:
    """The way to the page that asks for the password again; None for who proved lately.

    Where a file was asked for it leads back to the page with its link: a file that comes shows no
    page, and would leave the question standing there.
    """
    identity.user()
    here = identity.presence()
    if here is not None and here.proven_lately:
        return None
    page = _page_before()
    if request.method not in {"GET", "HEAD"}:
        target, again = page or safe_next(request.path) or url_for("account.page"), "1"
    elif for_file and page is not None:
        target, again = page, "1"
    else:
        target, again = request.full_path.rstrip("?"), None
    return redirect(url_for("account.confirm", next=target, again=again), 303)


def _page_before() -> str | None:
    """The page of ours on which the link or the form stood, where the browser names it."""
    # Our pages send their whole address within the site; elsewhere's pages count for nothing.
    ours = request.host_url.rstrip("/")
    came_from = request.referrer or ""
    return safe_next(came_from.removeprefix(ours)) if came_from.startswith(f"{ours}/") else None


def row_id(name: str) -> int | None:
    """The row id that the query names; None for what no row can have."""
    number = request.args.get(name, type=int)
    return number if number is not None and 0 < number <= LAST_ID else None


def safe_next(target: str | None) -> str | None:
    """`target` if it is a path on this host that we serve; None for everything else.

    A browser reads a backslash as a slash and drops tabs and line ends, so these are refused.
    """
    if not target or not target.startswith("/") or target.startswith("//") or len(target) > 2000:
        return None
    if "\\" in target or any(ord(character) <= 32 or ord(character) == 127 for character in target):
        return None
    path = urlsplit(target).path
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return None
    try:
        adapter.match(path, method="GET")
    except RequestRedirect:
        return target
    except HTTPException:
        return None
    return target
