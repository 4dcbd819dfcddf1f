"""The README names every setting and command, and none that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from app.cli import commands
from app.config import ROOT, SETTINGS

README = (ROOT / "README.md").read_text("utf-8")
FIRST_CELL = re.compile(r"^\|\s*`([^`]+)`", re.MULTILINE)
"""What stands between backticks at the start of a table's row."""

ELSEWHERE = {"CI", "CHROMIUM"}
"""Variables that scripts read; no settings of the application."""


def command_names(group: click.Group, path: str) -> Iterator[str]:
    """Every command below `group`, as it is typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from command_names(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def documented(readme: str) -> tuple[set[str], set[str]]:
    """The settings and the commands in the tables of a README; a command without its arguments."""
    cells = FIRST_CELL.findall(readme)
    settings = {cell for cell in cells if re.fullmatch(r"[A-Z][A-Z0-9_]+", cell)}
    typed = [cell.split() for cell in cells if cell.startswith("flask rollcall")]
    plain = {
        " ".join(word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)) for words in typed
    }
    return settings - ELSEWHERE, plain


SETTING_NAMES = [each.name for each in SETTINGS]
COMMANDS = sorted(command_names(commands, "flask rollcall"))


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_a_setting_is_documented(name):
    assert name in documented(README)[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_documented(command):
    assert command in documented(README)[1]


def test_no_documented_setting_or_command_is_missing():
    settings, typed = documented(README)
    assert settings - set(SETTING_NAMES) == set()
    assert typed - set(COMMANDS) == set()


def test_no_setting_is_there_twice():
    assert len(SETTING_NAMES) == len(set(SETTING_NAMES))


def test_every_setting_says_what_it_means():
    assert [each.name for each in SETTINGS if not each.meaning.strip().endswith((".", ")"))] == []


def test_a_command_says_what_it_does():
    assert [name for name, command in commands.commands.items() if not command.help] == []


def test_a_table_that_names_too_much_is_found():
    settings, typed = documented("| `NOT_A_SETTING` | – | x |\n| `flask rollcall fly FILE` | x |\n")
    assert settings == {"NOT_A_SETTING"}
    assert typed == {"flask rollcall fly"}


@pytest.mark.parametrize("path", re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", README))
def test_a_link_of_the_readme_leads_somewhere(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("script", sorted(set(re.findall(r"\bscripts/[a-z_]+\b", README))))
def test_a_script_of_the_readme_is_there(script):
    assert (ROOT / script).exists() or (ROOT / f"{script}.py").exists()
