"""A worker that is killed at any moment leaves the old list or the new one, and another goes on."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import jobs
from app.config import ROOT, Settings
from app.core import backlog
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.database import make_engine, make_sessions
from app.models.records import JobState
from app.models.rosters import RosterChange, RosterImport, RosterLine, RosterProblem, StagedPart

KILLS = 20
"""Over both engines and both kinds of work."""

PEOPLE = 3_000
WORKERS = """
import os, sys
from app import config, jobs
from app.database import make_engine, make_sessions
settings = config.load()
for _ in sys.stdin:
    pid = os.fork()
    if not pid:
        os.dup2(2, 1)  # What it logs is not for who reads our answers.
        jobs.work_off(make_sessions(make_engine(settings.DATABASE_URL)), settings)
        os._exit(0)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("over", flush=True)
"""


def lines(version: int) -> bytes:
    """A list on which everybody's class tells which list it is."""
    return "".join(
        f"U{n},N{n},p{n}@x.example,Active,List {version},2026-03-02,L{n % 7}\n"
        for n in range(PEOPLE)
    ).encode()


class Workers:
    """Makes real worker processes, each of which has no database open when it begins."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.nursery = subprocess.Popen(
            [sys.executable, "-c", WORKERS],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def kill_after(self, seconds: float) -> None:
        """Let a worker begin, and kill it then."""
        pipes = self.nursery
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write("go\n")
        pipes.stdin.flush()
        worker = int(pipes.stdout.readline())
        time.sleep(seconds)
        # One that is done by now has not been waited for, or is gone.
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        assert pipes.stdout.readline() == "over\n"

    def close(self) -> None:
        """End it all."""
        self.nursery.communicate()


@pytest.fixture
def workers(environment: dict[str, str]) -> Iterator[Workers]:
    found = Workers(environment)
    yield found
    found.close()


@pytest.fixture
def sessions(environment: dict[str, str]) -> Iterator[Session]:
    """A session on the database of which no process of the tests has an application."""
    engine: Engine = make_engine(environment["DATABASE_URL"])
    with make_sessions(engine)() as session:
        yield session
    engine.dispose()


def work(db: Session, settings: Settings) -> float:
    """Do all there is, here; how many seconds it took."""
    began = time.monotonic()
    engine = db.get_bind()
    assert isinstance(engine, Engine)
    jobs.work_off(make_sessions(engine), settings)
    return time.monotonic() - began


def start_check(db: Session, version: int) -> int:
    found = imports.receive(
        db, io.BytesIO(lines(version)), file_name="x", mode="replace", encoding=None, by=None,
        origin=NOWHERE,
    )  # fmt: skip
    imports.start_check(db, found.id, mapping=None, encoding=None, mode="replace", by=None)
    db.commit()
    return found.id


def start_apply(db: Session, import_id: int) -> None:
    imports.start_apply(
        db, import_id, typed=None, force=True, two_person=False, by=None, origin=NOWHERE,
        limits=imports.HoldLimits(),
    )  # fmt: skip
    db.commit()


def versions(db: Session) -> dict[str, int]:
    """How many lines of which list are in force."""
    db.rollback()
    counted = select(RosterLine.class_name, func.count()).group_by(RosterLine.class_name)
    return dict(db.execute(counted).all())


def count(db: Session, table: type, import_id: int) -> int:
    rows = select(func.count()).select_from(table).where(table.import_id == import_id)
    return db.scalar(rows) or 0


def test_whenever_its_worker_is_killed_an_import_ends_whole(workers, sessions, settings):
    db = sessions
    chance = random.Random(7)
    first = start_check(db, 0)
    to_check = work(db, settings)
    assert imports.get(db, first).state == "checked"
    start_apply(db, first)
    to_apply = work(db, settings)
    assert versions(db) == {"List 0": PEOPLE}
    for version in range(1, 1 + KILLS // 4):
        import_id = start_check(db, version)
        workers.kill_after(chance.uniform(0, to_check * 3))
        was_checked = _look_at_check(db, import_id)
        if not was_checked:
            work(db, settings)
        assert _look_at_check(db, import_id)
        start_apply(db, import_id)
        workers.kill_after(chance.uniform(0, to_apply * 5))
        is_over = _look_at_apply(db, import_id, version)
        if not is_over:
            work(db, settings)
        assert _look_at_apply(db, import_id, version)
        assert imports.get(db, import_id).seconds is not None


def _look_at_check(db: Session, import_id: int) -> bool:
    """Whether the check is over: then all of it is there, and nothing of it before."""
    db.rollback()
    found = imports.get(db, import_id)
    job = backlog.get(db, found.job_id or 0)
    is_over = found.state in {"checked", "held"}
    assert is_over or found.state == "checking"
    assert (job.state == JobState.DONE.value) == is_over
    assert count(db, RosterChange, import_id) == (PEOPLE if is_over else 0)
    assert count(db, RosterProblem, import_id) == count(db, StagedPart, import_id) == 0
    return is_over


def _look_at_apply(db: Session, import_id: int, version: int) -> bool:
    """Whether the new list is in force, whole; else it is the old one, whole."""
    found, there = imports.get(db, import_id), versions(db)
    db.rollback()
    found = imports.get(db, import_id)
    job = backlog.get(db, found.job_id or 0)
    is_over = found.state == "applied"
    assert there == {f"List {version if is_over else version - 1}": PEOPLE}
    assert is_over or found.state == "applying"
    assert (job.state == JobState.DONE.value) == is_over
    assert imports.in_force(db) == (import_id if is_over else found.compared_with)
    assert isinstance(found, RosterImport)
    return is_over
