"""The same done to many people: a page that says what will happen, and one that shows how far."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.core import backlog
from app.core.backlog import JobKind
from app.core.desk import running
from app.core.desk.people import bulk
from app.core.desk.people.bulk import Action, Choice
from app.core.desk.people.standing import PastDate
from app.core.errors import N_, JobOver, NotFound, Refusal
from app.core.people.roles import Permission
from app.core.people.wanted import Wanted
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted
from app.edge.words import say
from app.models.records import Job
from app.web.admin import bp
from app.web.admin.person import ExtendForm

HELP = {Action.END_SESSIONS}
"""What somebody at a help desk may do."""

WORDS = {
    Action.SUSPEND: (
        N_("Suspend"),
        N_("They are signed out everywhere and cannot sign in until they are restored."),
    ),
    Action.RESTORE: (N_("Restore"), N_("Whoever of them was suspended may sign in again.")),
    Action.END_SESSIONS: (
        N_("Sign out everywhere"),
        N_("They are signed out on every device and can sign in again at once."),
    ),
    Action.EXTEND: (
        N_("Extend"),
        N_("Their accounts are good for longer. Whose is good for longer than that stays."),
    ),
    Action.DELETE: (
        N_("Delete"),
        N_("Their accounts, roles and sessions are deleted. Nothing brings them back."),
    ),
}
"""What each action is called, and what it does."""

STATES = {
    "done": (N_("Done"), "good"),
    "failed": (N_("Failed"), "bad"),
    "queued": (N_("Waiting"), "warn"),
    "running": (N_("At work"), "warn"),
    "stopped": (N_("Stopped"), "calm"),
}


@bp.get("/people/bulk")
@permitted(Permission.PEOPLE_HELP)
@freshly_proven
def people_bulk() -> ResponseReturnValue:
    """Say what would happen to how many; nothing happens yet."""
    if request.args.get("action") == "invite":
        # That goes at a set rate, and has pages of its own.
        return redirect(f"{url_for('admin.people_invite')}?{request.query_string.decode()}")
    action = _action(request.args)
    if action is Action.DELETE:
        # The same page, for who may do that.
        return redirect(f"{url_for('admin.people_bulk_deleting')}?{request.query_string.decode()}")
    return _ask(action, choice_of(request.args))


@bp.get("/people/bulk/delete")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_bulk_deleting() -> ResponseReturnValue:
    """Say how many accounts would be deleted."""
    return _ask(Action.DELETE, choice_of(request.args))


@bp.post("/people/bulk/help")
@permitted(Permission.PEOPLE_HELP)
@freshly_proven
def people_bulk_help() -> ResponseReturnValue:
    """Sign many out."""
    action = _action(request.form)
    if action not in HELP:
        raise NotFound
    return _begin(action)


@bp.post("/people/bulk/change")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_bulk_change() -> ResponseReturnValue:
    """Suspend, restore or extend many."""
    action = _action(request.form)
    if action in HELP or action is Action.DELETE:
        raise NotFound
    return _begin(action)


@bp.post("/people/bulk/delete")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_bulk_delete() -> ResponseReturnValue:
    """Delete many."""
    return _begin(Action.DELETE)


@bp.get("/people/bulk/<int:job_id>")
@permitted(Permission.PEOPLE_READ)
def people_job(job_id: int) -> ResponseReturnValue:
    """How far it is."""
    job = _job(job_id)
    # An earlier version had more of them.
    words = WORDS.get(job.facts["action"], (N_("A change of many people"), ""))
    return render_template(
        "admin/people_job.html",
        job=job, words=words, state=STATES[job.state], filter=job.facts["filter"],
    )  # fmt: skip


@bp.post("/people/bulk/<int:job_id>/stop")
@permitted(Permission.PEOPLE_WRITE)
def people_job_stop(job_id: int) -> ResponseReturnValue:
    """Ask the job to end where it is."""
    with suppress(JobOver):
        running.stop(db, _job(job_id).id, by=identity.user().id, origin=identity.origin())
        commit()
        flash(_("It stops as soon as it can. What is done stays done."), "info")
    return redirect(url_for("admin.people_job", job_id=job_id), 303)


def _begin(action: Action) -> ResponseReturnValue:
    choice, form = choice_of(request.form), ExtendForm()
    if not form.validate_on_submit():
        return _ask(action, choice, form=form), 422
    try:
        job = bulk.begin(
            db,
            action,
            choice,
            typed=request.form.get("number", ""),
            keep_chats=request.form.get("chats") != "delete",
            until=form.until.data if action is Action.EXTEND else None,
            by=identity.user().id,
            origin=identity.origin(),
        )
    except PastDate as refusal:
        form.until.errors = [say(refusal)]
        return _ask(action, choice, form=form), refusal.status
    except Refusal as refusal:
        db.rollback()
        return _ask(action, choice, form=form, error=say(refusal)), refusal.status
    commit()
    return redirect(url_for("admin.people_job", job_id=job.id), 303)


def _ask(
    action: Action, choice: Choice, form: ExtendForm | None = None, error: str | None = None
) -> str:
    number, left_out = bulk.count(db, choice, by=identity.user().id)
    kind = "delete" if action is Action.DELETE else "help" if action in HELP else "change"
    return render_template(
        "admin/people_bulk.html",
        action=action,
        words=WORDS[action],
        number=number,
        left_out=left_out,
        is_large=number >= bulk.LARGE,
        fields=[("action", action.value), *fields_of(choice)],
        target=url_for(f"admin.people_bulk_{kind}"),
        error=error,
        form=form or ExtendForm(),
        filter=choice.wanted,
        ticked=bool(choice.ids),
    )


def _action(given: MultiDict[str, Any]) -> Action:
    try:
        return Action(given.get("action", ""))
    except ValueError:
        raise NotFound from None


def choice_of(given: MultiDict[str, Any]) -> Choice:
    """Whom a form or an address means: ticked people, or all who match where it says so."""
    ids = [each for each in given.getlist("ids", type=int) if 0 < each <= LAST_ID]
    if given.get("who") != "all" and not ids:
        # A press without a tick must not mean everybody.
        ids = [0]
    chosen = [] if given.get("who") == "all" else ids[: bulk.MOST_TICKED]
    return Choice(Wanted.read(given), chosen)


def fields_of(choice: Choice) -> list[tuple[str, Any]]:
    """What a form sends along, name and value, so that `choice_of` reads the same from it."""
    who = ("who", "ticked" if choice.ids else "all")
    return [who, *choice.wanted.facts().items(), *(("ids", each) for each in choice.ids)]


def _job(job_id: int) -> Job:
    job = backlog.get(db, job_id)
    if job.kind != JobKind.PEOPLE.value:
        raise NotFound
    return job
