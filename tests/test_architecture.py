"""The drawing of the house holds: arrows, sizes, templates, vendored files, pinned requirements."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ARROWS = {
    "database": "",
    "hashing": "",
    "addresses": "",
    "phones": "addresses",
    "config": "",
    "models": "models database hashing addresses",
    "core": "core models database hashing addresses phones",
    "delivery": "delivery core models config phones",
    "answers": "answers core models config",
    "edge": "edge core models database config phones",
    # A page must be able to say that what was typed is no address, which `addresses` finds out,
    # or no number, which `phones` does.
    "web": "web edge core models addresses phones",
    "api": "api edge core models addresses phones",
    "jobs": "jobs core models database config delivery answers",
    "cli": "cli core models database config delivery answers",
}
"""Each room of `app`, and the rooms that it may import; `app/__init__` may import all."""

CORE_ROOMS = ["people", "proof", "roster", "entry", "learning", "oauth", "desk"]
"""The rooms inside `core`, in order: each may import itself, what stands before, the ground."""

WEB_LIBRARIES = {"flask", "wtforms", "authlib"}
"""Libraries of the edge, with everything whose name begins so and goes on with an underscore."""

SHARED = ("app.api.documents.",)
"""What stands beside blueprints for all of them, and is none."""

KNOWS_OF_FLASK = {
    "core": set[str](),
    "database": set[str](),
    "addresses": set[str](),
    "phones": set[str](),
    "hashing": {"flask_bcrypt"},
    "models": {"flask_login"},
}
"""Rooms that know nothing of the web, and the one thing of Flask that some may know."""

FILE_LINES, FUNCTION_LINES = 250, 30
REASONS = {
    "app/core/entry/adding.py:add_person": "one journey whose order is its safety",
    "app/__init__.py:create_app": "the wiring, a line for each part",
    "app/core/backlog.py": "a job from waiting to its end, in one place",
    "app/core/entry/letters.py:send": "one row of each kind, a line for each column",
    "app/core/entry/recovery.py:choose_by_code": "one journey whose order is its safety",
    "app/core/entry/signin.py": "the one door, whole: who is let in, and who is not",
    "app/core/outbox.py": "a message from being written to being sent, in one place",
    "app/web/account/password.py:password": "one form with everything it can be answered with",
    "app/core/entry/renewing.py:renew": "all that a new password ends, in one transaction",
    "app/core/entry/signin.py:with_password": "one journey whose order is its safety",
    "app/core/proof/codes.py:check_any": "one journey whose order is its safety",
    "app/core/people/sessions.py": "a session from being opened to its end, in one place",
    "app/core/people/sessions.py:open_session": "one row, a line for each column",
    "app/core/throttle.py:_counting": "one statement",
    "app/delivery/render.py:render": "one table of what every mail may say",
    "app/jobs/__init__.py:make_jobs": "every task of the worker, in one place",
    "app/models/rosters.py": "every table of lists and imports",
    "app/jobs/working.py:_try": "every way a job can end, each with its line",
    "app/web/chat.py": "one conversation as page, JSON and stream, which share every part",
    "migrations/versions": "a revision lists its columns once and is never changed again",
    "app/__init__.py:flask_settings": "one table, a line for each key of Flask's",
    "app/config.py": "every setting once, and a reader for each kind",
    "app/core/errors.py": "every named refusal, so that a newcomer finds them all in one place",
    "app/core/entry/first_admin.py:enter": "one journey whose order is its safety",
    "app/core/entry/opening.py:_open": "one row, a line for each column",
    "app/core/entry/signin.py:admit": "one journey whose order is its safety",
    "app/core/outbox.py:queue": "one row, a line for each column",
    "app/core/roster/columns.py": "every rule about one line of a list, in one place",
    "app/core/roster/checking.py:check": "one journey whose order is its safety",
    "app/core/roster/uploads.py:receive": "one row, a line for each column",
    "app/edge/logs.py:configure": "one table of what each log line passes through",
    "app/web/setup.py:admin": "the form's four refusals, each beside its field",
    "scripts/run:main": "two processes and every way they can end",
}
"""What is larger than the guide allows, and why: a file, a folder, or `file:function`."""

LATE_IMPORTS = {
    "app.answers._by_model": "its library is a third of every start, and most do without a model",
    "app.answers._by_passages": "its library of numbers is dear, and few processes are asked",
    "app.core.roster.sheets._rows": "its library is dear, and few lists are workbooks",
    "app.core.roster.sheets.to_csv": "the same library",
    "app.core.sheets.write_workbook": "its library is dear, and few tables are workbooks",
    "app.jobs.delivering._whatsapp": "its library is dear, and the worker alone speaks to it",
}
"""Functions that may import, and why."""

SKIPPED = {".git", ".venv", "__pycache__", "instance", "node_modules", "test-results", "run"}
TEXT = {".css", ".csv", ".html", ".in", ".ini", ".js", ".json", ".mako", ".md", ".po", ".py"}
TEXT |= {".svg", ".toml", ".txt", ".yaml", ".yml", ""}


def modules(folder: str) -> Iterator[tuple[str, str, Path]]:
    """Name, source and path of each Python module below `folder`."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, path.read_text("utf-8"), path


