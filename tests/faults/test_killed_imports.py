"""Whatever is killed at any moment of an import, the list is the old one or the new one, whole.

A worker that is killed has another one go on with its job; the web server takes no part in it.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPException
from http.cookiejar import CookieJar
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from app import jobs
from app.config import ROOT, Settings
from app.core import backlog, clock
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.database import make_engine, make_sessions
from app.models.records import Job, JobState
from app.models.rosters import RosterChange, RosterImport, RosterLine, RosterProblem, StagedPart
from tests.conftest import PASSWORD
from tests.servers import Process, free_port

KILLS = 10
"""Workers that are killed while they apply an import, on each engine."""

AT_ONE = 2
"""Of those, how many at the same import: a job is taken up `backlog.MOST_TRIES` times."""

BEGINS_WITHIN = 60
"""Seconds."""

PEOPLE = 3_000
WORKERS = """
import os, sys
from app import config, jobs
from app.core.roster import imports
from app.database import make_engine, make_sessions
settings = config.load()
# Only imported, its library of tables has begun nothing that a fork would cut off.
imports.check_in_background, imports.apply_in_background
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

    def begin(self) -> None:
        """Let a worker begin."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write("go\n")
        self.nursery.stdin.flush()
        self.worker = int(self.nursery.stdout.readline())

    def kill(self) -> None:
        """Kill the worker that began last, and wait until it is gone."""
        # One that is done by now has not been waited for, or is gone.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.worker, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        """Wait until the worker that began last has ended."""
        assert self.nursery.stdout is not None
        assert self.nursery.stdout.readline() == "over\n"

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


def wait_for_apply(db: Session, import_id: int) -> None:
    """Wait until a worker has taken the job of an import up, and is at work on the list."""
    deadline = time.monotonic() + BEGINS_WITHIN
    job_id = imports.get(db, import_id).job_id
    # With its first word it keeps the job for longer than it did when it claimed it.
    at_work = select(Job.id).where(
        Job.id == job_id,
        Job.state == JobState.RUNNING.value,
        Job.claimed_until > clock.now() + 2 * backlog.CLAIM,
    )
    while True:
        db.rollback()
        if db.scalar(at_work) or imports.get(db, import_id).state == "applied":
            return
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_whenever_its_worker_is_killed_an_import_ends_whole(workers, sessions, settings):
    db = sessions
    chance = random.Random(7)
    to_check = to_apply = 0.5
    kills, version = 0, 0
    while kills < KILLS:
        import_id = start_check(db, version)
        workers.begin()
        time.sleep(chance.uniform(0, to_check * 3))
        workers.kill()
        if not _look_at_check(db, import_id):
            to_check = work(db, settings)
        assert _look_at_check(db, import_id)
        start_apply(db, import_id)
        is_over = False
        for _ in range(min(AT_ONE, KILLS - kills)):
            workers.begin()
            wait_for_apply(db, import_id)
            time.sleep(chance.uniform(0, to_apply * 2.5))
            workers.kill()
            if is_over := _look_at_apply(db, import_id, version):
                break
            kills += 1
        if not is_over:
            work(db, settings)
        assert _look_at_apply(db, import_id, version)
        to_apply = imports.get(db, import_id).seconds or 0
        version += 1
        assert version < 3 * KILLS, "The moments are not those of applying."


def _look_at_check(db: Session, import_id: int) -> bool:
    """Whether the check is over: then all of it is there, and nothing of it before."""
    db.rollback()
    found = imports.get(db, import_id)
    job = backlog.get(db, found.job_id or 0)
    is_over = found.state in {"checked", "held"}
    assert is_over or found.state == "checking"
    assert (job.state == JobState.DONE.value) == is_over
    assert count(db, RosterChange, import_id) == (PEOPLE if is_over else 0)
    # Of the first list everybody is new, and waits packed.
    assert count(db, StagedPart, import_id) == int(is_over and found.compared_with is None)
    assert count(db, RosterProblem, import_id) == 0
    return is_over


def _look_at_apply(db: Session, import_id: int, version: int) -> bool:
    """Whether the new list is in force, whole; else it is the old one, whole."""
    found, there = imports.get(db, import_id), versions(db)
    db.rollback()
    found = imports.get(db, import_id)
    job = backlog.get(db, found.job_id or 0)
    is_over = found.state == "applied"
    in_force = version if is_over else version - 1
    assert there == ({f"List {in_force}": PEOPLE} if in_force >= 0 else {})
    assert is_over or found.state == "applying"
    assert (job.state == JobState.DONE.value) == is_over
    assert imports.in_force(db) == (import_id if is_over else found.compared_with)
    assert isinstance(found, RosterImport)
    return is_over


class Web:
    """The web server as `scripts/run` starts it, and an owner in a browser."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self.browser = build_opener(HTTPCookieProcessor(CookieJar()))
        command = [sys.executable, "-m", "gunicorn", "-c", "scripts/deploy/gunicorn.conf.py"]
        own = {"PATH": os.environ["PATH"], "PORT": str(port), "WEB_THREADS": "4"}
        self.process = Process(
            [*command, "wsgi:app"], folder / f"web-{port}.log", signal.SIGTERM,
            cwd=ROOT, env=environment | own,
        )  # fmt: skip
        self.process.wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.open("/healthz"))
        except OSError:
            return False

    def open(self, path: str, **fields: str) -> str:
        """Open a page, or send `fields` to it with its CSRF token."""
        if fields:
            token = re.search(r'name="csrf-token" content="([^"]+)"', self.open("/"))
            assert token
            fields["csrf_token"] = token[1]
        data = urlencode(fields).encode() if fields else None
        with self.browser.open(self.url + path, data, timeout=10) as answer:
            page: str = answer.read().decode()
            return page

    def keep_asking(self, path: str) -> Thread:
        """Have a thread open a page again and again, until nobody answers."""

        def ask() -> None:
            with contextlib.suppress(OSError, HTTPException):
                while True:
                    self.open(path)

        thread = Thread(target=ask)
        thread.start()
        return thread

    def kill(self) -> None:
        """Kill every process of it; doing so twice does nothing."""
        if self.process.started.poll() is None:
            os.killpg(self.process.started.pid, signal.SIGKILL)
        self.process.stop()


@pytest.fixture
def web(environment: dict[str, str], tmp_path: Path) -> Iterator[Web]:
    started = Web(tmp_path, environment)
    yield started
    started.kill()


def test_a_web_server_that_is_killed_leaves_the_list_to_the_worker(
    workers, web, people, db, settings
):
    people.admin()
    for version in range(2):
        import_id = start_check(db, version)
        work(db, settings)
        if not version:
            start_apply(db, import_id)
            work(db, settings)
    seconds = imports.get(db, imports.in_force(db) or 0).seconds or 0
    db.rollback()
    web.open("/login", email="grace@agency.example", password=PASSWORD)
    preview = f"/admin/roster/{import_id}"
    assert "Nothing has changed yet" in web.open(preview)
    web.open(f"{preview}/apply", typed=str(PEOPLE))
    workers.begin()
    wait_for_apply(db, import_id)
    asking = web.keep_asking(preview)
    time.sleep(random.Random(11).uniform(0, seconds))
    web.kill()
    asking.join()
    _look_at_apply(db, import_id, 1)
    workers.end()
    assert _look_at_apply(db, import_id, 1)
