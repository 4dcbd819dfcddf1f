"""The later steps of an import: how far it is, what it would change, apply it, take it back."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField

from app.core.desk import running
from app.core.errors import (
    ImportSettled,
    JobNotOver,
    ListChanged,
    NotFound,
    NumberDiffers,
    ProblemsLeft,
    Refusal,
)
from app.core.people.roles import Permission
from app.core.roster import imports
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.ours import ours
from app.edge.words import say
from app.models.records import Job
from app.models.rosters import ImportState, RosterImport
from app.web.admin import bp
from app.web.admin.roster_hold import Held, held, limits
from app.web.admin.roster_parts import AT_WORK, ENCODINGS, WAITING, may_write, names_of
from app.web.admin.roster_progress import is_at_work, job_of, show_progress


class ApplyForm(FlaskForm):
    """What is left out, whether the file wins, and the number that a held import asks for."""

    leave_out = BooleanField(_l("Leave out the problem lines"))
    file_wins = BooleanField(_l("The file wins over what admins set by hand"))
    typed = StringField(_l("How many people"))


@bp.get("/roster/<int:import_id>")
@permitted(Permission.ROSTER_READ)
def roster_preview(import_id: int) -> ResponseReturnValue:
    """Where an import stands: how far it is, what it would change, or what it did."""
    found = imports.get(db, import_id)
    if found.state == ImportState.UPLOADED.value:
        return redirect(url_for("admin.roster_columns", import_id=import_id))
    job = job_of(found)
    if is_at_work(found, job):
        return show_progress(found, job)
    # A command may have ticked for an import that was then held.
    return _preview(found, ApplyForm(formdata=None, file_wins=found.file_wins))


@bp.post("/roster/<int:import_id>/apply")
@permitted(Permission.ROSTER_WRITE)
@freshly_proven
def roster_apply(import_id: int) -> ResponseReturnValue:
    """Have a checked import made the list in force, by the worker; a held one asks for a number."""
    form, found = ApplyForm(), imports.get(db, import_id)
    if found.problems and not form.leave_out.data:
        form.leave_out.errors = [say(ProblemsLeft())]
        return _preview(found, form), 422
    try:
        job = imports.start_apply(
            db,
            import_id,
            typed=_number(form.typed.data),
            file_wins=form.file_wins.data,
            force=False,
            two_person=ours().settings.ROSTER_TWO_PERSON,
            by=identity.user().id,
            origin=identity.origin(),
            limits=limits(),
        )
    except ListChanged:
        # The page says so itself, beside the button that checks it again.
        db.rollback()
        return _preview(imports.get(db, import_id), form), ListChanged.status
    except NumberDiffers as refusal:
        db.rollback()
        return _ask_number(import_id, form, refusal)
    commit()
    if job is None and imports.get(db, import_id).asked_at is None:
        return _ask_number(import_id, form, NumberDiffers(number=imports.number_to_type(found)))
    if job is None:
        flash(_("Held. A second admin confirms it before anything changes."), "info")
    return redirect(url_for("admin.roster_preview", import_id=import_id), 303)


@bp.post("/roster/<int:import_id>/confirm")
@permitted(Permission.ROSTER_WRITE)
@freshly_proven
def roster_confirm(import_id: int) -> ResponseReturnValue:
    """Be the second admin who wants a held import applied."""
    imports.confirm(db, import_id, by=identity.user().id, origin=identity.origin())
    commit()
    return redirect(url_for("admin.roster_preview", import_id=import_id), 303)


@bp.post("/roster/<int:import_id>/check")
@permitted(Permission.ROSTER_WRITE)
def roster_check_again(import_id: int) -> ResponseReturnValue:
    """Compare an import anew with the list in force, or let a job that failed have another try."""
    found = imports.get(db, import_id)
    if found.state in AT_WORK:
        # Its job ended without it: the same job is done once more.
        by, origin = identity.user().id, identity.origin()
        try:
            running.retry(db, found.job_id or 0, by=by, origin=origin)
        except (JobNotOver, NotFound):
            raise ImportSettled from None
    else:
        imports.start_check(
            db,
            import_id,
            mapping=found.mapping,
            encoding=found.encoding,
            mode=found.mode,
            by=identity.user().id,
        )
    commit()
    return redirect(url_for("admin.roster_preview", import_id=import_id), 303)


@bp.post("/roster/<int:import_id>/discard")
@permitted(Permission.ROSTER_WRITE)
def roster_discard(import_id: int) -> ResponseReturnValue:
    """Put an import aside that was not applied."""
    imports.discard(db, import_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("Put aside. The list in force stays as it was."), "info")
    return redirect(url_for("admin.roster"), 303)


@bp.get("/roster/<int:import_id>/undo")
@permitted(Permission.ROSTER_WRITE)
def roster_undo(import_id: int) -> ResponseReturnValue:
    """Say what taking an import back means, before its dry run is begun."""
    found = imports.get(db, import_id)
    return render_template(
        "admin/roster_undo.html",
        upload=found,
        is_last=imports.in_force(db) == found.id,
        names=names_of([found]),
    )


@bp.post("/roster/<int:import_id>/undo")
@permitted(Permission.ROSTER_WRITE)
@freshly_proven
def roster_undo_check(import_id: int) -> ResponseReturnValue:
    """Have the dry run of taking an import back made; nothing changes yet."""
    undoing = imports.start_undo(db, import_id, by=identity.user().id, origin=identity.origin())
    commit()
    return redirect(url_for("admin.roster_preview", import_id=undoing.id), 303)


def _ask_number(import_id: int, form: ApplyForm, refusal: Refusal) -> ResponseReturnValue:
    form.typed.errors = [say(refusal)]
    return _preview(imports.get(db, import_id), form), refusal.status


def _number(typed: str | None) -> int | None:
    digits = (typed or "").replace(",", "").replace(".", "").strip()
    return int(digits) if digits.isdecimal() and len(digits) < 10 else None


def _preview(found: RosterImport, form: ApplyForm) -> str:
    is_open, in_force, job = found.state in WAITING, imports.in_force(db), job_of(found)
    stale = is_open and found.compared_with != in_force
    stopped = held(found) if is_open else None
    _label(form, found, stopped)
    job_ended = found.state in AT_WORK
    return render_template(
        "admin/roster_preview.html",
        upload=found,
        form=form,
        names=names_of([found]),
        encodings=ENCODINGS,
        is_open=is_open,
        stale=stale,
        job_ended=job_ended,
        can_retry=job_ended or (found.undoes is None and (stale or _has_failed(found))),
        held=stopped,
        awaits=found.state == ImportState.HELD.value and found.asked_at is not None,
        own=found.asked_by == identity.user().id,
        two_person=ours().settings.ROSTER_TWO_PERSON,
        moved=imports.count_moved(db, found.id) if found.applied_at and found.pairs else 0,
        groups=imports.problem_groups(db, found.id) if found.problems else [],
        is_last=in_force == found.id,
        knows_unchanged=imports.knows_unchanged(db, found),
        invite_url=_invite_url(found),
        failure=_failure(found, job),
        may_write=may_write(),
        may_win=Permission.PEOPLE_WRITE.value in identity.permissions(),
        undone=imports.get(db, found.undoes) if found.undoes else None,
    )


def _label(form: ApplyForm, found: RosterImport, stopped: Held | None) -> None:
    """Say in the labels of the form what a number is to be of, and for how many the file wins."""
    if stopped is not None:
        form.typed.label.text = stopped.label
    form.file_wins.label.text = ngettext(
        "The file wins over what admins set by hand, for %(count)s person",
        "The file wins over what admins set by hand, for %(count)s people",
        found.yielding, count=format_decimal(found.yielding),
    )  # fmt: skip


def _has_failed(found: RosterImport) -> bool:
    return found.state == ImportState.FAILED.value


def _invite_url(found: RosterImport) -> str | None:
    """The page that sends set-up mails to its new people; None for who may not open it."""
    view = current_app.view_functions.get("admin.invitations")
    permission = getattr(view, "permission", None)
    if permission is None or permission.value not in identity.permissions():
        return None
    return url_for("admin.invitations", import_id=found.id)


def _failure(found: RosterImport, job: Job | None) -> str | None:
    """Why the worker gave it up, in words; None where it did not."""
    if found.failure:
        return str(_(found.failure))
    if found.state in AT_WORK or _has_failed(found):
        reason = (job.error if job is not None else None) or ""
        words = _("This came to an end before it was done, and changed nothing. %(reason)s")
        return str(words) % {"reason": reason}
    return None
