"""What a list of the console shows, as a CSV file of what it is filtered by."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from app.core.desk import invitations as inviting
from app.core.desk import lists
from app.core.learning import editing
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted
from app.models.records import JobState
from app.web.admin import bp, outbox, programs
from app.web.admin.jobs import STATES
from app.web.admin.roster import csv_answer
from app.web.admin.roster_lists import asked_kind


@bp.get("/jobs/export")
@permitted(Permission.JOBS_READ)
def jobs_export() -> ResponseReturnValue:
    """The jobs in one state, or all."""
    state = request.args.get("state", "")
    states = [JobState(state)] if state in STATES else []
    return csv_answer(lists.write_jobs(db, states), "jobs.csv")


@bp.get("/programs/export")
@permitted(Permission.PROGRAMS_READ)
def programs_export() -> ResponseReturnValue:
    """The programs that fit."""
    return csv_answer(lists.write_programs(db, **programs.asked_for()), "programs.csv")


@bp.get("/outbox/export")
@permitted(Permission.OUTBOX_READ)
def outbox_export() -> ResponseReturnValue:
    """The messages that fit."""
    whole = outbox.may_see_numbers()
    found = lists.write_messages(db, outbox.asked_for(), whole_numbers=whole)
    return csv_answer(found, "outbox.csv")


@bp.get("/programs/<int:program_id>/people.csv")
@permitted(Permission.PROGRAMS_READ)
@permitted(Permission.PEOPLE_READ)
def programs_people_export(program_id: int) -> ResponseReturnValue:
    """Who can open a program."""
    program = editing.get(db, program_id)
    return csv_answer(lists.write_openers(db, program), f"people-of-program-{program_id}.csv")


@bp.get("/roster/<int:import_id>/people.csv")
@permitted(Permission.ROSTER_READ)
def roster_people_export(import_id: int) -> ResponseReturnValue:
    """The people of one list of an import."""
    kind, q = asked_kind()
    found = lists.write_import(db, import_id, kind, search=q)
    return csv_answer(found, f"import-{import_id}-{kind}.csv")


@bp.get("/invitations/<int:job_id>/people.csv")
@permitted(Permission.PEOPLE_HELP)
def invitations_sending_export(job_id: int) -> ResponseReturnValue:
    """Those whom a sending invited."""
    job = inviting.get(db, job_id)
    only_open = request.args.get("show") == "open"
    found = lists.write_invited(db, job.id, only_open=only_open)
    return csv_answer(found, f"sending-{job.id}.csv")
