"""The outbox: where each message stands, and what the mail server said."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from app.core import outbox as messages
from app.core.errors import N_
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted, row_id
from app.models.records import MessageState
from app.web.admin import bp

PAGE = 50
STATES = {
    MessageState.FAILED.value: (N_("Failed"), "bad"),
    MessageState.HELD.value: (N_("Held back"), "calm"),
    MessageState.QUEUED.value: (N_("Waiting"), "warn"),
    MessageState.SENDING.value: (N_("Being sent"), "warn"),
    MessageState.SENT.value: (N_("Sent"), "good"),
    MessageState.SHOWN.value: (N_("In the mailbox"), "good"),
}


@bp.get("/outbox")
@permitted(Permission.OUTBOX_READ)
def outbox() -> ResponseReturnValue:
    """List the messages, newest first; their codes and links are not here to be seen."""
    found = messages.latest(db, before=row_id("before"), limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return render_template(
        "admin/outbox.html",
        messages=shown,
        counts=messages.count_by_state(db),
        states=STATES,
        next_url=url_for("admin.outbox", before=shown[-1].id) if more else None,
    )
