"""The emergency switch: what it does, on for some hours with a reason, and off again."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_datetime
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core.errors import N_, Refusal
from app.core.learning import emergency, programs
from app.core.learning.emergency import HOURS, BadHours, BadReason
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.refusals import wants_json
from app.edge.words import say
from app.models.people import User
from app.web.admin import bp
from app.web.admin.legacy import bp as legacy
from app.web.admin.legacy_answers import Sent, refuse

PAGE = "/programs/emergency"
FORMER = "/emergency_disable_access_control"
"""There visiting the address opened every program, for good."""

EXPLAINED = N_(
    "In the former application this address opened every program to everybody, for good, as soon"
    " as it was visited. Here visiting it changes nothing. Sent with “reason” and “hours” it opens"
    " every active program to everybody who is signed in, and that ends by itself."
)


class SwitchForm(FlaskForm):
    """For how long, and why."""

    hours = StringField(_l("Hours"), default=str(HOURS))
    reason = StringField(_l("Reason"))


@legacy.get(FORMER)
@bp.get(PAGE)
@permitted(Permission.PROGRAMS_READ)
def programs_emergency() -> ResponseReturnValue:
    """Say what the switch does, and whether it is on; nothing changes."""
    if wants_json():
        return jsonify(message=_(EXPLAINED), **_facts())
    return _show(SwitchForm(formdata=None))


@legacy.post(FORMER)
@bp.post(PAGE)
@permitted(Permission.PROGRAMS_WRITE)
@freshly_proven
def programs_emergency_begin() -> ResponseReturnValue:
    """Open every active program to everybody who is signed in, for some hours."""
    sent = Sent()
    try:
        found = emergency.begin(
            db,
            hours=sent.whole("hours", HOURS),
            reason=sent.text("reason", ""),
            by=identity.user().id,
            origin=identity.origin(),
        )
    except Refusal as refusal:
        if wants_json():
            return refuse(refusal)
        if not isinstance(refusal, BadHours | BadReason):
            raise
        form = SwitchForm()
        field = form.hours if isinstance(refusal, BadHours) else form.reason
        field.errors = [say(refusal)]
        return _show(form), refusal.status
    commit()
    until = format_datetime(found.ends_at, "HH:mm 'UTC'")
    words = _("Everybody who is signed in can open every active program, until %(at)s.", at=until)
    return _done(words)


@bp.post(f"{PAGE}/end")
@permitted(Permission.PROGRAMS_WRITE)
def programs_emergency_end() -> ResponseReturnValue:
    """End it before its time: programs ask for their LO Root IDs again at the next request."""
    try:
        emergency.end(db, by=identity.user().id, origin=identity.origin())
    except Refusal as refusal:
        if wants_json():
            return refuse(refusal)
        raise
    commit()
    return _done(_("It is over. Programs are open to those whose LO Root IDs open them."))


def _done(words: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify(success=True, message=words, **_facts())
    flash(words, "success")
    return redirect(url_for("admin.programs_emergency"), 303)


def _facts() -> dict[str, Any]:
    found = emergency.standing(db)
    until = found.ends_at.isoformat() if found else None
    return {"access_control": found is None, "ends_at": until}


def _show(form: SwitchForm) -> str:
    found = emergency.standing(db)
    began_by = db.get(User, found.began_by) if found and found.began_by is not None else None
    return render_template(
        "admin/programs_emergency.html",
        form=form,
        found=found,
        began_by=began_by.email if began_by else None,
        closed=programs.count_closed(db),
        most_hours=emergency.MOST_HOURS,
        may_write=Permission.PROGRAMS_WRITE.value in identity.permissions(),
        by_former_address=request.path == FORMER,
    )
