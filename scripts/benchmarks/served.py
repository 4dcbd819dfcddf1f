"""Rollcall served as `scripts/run` serves it, with people in it, for the time of a benchmark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app import config, hashing
from app.config import SETTINGS, Settings
from app.core import clock
from app.core.audit import NOWHERE
from app.core.roster import entitlements, imports
from app.database import make_engine, make_sessions
from app.models.people import Status, User
from app.models.programs import ProgramLoRootId
from tests.servers import Program, start_postgres

OWN = "a server of this run's own"
PASSWORD = "three green kettles"  # noqa: S105 - of invented people
TICKS = os.sysconf("SC_CLK_TCK")


class Served:
    """A running Rollcall, its settings, and the processes that it is made of."""

    def __init__(self, program: Program, settings: Settings) -> None:
        self.port = program.port
        self.settings = settings
        family = list(_family(program.process.started.pid))
        self.web = [pid for pid in family if b"gunicorn" in _command(pid)]
        self.worker = [pid for pid in family if _command(pid).endswith(b"\0worker\0")]
        self.sessions = make_sessions(make_engine(settings.DATABASE_URL))
        self._hash = hashing.hash_password(PASSWORD, rounds=settings.BCRYPT_LOG_ROUNDS)

    def put_in(self, groups: dict[str, tuple[int, dict[str, str | None]]]) -> dict[str, list[str]]:
        """Put people on the list and give them accounts; the addresses of each group.

        A group is how many, and what sets their rows apart. All have one password and one hash:
        verifying takes as long whoever's it is, and thousands of hashes would take minutes.
        """
        made = {
            group: [f"{group}.{number:04}@bench.example" for number in range(count)]
            for group, (count, _) in groups.items()
        }
        with self.sessions() as db:
            self._list(db, [email for emails in made.values() for email in emails])
            for group, emails in made.items():
                _open_accounts(db, emails, {"password_hash": self._hash, **groups[group][1]})
            entitlements.follow_list(db, User.email.endswith("@bench.example"))
            db.commit()
        return made

    def _list(self, db: Session, emails: list[str]) -> None:
        opens = db.scalar(select(ProgramLoRootId.lo_root_id).limit(1))
        lines = [f"B1,Bench,{email},Active,A class,2026-03-02,{opens}" for email in emails]
        checked = imports.check(
            db,
            BytesIO("\n".join(lines).encode()),
            file_name="bench.csv",
            encoding=None,
            by=None,
            origin=NOWHERE,
        )
        imports.apply(db, checked.id, by=None, origin=NOWHERE)


@contextmanager
def served(*, cost: int, database: str | None = None) -> Iterator[Served]:
    """Start Rollcall with the defaults of its settings and end it afterwards.

    `cost` is bcrypt's. `database` is the URL of an empty PostgreSQL database, `OWN` for a server
    that lives as long as Rollcall does, or None for SQLite.
    """
    with TemporaryDirectory(prefix="rollcall-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user than root.
        own = start_postgres(folder / "postgres") if database == OWN else None
        try:
            if own is not None:
                own.create("bench")
            # What is set to nothing is neither in this environment nor taken from a file `.env`.
            environment = {each.name: "" for each in SETTINGS} | {
                "DATA_DIR": str(folder / "data"),
                "BCRYPT_LOG_ROUNDS": str(cost),
                "DATABASE_URL": own.url("bench") if own is not None else database or "",
            }
            del environment["PORT"]
            with Program(folder / "data", **environment) as program:
                yield Served(program, config.load(environment | {"PORT": str(program.port)}))
        finally:
            if own is not None:
                own.stop()


def cpu_seconds(pids: list[int]) -> float:
    """Seconds of CPU, in user mode and in the kernel, that these processes took until now."""
    fields = [_stat(pid) for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


def _open_accounts(db: Session, emails: list[str], columns: dict[str, str | None]) -> None:
    common = {
        "last_name": "Bench",
        "status": Status.ACTIVE.value,
        "date_added": clock.now(),
        "verified_at": clock.now(),
        "visit_count": 0,
    }
    db.execute(
        insert(User), [{"email": each, "address": each, **common, **columns} for each in emails]
    )


def _family(pid: int) -> Iterator[int]:
    """The processes below `pid`."""
    for path in Path("/proc").glob("[0-9]*"):
        child = int(path.name)
        try:
            parent = int(_stat(child)[1])
        except OSError:
            continue  # It ended while we looked.
        if parent == pid:
            yield child
            yield from _family(child)


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name of the program, which may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
