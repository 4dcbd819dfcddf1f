"""Invitations: whom one would reach, sending them, and how a sending is getting on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_timedelta
from flask_babel import gettext as _
from sqlalchemy import select

from app.core import backlog
from app.core.backlog import JobKind
from app.core.desk import awaited, invited
from app.core.desk import invitations as inviting
from app.core.desk.awaited import Scope
from app.core.errors import N_
from app.core.people.roles import Permission
from app.core.roster import imports
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted, row_id
from app.edge.ours import ours
from app.edge.words import say
from app.models.people import User
from app.models.records import Job, JobState
from app.models.rosters import ImportState, RosterImport
from app.web.admin import bp

PAGE = 50
SENDINGS = 10
FEW = 5
"""People who stand on the page as an example of whom it reaches."""

JOB_STATES = {
    JobState.DONE.value: (N_("Done"), "good"),
    JobState.FAILED.value: (N_("Failed"), "bad"),
    JobState.QUEUED.value: (N_("Under way"), "warn"),
    JobState.RUNNING.value: (N_("Under way"), "warn"),
    JobState.STOPPED.value: (N_("Stopped"), "calm"),
}
MAIL_STATES = {
    "failed": (N_("Could not be delivered"), "bad"),
    "held": (N_("Held back"), "calm"),
    "queued": (N_("Waits to leave"), "warn"),
    "sending": (N_("Waits to leave"), "warn"),
    "sent": (N_("Mail sent"), "calm"),
    "shown": (N_("Mail sent"), "calm"),
}


@bp.get("/invitations")
@permitted(Permission.PEOPLE_HELP)
def invitations() -> ResponseReturnValue:
    """Who waits for an invitation, and what was sent before."""
    scope = asked()
    preview = awaited.preview(db, scope, limit=FEW)
    before = row_id("before")
    found = backlog.latest(db, kinds=[JobKind.INVITE], before=before, limit=SENDINGS + 1)
    sendings = found[:SENDINGS]
    more = len(found) > SENDINGS
    return render_template(
        "admin/invitations.html",
        scope=scope,
        preview=preview,
        takes=takes(preview.waiting),
        rate=ours().settings.INVITE_RATE,
        is_listed=imports.in_force(db) is not None,
        choices=_choices(scope.import_id),
        sendings=sendings,
        names=_names(sendings),
        states=JOB_STATES,
        next_url=url_for("admin.invitations", before=sendings[-1].id) if more else None,
    )


@bp.post("/invitations")
@permitted(Permission.PEOPLE_HELP)
@freshly_proven
def invitations_send() -> ResponseReturnValue:
    """Begin to send."""
    return _begin(asked())


@bp.get("/invitations/<int:job_id>")
@permitted(Permission.PEOPLE_HELP)
def invitations_sending(job_id: int) -> ResponseReturnValue:
    """How far a sending is, and how those whom it invited are getting on."""
    job = inviting.get(db, job_id)
    only_open = request.args.get("show") == "open"
    after = request.args.get("after", "")[:254].replace("\0", "")
    found = invited.invited_by(db, job_id, only_open=only_open, after=after, limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return render_template(
        "admin/invitations_sending.html",
        job=job,
        scope=Scope(**job.facts["scope"]),
        state=JOB_STATES[job.state],
        is_open=job.state in backlog.OPEN,
        can_resume=job.state in {JobState.STOPPED.value, JobState.FAILED.value},
        by=_names([job]).get(job.created_by),
        rate=ours().settings.INVITE_RATE,
        takes=takes(max(0, (job.total or 0) - job.done)),
        leaving=invited.leaving(db, job_id) if job.state == JobState.STOPPED.value else 0,
        most=invited.MOST_LEAVING,
        people=shown,
        only_open=only_open,
        mail_states=MAIL_STATES,
        next_url=_next(job_id, only_open, shown[-1].address) if more else None,
    )


@bp.post("/invitations/<int:job_id>/stop")
@permitted(Permission.PEOPLE_HELP)
def invitations_stop(job_id: int) -> ResponseReturnValue:
    """End a sending; the mails that were written still leave."""
    stopped = inviting.stop(db, job_id, by=identity.user().id, origin=identity.origin())
    commit()
    words = _("It stops now. Mails that were written already still leave; nobody else gets one.")
    flash(words if stopped else _("It is over."), "info")
    return redirect(url_for("admin.invitations_sending", job_id=job_id), 303)


@bp.post("/invitations/<int:job_id>/resume")
@permitted(Permission.PEOPLE_HELP)
def invitations_resume(job_id: int) -> ResponseReturnValue:
    """Let a sending go on where it stopped."""
    inviting.resume(db, job_id, by=identity.user().id, origin=identity.origin())
    commit()
    return redirect(url_for("admin.invitations_sending", job_id=job_id), 303)


@bp.post("/invitations/<int:job_id>/again")
@permitted(Permission.PEOPLE_HELP)
@freshly_proven
def invitations_again(job_id: int) -> ResponseReturnValue:
    """Write once more to those whom a sending invited and who have no password yet."""
    inviting.get(db, job_id)
    return _begin(Scope(again_of=job_id, again_after=awaited.LINK_LASTS))


def _begin(scope: Scope) -> ResponseReturnValue:
    try:
        job = inviting.start(db, scope, by=identity.user().id, origin=identity.origin())
    except inviting.NobodyToInvite as refusal:
        flash(say(refusal), "info")
        back = url_for("admin.invitations")
        if scope.again_of is not None:
            back = url_for("admin.invitations_sending", job_id=scope.again_of)
        return redirect(back, 303)
    commit()
    return redirect(url_for("admin.invitations_sending", job_id=job.id), 303)


def asked() -> Scope:
    """The scope of the list that the address, or the form, names."""
    given = request.values
    import_id = given.get("import_id", type=int)
    return Scope(
        import_id=import_id if import_id and 0 < import_id <= LAST_ID else None,
        class_name=given.get("class_name", "").strip()[:200].replace("\0", ""),
        lo_root_id=given.get("lo_root_id", "").strip()[:200].replace("\0", ""),
    )


def _choices(chosen: int | None) -> list[RosterImport]:
    """The imports whose new people can be meant, newest first."""
    applied = [
        each
        for each in imports.history(db)
        if each.id == chosen or (each.state == ImportState.APPLIED.value and each.added)
    ]
    return applied[:SENDINGS]


def takes(people: int) -> str:
    """How long it takes to write to so many at the rate that is set, in words."""
    minutes = people / ours().settings.INVITE_RATE
    duration = timedelta(minutes=max(1, minutes))
    words: str = format_timedelta(duration, granularity="minute", threshold=1.2)
    return words


def _names(jobs: list[Job]) -> dict[Any, str]:
    """The addresses of the admins who began these, by id, in one query."""
    ids = {each.created_by for each in jobs} - {None}
    return dict(db.execute(select(User.id, User.email).where(User.id.in_(ids))).all())


def _next(job_id: int, only_open: bool, after: str) -> str:
    show = "open" if only_open else None
    return url_for("admin.invitations_sending", job_id=job_id, show=show, after=after)
