"""`GET /api/auth/user` beside an empty view of the same server, and what it asks the database."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app import config, create_app
from app.config import ROOT, Settings
from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import access_tokens
from app.core.entry.access_tokens import Audience, Issuer
from app.core.people import sessions
from app.core.people.sessions import Lifetimes, Seat
from app.database import make_engine, make_sessions
from app.models.people import Profile, User, UserLoRootId
from app.models.programs import Program, ProgramLoRootId
from scripts.benchmarks import databases
from scripts.benchmarks.api.waves import Caller
from scripts.benchmarks.figures import Chapter, Figure
from scripts.benchmarks.served import cpu_seconds
from tests.servers import Process, free_port
from tests.statements import statements

LEAST = 0.6
"""Of the throughput of an empty view."""

ROUNDS, QUICK = 60, 8
SECONDS = 0.25
"""Of a round; the views take turns, so that whoever else uses the machine slows all of them."""

PROGRAMS = 4
PATH = "/api/auth/user"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """What rounds of one view were: answers in a second, and seconds of CPU for one."""

    per_second: list[float]
    cpu: list[float]

    @property
    def middle(self) -> float:
        """Answers in a second, of the middle round."""
        return statistics.median(self.per_second)

    def says(self, name: str) -> str:
        """Both in words."""
        return f"{name}: {self.middle:.0f} a second, {statistics.median(self.cpu) * 1e6:.0f} µs"


def measure(folder: Path, *, quick: bool, kinds: Collection[str]) -> list[Chapter]:
    """Serve Rollcall on SQLite and compare; count the statements on every kind of database."""
    rounds = QUICK if quick else ROUNDS
    chapters, statements = [], []
    for kind in kinds:
        with databases.fresh(kind, folder / kind) as url:
            environment = _environment(folder, url)
            token = _sign_in(config.load(environment))
            if kind == "sqlite":
                chapters.append(_serve(folder, environment, token, rounds))
            statements.append(_count(kind, environment, token))
    return [*chapters, Chapter(f"GET {PATH}, in the database", statements, [])]


def _serve(folder: Path, environment: dict[str, str], token: str, rounds: int) -> Chapter:
    user, empty, bare = _compare(folder, environment, token, rounds)
    share = Figure(
        "throughput ÷ an empty view",
        statistics.median(
            one / other for one, other in zip(user.per_second, empty.per_second, strict=True)
        ),
        f"{user.middle:.0f} ÷ {empty.middle:.0f} a second",
        least=LEAST,
        samples=rounds,
        needed=ROUNDS,
    )
    remarks = [
        user.says(PATH),
        empty.says("an empty view of Rollcall"),
        bare.says("Flask with one empty view and nothing else"),
    ]
    return Chapter(f"GET {PATH}, one process, SQLite", [share], remarks)


def _environment(folder: Path, url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "PUBLIC_URL": "http://127.0.0.1",
        "DATA_DIR": str(folder / "data"),
        "FLASK_SECRET_KEY": "a secret of benchmarks, and in tests alone",
        "LOG_FILE": str(folder / "log"),
        "BCRYPT_LOG_ROUNDS": "4",
    }


def _sign_in(settings: Settings) -> str:
    """Put somebody and some programs into the database; a token of theirs."""
    with make_sessions(make_engine(settings.DATABASE_URL))() as db:
        ada = User(
            last_name="Bench", email="a@bench.example", address="a@bench.example",
            date_added=clock.now(), verified_at=clock.now(),
        )  # fmt: skip
        db.add(ada)
        db.flush()
        db.add(Profile(user_id=ada.id, full_name="Ada Bench", country="NL"))
        _open_programs(db, ada.id)
        opened = sessions.open_session(
            db, ada.id, method="api", remember=False, lifetimes=Lifetimes(DAY, DAY, DAY),
            origin=NOWHERE, seat=Seat(Audience.API.value, DAY),
        )  # fmt: skip
        issuer = Issuer(settings.PUBLIC_URL, [settings.FLASK_SECRET_KEY])
        token = access_tokens.issue(
            db, ada, opened.session_id, Audience.API, issuer=issuer, lifetime=DAY
        )
        db.commit()
    return token


def _open_programs(db: Session, user_id: int) -> None:
    db.add(UserLoRootId(user_id=user_id, lo_root_id="L1"))
    for number in range(PROGRAMS):
        opened_by = ProgramLoRootId(lo_root_id=f"L{number % 2 + 1}")
        db.add(
            Program(
                code=f"P{number}",
                name=f"Program {number}",
                content="",
                intro_message="",
                lo_root_ids=[opened_by],
            )
        )


def _compare(
    folder: Path, environment: dict[str, str], token: str, rounds: int
) -> tuple[Pace, Pace, Pace]:
    """The paces of our view, of an empty one beside it, and of Flask alone."""
    with ExitStack() as stack:
        port, pids = stack.enter_context(_serving(folder, "app", environment))
        bare_port, bare_pids = stack.enter_context(_serving(folder, "bare", environment))
        views = [
            (stack.enter_context(Caller(port, PATH, token)), pids, Pace([], [])),
            (stack.enter_context(Caller(port, "/empty")), pids, Pace([], [])),
            (stack.enter_context(Caller(bare_port, "/")), bare_pids, Pace([], [])),
        ]
        for caller, _, _ in views:
            caller.ask(SECONDS / 2)  # What is done once is done now.
        for _ in range(rounds):
            for caller, whose, pace in views:
                before = cpu_seconds(whose)
                number, per_second = caller.ask(SECONDS)
                pace.per_second.append(per_second)
                pace.cpu.append((cpu_seconds(whose) - before) / number)
    user, empty, bare = (pace for _, _, pace in views)
    return user, empty, bare


@contextmanager
def _serving(
    folder: Path, name: str, environment: dict[str, str]
) -> Iterator[tuple[int, list[int]]]:
    """Serve `site:name` as `scripts/run` would; its port, and its processes."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "scripts/deploy/gunicorn.conf.py"]
    command.append(f"scripts.benchmarks.api.site:{name}")
    options: dict[str, Any] = {
        "cwd": ROOT,
        "env": {**os.environ, **environment, "PORT": str(port)},
    }
    process = Process(command, folder / f"{name}.log", signal.SIGTERM, **options)
    try:
        process.wait_until(lambda: _answers(port))
        yield port, _children(process.started.pid)
    finally:
        process.stop()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _count(engine: str, environment: dict[str, str], token: str) -> Figure:
    """The statements of one request, once the key of its token is known."""
    app = create_app(config.load(environment))
    bind = app.extensions["rollcall"].engine
    with statements(bind) as said:
        for _ in range(2):
            said.clear()
            answer = app.test_client().get(
                PATH, headers={"Authorization": f"Bearer {token}", "Host": "127.0.0.1"}
            )
            assert answer.status_code == 200, answer.text
    bind.dispose()
    return Figure(f"statements of one request, {engine}", len(said), "", most=1)
