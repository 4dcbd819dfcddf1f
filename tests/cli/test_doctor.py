"""`flask rollcall doctor` and `scripts/test_auth_system.py`: what they check, and no trace."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app import config, create_app
from app.config import ROOT
from app.core import clock, outbox
from app.core.outbox import Kind
from app.database import Base
from app.models.people import User
from app.models.records import OutgoingMessage
from tests.servers import free_port

SCRIPT = ROOT / "scripts" / "test_auth_system.py"
NAMES = [
    "settings", "secret", "hosts and proxies", "database", "schema", "people", "worker",
    "password hashes", "links", "mail", "whatsapp", "disk", "operator",
]  # fmt: skip
whichever_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what has nothing to do with the kind of database."""


def look(app: Flask, *options: str) -> Any:
    return app.test_cli_runner().invoke(args=["rollcall", "doctor", *options])


def checks(app: Flask, code: int) -> dict[str, dict[str, Any]]:
    """The checks by name; fails unless the doctor ends with `code`."""
    result = look(app, "--json")
    assert result.exit_code == code, result.output
    told = json.loads(result.stdout)
    assert told["fine"] is (code == 0)
    return {check["name"]: check for check in told["checks"]}


def wrong(app: Flask) -> dict[str, str]:
    """The remedies of what is wrong, by name."""
    found = checks(app, 1)
    assert all(check["remedy"] for check in found.values() if not check["fine"])
    return {name: check["remedy"] for name, check in found.items() if not check["fine"]}


def test_a_good_installation_passes_every_check(app, db):
    assert list(checks(app, 0)) == NAMES
    shown = look(app)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0] == "ok    settings: read, for development"
    assert "\x1b" not in shown.output


def test_people_who_wait_for_a_choice_are_found(app, db, people):
    people.account("ada@learn.agency.example")
    db.execute(update(User).values(enforced=False))
    db.commit()
    assert wrong(app) == {"people": "Run: flask rollcall adopt --dry-run"}


def test_messages_that_nobody_delivers_are_found(app, db):
    outbox.queue(db, Kind.ADMIN_TEST, "ada@learn.agency.example", user_id=None)
    db.commit()
    checks(app, 0)
    db.execute(update(OutgoingMessage).values(due_at=clock.now() - timedelta(minutes=6)))
    db.commit()
    assert wrong(app) == {"worker": "Run: flask rollcall worker"}


def test_an_older_database_and_a_broken_one_are_found(app, db):
    head = db.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    db.execute(text("UPDATE alembic_version SET version_num = 'a7baf7b52083'"))
    db.commit()
    try:
        assert "alembic upgrade head" in wrong(app)["database"]
    finally:
        db.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
        db.commit()
    db.execute(text("ALTER TABLE former_passwords RENAME COLUMN set_at TO set_when"))
    db.commit()
    try:
        found = checks(app, 1)["schema"]
        assert found["words"] == "missing: former_passwords.set_at"
    finally:
        db.execute(text("ALTER TABLE former_passwords RENAME COLUMN set_when TO set_at"))
        db.commit()


def test_a_secret_that_others_can_read_is_found(apart):
    del apart["FLASK_SECRET_KEY"]
    made = create_app(config.load(apart))
    Path(apart["DATA_DIR"], "secret.key").chmod(0o640)
    assert wrong(made)["secret"].startswith("Run: chmod 600 ")
    made.extensions["rollcall"].sessions.kw["bind"].dispose()


def test_a_mail_server_that_does_not_answer_is_found(apart):
    port = free_port()
    settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(port), "MAIL_TIMEOUT": "1"}
    made = create_app(config.load(apart | settings))
    found = checks(made, 1)["mail"]
    assert found["words"] == f"127.0.0.1:{port}: ConnectionRefusedError"
    made.extensions["rollcall"].sessions.kw["bind"].dispose()


TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "a token of tests",
    "TWILIO_WHATSAPP_FROM": "+14155238886",
    "TWILIO_CONTENT_SID": "HX" + "0" * 32,
}


@whichever_database
def test_it_says_how_codes_leave_by_whatsapp_and_what_twilio_cannot_reach(apart, database_url):
    cases = [
        ({}, "shown at http://localhost/dev/mailbox", ""),
        ({"MAIL_SERVER": "127.0.0.1"}, "not offered", ""),
        (TWILIO, "from +14155238886, which cannot say", "Set PUBLIC_URL to an https address"),
        (TWILIO | {"PUBLIC_URL": "https://learn.agency.example"}, "from +14155238886", ""),
    ]
    for settings, words, remedy in cases:
        made = create_app(config.load(apart | settings))
        told = {each["name"]: each for each in json.loads(look(made, "--json").stdout)["checks"]}
        assert told["whatsapp"]["fine"] is True
        assert words in told["whatsapp"]["words"]
        assert told["whatsapp"]["remedy"].startswith(remedy)
        assert bool(told["whatsapp"]["remedy"]) is bool(remedy)
        made.extensions["rollcall"].sessions.kw["bind"].dispose()


