"""Settings: each bad value is named, all at once, and nothing unsafe starts in production."""

import os
import stat
import subprocess
import sys

import pytest

from app import config
from app.config import ROOT, SETTINGS, BadSettings

SECRET = "Zk3vQ9-w7TtB1xLmN4pRsJ8yHc6dFg2aUeVi0oKq"
LIVE = {
    "ROLLCALL_ENV": "production",
    "FLASK_SECRET_KEY": SECRET,
    "PUBLIC_URL": "https://learn.agency.example",
    "MAIL_SERVER": "mail.agency.example",
}


@pytest.fixture
def load(tmp_path):
    """Loads settings over an empty data folder."""
    return lambda **values: config.load({"DATA_DIR": str(tmp_path / "data")} | values)


def problems(load, **values):
    with pytest.raises(BadSettings) as refused:
        load(**values)
    return refused.value.problems


def test_nothing_needs_to_be_set_in_development(load, tmp_path):
    settings = load()
    assert not settings.production
    assert not settings.https
    assert f"sqlite:///{tmp_path / 'data' / 'rollcall.db'}" == settings.DATABASE_URL
    assert settings.PUBLIC_URL == "http://127.0.0.1:5000"
    assert settings.BCRYPT_LOG_ROUNDS == 12
    assert settings.MAIL_SERVER is None


def test_each_setting_has_a_name_and_a_meaning_of_its_own():
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)
    assert all(setting.meaning.endswith(".") for setting in SETTINGS)


def test_a_blank_value_is_no_value(load):
    assert load(PORT="  ", CONTACT="").PORT == 5000


BAD = {
    "ROLLCALL_ENV": ["live", "Production"],
    "PUBLIC_URL": ["learn.agency.example", "ftp://x.example", "https://", "https://x.example/path"],
    "TRUSTED_PROXIES": ["-1", "many"],
    "PORT": ["0", "65536", "5000.5"],
    "WEB_WORKERS": ["0"],
    "WEB_THREADS": ["1"],
    "MAIL_PORT": ["smtp"],
    "MAIL_USE_TLS": ["maybe"],
    "MAIL_TIMEOUT": ["soon", "-1", "inf", "nan"],
    "BCRYPT_LOG_ROUNDS": ["3", "17"],
    "PASSWORD_MIN_LENGTH": ["7", "65"],
    "ROLE_PASSWORD_MIN_LENGTH": ["7"],
    "SESSION_IDLE": ["a day"],
    "CODE_LIFETIME": ["-900"],
    "RATELIMIT_ENABLED": ["2"],
    "UPLOAD_LIMIT": ["0"],
    "GEOIP_DATABASE": ["/nowhere/cities.mmdb", __file__, "/", "a\0b"],
    "LOG_LEVEL": ["loud"],
    "PHONE_REGION": ["XX", "Netherlands", "+31"],
    "TWILIO_ACCOUNT_SID": ["AC1", "SK" + "0" * 32],
    "TWILIO_CONTENT_SID": ["template", "HX" + "g" * 32],
    "TWILIO_WHATSAPP_FROM": ["0612345678", "MG1", "Rollcall"],
    "TWILIO_BASE_URL": ["api.twilio.com"],
    "WHATSAPP_TIMEOUT": ["0", "61"],
}


TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "0123456789abcdef",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+14155238886",
    "TWILIO_CONTENT_SID": "HX" + "1" * 32,
}


def test_whatsapp_is_set_up_whole_or_not_at_all(load):
    assert load(**TWILIO).twilio
    assert load(**TWILIO).TWILIO_WHATSAPP_FROM == "+14155238886"
    assert load().whatsapp, "shown in the mailbox of development"
    assert not load(MAIL_SERVER="mail.agency.example").whatsapp
    assert not load(**LIVE).whatsapp
    assert load(**LIVE, **TWILIO).whatsapp
    for name in TWILIO:
        [problem] = problems(load, **{each: TWILIO[each] for each in TWILIO if each != name})
        assert problem.startswith(f"{name} missing: ")
    plain = {"TWILIO_BASE_URL": "http://api.twilio.example"}
    assert "TWILIO_BASE_URL is plain http" in problems(load, **LIVE, **TWILIO, **plain)[0]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_named(name, load):
    for text in BAD[name]:
        [problem] = problems(load, **{name: text})
        assert problem.startswith(f"{name} ")
        assert problem.endswith(".")


