"""What a list of the console shows, as a CSV file of what it is filtered by."""

from __future__ import annotations

from dataclasses import asdict

from flask import request
from flask.typing import ResponseReturnValue

from app.core.desk import invitations as inviting
from app.core.desk import lists
from app.core.learning import editing
from app.core.people.roles import Permission
from app.core.taken import Taken
from app.edge.db import db
from app.edge.guards import permitted
from app.models.records import JobState
from app.web.admin import bp, outbox, programs
from app.web.admin.downloads import csv_answer
from app.web.admin.jobs import STATES
from app.web.admin.roster_lists import asked_kind


@bp.get("/jobs/export")
@permitted(Permission.JOBS_READ)
def jobs_export() -> ResponseReturnValue:
    """The jobs in one state, or all."""
    state = request.args.get("state", "")
    states = [JobState(state)] if state in STATES else []
    found = lists.write_jobs(db, states)
    return csv_answer(found, "jobs.csv", Taken.JOBS, state=state if states else "")


@bp.get("/programs/export")
@permitted(Permission.PROGRAMS_READ)
def programs_export() -> ResponseReturnValue:
    """The programs that fit."""
    asked = programs.asked_for()
    return csv_answer(lists.write_programs(db, **asked), "programs.csv", Taken.PROGRAMS, **asked)


@bp.get("/outbox/export")
@permitted(Permission.OUTBOX_READ)
def outbox_export() -> ResponseReturnValue:
    """The messages that fit."""
    whole = outbox.may_see_numbers()
    asked = outbox.asked_for()
    found = lists.write_messages(db, asked, whole_numbers=whole)
    return csv_answer(found, "outbox.csv", Taken.OUTBOX, **asdict(asked))


@bp.get("/programs/<int:program_id>/people.csv")
@permitted(Permission.PROGRAMS_READ)
@permitted(Permission.PEOPLE_READ)
def programs_people_export(program_id: int) -> ResponseReturnValue:
    """Who can open a program."""
    program = editing.get(db, program_id)
    found, name = lists.write_openers(db, program), f"people-of-program-{program_id}.csv"
    return csv_answer(found, name, Taken.PROGRAM_PEOPLE, program=program.code)


@bp.get("/roster/<int:import_id>/people.csv")
@permitted(Permission.ROSTER_READ)
def roster_people_export(import_id: int) -> ResponseReturnValue:
    """The people of one list of an import."""
    kind, q = asked_kind()
    found = lists.write_import(db, import_id, kind, search=q)
    name = f"import-{import_id}-{kind}.csv"
    return csv_answer(found, name, Taken.IMPORT, import_id=import_id, list=kind, search=q)


@bp.get("/invitations/<int:job_id>/people.csv")
@permitted(Permission.PEOPLE_HELP)
def invitations_sending_export(job_id: int) -> ResponseReturnValue:
    """Those whom a sending invited."""
    job = inviting.get(db, job_id)
    only_open = request.args.get("show") == "open"
    found = lists.write_invited(db, job.id, only_open=only_open)
    name = f"sending-{job.id}.csv"
    return csv_answer(found, name, Taken.INVITED, job_id=job.id, only_open=only_open)
