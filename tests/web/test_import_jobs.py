"""The jobs of imports: what became of each is said, and none is tried again for nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app import jobs
from app.core import backlog
from app.core.audit import NOWHERE
from app.core.backlog import JobKind
from app.core.roster import imports
from app.models.records import Job, JobState
from tests.web.test_admin_roster import apply, line, previewed, upload, work

CHANGED = "The list changed since this file was checked. Upload it again."
MOVED_ON = "Import {} does not wait for this job any more: see where it stands."


@pytest.fixture
def grace(people: Any) -> Any:
    """An owner, signed in."""
    return people.admin()


def number(preview: str) -> int:
    return int(preview.rpartition("/")[2])


def job_of(db: Session, preview: str) -> Job:
    db.rollback()
    return backlog.get(db, imports.get(db, number(preview)).job_id or 0)


def started(db: Session, preview: str) -> Job:
    """An apply that waits for the worker."""
    job = imports.start_apply(
        db, number(preview), typed=None, force=True, two_person=False, by=None, origin=NOWHERE,
        limits=imports.HoldLimits(),
    )  # fmt: skip
    db.commit()
    assert job is not None
    return job


def failed(grace: Any, db: Session) -> str:
    """The preview of an import whose apply failed, as another one came first."""
    first, second = (previewed(grace, line(ids=each)) for each in ("A1", "A2"))
    started(db, first)
    started(db, second)
    work(grace)
    return second


def ways(grace: Any, job: Job) -> tuple[list[str], list[str]]:
    """What can be done on the page of a job, and where it leads."""
    main = grace.page(grace.get(f"/admin/jobs/{job.id}")).main
    forms = [form["action"].rpartition("/")[2] for form in main.select("form")]
    return forms, [link["href"] for link in main.select("section a")]


def test_a_failed_apply_is_not_tried_again_but_by_its_import(grace, db):
    preview = failed(grace, db)
    job = job_of(db, preview)
    assert (job.state, job.error) == ("failed", CHANGED)
    assert ways(grace, job) == ([], [preview])
    answer = grace.submit(f"/admin/jobs/{job.id}", to=f"/admin/jobs/{job.id}/retry")
    assert answer.status_code == 409
    assert MOVED_ON.format(number(preview)) in answer.text
    words = ["rollcall", "jobs", "retry", str(job.id), "--json"]
    command = grace.app.test_cli_runner().invoke(args=words)
    assert (command.exit_code, json.loads(command.stdout)["code"]) == (1, "import_settled")
    assert job_of(db, preview).state == "failed"
    # The way on: it is checked once more, and applied by a job of its own.
    assert grace.submit(preview, to=f"{preview}/check").status_code == 303
    work(grace)
    assert apply(grace, preview, typed="1").status_code == 303
    assert imports.get(db, number(preview)).state == "applied"
    assert ways(grace, job) == ([], [preview])


def test_a_job_that_finds_its_import_moved_on_fails_and_says_so(grace, db):
    preview = failed(grace, db)
    old = job_of(db, preview)
    assert backlog.try_again(db, old.id)  # As two at once would, past each other's look.
    db.commit()
    put_aside = previewed(grace, line(ids="A3"))
    waits = started(db, put_aside)
    db.execute(update(Job).where(Job.id == waits.id).values(state="failed"))
    other = backlog.add(db, JobKind.ROSTER_APPLY, by=None, import_id=number(put_aside))
    check = backlog.add(db, JobKind.ROSTER_CHECK, by=None, import_id=number(put_aside))
    db.commit()
    work(grace)
    db.rollback()
    assert (backlog.get(db, old.id).state, backlog.get(db, old.id).error) == ("failed", CHANGED)
    for each in (other, check):
        found = backlog.get(db, each.id)
        assert (found.state, found.error) == ("failed", MOVED_ON.format(number(put_aside)))
    assert imports.get(db, number(put_aside)).state == "applying"
    # The job for which it waits is tried again, and does it.
    assert ways(grace, waits) == (["retry"], [])
    grace.submit(f"/admin/jobs/{waits.id}", to=f"/admin/jobs/{waits.id}/retry")
    work(grace)
    db.rollback()
    assert backlog.get(db, waits.id).state == "done"
    assert imports.get(db, number(put_aside)).state == "applied"


def test_a_worker_that_died_before_its_job_could_say_why_leaves_that_to_the_next(grace, db):
    preview = failed(grace, db)
    job = job_of(db, preview)
    dead = {"state": JobState.RUNNING.value, "error": None, "finished_at": None, "worker": "gone"}
    db.execute(update(Job).where(Job.id == job.id).values(claimed_until=job.created_at, **dead))
    db.commit()
    work(grace)
    said = job_of(db, preview)
    assert (said.state, said.error, said.attempts) == ("failed", CHANGED, 2)


def test_a_check_that_was_stopped_waits_on_the_page_of_its_import(grace, db):
    columns = upload(grace, line()).location
    import_id = int(columns.rpartition("/")[0].rpartition("/")[2])
    job = imports.start_check(db, import_id, mapping=None, encoding=None, mode="replace", by=None)
    db.commit()
    grace.submit(f"/admin/jobs/{job.id}", to=f"/admin/jobs/{job.id}/stop")
    assert ways(grace, job) == (["retry"], [])  # The import still waits for it.
    grace.submit(f"/admin/jobs/{job.id}", to=f"/admin/jobs/{job.id}/retry")
    parts = grace.app.extensions["rollcall"]
    with grace.app.app_context():
        assert jobs.work_off(parts.sessions, parts.settings) == 1
    db.rollback()
    assert (backlog.get(db, job.id).state, imports.get(db, import_id).state) == ("done", "checked")