def test_everything_that_is_wrong_is_said_at_once(load):
    said = problems(load, **{name: texts[0] for name, texts in BAD.items()})
    assert [line.split()[0] for line in said] == [
        setting.name for setting in SETTINGS if setting.name in BAD
    ]


def test_a_live_installation_starts_with_all_it_needs(load):
    settings = load(**LIVE)
    assert settings.production
    assert settings.https


def test_a_live_installation_without_anything_is_told_all_it_lacks(load):
    said = problems(load, ROLLCALL_ENV="production")
    assert [line.split()[0] for line in said] == ["FLASK_SECRET_KEY", "PUBLIC_URL", "MAIL_SERVER"]


@pytest.mark.parametrize(
    "secret",
    ["dev", "changeme", "short-but-random-9f3k", "a" * 64, "abc" * 20, "your-secure-secret-key"],
)
def test_a_weak_secret_is_refused_and_not_printed(secret, load):
    [problem] = problems(load, **LIVE | {"FLASK_SECRET_KEY": secret})
    assert problem.startswith("FLASK_SECRET_KEY is weak")
    assert secret not in problem


@pytest.mark.parametrize(
    "secret", ["change-me-" * 8, "a secret that stands in tests alone, 0123456789"]
)
def test_a_secret_that_says_what_it_is_is_weak_however_long(secret, load):
    [problem] = problems(load, **LIVE | {"FLASK_SECRET_KEY": secret})
    assert problem.startswith("FLASK_SECRET_KEY is weak")


def test_a_weak_former_secret_still_verifies_so_it_is_refused_too(load):
    [problem] = problems(load, **LIVE | {"SECRET_KEY_FALLBACKS": f"{SECRET}x,dev"})
    assert problem.startswith("SECRET_KEY_FALLBACKS")
    assert SECRET not in problem


def test_no_problem_and_no_repr_prints_a_secret(load):
    bad = {"PORT": "0", "MAIL_PASSWORD": "the mail password", "FLASK_SECRET_KEY": SECRET}
    with pytest.raises(BadSettings) as refused:
        load(**LIVE | bad)
    settings = load(**LIVE | {"MAIL_PASSWORD": "the mail password"})
    for told in (str(refused.value), repr(refused.value), repr(settings), str(settings)):
        assert SECRET not in told
        assert "the mail password" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [("PUBLIC_URL", "http://learn.agency.example"), ("BCRYPT_LOG_ROUNDS", "11")],
)
def test_a_live_installation_refuses_what_is_unsafe(name, value, load):
    [problem] = problems(load, **LIVE | {name: value})
    assert problem.startswith(name)


def test_mail_is_protected_at_port_587_and_elsewhere_if_it_is_said(load):
    assert load().MAIL_USE_TLS
    assert not load(MAIL_PORT="25").MAIL_USE_TLS
    assert load(MAIL_PORT="25", MAIL_USE_TLS="yes").MAIL_USE_TLS
    assert not load(MAIL_USE_SSL="yes").MAIL_USE_TLS


def test_a_made_secret_is_kept_for_its_owner_alone(load, tmp_path):
    settings = load()
    path = tmp_path / "data" / "secret.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(settings.FLASK_SECRET_KEY) >= config.SECRET_LENGTH
    assert load().FLASK_SECRET_KEY == settings.FLASK_SECRET_KEY
    assert os.listdir(path.parent) == ["secret.key"]


def test_a_secret_that_is_given_is_not_written(load, tmp_path):
    load(FLASK_SECRET_KEY=SECRET)
    assert not (tmp_path / "data" / "secret.key").exists()


def test_a_live_installation_makes_no_secret(load, tmp_path):
    problems(load, **LIVE | {"FLASK_SECRET_KEY": ""})
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", ["", "\n", "short"])
def test_a_secret_file_that_is_cut_short_is_not_taken(content, load, tmp_path):
    path = tmp_path / "data" / "secret.key"
    path.parent.mkdir()
    path.write_text(content)
    [problem] = problems(load)
    assert str(path) in problem or "secret.key" in problem


def test_of_eight_processes_that_make_a_secret_one_wins(tmp_path):
    program = (
        "import runpy, sys\n"
        "load = runpy.run_path('app/config.py', run_name='__main__')['load']\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
        "print(load({'DATA_DIR': sys.argv[1]}).FLASK_SECRET_KEY)\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "data")],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(8)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.close()
    secrets = set()
    for process in started:
        with process.stdout:
            secrets.add(process.stdout.read().strip())
        assert process.wait(30) == 0
    assert len(secrets) == 1
    assert len(secrets.pop()) >= config.SECRET_LENGTH
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]
