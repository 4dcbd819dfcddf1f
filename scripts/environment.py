"""The virtual environment that scripts/run and scripts/test share. Standard library alone."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NEWEST, OLDEST = 14, 11


def ready(requirements: str) -> str:
    """The Python of `.venv` with everything of `requirements` in it, made where it is missing.

    Installs only when the file changed since the last time. Several starts at once are fine: one
    installs, the others wait.
    """
    ROOT.joinpath(".venv.lock").touch()
    with ROOT.joinpath(".venv.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        python = VENV / "bin" / "python"
        if not python.exists():
            _make_venv()
        stamp = VENV / f".{requirements}.sha256"
        wanted = hashlib.sha256(ROOT.joinpath(requirements).read_bytes()).hexdigest()
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"Installing {requirements} (once, about a minute) …", file=sys.stderr)
            options = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
            _run(str(python), "-m", "pip", "install", *options, "-r", str(ROOT / requirements))
            stamp.write_text(wanted)
    return str(python)


def _make_venv() -> None:
    finished = _run(_python(), "-m", "venv", "--clear", str(VENV), check=False)
    if finished:
        # A broken environment must not look like a finished one at the next start.
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("The virtual environment could not be made. On Debian: apt install python3-venv")


def _python() -> str:
    if sys.version_info >= (3, OLDEST):
        return sys.executable
    for minor in range(NEWEST, OLDEST - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    sys.exit(f"Rollcall needs Python 3.{OLDEST} or newer; this is {sys.version.split()[0]}.")


def _run(*command: str, check: bool = True) -> int:
    # What a surrounding environment says about Python must not reach into ours.
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONHOME", "PYTHONPATH"}}
    finished = subprocess.run(command, env=environment, check=False, stdout=sys.stderr)
    if check and finished.returncode:
        sys.exit(f"{' '.join(command[:4])} failed.")
    return finished.returncode
