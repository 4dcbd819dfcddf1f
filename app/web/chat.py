"""Ask a program and read its answers: as a page, as JSON, and as a stream."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog
from flask import (
    Blueprint,
    Response,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    stream_with_context,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from wtforms import TextAreaField

from app.core import clock
from app.core.errors import (
    DisclaimerChanged,
    DisclaimerNotAccepted,
    NoAnswer,
    NoProgram,
    QuotaUsedUp,
    Refusal,
    SignedOut,
)
from app.core.learning import chat, disclaimers, programs, quota
from app.core.learning.chat import Turn
from app.core.learning.markdown import to_html
from app.core.learning.questions import AnswerFailed
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import row_id, signed_in
from app.edge.limits import CHAT, limiter
from app.edge.ours import ours
from app.edge.refusals import wants_json
from app.edge.words import say
from app.models.conversations import Exchange

bp = Blueprint("chat", __name__)
log = structlog.get_logger("rollcall")

DRAFT_BYTES = 2000
"""How much of a question, compressed, a cookie can carry over a sign-in."""


class QuestionForm(FlaskForm):
    """A question to the program."""

    message = TextAreaField(_l("Your question"))


@bp.route("/chat/<code>", methods=["GET", "POST"])
@limiter.limit(CHAT, methods=["POST"])
def page(code: str) -> ResponseReturnValue:
    """Show the conversation; without script the form posts the question here."""
    form = QuestionForm()
    if identity.presence() is None:
        _keep_draft(code, form, of=session.get(identity.FORMER))
        raise SignedOut
    user = identity.user()
    if form.is_submitted():
        try:
            turn = _reserve(user.id, code, form.message.data or "")
            for _piece in _answer(turn):
                pass
        except DisclaimerNotAccepted as refusal:
            # The page shows the text to accept, and gives the question back after that.
            _keep_draft(code, form, of=user.id)
            return _show(user.id, code, form), refusal.status
        except Refusal as refusal:
            if refusal.status in {403, 404}:
                raise
            form.message.errors = [say(refusal)]
            return _show(user.id, code, form), refusal.status
        return redirect(url_for("chat.page", code=turn.program_code) + "#latest", 303)
    return _show(user.id, code, form)


@bp.post("/chat")
@limiter.limit(CHAT)
def ask() -> ResponseReturnValue:
    """Answer a question as JSON, or piece by piece as `text/event-stream`."""
    message, code = _read_question()
    try:
        turn = _reserve(identity.user().id, code, message)
        if request.accept_mimetypes.best == "text/event-stream":
            return _stream(turn)
        reply = "".join(_answer(turn))
    except QuotaUsedUp as refusal:
        if request.accept_mimetypes.best == "application/problem+json":
            raise
        # Programs of the legacy application expect 200 and a reply to show.
        facts = _facts(say(refusal), 0, refusal.quota) | {"refused": refusal.code}
        if request.accept_mimetypes.best == "text/event-stream":
            return Response(_event("refused", facts), mimetype="text/event-stream")
        return jsonify(facts)
    return jsonify(_facts(reply, turn.remaining, turn.quota))


@bp.post("/accept_disclaimer/<code>")
@signed_in
def accept(code: str) -> ResponseReturnValue:
    """Keep that this person accepts the program's text: the `version` that they were shown."""
    user = identity.user()
    program = programs.enter_program(db, user.id, code)
    try:
        disclaimers.accept(db, user, program, version=_version_read())
    except DisclaimerChanged as refusal:
        if wants_json():
            raise
        flash(say(refusal), "warning")
    commit()
    if wants_json():
        return jsonify(success=True)
    return redirect(url_for("chat.page", code=program.code), 303)


@bp.get("/older_messages")
@signed_in
def older() -> ResponseReturnValue:
    """The exchanges before `before_id`, for scrolling back."""
    code = request.args.get("program_code") or session.get("program", "")
    program = programs.enter_program(db, identity.user().id, code)
    before = row_id("before_id")
    found, more = chat.page(db, identity.user().id, program, before=before)
    return jsonify(messages=[_exchange(each) for each in found], has_more=more)


@bp.route("/chat/<code>/clear", methods=["POST"])
@signed_in
def clear(code: str) -> ResponseReturnValue:
    """Hide the conversation from the page."""
    chat.clear(db, identity.user().id, code, identity.origin())
    commit()
    return redirect(url_for("chat.page", code=code), 303)


@bp.post("/clear_chat_history")
@signed_in
def clear_for_script() -> ResponseReturnValue:
    """The same for programs: JSON with `program` in, `success` out."""
    body = request.get_json(silent=True)
    code = body.get("program") if isinstance(body, dict) else None
    if not isinstance(code, str) or not code.strip():
        return jsonify(success=False, error=gettext(NoProgram.words)), NoProgram.status
    chat.clear(db, identity.user().id, code, identity.origin())
    commit()
    return jsonify(success=True)


