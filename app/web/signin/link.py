"""Sign in by the button of the mail that has the code: GET shows a button, POST uses it up."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core.entry import by_link
from app.core.errors import CannotSignIn, LinkDead
from app.core.proof import codes
from app.edge import identity
from app.edge.db import db
from app.edge.dead_links import answer_dead
from app.edge.limits import at_fixed_time, door
from app.edge.ours import code_door, terms
from app.models.access import Purpose
from app.web.signin import bp
from app.web.signin.code import AskForm, admit, asked, while_open


class PressForm(FlaskForm):
    """A button and its CSRF token."""


@bp.route("/login/link/<token>", methods=["GET", "POST"])
@while_open
@door
@at_fixed_time
def by_mailed_link(token: str) -> ResponseReturnValue:
    """Sign in who presses the button, in the browser that asked for the mail or in any other."""
    form = PressForm()
    mine = asked()
    try:
        linked = by_link.read(db, token, terms=terms())
        here = mine is not None and codes.mark_of(mine.requester) == linked.asked_by
        if form.validate_on_submit():
            of_site = code_door(Purpose.SIGN_IN)
            user_id = by_link.prove(db, linked, of_site, origin=identity.origin())
            # What was ticked and where it was to lead is this browser's own, or nobody's.
            remember, target = (mine.remember, mine.next) if mine and here else (False, "")
            return admit(user_id, remember=remember, target=target)
    except (CannotSignIn, LinkDead):
        return _answer_dead(token)
    return render_template(
        "signin/by_link.html",
        form=form,
        masked=_masked(linked.mailbox),
        asked_here=here,
        action=request.path,
    )


def _answer_dead(token: str) -> ResponseReturnValue:
    db.rollback()
    try:
        mailbox = by_link.mailbox_of(token, terms=terms())
    except LinkDead:
        mailbox = None
    here = identity.presence()
    if here is not None and here.user.mailbox == mailbox:
        # It was pressed twice, or opened again: what it was for is done.
        flash(_("You are signed in."), "success")
        return redirect(url_for("programs.select"), 303)
    # The form stands on the page itself, filled in with what this browser knows of its own.
    mine = asked()
    return answer_dead(
        LinkDead(),
        None,
        ask_at=url_for("signin.ask_code"),
        template="signin/dead_link.html",
        form=AskForm(formdata=None, email=mine.email if mine else None),
        next=mine.next if mine else "",
    )


def _masked(mailbox: str) -> str:
    name, _at, domain = mailbox.rpartition("@")
    return f"{name[:1]}•••@{domain}"
