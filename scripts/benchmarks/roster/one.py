"""One import as the worker does it, in a process of its own: seconds of each step, peak memory.

`one FILE` reads from the environment where the database is, as every command does.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from app import create_app, jobs
from app.core import backlog
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.core.roster.holding import HoldLimits
from app.models.records import JobState


def main() -> None:
    """Receive, check and apply the file; print what each took."""
    path = Path(sys.argv[1])
    app = create_app()
    parts = app.extensions["rollcall"]
    told: dict[str, float] = {}

    def work(job_id: int, name: str) -> None:
        began = time.perf_counter()
        with app.app_context():
            jobs.work_off(parts.sessions, parts.settings)
        told[name] = time.perf_counter() - began
        with parts.sessions() as db:
            job = backlog.get(db, job_id)
            if job.state != JobState.DONE.value:
                raise RuntimeError(f"{name}: {job.state}, {job.error}")

    with parts.sessions() as db:
        with path.open("rb") as stream:
            found = imports.receive(
                db, stream, file_name=path.name, mode="replace", encoding=None, by=None,
                origin=NOWHERE,
            )  # fmt: skip
        import_id = found.id
        job = imports.start_check(
            db, import_id, mapping=None, encoding=None, mode="replace", by=None
        )
        checking = job.id
        db.commit()
    work(checking, "check")
    with parts.sessions() as db:
        let_go = imports.start_apply(
            db, import_id, typed=None, force=True, two_person=False, by=None, origin=NOWHERE,
            limits=HoldLimits(),
        )  # fmt: skip
        assert let_go is not None
        applying = let_go.id
        db.commit()
    work(applying, "apply")
    told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told))


main()
