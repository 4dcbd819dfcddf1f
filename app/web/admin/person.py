"""One person: what is known of them, and everything that an admin can do for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from app.core.audit import Origin
from app.core.desk.people import editing, guarding, removing, showing, standing
from app.core.desk.people.ways_in import Closed
from app.core.entry import own_phone
from app.core.errors import N_, NotFound, Refusal
from app.core.learning import keeping
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.ours import ours, terms
from app.edge.ways import doors
from app.edge.words import say, tell
from app.models.people import Source
from app.web.admin import bp, outbox
from app.web.admin.events import name_of
from app.web.admin.people import STATES

SOURCES = {
    Source.ADMIN.value: N_("given by an admin"),
    Source.LEGACY.value: N_("from the former application"),
    Source.ROSTER.value: N_("from the list in force"),
}
CLOSED = {
    Closed.NOT_SET: N_("Not set yet"),
    Closed.OFF: N_("Switched off here"),
    Closed.ROLE: N_("Not for people with a role"),
}
"""Why a way in opens nothing now."""


class ExtendForm(FlaskForm):
    """Until when; blank is the usual two years."""

    until = DateField(_l("Good until"), [Optional()])


class DeleteForm(FlaskForm):
    """What becomes of the chats."""

    chats = RadioField(
        _l("Their conversations"),
        choices=[
            SelectChoice("keep", _l("Keep them, without a name")),
            SelectChoice("delete", _l("Delete them too")),
        ],
        default="keep",
    )


@bp.get("/people/<int:user_id>")
@permitted(Permission.PEOPLE_READ)
def people_person(user_id: int) -> ResponseReturnValue:
    """Everything about one person; no secret is among it."""
    me = identity.user().id
    found = showing.show(db, user_id, by=me, map_=ours().places, doors=doors())
    return render_template(
        "admin/person.html",
        found=found,
        user=found.user,
        state=STATES[found.reason],
        sources=SOURCES,
        kinds=outbox.KINDS,
        mail_states=outbox.STATES,
        phone=own_phone.of(db, user_id),
        name_of=name_of,
        form=ExtendForm(formdata=None),
        can=identity.permissions(),
        is_self=user_id == me,
        closed=CLOSED,
        tell=tell,
    )


Act = Callable[[int, Origin], object]


def _act(user_id: int, words: str, act: Act) -> ResponseReturnValue:
    """Do it and go back to the person's page, saying what was done or why it was not."""
    try:
        act(identity.user().id, identity.origin())
    except NotFound:
        raise
    except Refusal as refusal:
        db.rollback()
        flash(say(refusal), "error")
    else:
        commit()
        flash(words, "success")
    return redirect(url_for("admin.people_person", user_id=user_id), 303)


@bp.post("/people/<int:user_id>/suspend")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_suspend(user_id: int) -> ResponseReturnValue:
    """Keep them out until they are restored."""
    words = _("Suspended, and signed out everywhere.")
    return _act(user_id, words, lambda by, origin: standing.suspend(
        db, user_id, by=by, origin=origin
    ))  # fmt: skip


@bp.post("/people/<int:user_id>/restore")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_restore(user_id: int) -> ResponseReturnValue:
    """Let them in again."""
    words = _("Restored.")
    return _act(user_id, words, lambda by, origin: standing.restore(
        db, user_id, by=by, origin=origin
    ))  # fmt: skip


@bp.post("/people/<int:user_id>/extend")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_extend(user_id: int) -> ResponseReturnValue:
    """Let the account be good for longer."""
    form = ExtendForm()
    if not form.validate_on_submit():
        flash(_("Enter a day, or leave it blank for two years from now."), "error")
        return redirect(url_for("admin.people_person", user_id=user_id), 303)
    until: date | None = form.until.data
    words = _("Extended.")
    return _act(user_id, words, lambda by, origin: standing.extend(
        db, user_id, until, by=by, origin=origin
    ))  # fmt: skip


@bp.post("/people/<int:user_id>/sign-out")
@permitted(Permission.PEOPLE_HELP)
def people_sign_out(user_id: int) -> ResponseReturnValue:
    """End all their sessions, or the one that the form names."""
    number = request.form.get("session_id", type=int)
    words = _("Signed out there.") if number else _("Signed out everywhere.")
    return _act(user_id, words, lambda by, origin: standing.sign_out(
        db, user_id, number, by=by, origin=origin
    ))  # fmt: skip


@bp.post("/people/<int:user_id>/lift-pause")
@permitted(Permission.PEOPLE_HELP)
def people_lift_pause(user_id: int) -> ResponseReturnValue:
    """End the pause after wrong passwords."""
    words = _("The pause is over: they can try again now.")
    return _act(user_id, words, lambda by, origin: standing.lift_pause(
        db, user_id, by=by, origin=origin
    ))  # fmt: skip


@bp.post("/people/<int:user_id>/resend")
@permitted(Permission.PEOPLE_HELP)
def people_resend(user_id: int) -> ResponseReturnValue:
    """Mail them anew how to set a password."""
    words = _("A mail to set a password is on its way.")
    return _act(user_id, words, lambda by, origin: standing.resend(
        db, user_id, by=by, terms=terms(), origin=origin
    ))  # fmt: skip


@bp.post("/people/<int:user_id>/take-away")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_take_away(user_id: int) -> ResponseReturnValue:
    """Take away one LO Root ID that the list does not give."""
    lo_root_id, source = request.form.get("lo_root_id", ""), request.form.get("source", "")
    if source not in {Source.ADMIN.value, Source.LEGACY.value}:
        raise NotFound
    words = _("%(id)s was taken away.", id=lo_root_id)
    return _act(user_id, words, lambda by, origin: editing.take_away(
        db, user_id, lo_root_id, Source(source), by=by, origin=origin
    ))  # fmt: skip


@bp.route("/people/<int:user_id>/delete", methods=["GET", "POST"])
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_delete(user_id: int) -> ResponseReturnValue:
    """Ask once more, and what becomes of the chats; then delete."""
    me = identity.user().id
    user = guarding.check(db, user_id, by=me)
    form = DeleteForm()
    if form.validate_on_submit():
        try:
            keep = form.chats.data == "keep"
            removing.remove(db, user_id, keep_chats=keep, by=me, origin=identity.origin())
        except Refusal as refusal:
            db.rollback()
            flash(say(refusal), "error")
            return redirect(url_for("admin.people_person", user_id=user_id), 303)
        commit()
        flash(_("The account of %(email)s was deleted.", email=user.email), "success")
        return redirect(url_for("admin.people"), 303)
    page = render_template(
        "admin/person_delete.html", form=form, user=user,
        chats=removing.count_chats(db, user_id), saved=keeping.count(db, user_id),
        is_self=me == user_id,
    )  # fmt: skip
    return page, 422 if form.errors else 200
