"""What one saved from ChatGPT: listed, read, taken along, and deleted for good."""

from __future__ import annotations

from flask import Response, flash, redirect, render_template, request, url_for
from flask import stream_with_context as in_request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core import clock
from app.core.learning import keeping, saved
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import signed_in
from app.edge.ours import ours
from app.web.account import bp

PAGE = 30
LONGEST_NAME = 30
"""Characters before a colon that are taken for who said a line."""

LEARNERS = {"i", "learner", "me", "user", "you"}
"""How a line of the learner begins, as custom GPTs write it."""

ONE = "/account/conversations/<conversation_id>"


@bp.get("/account/conversations")
@signed_in
def conversations() -> ResponseReturnValue:
    """List one's saved conversations, newest first."""
    before = request.args.get("before")
    shown, more = keeping.page(db, identity.user().id, before=before, limit=PAGE)
    older = url_for("account.conversations", before=shown[-1].id) if more else None
    return render_template(
        "account/conversations.html",
        conversations=shown,
        older_url=older,
        is_first=not before,
        days=ours().settings.SAVED_KEEP_DAYS,
    )


@bp.get("/account/conversations.csv")
@signed_in
def conversations_file() -> ResponseReturnValue:
    """All that one saved, with its text, as CSV, to take along."""
    pieces = saved.write_own_csv(db, identity.user().id, origin=identity.origin())
    commit()
    file_name = f"saved-conversations-{clock.today():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
    return Response(in_request(pieces), mimetype="text/csv", headers=headers)


@bp.get(ONE)
@signed_in
def conversation(conversation_id: str) -> ResponseReturnValue:
    """Read one of one's own."""
    row = keeping.get(db, identity.user().id, conversation_id)
    return render_template(
        "account/conversation.html", row=row, turns=[turn(line) for line in row.raw_text]
    )


@bp.route(f"{ONE}/delete", methods=["GET", "POST"])
@signed_in
def conversation_delete(conversation_id: str) -> ResponseReturnValue:
    """Ask once more, then delete it for good."""
    me = identity.user().id
    row = keeping.get(db, me, conversation_id)
    if FlaskForm().validate_on_submit():
        keeping.forget(db, me, row.id, origin=identity.origin())
        commit()
        flash(_("The conversation is deleted."), "success")
        return redirect(url_for("account.conversations"), 303)
    return render_template("account/conversation_delete.html", row=row)


def turn(line: str) -> tuple[str, str, bool]:
    """Who said a line, what they said, and whether that was the learner."""
    name, colon, said = line.partition(":")
    if not colon or len(name) > LONGEST_NAME or "\n" in name:
        return "", line, False
    return name.strip(), said.strip(), name.strip().casefold() in LEARNERS