def test_a_live_installation_that_names_no_operator_is_warned(apart):
    live = {"ROLLCALL_ENV": "production", "PUBLIC_URL": "https://learn.agency.example"}
    live |= {"BCRYPT_LOG_ROUNDS": "12", "TRUSTED_PROXIES": "1", "MAIL_SERVER": "127.0.0.1"}
    live |= {"FLASK_SECRET_KEY": "kD7vQ2xW9pLr4TzB8nMs6YcH3fJg5AeU"}
    for name, remedy in (("", "Set OPERATOR_NAME, "), ("Harbour School Trust", "")):
        settings = config.load(apart | live | {"OPERATOR_NAME": name})
        made = create_app(settings)
        told = {check["name"]: check for check in json.loads(look(made, "--json").stdout)["checks"]}
        assert told["operator"]["fine"] is True
        assert told["operator"]["remedy"].startswith(remedy)
        assert name in told["operator"]["words"]
        mark = "note  " if remedy else "ok    "
        assert f"{mark}operator: /privacy-policy and /terms name" in look(made).stdout
        made.extensions["rollcall"].sessions.kw["bind"].dispose()


def test_https_without_a_proxy_is_found(apart):
    made = create_app(config.load(apart | {"PUBLIC_URL": "https://learn.agency.example"}))
    assert "TRUSTED_PROXIES" in wrong(made)["hosts and proxies"]
    made.extensions["rollcall"].sessions.kw["bind"].dispose()


@pytest.fixture
def apart(
    environment: dict[str, str], tmp_path: Path, shared_apps: dict[Any, Flask]
) -> dict[str, str]:
    """An environment whose folder is this test's own: what stands in it is looked at."""
    shared_apps.clear()  # The application that is made of it sets anew what all of them share.
    return environment | {"DATA_DIR": str(tmp_path / "data")}


@pytest.fixture
def installation(apart: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of an installation that has been started, on this test's database."""
    create_app(config.load(apart)).extensions["rollcall"].sessions.kw["bind"].dispose()
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | apart


def run_script(
    environment: dict[str, str], *arguments: str, folder: Path = Path("/")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        timeout=120,
    )


def traces(folder: Path) -> dict[str, str]:
    """Every file below a folder, by a checksum of what is in it."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(db: Session) -> dict[str, list[str]]:
    db.rollback()
    found = {
        table.name: sorted(map(repr, db.execute(select(table))))
        for table in Base.metadata.sorted_tables
    }
    db.close()
    return found


def test_the_script_checks_the_same_from_any_folder_and_leaves_no_trace(
    installation, db, app, tmp_path, database_url
):
    before = rows(db)
    db.get_bind().dispose()
    on_disk = traces(tmp_path)
    done = run_script(installation, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [check["name"] for check in json.loads(done.stdout)["checks"]] == NAMES
    assert traces(tmp_path) == on_disk
    assert rows(db) == before


@whichever_database
def test_the_script_names_every_bad_setting_at_once(installation, database_url):
    half = {"TWILIO_ACCOUNT_SID": TWILIO["TWILIO_ACCOUNT_SID"], "TWILIO_WHATSAPP_FROM": "0612345"}
    wrong = {"ROLLCALL_ENV": "production", "PORT": "none"} | half
    done = run_script(installation | wrong)
    assert done.returncode == 1
    assert "WRONG settings: PORT is not a whole number." in done.stdout
    assert "WRONG settings: MAIL_SERVER is missing." in done.stdout
    assert "WRONG settings: TWILIO_WHATSAPP_FROM is neither a number" in done.stdout
    assert "TWILIO_AUTH_TOKEN, " in done.stdout
    assert "WhatsApp needs all of TWILIO_ACCOUNT_SID" in done.stdout
    assert "Traceback" not in done.stderr


@whichever_database
def test_the_script_makes_nothing_where_nothing_was_started(installation, tmp_path):
    shutil.rmtree(installation["DATA_DIR"])
    del installation["FLASK_SECRET_KEY"]
    done = run_script(installation)
    assert done.returncode == 1
    assert "Run: scripts/run" in done.stdout
    assert not Path(installation["DATA_DIR"]).exists()
    Path(installation["DATA_DIR"]).mkdir()
    done = run_script(installation)
    assert done.returncode == 1
    assert "WRONG secret: there is none yet" in done.stdout
    assert list(Path(installation["DATA_DIR"]).iterdir()) == []


@whichever_database
def test_the_script_is_used_without_other_words(installation):
    assert run_script(installation, "--verbose").returncode == 2
