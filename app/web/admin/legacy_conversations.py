"""The addresses at which the legacy application searched, exported and deleted conversations."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest
from wtforms.validators import ValidationError

from app.core import clock, sheets, taken
from app.core.desk.people.exporting import FIELDS
from app.core.desk.people.exporting import rows as accounts
from app.core.errors import N_, NotAllowed, OtherCount, Refusal
from app.core.learning import erasing, exporting, transcripts
from app.core.learning.erasing import Scope
from app.core.learning.transcripts import Asked, Row
from app.core.learning.wanted import Wanted
from app.core.people.roles import Permission
from app.core.taken import Taken
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.web.admin import bp
from app.web.admin.conversations import read_day
from app.web.admin.conversations_deleting import read_number
from app.web.admin.conversations_files import stream_csv
from app.web.admin.downloads import XLSX, csv_answer, file_answer

MOST_FOUND = 100
"""Exchanges that a search answers with."""

MOST_AT_ONCE = 20_000
"""Rows of an Excel file that is made while somebody waits for it; the worker makes larger ones."""


class TooMuchAtOnce(Refusal):
    """A file that would keep a request busy for too long."""

    code = "too_much_at_once"
    status = 413
    words = N_(
        "This is too much for an Excel file at once. Take it as CSV, or press “Make an Excel file”"
        " on the page Conversations."
    )


@bp.post("/search_conversations")
@permitted(Permission.CONVERSATIONS_READ)
def conversations_search() -> ResponseReturnValue:
    """At most a hundred exchanges, by form or JSON, as JSON."""
    sent = _sent()
    try:
        asked = Asked(
            words=_text(sent, "search_term"),
            program=_text(sent, "chatbot")[:100],
            person=_text(sent, "user_email")[:254],
            since=read_day(_text(sent, "date_from")),
            until=read_day(_text(sent, "date_to")),
        )
    except ValidationError as error:
        return jsonify(success=False, error=str(error)), 400
    found = transcripts.find(db, transcripts.wanted(db, asked), limit=MOST_FOUND).rows
    return jsonify(success=True, count=len(found), conversations=[_as_facts(row) for row in found])


@bp.get("/export_data")
@permitted(Permission.CONVERSATIONS_READ)
@freshly_proven
def conversations_export_data() -> ResponseReturnValue:
    """All conversations, or all accounts, as CSV or as an Excel file."""
    what = request.args.get("type", "conversations")
    form = request.args.get("format", "csv")
    if what not in {"conversations", "users"} or form not in {"csv", "excel"}:
        raise BadRequest
    if what == "conversations" and form == "csv":
        return stream_csv(Asked())
    if what == "users" and Permission.PEOPLE_READ.value not in identity.permissions():
        raise NotAllowed
    if form == "csv":
        pieces = sheets.write_csv(FIELDS, accounts(db))
        return csv_answer(pieces, _file_name(what, "csv"), Taken.PEOPLE)
    by, origin = identity.user().id, identity.origin()
    if what == "users":
        taken.note(db, Taken.PEOPLE, by=by, origin=origin)
        answer = _workbook(what, FIELDS, accounts(db))
    else:
        exporting.note(db, Asked(), "xlsx", by=by, origin=origin)
        answer = _workbook(what, exporting.HEADER, exporting.rows(db, Wanted()))
    commit()
    return answer


@bp.post("/delete_conversations")
@permitted(Permission.CONVERSATIONS_WRITE)
@freshly_proven
def conversations_delete_by_program() -> ResponseReturnValue:
    """Delete all, or those of a program or person, once `confirm` says how many they are."""
    sent = _sent()
    scope = _scope(sent)
    if scope is None:
        return jsonify(success=False, error=_("Say what is to be deleted.")), 400
    extent = erasing.measure(db, scope)
    confirmed = read_number(_text(sent, "confirm"))
    try:
        job = erasing.order(
            db,
            scope,
            typed=-1 if confirmed is None else confirmed,
            by=identity.user().id,
            origin=identity.origin(),
        )
    except OtherCount:
        words = _("Nothing was deleted. Send confirm=%(count)s to do it.", count=extent.exchanges)
        return jsonify(success=False, error=words, count=extent.exchanges), 409
    commit()
    words = _("%(count)s exchanges are being deleted.", count=extent.exchanges)
    return jsonify(success=True, message=words, count=extent.exchanges, job_id=job.id)


def _scope(sent: Mapping[str, Any]) -> Scope | None:
    """What is to be deleted; None unless all that it needs was said."""
    code, person = _text(sent, "chatbot_code").strip(), _text(sent, "user_id").strip()
    scopes = {
        "all": Scope(),
        "by_chatbot": Scope(program=code) if code else None,
        "by_user": Scope(person=person) if person else None,
    }
    return scopes.get(_text(sent, "delete_type"))


def _sent() -> Mapping[str, Any]:
    sent = request.get_json(silent=True) if request.is_json else request.form
    if not isinstance(sent, Mapping):
        raise BadRequest
    return sent


def _text(sent: Mapping[str, Any], name: str) -> str:
    value = sent.get(name)
    return str(value) if isinstance(value, str | int) else ""


def _as_facts(row: Row) -> dict[str, Any]:
    said, user = row.exchange, row.user
    return {
        "id": said.id,
        "user_id": said.user_id,
        "user_name": user.last_name if user else None,
        "user_email": user.email if user else None,
        "chatbot_name": said.program_code,
        "user_message": said.user_message,
        "bot_message": said.bot_message,
        "timestamp": said.timestamp.isoformat() if said.timestamp else None,
        "is_visible": said.is_visible,
    }


def _workbook(what: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    held: list[Sequence[Any]] = []
    for row in rows:
        if len(held) == MOST_AT_ONCE:
            raise TooMuchAtOnce
        held.append(row)
    with tempfile.TemporaryFile() as file:
        sheets.write_workbook(what.capitalize(), header, held, file)
        file.seek(0)
        return file_answer([file.read()], _file_name(what, "xlsx"), XLSX)


def _file_name(what: str, ending: str) -> str:
    return f"{what}-{clock.today():%Y-%m-%d}.{ending}"
