"""What a worker is called in the rows that it claims, and whether it may still live."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def me() -> str:
    """What this process is called: machine, process and its start."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{_began(os.getpid())}"


def may_live(worker: str) -> bool:
    """Whether the process of this name may still live; of other machines' nobody knows."""
    machine, _, process = worker.partition(":")
    pid, _, began = process.partition(":")
    if machine != socket.gethostname()[:32] or not pid.isdigit():
        return True
    return _began(int(pid)) == began


def _began(pid: int) -> str:
    # A number of a process is given anew, together with its moment of birth it is not.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
