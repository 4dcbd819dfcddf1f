"""How far the worker is with an import: a page that says it, and JSON for the page's script."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from flask import jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from flask_babel import gettext as _

from app.core import backlog
from app.core.backlog import JobKind
from app.core.errors import N_
from app.core.people.roles import Permission
from app.core.roster import imports
from app.edge.db import db
from app.edge.guards import permitted
from app.models.records import Job, JobState
from app.models.rosters import RosterImport
from app.web.admin import bp
from app.web.admin.roster_parts import AT_WORK, names_of

KINDS = (JobKind.ROSTER_CHECK, JobKind.ROSTER_APPLY)
NOTES = {
    "reading": N_("Reading the lines"),
    "comparing": N_("Comparing with the list in force"),
    "applying": N_("Putting the new list in force"),
}
"""The steps of the worker, in words."""

OVER = {JobState.FAILED.value, JobState.STOPPED.value}


@dataclass(frozen=True)
class Progress:
    """How far it is: `done` of `total` (None while that is not known), and both in words."""

    done: int
    total: int | None
    step: str
    words: str


@bp.get("/roster/<int:import_id>/progress")
@permitted(Permission.ROSTER_READ)
def roster_progress(import_id: int) -> ResponseReturnValue:
    """How far the worker is: JSON, looked at each second by the script of the page."""
    found = imports.get(db, import_id)
    job = job_of(found)
    return jsonify(over=not is_at_work(found, job), **asdict(_progress(found, job)))


def show_progress(found: RosterImport, job: Job | None) -> str:
    """The page of an import that the worker has."""
    return render_template(
        "admin/roster_progress.html",
        upload=found,
        progress=_progress(found, job),
        names=names_of([found]),
    )


def job_of(found: RosterImport) -> Job | None:
    """The job that was last made for this import."""
    return backlog.get(db, found.job_id) if found.job_id is not None else None


def is_at_work(found: RosterImport, job: Job | None) -> bool:
    """Whether the worker has the import, or will; False once its job ended without it."""
    return found.state in AT_WORK and job is not None and job.state not in OVER


def _progress(found: RosterImport, job: Job | None) -> Progress:
    if job is None or job.state == JobState.QUEUED.value:
        return Progress(0, None, _("Waiting for the worker"), _before_us(found, job))
    step = _(NOTES.get(job.note or "", N_("At work")))
    words = ""
    if job.total:
        share = min(100, 100 * job.done // job.total)
        words = _("%(share)s %% done", share=format_decimal(share))
    return Progress(job.done, job.total, step, words)


def _before_us(found: RosterImport, job: Job | None) -> str:
    """Whose import is at work, where ours waits for that."""
    for other in backlog.latest(db, kinds=KINDS, limit=10):
        if job is not None and other.id < job.id and other.state == JobState.RUNNING.value:
            theirs = imports.get(db, other.facts["import_id"])
            who = names_of([theirs]).get(theirs.created_by or 0) or _("a command")
            words = _("It waits for the import “%(file)s” of %(who)s, and goes on by itself.")
            return str(words) % {"file": theirs.file_name, "who": who}
    return str(_("It begins in a moment."))
