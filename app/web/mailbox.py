"""The mailbox of development: each message as it would have left. Not there in production."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from app.core import outbox
from app.core.errors import NotFound
from app.edge.db import db
from app.edge.headers import MAIL_POLICY, POLICY
from app.models.records import OutgoingMessage

bp = Blueprint("dev", __name__, url_prefix="/dev")


@bp.get("/mailbox")
@bp.get("/mailbox/<int(max=2147483647):message_id>")
def mailbox(message_id: int | None = None) -> ResponseReturnValue:
    """List what was written, newest first, and show one message whole."""
    found = [each for each in outbox.latest(db) if each.source]
    chosen = _find(message_id) if message_id else (found[0] if found else None)
    page = render_template(
        "dev/mailbox.html",
        mails=[(each, _parse(each)["Subject"]) for each in found],
        chosen=chosen,
        mail=_parse(chosen) if chosen else None,
        text=_part(chosen, "plain") if chosen else "",
    )
    return Response(page, headers={"Content-Security-Policy": f"{POLICY}; frame-src 'self'"})


@bp.get("/mailbox/<int(max=2147483647):message_id>/html")
def mail_html(message_id: int) -> ResponseReturnValue:
    """The HTML of a message, for the sandboxed frame."""
    headers = {"Content-Security-Policy": MAIL_POLICY, "X-Robots-Tag": "noindex"}
    return Response(_part(_find(message_id), "html"), headers=headers)


def _find(message_id: int) -> OutgoingMessage:
    found = db.get(OutgoingMessage, message_id)
    if found is None or not found.source:
        raise NotFound
    return found


def _parse(message: OutgoingMessage) -> EmailMessage:
    return message_from_bytes((message.source or "").encode(), policy=policy.default)


def _part(message: OutgoingMessage, kind: str) -> str:
    part = _parse(message).get_body((kind,))
    return str(part.get_content()) if part is not None else ""
