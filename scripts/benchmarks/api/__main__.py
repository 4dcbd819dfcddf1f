"""`scripts/bench api`: how fast programs get their answers.

Each part measures what is its own, and stands in a module that has
`measure(folder, quick, kinds)`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.benchmarks import figures
from scripts.benchmarks.api import conversations, person

PARTS = {"person": person, "conversations": conversations}
KINDS = ("sqlite", "postgresql")


def main() -> int:
    """Measure every part, print the figures; 1 if one missed its bound."""
    asked = _options()
    chapters = []
    for name in [asked.only] if asked.only else PARTS:
        print(f"Measuring: {name} …", file=sys.stderr)
        with TemporaryDirectory(prefix="rollcall-bench-") as folder:
            Path(folder).chmod(0o755)  # PostgreSQL runs as another user than root.
            found = PARTS[name].measure(Path(folder), quick=asked.quick, kinds=asked.kind or KINDS)
            chapters += found
    print((figures.as_json if asked.json else figures.as_text)(figures.machine(), chapters))
    return 0 if figures.held(chapters) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench api", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    parser.add_argument("--only", choices=PARTS, help="this part")
    parser.add_argument("--kind", action="append", choices=KINDS, help="this database alone")
    parser.add_argument("--quick", action="store_true", help="a short run that judges nothing")
    return parser.parse_args()


sys.exit(main())
