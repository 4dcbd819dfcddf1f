"""One import as the worker does it, in a process of its own: seconds of each step, peak memory.

`one FILE` reads from the environment where the database is, as every command does.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from app import create_app, jobs
from app.core import backlog
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.core.roster.holding import HoldLimits
from app.models.records import JobState
from app.models.rosters import RosterImport


def main() -> None:
    """Receive, check and apply the file; print what each took."""
    app = create_app()
    assert imports.check_in_background  # A worker loads what this needs once.
    told = {"check": _time(app, _start_check(app, Path(sys.argv[1])))}
    told["apply"] = _time(app, _start_apply(app))
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told))


def _start_check(app: Flask, path: Path) -> int:
    with app.extensions["rollcall"].sessions() as db, path.open("rb") as stream:
        found = imports.receive(
            db, stream, file_name=path.name, mode="replace", encoding=None, by=None,
            origin=NOWHERE,
        )  # fmt: skip
        job = imports.start_check(
            db, found.id, mapping=None, encoding=None, mode="replace", by=None
        )
        db.commit()
        return job.id


def _start_apply(app: Flask) -> int:
    with app.extensions["rollcall"].sessions() as db:
        newest = db.scalars(select(func.max(RosterImport.id))).one()
        assert newest is not None
        job = imports.start_apply(
            db, newest, typed=None, force=True, two_person=False, by=None, origin=NOWHERE,
            limits=HoldLimits(),
        )  # fmt: skip
        assert job is not None
        db.commit()
        return job.id


def _time(app: Flask, job_id: int) -> float:
    parts = app.extensions["rollcall"]
    began = time.perf_counter()
    with app.app_context():
        jobs.work_off(parts.sessions, parts.settings)
    seconds = time.perf_counter() - began
    with parts.sessions() as db:
        job = backlog.get(db, job_id)
        if job.state != JobState.DONE.value:
            raise RuntimeError(f"{job.kind}: {job.state}, {job.error}")
    return seconds


main()
