#!/usr/bin/env python3
"""Check an installation: schema, password hashes, links, mail connection, settings.

Looks at the installation that the environment and `.env` name, and leaves no trace in it: no row,
no file. Works from any folder; needs Python 3.11 or newer. `--json` prints one object. Exit code
0: all is fine, 1: something is wrong, and the line below it says what mends it, 2: wrong usage.
`flask rollcall doctor` checks the same in an installation that has been started.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from environment import ROOT, ready


def main() -> int:
    """Make the environment where it is missing, and check with it; the exit code."""
    if sys.argv[1:] not in ([], ["--json"]):
        print(__doc__, file=sys.stderr)
        return 2
    for name in ("DATA_DIR", "LOG_FILE"):
        if os.environ.get(name):
            # A relative path means the caller's folder, not ours.
            os.environ[name] = os.path.abspath(os.environ[name])
    command = [ready("requirements.txt"), str(ROOT / "scripts" / "checkup.py"), *sys.argv[1:]]
    # Python's own caches would be a trace too.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