def _read_question() -> tuple[str, str]:
    identity.user()
    if not request.is_json:
        raise UnsupportedMediaType
    body = request.get_json()
    if not isinstance(body, dict):
        raise BadRequest
    message, code = body.get("message"), body.get("program") or session.get("program")
    if code is None:
        raise NoProgram
    if not isinstance(message, str) or not isinstance(code, str):
        raise BadRequest
    return message, code


def _version_read() -> int | None:
    """The version that was read, by form or JSON; None, where none is named, for today's."""
    # The legacy page's script announces JSON and sends nothing.
    by_program = request.is_json and request.get_data()
    body = request.get_json() if by_program else request.form
    if not isinstance(body, Mapping):
        raise BadRequest
    if "version" not in body:
        return None
    version = body["version"]
    if isinstance(version, str) and re.fullmatch(r"\d{1,9}", version.strip()):
        return int(version)
    if isinstance(version, int) and not isinstance(version, bool):
        return version
    raise BadRequest


def _reserve(user_id: int, code: str, text: str) -> Turn:
    turn = chat.ask(db, user_id, code, text, limit=ours().settings.QUESTION_LIMIT)
    commit()
    return turn


def _answer(turn: Turn) -> Iterator[str]:
    """Pass on the answer's pieces, and keep the exchange once it is whole.

    Nothing was said: the place in the quota goes back. Who hangs up half-way has had what came,
    so that is kept and counted. Raises `NoAnswer`.
    """
    pieces: list[str] = []
    try:
        for piece in ours().answer(turn.question):
            pieces.append(piece)
            yield piece
    except AnswerFailed as failure:
        log.warning("answer", failed=failure.reason, detail=failure.detail)
        pieces.clear()
        raise NoAnswer from None
    except Exception:
        pieces.clear()
        raise
    finally:
        if pieces:
            chat.keep(db, turn, "".join(pieces))
        else:
            chat.withdraw(db, turn)
        commit()


def _stream(turn: Turn) -> Response:
    def events() -> Iterator[str]:
        reply = ""
        try:
            for piece in _answer(turn):
                reply += piece
                yield _event("delta", {"text": piece})
        except NoAnswer as refusal:
            facts = {"error": say(refusal), "code": refusal.code}
            yield _event("error", facts | {"remaining_questions": turn.remaining + 1})
        else:
            yield _event("done", _facts(reply, turn.remaining, turn.quota))

    headers = {"X-Accel-Buffering": "no"}
    return Response(stream_with_context(events()), mimetype="text/event-stream", headers=headers)


def _event(name: str, facts: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(facts)}\n\n"


def _facts(reply: str, remaining: int, quota: int) -> dict[str, Any]:
    return {
        "reply": reply,
        "html_reply": to_html(reply),
        "remaining_questions": remaining,
        "quota": quota,
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    at = exchange.timestamp
    return {
        "id": exchange.id,
        "message": exchange.user_message,
        "html_reply": to_html(exchange.bot_message),
        "timestamp": at.isoformat() if at else None,
    }


def _show(user_id: int, code: str, form: QuestionForm) -> str:
    program = programs.enter_program(db, user_id, code)
    session["program"] = program.code
    disclaimer = disclaimers.disclaimer_of(db, user_id, program)
    if disclaimer is not None and disclaimer.blocks:
        return render_template("chat/disclaimer.html", program=program, disclaimer=disclaimer)
    if not form.is_submitted():
        form.message.data = _take_draft(code)
    before = row_id("before")
    found, more = chat.page(db, user_id, program, before=before)
    return render_template(
        "chat/page.html",
        form=form,
        program=program,
        intro=programs.intro_of(program),
        disclaimer=disclaimer,
        exchanges=list(_with_days(found)),
        older=found[0].id if more else None,
        newest=before is None,
        remaining=quota.remaining(db, user_id, program),
        opens_at=clock.tomorrow(),
    )


def _with_days(found: Sequence[Exchange]) -> Iterator[dict[str, Any]]:
    last = None
    for exchange in found:
        day = exchange.timestamp.date() if exchange.timestamp else None
        yield {
            "id": exchange.id,
            "question": exchange.user_message,
            # The renderer cleans what it makes; nothing else of an answer reaches the page.
            "answer": Markup(to_html(exchange.bot_message)),  # noqa: S704
            "day": format_date(day) if day and day != last else None,
        }
        last = day


def _keep_draft(code: str, form: QuestionForm, *, of: int | None) -> None:
    """Keep what the form brought until its person can ask it."""
    text = form.message.data
    if text and len(zlib.compress(json.dumps(text).encode())) <= DRAFT_BYTES:
        session["draft"] = {"code": code, "text": text, "person": of}


def _take_draft(code: str) -> str:
    draft = session.get("draft")
    if draft and draft["code"].casefold() == code.casefold():
        session.pop("draft")
        return str(draft["text"])
    return ""