def room_of(module: str) -> str:
    """The room of a module of ours, or "" for `app/__init__`."""
    return [*module.split("."), ""][1]


def imported(source: str) -> Iterator[str]:
    """The full name of everything that a source imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A name that starts with a dot stays one: it belongs to no room and is found.
            yield from (f"{'.' * node.level}{node.module}.{each.name}" for each in node.names)


def wrong_arrows(module: str, source: str) -> list[str]:
    """Imports between rooms that the drawing does not allow."""
    room = room_of(module)
    if not room:
        return []
    if room not in ARROWS:
        return [f"{module} stands in a room that is not in the drawing"]
    ours = [name for name in imported(source) if name.startswith(("app.", "."))]
    return [
        f"{module} imports {name}" for name in ours if room_of(name) not in ARROWS[room].split()
    ]


def wrong_arrows_in_core(module: str, source: str) -> list[str]:
    """Imports of a room of `core` that stands further right."""

    def place(name: str) -> int:
        inner = [*name.split("."), "", ""][2]
        return CORE_ROOMS.index(inner) + 1 if inner in CORE_ROOMS else 0

    if room_of(module) != "core":
        return []
    inside = [name for name in imported(source) if name.startswith("app.core.")]
    return [f"{module} imports {name}" for name in inside if place(name) > place(module)]


def libraries_out_of_place(module: str, source: str) -> list[str]:
    """Libraries of the web in rooms that know nothing of it; Twilio outside `delivery`."""
    room = room_of(module)
    found = []
    for name in imported(source):
        root = name.split(".")[0]
        if root == "twilio" and room != "delivery":
            found.append(f"{module} imports {name}")
        if root.split("_")[0] in WEB_LIBRARIES and root not in KNOWS_OF_FLASK.get(room, {root}):
            found.append(f"{module} imports {name}")
    return found


def neighbours_imported(module: str, source: str) -> list[str]:
    """Blueprints that import each other; the modules of one package share it."""
    room, _, own = module.removeprefix("app.").partition(".")
    if room not in {"web", "api"} or not own:
        return []
    homes = (f"app.{room}.{own.split('.')[0]}.", *SHARED)
    return [
        f"{module} imports {name}"
        for name in imported(source)
        if name.startswith(f"app.{room}.") and not f"{name}.".startswith(homes)
    ]


def hidden_imports(module: str, source: str) -> list[str]:
    """Imports inside a function, and relative ones."""
    found = [f"{module} imports {name}" for name in imported(source) if name.startswith(".")]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if f"{module}.{node.name}" in LATE_IMPORTS:
                continue
            found += [
                f"{module}:{inner.lineno} imports inside {node.name}"
                for inner in ast.walk(node)
                if isinstance(inner, (ast.Import, ast.ImportFrom))
            ]
    return found


def nameless(module: str, source: str) -> list[str]:
    """Modules whose first line does not say what they are for."""
    return [] if ast.get_docstring(ast.parse(source)) else [f"{module} says not what it is for"]


RULES = [
    wrong_arrows,
    wrong_arrows_in_core,
    libraries_out_of_place,
    neighbours_imported,
    hidden_imports,
    nameless,
]


@pytest.mark.parametrize("rule", RULES)
def test_the_house_keeps_the_rule(rule):
    found = [each for name, source, _ in modules("app") for each in rule(name, source)]
    assert found == []


@pytest.mark.parametrize(
    ("rule", "module", "source"),
    [
        (wrong_arrows, "app.hashing", "from app import config"),
        (wrong_arrows, "app.config", "from app.core import clock"),
        (wrong_arrows, "app.models.people", "from app.core.people import users"),
        (wrong_arrows, "app.core.throttle", "from app import config"),
        (wrong_arrows, "app.core.throttle", "import app.config"),
        (wrong_arrows, "app.core.entry.signin", "from app.edge.db import db"),
        (wrong_arrows, "app.delivery.smtp", "from app.edge import ours"),
        (wrong_arrows, "app.answers.openai", "from app.web import chat"),
        (wrong_arrows, "app.edge.limits", "from app.web.chat import bp"),
        (wrong_arrows, "app.edge.ours", "from app.answers import choose"),
        (wrong_arrows, "app.web.chat", "from app.answers.passages import quote_passages"),
        (wrong_arrows, "app.web.chat", "from app.config import load"),
        (wrong_arrows, "app.web.chat", "from app.database import make_engine"),
        (wrong_arrows, "app.api.auth", "from app.delivery import smtp"),
        (wrong_arrows, "app.jobs", "from app.edge import db"),
        (wrong_arrows, "app.cli", "from app import jobs"),
        (wrong_arrows, "app.cli", "from app import create_app"),
        (wrong_arrows, "app.core.audit", "from .. import config"),
        (wrong_arrows, "app.helpers", "x = 1"),
        (wrong_arrows_in_core, "app.core.audit", "from app.core.people import users"),
        (wrong_arrows_in_core, "app.core.people.users", "from app.core.proof.codes import check"),
        (wrong_arrows_in_core, "app.core.roster.diff", "from app.core.entry import signin"),
        (wrong_arrows_in_core, "app.core.learning.chat", "import app.core.desk.insight"),
        (libraries_out_of_place, "app.core.outbox", "from flask import g"),
        (libraries_out_of_place, "app.core.outbox", "import flask_login"),
        (libraries_out_of_place, "app.core.proof.codes", "from wtforms.validators import Length"),
        (libraries_out_of_place, "app.core.people.users", "import authlib.jose"),
        (libraries_out_of_place, "app.models.people", "from flask import request"),
        (libraries_out_of_place, "app.database", "from flask_sqlalchemy import SQLAlchemy"),
        (libraries_out_of_place, "app.web.chat", "from twilio.rest import Client"),
        (neighbours_imported, "app.web.chat", "from app.web import programs"),
        (neighbours_imported, "app.web.chat", "from app.web.admin import bp"),
        (neighbours_imported, "app.web.admin.roster", "from app.web.chat import bp"),
        (neighbours_imported, "app.api.gpt", "from app.api.auth import bp"),
        (hidden_imports, "app.core.clock", "def now():\n    import datetime"),
        (hidden_imports, "app.web.chat", "class A:\n    def b(self):\n        from x import y"),
        (hidden_imports, "app.web.admin.people", "from . import bp"),
        (nameless, "app.web.chat", "import os"),
    ],
)
def test_a_planted_violation_is_found(rule, module, source):
    assert rule(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("app", "from app import answers, config, jobs, web"),
        ("app.web", "from app.web import admin, chat"),
        ("app.web.admin.roster", "from app.web.admin import bp"),
        ("app.core.roster.imports", "from app.core.people import users"),
        ("app.core.roster.imports", "from app.core import audit"),
        ("app.models.people", "from flask_login import UserMixin"),
        ("app.delivery.whatsapp", "from twilio.rest import Client"),
    ],
)
def test_what_the_drawing_allows_is_not_found(module, source):
    assert [each for rule in RULES[:-1] for each in rule(module, source)] == []


def sizes() -> Iterator[tuple[str, int, int]]:
    """Each file and function: its name, its lines (a docstring does not count), its limit."""
    found = [path for folder in ("app", "migrations", "scripts") for _, _, path in modules(folder)]
    scripts = ("run", "test", "check", "bench")
    for path in [*found, *(ROOT / "scripts" / name for name in scripts)]:
        source, name = path.read_text("utf-8"), path.relative_to(ROOT).as_posix()
        yield name, len(source.splitlines()), FILE_LINES
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                words = (ast.get_docstring(node, clean=False) or "").count("\n")
                length = (node.end_lineno or 0) - node.lineno + 1
                has_words = ast.get_docstring(node) is not None
                yield f"{name}:{node.name}", length - words - has_words, FUNCTION_LINES


def test_what_is_larger_than_the_guide_has_a_reason(capfd):
    large = {name: f"{lines} lines" for name, lines, limit in sizes() if lines > limit}
    explained = {
        name: reason
        for name in large
        for known, reason in REASONS.items()
        if name == known or name.startswith(f"{known}/")
    }
    with capfd.disabled():
        for name, reason in explained.items():
            # Standard error, because a parallel worker has no other way to the terminal.
            print(f"\nlarger than the guide: {name}, {large[name]}: {reason}", file=sys.stderr)
    assert {name: lines for name, lines in large.items() if name not in explained} == {}
    idle = [
        known
        for known in REASONS
        if not any(name == known or name.startswith(f"{known}/") for name in large)
    ]
    assert idle == [], "these are no longer large"


UNSAFE_IN_TEMPLATES = {
    "a style attribute": r"\sstyle\s*=",
    "a script without src": r"<script(?![^>]*\ssrc=)",
    "an event attribute": r"[\s\"'/]on[a-z]+\s*=",
    "unescaped output": r"\|\s*safe\b|autoescape\s+false",
    "a script address": r"javascript:",
}


def unsafe(template: str) -> list[str]:
    """What a template holds that our content security policy or escaping forbids."""
    return [
        what
        for what, pattern in UNSAFE_IN_TEMPLATES.items()
        if re.search(pattern, template, re.IGNORECASE)
    ]


def test_no_template_holds_styles_scripts_or_unescaped_output():
    found = {
        path.relative_to(ROOT).as_posix(): unsafe(path.read_text("utf-8"))
        for path in (ROOT / "templates").rglob("*.*")
    }
    assert found, "there are templates"
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "template",
    [
        '<p style="color: red">',
        "<script>alert(1)</script>",
        '<script type="module">run()</script>',
        '<button onclick="go()">',
        "<img src=x onerror = go()>",
        "{{ answer|safe }}",
        "{{ answer | safe }}",
        "{% autoescape false %}",
        '<a href="javascript:go()">',
    ],
)
def test_a_planted_unsafe_template_is_found(template):
    assert unsafe(template)


def test_vendored_files_are_what_their_list_says():
    folder = ROOT / "static" / "vendor"
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    there = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert there == listed


def loose_requirements(text: str) -> list[str]:
    """Lines of a requirements file that name no version or hash, or that name a place."""
    without_comments = re.sub(r"(?m)^\s*#.*\n?", "", text)
    lines = without_comments.replace("\\\n", " ").splitlines()
    pinned = re.compile(r"[\w.\-\[\]]+==\S+( *;[^#]*?)?( +--hash=sha256:[0-9a-f]{64})+\s*")
    return [line for line in lines if line.strip() and not pinned.fullmatch(line)]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_has_a_version_and_hashes_and_names_no_place(name):
    text = (ROOT / name).read_text("utf-8")
    assert loose_requirements(text) == []
    assert "://" not in text


@pytest.mark.parametrize(
    "line",
    [
        "flask\n",
        "flask==3.1.3\n",
        "flask>=3 --hash=sha256:" + "0" * 64,
        "--index-url https://mirror.example/simple\n",
        "flask @ https://mirror.example/flask.whl --hash=sha256:" + "0" * 64,
    ],
)
def test_a_planted_loose_requirement_is_found(line):
    assert loose_requirements(line)


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every text file that is ours."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part in SKIPPED or part.endswith("_cache") for part in parts[:-1])
        if hidden or "vendor" in parts or ".hypothesis" in parts or not path.is_file():
            continue
        if path.suffix in TEXT:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8", errors="ignore")


UNFINISHED = re.compile(r"\b(?:TO(?:DO)|FIX(?:ME))\b|(?<![\w.:/])/(?:root|home|Users|work)/\w")
"""Marks of unfinished work, and paths that exist on one machine alone."""


def test_no_file_is_unfinished_or_names_a_path_of_one_machine():
    found = {path: UNFINISHED.findall(text) for path, text in texts()}
    assert "README.md" in found
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize("text", ["# TO" + "DO: later", "see /ro" + "ot/x", "'/ho" + "me/ada/x'"])
def test_a_planted_unfinished_text_is_found(text):
    assert UNFINISHED.search(text)
