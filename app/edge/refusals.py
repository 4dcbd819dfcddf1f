"""How a "no" looks: a page for people, JSON for programs, always with a way on."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import structlog
from flask import Flask, flash, g, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException, SecurityError, TooManyRequests

from app.core import clock, floods
from app.core.audit import Event
from app.core.errors import N_, ClosedForGood, ProgramClosed, Refusal, SignedOut, UnknownProgram
from app.edge import gate, identity, limits, problems
from app.edge.db import commit, db
from app.edge.words import say

log = structlog.get_logger("rollcall")

TITLES = {
    400: N_("That request could not be read"),
    401: N_("Please sign in"),
    403: N_("That is not open to you"),
    404: N_("There is nothing here"),
    405: N_("That does not work here"),
    409: N_("Something changed in the meantime"),
    410: N_("This link no longer works"),
    413: N_("That is too large"),
    415: N_("That kind of content is not understood"),
    422: N_("That could not be taken"),
    429: N_("That was a lot at once"),
    500: N_("Something went wrong on our side"),
    502: N_("No answer came back"),
    503: N_("We are busy for a moment"),
}
WORDS = {
    400: N_("Your browser sent something that we could not read. Go back and try again."),
    404: N_("Nothing stands at this address, or it was moved."),
    405: N_("This address is there, but not for that."),
    413: N_("What was sent is larger than the %(limit)s that fit here."),
    415: N_("Send JSON, or use the form on the page."),
    429: N_("Many requests came from your network. Wait a minute, then try again."),
    500: N_("It is noted, and not your fault. Try again in a moment."),
    503: N_("Please try again in a few seconds. Nothing was lost."),
}
OLD_PAGE = N_("This page was open for a long time. Nothing is lost: press again.")


def headers_of(refusal: Refusal) -> dict[str, str]:
    """The headers that go with a refusal: when to try again, how to show who one is."""
    # What is closed for good opens by no waiting.
    closed = isinstance(refusal, ClosedForGood)
    until: datetime | None = None if closed else getattr(refusal, "until", None)
    challenge: str | None = getattr(refusal, "challenge", None)
    headers = {"WWW-Authenticate": challenge} if challenge else {}
    if until is not None:
        # Rounded up: who comes back to the second must not be too early.
        left = math.ceil((until - clock.now()).total_seconds())
        headers["Retry-After"] = str(max(1, left))
    return headers


def wants_json() -> bool:
    """Whether a program asks: it sends JSON, or prefers it to a page."""
    if request.is_json or request.headers.get("X-CSRFToken"):
        return True
    accepts = request.accept_mimetypes
    return accepts.best_match(["text/html", "application/json"], "text/html") != "text/html"


def init_app(app: Flask) -> None:
    """Answer every refusal and every failure in one place."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(CSRFError, _page_too_old)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(SecurityError, _foreign_host)
    app.register_error_handler(OperationalError, _database_away)
    app.register_error_handler(TimeoutError, _database_away)
    app.register_error_handler(Exception, _broken)


def _refused(refusal: Refusal) -> ResponseReturnValue:
    db.rollback()  # Asking who is there may commit, and what was refused must not stand.
    if problems.voice() is not None:  # A program has no cookie to look at.
        return answer(refusal.status, say(refusal), refusal.code, headers_of(refusal))
    if isinstance(refusal, SignedOut) and not wants_json():
        return _to_sign_in(refusal)
    if refusal.status >= 403:
        log.info("refused", refusal=refusal.code, status=refusal.status)
    here = identity.presence()
    if refusal.status == 403 and here is not None:
        db.rollback()
        floods.record(
            db,
            Event.REQUEST_REFUSED,
            identity.origin(),
            user_id=here.user.id,
            actor_id=here.user.id,
            refusal=refusal.code,
            path=request.path,
        )
        commit()
    return answer(refusal.status, say(refusal), refusal.code, headers_of(refusal), _way_on(refusal))


