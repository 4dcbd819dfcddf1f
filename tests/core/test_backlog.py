"""The backlog: one worker has a job, the next takes up what one left, and every end is written."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Barrier, Event, Thread

import pytest
import time_machine
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from app import jobs
from app.core import audit, backlog, workers
from app.core.audit import NOWHERE
from app.core.errors import NotFound
from app.jobs import working
from app.models.records import AuditEntry, Job, JobState
from tests import forks

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Kind(StrEnum):
    """A kind of work of these tests alone."""

    COUNT = "count"


@pytest.fixture
def work_off(app):
    """Does all that waits, as the worker does; how many were taken up."""
    parts = app.extensions["rollcall"]

    def run():
        with app.app_context():
            return jobs.work_off(parts.sessions, parts.settings)

    return run


@pytest.fixture
def work(monkeypatch):
    """Says what the work of these tests is."""
    return lambda function: monkeypatch.setitem(working.WORK, Kind.COUNT, function)


@pytest.fixture
def add(db):
    """Puts a job into the backlog; its id."""

    def put(**facts):
        job = backlog.add(db, Kind.COUNT, by=None, **facts)
        db.commit()
        return job.id

    return put


def look(db, job_id):
    db.rollback()
    return backlog.get(db, job_id)


def lose(db, job_id):
    """Let the claim run out, and another worker have the job."""
    db.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(worker="elsewhere:1:1", attempts=Job.attempts + 1)
    )
    db.commit()


def test_a_job_is_done_and_what_came_of_it_joins_its_facts(db, add, work, work_off):
    def count(db, job, _settings):
        backlog.report(db, job, done=1, total=2, note="counting")
        assert look(db, job.id).done == 1
        return {"found": job.facts["many"] * 2}

    work(count)
    first, second = add(many=3), add(many=4)
    assert work_off() == 2
    job = look(db, first)
    assert (job.state, job.facts) == ("done", {"many": 3, "found": 6})
    assert (job.done, job.total, job.note, job.attempts) == (1, 2, "counting", 1)
    assert job.finished_at
    assert not job.claimed_until
    assert look(db, second).facts["found"] == 8
    assert work_off() == 0


def test_of_many_workers_at_once_one_has_the_job(app, db, add):
    make = app.extensions["rollcall"].sessions
    for _round in range(5):
        add()
        barrier = Barrier(8)

        def claim(_number, barrier=barrier):
            with make() as own:
                barrier.wait(20)
                job = backlog.claim(own)
                own.commit()
                return job

        with ThreadPoolExecutor(8) as pool:
            found = [job for job in pool.map(claim, range(8)) if job]
        assert len(found) == 1
        db.rollback()
        backlog.end(db, found[0], JobState.DONE)
        db.commit()


def test_a_job_is_not_taken_up_while_its_worker_may_live_and_is_afterwards(db, add):
    with time_machine.travel(START, tick=False) as clock:
        job_id = add()
        first = backlog.claim(db)
        db.commit()
        clock.shift(backlog.CLAIM - timedelta(seconds=1))
        assert backlog.claim(db) is None
        backlog.report(db, first, done=1)
        clock.shift(backlog.CLAIM - timedelta(seconds=1))
        assert backlog.claim(db) is None
        clock.shift(timedelta(seconds=1))
        second = backlog.claim(db)
        db.commit()
        assert (second.id, second.attempts) == (job_id, 2)


def test_a_job_of_a_worker_that_died_is_taken_up_at_once(db, add, work, work_off):
    code = "from app.core import workers; print(workers.me())"
    dead = forks.run("python", code, environment={}).stdout.strip()
    job_id, other = add(), add()
    for each in (job_id, other):
        backlog.claim(db)
        name = dead if each == job_id else dead.replace(dead.split(":")[0], "another-machine")
        db.execute(update(Job).where(Job.id == each).values(worker=name))
    db.commit()
    assert not workers.may_live(dead)
    assert workers.may_live(workers.me())
    work(lambda _db, _job, _settings: None)
    assert work_off() == 1
    assert look(db, job_id).state == "done"
    assert look(db, other).state == "running"


def test_who_was_overtaken_changes_nothing_more(db, add, work, work_off):
    def slow(db, job, _settings):
        lose(db, job.id)
        audit.record(db, audit.Event.CHAT_CLEARED, NOWHERE)
        backlog.report(db, job, done=5)

    def late(db, job, _settings):
        lose(db, job.id)
        audit.record(db, audit.Event.CHAT_CLEARED, NOWHERE)

    def broken(db, job, _settings):
        lose(db, job.id)
        raise RuntimeError

    for function in (slow, late, broken):
        work(function)
        job_id = add()
        assert work_off() == 1
        job = look(db, job_id)
        assert (job.state, job.worker, job.attempts) == ("running", "elsewhere:1:1", 2), function
        assert (job.done, job.error) == (0, None)
    assert db.scalar(select(func.count()).select_from(AuditEntry)) == 0


def test_a_job_that_runs_is_stopped_where_it_can_and_keeps_what_it_did(db, add, work, work_off):
    begun, asked = Event(), Event()

    def count(db, job, _settings):
        for done in range(1, 100):
            audit.record(db, audit.Event.CHAT_CLEARED, NOWHERE)
            backlog.report(db, job, done=done, total=100)
            begun.set()
            asked.wait(20)

    work(count)
    job_id = add()
    worker = Thread(target=work_off)
    worker.start()
    assert begun.wait(20)
    assert backlog.ask_to_stop(db, job_id)
    db.commit()
    asked.set()
    worker.join(20)
    job = look(db, job_id)
    assert job.state == "stopped"
    assert 1 <= job.done < 99
    # The one beside what it did says how far it came.
    assert db.scalar(select(func.count()).select_from(AuditEntry)) == job.done + 1
    cut = select(AuditEntry.details).where(AuditEntry.event == "job:cut_off")
    assert db.scalars(cut).one()["done"] == job.done
    assert not backlog.ask_to_stop(db, job_id)


def test_a_job_that_waits_is_stopped_at_once_and_can_be_tried_again(db, add, work, work_off):
    work(lambda _db, _job, _settings: None)
    job_id = add()
    assert backlog.ask_to_stop(db, job_id)
    db.commit()
    assert work_off() == 0
    assert look(db, job_id).state == "stopped"
    assert look(db, job_id).finished_at
    assert backlog.try_again(db, job_id)
    assert not backlog.try_again(db, job_id)
    db.commit()
    assert work_off() == 1
    assert look(db, job_id).state == "done"
    assert not backlog.try_again(db, job_id)


def test_who_was_asked_to_stop_and_died_is_not_begun_again(db, add, work, work_off):
    work(lambda _db, _job, _settings: pytest.fail("begun"))
    job_id = add()
    backlog.claim(db)
    db.execute(update(Job).values(claimed_until=START))
    assert backlog.ask_to_stop(db, job_id)
    db.commit()
    assert work_off() == 1
    assert look(db, job_id).state == "stopped"


def test_a_failure_is_written_and_the_next_job_goes_on(db, add, work, work_off):
    def count(db, job, _settings):
        if job.facts["how"] == "refused":
            audit.record(db, audit.Event.CHAT_CLEARED, NOWHERE)
            raise NotFound
        if job.facts["how"] == "broken":
            raise KeyError("a secret")

    work(count)
    refused, broken, fine = add(how="refused"), add(how="broken"), add(how="fine")
    unknown = backlog.add(db, Kind.COUNT, by=None, how="fine")
    unknown.kind = "of a newer version"
    db.commit()
    assert work_off() == 4
    assert look(db, refused).error == NotFound().message
    assert look(db, refused).facts["refusal"] == "not_found"
    assert (look(db, broken).state, look(db, broken).error) == ("failed", "KeyError")
    assert look(db, unknown.id).state == "failed"
    assert look(db, fine).state == "done"
    entries = list(db.scalars(select(AuditEntry).order_by(AuditEntry.id)))
    assert {each.event for each in entries} == {"job:cut_off"}
    assert [each.details["job"] for each in entries] == [refused, broken, unknown.id]


def test_a_job_rests_after_a_failure_that_may_pass_and_fails_after_three(db, add, work, work_off):
    tries = []

    def away(_db, job, _settings):
        tries.append(job.attempts)
        raise OperationalError("SELECT", None, TimeoutError())

    work(away)
    with time_machine.travel(START, tick=False) as clock:
        job_id = add()
        assert work_off() == 1
        job = look(db, job_id)
        assert (job.state, job.claimed_until) == ("queued", START + backlog.PUT_OFF)
        assert "TimeoutError" in job.error
        assert work_off() == 0
        for _ in range(5):
            clock.shift(backlog.PUT_OFF * 4)
            work_off()
    assert tries == [1, 2, 3]
    assert look(db, job_id).state == "failed"
    assert "not to be had" in look(db, job_id).error


def test_a_job_that_ends_its_worker_three_times_fails(db, add, work, work_off):
    work(lambda _db, _job, _settings: pytest.fail("begun a fourth time"))
    job_id = add()
    for _ in range(backlog.MOST_TRIES):
        assert backlog.claim(db).id == job_id
        db.execute(update(Job).values(claimed_until=START))
        db.commit()
    assert work_off() == 1
    job = look(db, job_id)
    assert (job.state, job.error) == ("failed", "Its worker ended each time it was tried.")


def test_the_newest_jobs_are_listed_by_state_and_page(db, add):
    ids = [add() for _ in range(5)]
    backlog.ask_to_stop(db, ids[2])
    db.commit()
    assert [job.id for job in backlog.latest(db, limit=2)] == [ids[4], ids[3]]
    assert [job.id for job in backlog.latest(db, before=ids[3], limit=9)] == ids[2::-1]
    assert [job.id for job in backlog.latest(db, states=[JobState.STOPPED])] == [ids[2]]
    with pytest.raises(NotFound):
        backlog.get(db, 999)
