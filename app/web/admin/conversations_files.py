"""Conversations as files, and how far the worker is with making one or with deleting."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from app.core import backlog, clock
from app.core.backlog import JobKind
from app.core.errors import N_, NotFound
from app.core.learning import exporting
from app.core.learning.transcripts import Asked
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted
from app.models.records import JobState
from app.web.admin import bp
from app.web.admin.conversations import FinderForm
from app.web.admin.downloads import CSV, XLSX, file_answer

OURS = {
    JobKind.CONVERSATIONS_DELETE.value,
    JobKind.CONVERSATIONS_EXPIRE.value,
    JobKind.CONVERSATIONS_EXPORT.value,
}
STATES = {
    JobState.DONE.value: (N_("Done"), "good"),
    JobState.FAILED.value: (N_("Failed"), "bad"),
    JobState.QUEUED.value: (N_("Waits for its turn"), "warn"),
    JobState.RUNNING.value: (N_("At work"), "warn"),
    JobState.STOPPED.value: (N_("Stopped"), "calm"),
}


def stream_csv(asked: Asked) -> Response:
    """Write down that a file is made, and make it."""
    pieces = exporting.write_csv(db, asked, by=identity.user().id, origin=identity.origin())
    commit()
    file_name = f"conversations-{clock.today():%Y-%m-%d}.csv"
    return file_answer(pieces, file_name, CSV)


@bp.post("/conversations/export")
@permitted(Permission.CONVERSATIONS_READ)
@freshly_proven
def conversations_export() -> ResponseReturnValue:
    """What is looked for as CSV, written while it is sent, or as a job that makes XLSX of it."""
    form = FinderForm(request.form)
    if not form.validate():
        raise BadRequest
    asked = form.asked
    if request.form.get("format") == "csv":
        return stream_csv(asked)
    job = exporting.order_workbook(db, asked, by=identity.user().id, origin=identity.origin())
    commit()
    return redirect(url_for("admin.conversations_job", job_id=job.id), 303)


@bp.get("/conversations/jobs/<int:job_id>")
@permitted(Permission.CONVERSATIONS_READ)
def conversations_job(job_id: int) -> ResponseReturnValue:
    """How far the worker is, and what came of it."""
    job = backlog.get(db, min(job_id, LAST_ID))
    if job.kind not in OURS:
        raise NotFound
    return render_template(
        "admin/conversations_job.html",
        job=job,
        state=STATES[job.state],
        is_open=job.state in backlog.OPEN,
        is_file=job.kind == JobKind.CONVERSATIONS_EXPORT.value,
        can_be_fetched=exporting.can_be_fetched(job),
        kept_until=job.finished_at + exporting.KEPT_FOR if job.finished_at else None,
    )


@bp.get("/conversations/files/<int:job_id>")
@permitted(Permission.CONVERSATIONS_READ)
@freshly_proven
def conversations_file(job_id: int) -> ResponseReturnValue:
    """The Excel file that a job made, for a day."""
    job = exporting.ordered(db, min(job_id, LAST_ID))
    parts = exporting.fetch(db, job.id, by=identity.user().id, origin=identity.origin())
    commit()
    file_name = f"conversations-{job.created_at:%Y-%m-%d}.xlsx"
    return file_answer(parts, file_name, XLSX, {"Content-Length": str(job.facts["bytes"])})
