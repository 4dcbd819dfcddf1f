"""The addresses of the legacy application for lists: accounts from a file, duplicates, a repair."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from app.core.desk import duplicates
from app.core.desk.people import enrolling
from app.core.errors import N_, Refusal
from app.core.people.roles import Permission
from app.core.roster import following, uploads
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.refusals import wants_json
from app.web.admin import bp as admin
from app.web.admin.legacy import bp
from app.web.admin.legacy_answers import MissingField, refuse

MOST_ROWS = 20_000
"""Rows of an account list that is read while somebody waits for it."""

FIXING = N_(
    "In the former application this address rewrote the LO Root IDs of everybody as soon as it was"
    " visited. Here visiting it changes nothing, and hardly anything ever needs it: what people"
    " hold follows the list in force and what admins gave them, by itself."
)


@admin.post("/upload_user_csv")
@permitted(Permission.PEOPLE_WRITE)
def people_enrol() -> ResponseReturnValue:
    """Make accounts of the active people in `file`, as JSON; nobody is mailed."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise MissingField(field="file")
        db.rollback()  # No transaction waits for a file to be read.
        encoding = request.form.get("encoding") or None
        found = enrolling.read(cast(BinaryIO, file.stream), encoding=encoding, most=MOST_ROWS)
        result = enrolling.enrol(
            db,
            found,
            file_name=uploads.readable(file.filename),
            by=identity.user().id,
            origin=identity.origin(),
        )
    except Refusal as refusal:
        return refuse(refusal)
    commit()
    return jsonify(
        success=True,
        message=_added(result.added),
        added=result.added,
        inactive=found.inactive,
        existing=result.existing,
        warnings=[
            _("Row %(row)s: %(reason)s", row=row, reason=_(reason))
            for row, reason in found.warnings
        ],
        more_warnings=found.more_warnings,
    )


def _added(count: int) -> str:
    words: str = ngettext(
        "%(num)s account was added. No mail went out: on the page People, those without a password"
        " can be sent one.",
        "%(num)s accounts were added. No mail went out: on the page People, those without a"
        " password can be sent one.",
        count,
    )
    return words


@admin.get("/check_duplicates")
@permitted(Permission.ROSTER_READ)
def roster_duplicates() -> ResponseReturnValue:
    """Who stands twice, as JSON: accounts that share an address, lines that were left out."""
    found = duplicates.find(db)
    accounts: list[dict[str, Any]] = [
        {
            "email": form,
            "count": len(users),
            "accounts": [{"id": each.id, "email": each.email} for each in users],
        }
        for form, users in found.shared.items()
    ]
    lines = [
        {"line": each.line, "email": each.address, "reason": _(each.reason)} for each in found.lines
    ]
    return jsonify(
        success=True,
        message=_words_on(len(accounts)),
        has_duplicates=bool(accounts),
        duplicates=accounts,
        lines=lines,
    )


@admin.post("/remove_duplicates")
@permitted(Permission.ROSTER_WRITE)
def roster_duplicates_remove() -> ResponseReturnValue:
    """Remove nothing: the list has each person once, and an account is nobody's to guess away."""
    found = duplicates.find(db)
    return jsonify(success=True, removed=0, message=_words_on(len(found.shared)))


def _words_on(count: int) -> str:
    words = _(
        "The list in force has each address for one person, with all lines of theirs: there is"
        " nothing in it to be removed."
    )
    if not count:
        return str(words)
    more = ngettext(
        "Several accounts share %(num)s address. Say which of them stays: flask rollcall adopt"
        " --merge",
        "Several accounts share each of %(num)s addresses. Say which of them stays: flask rollcall"
        " adopt --merge",
        count,
    )
    return f"{words} {more}"


@bp.get("/emergency_fix_user_lo_ids")
@permitted(Permission.ROSTER_WRITE)
def roster_follow() -> ResponseReturnValue:
    """Say what the repair does; nothing changes."""
    if wants_json():
        return jsonify(message=_(FIXING))
    return render_template("admin/roster_follow.html", words=_(FIXING))


@bp.post("/emergency_fix_user_lo_ids")
@permitted(Permission.ROSTER_WRITE)
@freshly_proven
def roster_follow_begin() -> ResponseReturnValue:
    """Have the worker set what everybody holds to what the list and the other reasons say."""
    job = following.begin(db, by=identity.user().id, origin=identity.origin())
    commit()
    words = _("The worker goes through everybody now.")
    if wants_json():
        return jsonify(success=True, message=words, job_id=job.id), 202
    flash(words, "success")
    may_look = Permission.JOBS_READ.value in identity.permissions()
    way_on = url_for("admin.jobs_show", job_id=job.id) if may_look else url_for("admin.roster")
    return redirect(way_on, 303)
