#!/usr/bin/env python3
"""Add the columns that passwords need to a legacy `users` table, by hand and at once.

The work is in password_columns.py. It runs with this Python where that has the packages of
requirements.txt, else with the project's own environment, which is made. Works from any folder.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import ROOT, ready

NEEDED = ("sqlalchemy", "psycopg", "dotenv")


def main() -> None:
    """Become the process that does the work."""
    python = sys.executable if all(map(find_spec, NEEDED)) else ready("requirements.txt")
    work = str(ROOT / "scripts" / "password_columns.py")
    os.execv(python, [python, work, *sys.argv[1:]])  # noqa: S606 (our own file, by its path)


if __name__ == "__main__":
    main()
