"""Processes of ours that begin at once: forks of one that has imported the program already.

    done = forks.run("flask", "rollcall", "prepare", environment={"DATA_DIR": …})
    started = Fork("alembic", "upgrade", "head", environment={"DATABASE_URL": …})

Each is what a maintainer starts, but for the seconds in which Python imports the program: it stands
at the root, has this environment alone, and ends by itself or is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

import alembic.config
import flask.cli

import app
from app.config import ROOT


def _python() -> None:
    """What `python -c CODE WORDS` does."""
    code = sys.argv.pop(1)
    exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})


PROGRAMS = {"flask": flask.cli.main, "alembic": alembic.config.main, "python": _python}
"""What each program does when it is started; `python` takes code and its words."""

IMPORTED = app
"""The program itself, which its commands import first of all."""

WITHIN = 180
"""Seconds that a process has to end."""

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([__name__])


class Fork:
    """A process that runs one of `PROGRAMS`."""

    def __init__(self, program: str, *words: str, environment: Mapping[str, str]) -> None:
        self.files = [_new_file() for _ in range(2)]
        self.words = (program, *words)
        self.process = _SERVER.Process(
            target=_become, args=(self.words, dict(environment), self.files), daemon=True
        )
        self.process.start()

    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.process.exitcode is not None

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.kill()
        self.end()

    def end(self) -> CompletedProcess[str]:
        """Wait for it; how it ended, and what it said. Raises `TimeoutError` after `WITHIN`."""
        self.process.join(WITHIN)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"{' '.join(self.words)} did not end")
        said = [path.read_text() for path in self.files]
        for path in self.files:
            path.unlink()
        return CompletedProcess(self.words, code, *said)


def run(program: str, *words: str, environment: Mapping[str, str]) -> CompletedProcess[str]:
    """Run one of `PROGRAMS` to its end."""
    return Fork(program, *words, environment=environment).end()


def _new_file() -> Path:
    handle, name = tempfile.mkstemp(prefix="rollcall-said-")
    os.close(handle)
    return Path(name)


def _become(words: tuple[str, ...], environment: dict[str, str], files: list[Path]) -> None:
    for path, standard in zip(files, (1, 2), strict=True):
        opened = os.open(path, os.O_WRONLY)
        os.dup2(opened, standard)
        os.close(opened)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [*words]
    PROGRAMS[words[0]]()
