"""Background work: what runs, how far it is, what failed and why; stop it, or try it again."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core import backlog
from app.core.backlog import OPEN, JobKind
from app.core.desk import running
from app.core.errors import N_
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import permitted, row_id
from app.models.records import Job, JobState
from app.web.admin import bp

PAGE = 50
JOB = "/jobs/<int(max=2147483647):job_id>"
STATES = {
    JobState.RUNNING.value: (N_("Running"), "warn"),
    JobState.QUEUED.value: (N_("Waiting"), "calm"),
    JobState.FAILED.value: (N_("Failed"), "bad"),
    JobState.DONE.value: (N_("Done"), "good"),
    JobState.STOPPED.value: (N_("Stopped"), "calm"),
}
KINDS = {
    JobKind.CONVERSATIONS_DELETE.value: N_("Delete conversations"),
    JobKind.CONVERSATIONS_EXPIRE.value: N_("Delete conversations that are old"),
    JobKind.CONVERSATIONS_EXPORT.value: N_("Write conversations to a file"),
    JobKind.INVITE.value: N_("Invite people"),
    JobKind.PEOPLE.value: N_("Change many people"),
    JobKind.ROSTER_APPLY.value: N_("Put a list in force"),
    JobKind.ROSTER_CHECK.value: N_("Check a list"),
    JobKind.ROSTER_FOLLOW.value: N_("Set what people hold to the list"),
    JobKind.SAVED_DELETE.value: N_("Delete conversations saved from ChatGPT"),
}
"""What each kind of job is called, in words; an unknown one goes by the name that the code has."""


PAGES = {
    JobKind.CONVERSATIONS_DELETE.value: ("conversations_job", "job_id", "CONVERSATIONS_READ"),
    JobKind.CONVERSATIONS_EXPIRE.value: ("conversations_job", "job_id", "CONVERSATIONS_READ"),
    JobKind.CONVERSATIONS_EXPORT.value: ("conversations_job", "job_id", "CONVERSATIONS_READ"),
    JobKind.INVITE.value: ("invitations_sending", "job_id", "PEOPLE_HELP"),
    JobKind.PEOPLE.value: ("people_job", "job_id", "PEOPLE_READ"),
    JobKind.ROSTER_APPLY.value: ("roster_preview", "import_id", "ROSTER_READ"),
    JobKind.ROSTER_CHECK.value: ("roster_preview", "import_id", "ROSTER_READ"),
    JobKind.SAVED_DELETE.value: ("conversations_saved_job", "job_id", "CONVERSATIONS_READ"),
}
"""Where a kind of job has a page of its own: the view, the id it goes by, and the permission."""


@bp.get("/jobs")
@permitted(Permission.JOBS_READ)
def jobs() -> ResponseReturnValue:
    """List the jobs, newest first, or those in one state."""
    state = request.args.get("state", "")
    states = [JobState(state)] if state in STATES else []
    found = backlog.latest(db, states=states, before=row_id("before"), limit=PAGE + 1)
    shown = found[:PAGE]
    asked = state if states else None
    more = len(found) > PAGE
    return render_template(
        "admin/jobs.html",
        jobs=shown,
        people=running.whose(db, shown),
        states=STATES,
        name_of=name_of,
        asked=asked,
        open_states=OPEN,
        next_url=url_for("admin.jobs", state=asked, before=shown[-1].id) if more else None,
    )


@bp.get(JOB)
@permitted(Permission.JOBS_READ)
def jobs_show(job_id: int) -> ResponseReturnValue:
    """One job: where it stands, who asked for it, and what can be done about it."""
    job = backlog.get(db, job_id)
    return render_template(
        "admin/jobs_show.html",
        job=job,
        name=name_of(job.kind),
        person=running.whose(db, [job]).get(job.created_by or 0),
        own_page=page_of(job),
        state=STATES[job.state],
        is_open=job.state in OPEN,
        may_again=running.may_retry(db, job),
        has_ended=job.state in running.AGAIN,
        may_write=Permission.JOBS_WRITE.value in identity.permissions(),
    )


@bp.get(f"{JOB}.json")
@permitted(Permission.JOBS_READ)
def jobs_progress(job_id: int) -> ResponseReturnValue:
    """How far a job is, for pages that ask again and again."""
    return jsonify(progress(backlog.get(db, job_id)))


@bp.post(f"{JOB}/stop")
@permitted(Permission.JOBS_WRITE)
def jobs_stop(job_id: int) -> ResponseReturnValue:
    """Ask a job to end where it can."""
    running.stop(db, job_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("It ends as soon as it can. What it has done stays."), "info")
    return redirect(url_for("admin.jobs_show", job_id=job_id), 303)


@bp.post(f"{JOB}/retry")
@permitted(Permission.JOBS_WRITE)
def jobs_retry(job_id: int) -> ResponseReturnValue:
    """Let a job that failed or was stopped run once more."""
    running.retry(db, job_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("It waits to run again."), "success")
    return redirect(url_for("admin.jobs_show", job_id=job_id), 303)


def progress(job: Job) -> dict[str, object]:
    """What a page shows of a job while it waits: `total` is None until it is known."""
    return {
        "state": job.state,
        "label": _(STATES[job.state][0]),
        "open": job.state in OPEN,
        "done": job.done,
        "total": job.total,
        "note": job.note,
        "error": job.error,
    }


def page_of(job: Job) -> str | None:
    """The page of what the job is about; None where there is none that this person may see."""
    endpoint, name, permission = PAGES.get(job.kind, ("", "", ""))
    number = job.id if name == "job_id" else job.facts.get(name)
    if number is None or Permission[permission].value not in identity.permissions():
        return None
    which: dict[str, Any] = {name: number}
    return url_for(f"admin.{endpoint}", **which)


def name_of(kind: str) -> str:
    """What a kind of job is called."""
    words: str = _(KINDS[kind]) if kind in KINDS else kind.replace("_", " ").capitalize()
    return words