def _to_sign_in(refusal: SignedOut) -> ResponseReturnValue:
    if identity.limited() is not None:
        flash(gettext("Confirm your address first. Then this opens."), "info")
        return redirect(url_for("create.code"), 303)
    target = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return redirect(url_for("signin.login", next=target), 302 if request.method == "GET" else 303)


def _page_too_old(error: CSRFError) -> ResponseReturnValue:
    log.info("csrf", reason=error.description)
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if wants_json() and identity.presence() is None:
        # Who is not signed in could not have done anything here, with a token or without.
        return _refused(SignedOut())
    if wants_json() or foreign:
        # A page of another site must not be able to have its own values typed in here.
        return answer(400, gettext(OLD_PAGE), "csrf")
    form: MultiDict[str, str] = request.form
    passwords = [name for name in form if "password" in name or "passphrase" in name]
    fields = [
        (name, value)
        for name, value in form.items(multi=True)
        if name != "csrf_token" and name not in passwords
    ]
    page = render_template(
        "errors/replay.html",
        action=request.full_path.rstrip("?"),
        fields=fields,
        passwords=passwords,
        files=list(request.files),
        reference=g.get("reference"),
    )
    return page, 400


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if 300 <= status < 400:
        return error
    most = request.max_content_length or 0
    limit = f"{most // 1_000_000} MB" if most >= 1_000_000 else f"{most // 1024} kB"
    words = gettext(WORDS.get(status, N_("That did not work."))) % {"limit": limit}
    headers = {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(limits.seconds_left())
        if not g.get("gate_stays_open"):
            gate.close(limits.open_again_at(), words)
    if allowed := getattr(error, "valid_methods", None):
        headers["Allow"] = ", ".join(sorted(allowed))
    return answer(status, words, error.name.lower().replace(" ", "_"), headers)


def _foreign_host(_error: SecurityError) -> ResponseReturnValue:
    # No page can be made for a host that is not ours: every address on it would be theirs.
    log.warning("foreign host", host=request.headers.get("Host", ""))
    spoken = problems.voice()
    if spoken is not None:
        return spoken(400, "This host name is not served here.", "foreign_host", {})
    return "This host name is not served here.\n", 400, {"Content-Type": "text/plain"}


def _database_away(error: OperationalError | TimeoutError) -> ResponseReturnValue:
    db.rollback()  # The page that says so asks who is there.
    log.error("database", error=type(getattr(error, "orig", error)).__name__, exc_info=error)
    return answer(503, gettext(WORDS[503]), "busy", {"Retry-After": "5"})


def _broken(error: Exception) -> ResponseReturnValue:
    db.rollback()  # The page that says so asks who is there.
    log.error("broken", error=type(error).__name__, exc_info=error)
    return answer(500, gettext(WORDS[500]), "broken")


def answer(
    status: int,
    words: str,
    code: str,
    headers: dict[str, str] | None = None,
    way_on: list[tuple[str, str]] | None = None,
) -> ResponseReturnValue:
    """An error as JSON or as a page with `words` on it and the request's reference."""
    spoken = problems.voice()
    if spoken is not None:
        return spoken(status, words, code, headers or {})
    reference = g.get("reference")
    if wants_json():
        return jsonify(error=words, code=code, reference=reference), status, headers or {}
    page = render_template(
        "errors/error.html",
        status=status,
        title=gettext(TITLES.get(status, N_("That did not work"))),
        words=words,
        way_on=way_on or _start_again(),
        reference=reference,
    )
    return page, status, headers or {}


def _way_on(refusal: Refusal) -> list[tuple[str, str]]:
    if isinstance(refusal, ProgramClosed | UnknownProgram):
        return [(url_for("programs.select"), gettext("Your programs"))]
    return _start_again()


def _start_again() -> list[tuple[str, str]]:
    ways: list[tuple[str, Any]] = [(url_for("programs.home"), gettext("Start page"))]
    if identity.token() is None:
        ways.append((url_for("register.begin"), gettext("Register")))
    return ways
