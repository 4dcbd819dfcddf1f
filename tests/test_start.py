"""What the program takes with it when it starts."""

from __future__ import annotations

import os
import subprocess
import sys

from app.config import ROOT

SPARED = {"bm25s", "numpy", "openai", "openpyxl", "polars", "twilio"}
"""Libraries that one kind of work needs: loaded with it, they would weigh on every process."""

SCRIPT = f"""
import sys
from app import config, create_app
create_app(config.load())
print(*sorted({SPARED!r} & set(sys.modules)))
"""


def test_a_web_server_starts_without_what_a_single_kind_of_work_needs(tmp_path):
    started = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)},
    )
    assert started.returncode == 0, started.stderr
    assert started.stdout.split() == []
