"""`scripts/add_password_columns.py`: by hand, on either engine, as often as one likes."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from app.config import ROOT
from scripts import password_columns
from tests.legacy.conftest import make_database, postgres_url, run, shape, upgrade
from tests.legacy.variants import build, contents
from tests.servers import free_port

__all__ = ["make_database", "postgres_url"]

SCRIPT = ROOT / "scripts" / "add_password_columns.py"
FIRST = "CREATE TABLE users (id INTEGER PRIMARY KEY, last_name VARCHAR NOT NULL)"
ROWS = "INSERT INTO users (id, last_name) VALUES (1, 'Lovelace'), (2, 'O''Brien, \"B\"')"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, make_database) -> str:
    """The address of a database without a table."""
    return make_database(request.param)


def call(*words, folder, url=None):
    """Do what the script does, as if it were called from `folder`, but in this process."""
    said, complained = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as here,
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        here.chdir(folder)
        if url:
            here.setenv("DATABASE_URL", url)
        else:
            here.delenv("DATABASE_URL", raising=False)
        try:
            status = password_columns.main([*words])
        except SystemExit as ended:
            status = ended.code
    return subprocess.CompletedProcess(words, status, said.getvalue(), complained.getvalue())


def start(*words, folder, url=None, script=SCRIPT):
    """Start the script from `folder` with DATABASE_URL alone in the environment."""
    environment = {"PATH": os.environ["PATH"]} | ({"DATABASE_URL": url} if url else {})
    return subprocess.run(
        [sys.executable, script, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def legacy_address(url):
    """As a legacy `.env` spells it."""
    return url.replace("postgresql+psycopg://", "postgres://")


def columns(url):
    return set(contents(url)["users"][0])


def test_case_2_the_script_run_twice_leaves_the_same_schema(url, tmp_path):
    build("V1", url)
    before = contents(url)
    first = start(url=legacy_address(url), folder=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert "ADD COLUMN password_hash VARCHAR(255)" in first.stdout
    assert "flask rollcall adopt" in first.stdout
    made = shape(url)
    second = start(url=legacy_address(url), folder=tmp_path)
    assert (second.returncode, second.stderr) == (0, "")
    assert "nothing to do" in second.stdout
    assert shape(url) == made
    for was, now in zip(before["users"], contents(url)["users"], strict=True):
        assert now == {**was, "password_hash": None}
    upgrade(url)


def test_email_is_added_beside_rows_that_have_none(url, tmp_path):
    run(url, FIRST, ROWS)
    assert call(url=url, folder=tmp_path).returncode == 0
    rows = contents(url)["users"]
    assert [(each["email"], each["visit_count"]) for each in rows] == [(None, 0), (None, 0)]
    run(url, "UPDATE users SET email = 'x@x.example' WHERE id = 1")
    with pytest.raises(Exception, match=r"(?i)unique"):
        run(url, "UPDATE users SET email = 'x@x.example' WHERE id = 2")


def test_only_what_is_missing_is_added(url, tmp_path):
    run(url, "CREATE TABLE users (id INTEGER, visit_count INTEGER, email TEXT NOT NULL)")
    done = call("--json", url=url, folder=tmp_path)
    outcome = json.loads(done.stdout)
    assert (done.returncode, outcome["state"]) == (0, "done")
    assert outcome["missing"] == ["password_hash"]
    assert (outcome["rows"], outcome["error"]) == (0, None)


def test_a_dry_run_prints_the_plan_and_changes_nothing(url, tmp_path):
    build("V1", url)
    before = shape(url), contents(url)
    done = start("--dry-run", "--backup", "copy", url=url, folder=tmp_path)
    assert done.returncode == 0
    assert "ADD COLUMN password_hash" in done.stdout
    assert "nothing was changed" in done.stdout
    assert (shape(url), contents(url)) == before
    assert list(tmp_path.iterdir()) == []


def test_a_backup_holds_every_row_and_says_how_it_comes_back(url, tmp_path):
    run(url, FIRST, ROWS)
    done = call("--backup", "copy", url=url, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "To restore it:" in done.stdout
    copy = tmp_path / "copy"
    assert copy.stat().st_mode & 0o777 == 0o600
    if url.startswith("sqlite"):
        with sqlite3.connect(copy) as opened:
            rows = opened.execute("SELECT * FROM users").fetchall()
        opened.close()
    else:
        rows = list(csv.reader(io.StringIO(copy.read_text())))
        assert rows.pop(0) == ["id", "last_name"]
    assert [str(each) for row in rows for each in row] == ["1", "Lovelace", "2", 'O\'Brien, "B"']


def test_a_backup_overwrites_nothing(url, tmp_path):
    build("V1", url)
    before = shape(url)
    (tmp_path / "copy").write_text("mine")
    done = call("--backup", "copy", url=url, folder=tmp_path)
    assert done.returncode == 2
    assert "copy" in done.stderr
    assert (tmp_path / "copy").read_text() == "mine"
    assert shape(url) == before


def test_a_failure_in_the_middle_changes_nothing(url, tmp_path):
    # An index of that name elsewhere: the third statement fails after two columns were added.
    run(
        url,
        FIRST,
        ROWS,
        "CREATE TABLE other (a INTEGER)",
        "CREATE INDEX ix_users_email ON other (a)",
    )
    before = shape(url), contents(url)
    done = call("--json", url=url, folder=tmp_path)
    assert done.returncode == 1
    assert "ix_users_email" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["state"] == "failed"
    assert (shape(url), contents(url)) == before


def test_without_a_table_of_users_it_fails_and_makes_none(url, tmp_path):
    run(url, "CREATE TABLE other (a INTEGER)")
    done = call(url=url, folder=tmp_path)
    assert done.returncode == 1
    assert "no table users" in done.stderr
    assert list(contents(url)) == ["other"]


@pytest.mark.parametrize("words", [["--what"], ["extra"], ["--backup"]])
def test_wrong_words_are_wrong_usage(tmp_path, words):
    done = call(*words, url=f"sqlite:///{tmp_path}/a.db", folder=tmp_path)
    assert done.returncode == 2
    assert "usage:" in done.stderr


@pytest.mark.parametrize("address", [None, "nonsense", "mysql://x/y", "sqlite://"])
def test_no_database_that_it_can_use_is_wrong_usage(tmp_path, address):
    done = call(url=address, folder=tmp_path)
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr


def test_a_database_that_cannot_be_reached_is_a_failure(tmp_path):
    address = f"postgres://somebody:secret@127.0.0.1:{free_port()}/legacy"
    done = call(url=address, folder=tmp_path)
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    done = call(url="sqlite:///nowhere.db", folder=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    (tmp_path / "text.db").write_text("no database at all, but text that is long enough " * 30)
    done = call(url="sqlite:///text.db", folder=tmp_path)
    assert done.returncode == 1
    assert "not a database" in done.stderr


def test_the_legacy_env_file_is_enough(tmp_path):
    build("V1", f"sqlite:///{tmp_path}/legacy.db")
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///legacy.db\nAUTH_USERNAME=admin\n")
    assert start(folder=tmp_path).returncode == 0
    assert "password_hash" in columns(f"sqlite:///{tmp_path}/legacy.db")


def test_the_env_file_of_the_project_is_found_from_any_folder(tmp_path):
    project = tmp_path / "project"
    (project / "scripts").mkdir(parents=True)
    for name in ("add_password_columns.py", "password_columns.py", "environment.py"):
        shutil.copy(ROOT / "scripts" / name, project / "scripts" / name)
    build("V1", f"sqlite:///{project}/legacy.db")
    (project / ".env").write_text("DATABASE_URL=sqlite:///legacy.db\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    script = Path("..", "project", "scripts", "add_password_columns.py")
    assert start(folder=elsewhere, script=script).returncode == 0
    assert "password_hash" in columns(f"sqlite:///{project}/legacy.db")


def test_the_script_can_be_started_by_its_name():
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.read_text().startswith("#!/usr/bin/env python3\n")
