"""`scripts/bench signin`: what a sign-in costs, what its time tells, and who waits in a flood.

Over HTTP, against a server as `scripts/run` starts it, with the defaults of every setting: its
worker runs beside it, limits by network are on. Client and server share the cores of this machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from scripts.benchmarks import figures
from scripts.benchmarks.figures import Chapter
from scripts.benchmarks.served import OWN, served
from scripts.benchmarks.signin import cost, flood, same_time
from scripts.benchmarks.signin.ground import COST, FULL, QUICK, Ground, people_of

PARTS: dict[str, Callable[[Ground], Chapter]] = {
    "cost": cost.measure,
    "time": same_time.measure,
    "flood": flood.measure,
}
"""The parts, in order: the flood comes last, because it leaves pauses behind."""


def main() -> int:
    """Measure what was asked for and print it; 1 if a figure missed its bound."""
    asked = _options()
    size = (QUICK if asked.quick else FULL).resized(pairs=asked.pairs)
    with served(cost=asked.cost, database=asked.postgres) as server:
        ground = Ground(server, server.put_in(people_of(size)), size, asked.cost)
        about = figures.machine()
        about["bcrypt"] = f"cost {asked.cost}"
        about["database"] = server.settings.DATABASE_URL.partition(":")[0]
        chapters = []
        for part, measure in PARTS.items():
            if part in (asked.only or PARTS):
                print(f"Measuring: {part} …", file=sys.stderr)
                chapters.append(measure(ground))
    about["load at the end"] = figures.load()
    print((figures.as_json if asked.json else figures.as_text)(about, chapters))
    return 0 if figures.held(chapters) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench signin", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few samples: nothing is judged")
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be repeated")
    parser.add_argument("--pairs", type=_pairs, help=f"sign-ins of each kind ({FULL.pairs})")
    parser.add_argument(
        "--cost", type=int, default=COST, choices=range(4, 17), metavar="N",
        help=f"bcrypt's cost; figures are judged at {COST} alone, the default",
    )  # fmt: skip
    parser.add_argument(
        "--postgres", nargs="?", const=OWN, metavar="URL",
        help="PostgreSQL instead of SQLite: an empty database, or one of this run's own",
    )  # fmt: skip
    return parser.parse_args()


def _pairs(text: str) -> int:
    if (number := int(text)) < 2:
        raise argparse.ArgumentTypeError("two are the least that has a spread")
    return number


if __name__ == "__main__":
    sys.exit(main())
