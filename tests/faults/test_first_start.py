"""The first start: many at once are one, and one that was killed half-way is taken up again."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from app import config, create_app
from app.config import ROOT
from app.database import make_engine
from app.models.programs import Program
from app.models.rosters import ListInForce, RosterImport, RosterLine
from tests import forks
from tests.forks import Fork

ORDER = [
    each.revision
    for each in ScriptDirectory(str(ROOT / "migrations")).walk_revisions("base", "heads")
][::-1]
LEGACY_HEAD, HEAD = "c1a4f9d72e10", ORDER[-1]
AT_ONCE = 4
KILLS = 3
"""Moments at which a first start is killed, one after the other, on the same database."""

LONGEST_START = 1.5
"""Seconds within which the moment of a kill is chosen."""


@pytest.fixture(params=["sqlite", "postgresql"])
def settings_of_nothing(request, ground, tmp_path, shared_apps) -> Iterator[dict[str, str]]:
    """The environment of an installation that was never started."""
    shared_apps.clear()  # The doctor is asked in this process, with an application of its own.
    environment = {"DATA_DIR": str(tmp_path / "data"), "PATH": os.environ["PATH"]}
    environment |= {"BCRYPT_LOG_ROUNDS": "4", "FLASK_APP": "wsgi.py"}
    if request.param == "sqlite":
        yield environment
        return
    name = f"first_start_{os.getpid()}_{tmp_path.name}".lower()[:60]
    # Maintainers write the address without the driver's name.
    address = ground["postgres"].replace("+psycopg", "")
    server = address.replace("DATABASE", "postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    yield environment | {"DATABASE_URL": address.replace("DATABASE", name)}
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def start(environment: dict[str, str]) -> Fork:
    """Start `flask rollcall prepare`."""
    return Fork("flask", "rollcall", "prepare", environment=environment)


def engine_of(environment: dict[str, str]) -> Engine:
    """An engine on the installation's database."""
    default = f"sqlite:///{environment['DATA_DIR']}/rollcall.db"
    return make_engine(environment.get("DATABASE_URL", default))


def found(environment: dict[str, str]) -> dict[str, int]:
    """How much of what a first start makes is there."""
    engine = engine_of(environment)
    with engine.connect() as connection:
        counts = {
            table.__tablename__: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (Program, RosterImport, RosterLine)
        }
        in_force = connection.scalar(select(func.count(ListInForce.import_id))) or 0
    engine.dispose()
    return counts | {"lists in force": in_force}


def assert_healthy(environment: dict[str, str]) -> None:
    """One list, three programs, one secret that only its owner reads, and a doctor who agrees."""
    counts = found(environment)
    assert counts.pop("roster_lines") > 5
    assert counts == {"chatbot_contents": 3, "roster_imports": 1, "lists in force": 1}
    folder = Path(environment["DATA_DIR"])
    secrets = sorted(path for path in folder.glob("*secret*") if path.name == "secret.key")
    assert len(secrets) == 1
    assert secrets[0].stat().st_mode & 0o777 == 0o600
    assert len(secrets[0].read_text()) >= 32
    app = create_app(config.load(environment))
    doctor = app.test_cli_runner().invoke(args=["rollcall", "doctor"])
    app.extensions["rollcall"].sessions.kw["bind"].dispose()
    assert doctor.exit_code == 0, doctor.output


def test_four_first_starts_at_once_make_one_list_three_programs_and_one_secret(
    settings_of_nothing,
):
    racing = [start(settings_of_nothing) for _ in range(AT_ONCE)]
    said = [each.end() for each in racing]
    assert [each.returncode for each in said] == [0] * AT_ONCE, said
    assert sum("sample list and programs are loaded" in each.stderr for each in said) == 1
    links = [re.search(r"/setup/admin/\S+", each.stdout) for each in said]
    assert all(links), "each prints the link that makes the first admin"
    assert_healthy(settings_of_nothing)
    doctor = forks.run("flask", "rollcall", "doctor", environment=settings_of_nothing)
    assert doctor.returncode == 0, doctor
    assert [path.name for path in Path(settings_of_nothing["DATA_DIR"]).glob("secret*")] == [
        "secret.key"
    ]


def revision_in(engine: Engine) -> str | None:
    """The revision that the database is at; None while nothing is there."""
    try:
        with engine.connect() as connection:
            return connection.scalar(text("SELECT version_num FROM alembic_version"))
    except (OperationalError, ProgrammingError):
        return None


@pytest.mark.parametrize("reached", [LEGACY_HEAD, HEAD])
def test_a_first_start_killed_once_a_revision_is_there_is_taken_up_again(
    settings_of_nothing, reached
):
    Path(settings_of_nothing["DATA_DIR"]).mkdir()
    engine = engine_of(settings_of_nothing)
    started = start(settings_of_nothing)
    at = None
    while at is None or ORDER.index(at) < ORDER.index(reached):
        assert not started.is_over(), "it was done before it could be killed"
        time.sleep(0.005)  # It needs the processor to get on.
        at = revision_in(engine)
    started.kill()
    engine.dispose()
    last = start(settings_of_nothing).end()
    assert last.returncode == 0, last
    assert_healthy(settings_of_nothing)


def test_a_first_start_killed_at_any_moments_is_taken_up_again(settings_of_nothing):
    moments = [random.uniform(0, LONGEST_START) for _ in range(KILLS)]
    for moment in moments:
        started = start(settings_of_nothing)
        time.sleep(moment)
        started.kill()
    last = start(settings_of_nothing).end()
    assert last.returncode == 0, f"killed after {moments} s\n{last}"
    assert_healthy(settings_of_nothing)


def test_a_first_start_in_production_loads_no_samples(settings_of_nothing):
    live = {
        "ROLLCALL_ENV": "production",
        "FLASK_SECRET_KEY": "fJ3kQ9xV2mZ7pT5wB8nC4rL6yH1dG0sA",
        "PUBLIC_URL": "https://learn.agency.example",
        "MAIL_SERVER": "smtp.agency.example",
        "BCRYPT_LOG_ROUNDS": "12",
    }
    # Python itself, as a maintainer calls it, once.
    started = subprocess.run(
        [sys.executable, "-m", "flask", "rollcall", "prepare"],
        check=False,
        cwd=ROOT,
        env=settings_of_nothing | live,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert started.returncode == 0, started.stdout + started.stderr
    assert "https://learn.agency.example/setup/admin/" in started.stdout
    assert set(found(settings_of_nothing).values()) == {0}
