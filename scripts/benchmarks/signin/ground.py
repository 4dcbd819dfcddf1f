"""What the parts of `scripts/bench signin` share: how much is measured, and with whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from app.models.people import Status
from scripts.benchmarks.browser import Browser, networks
from scripts.benchmarks.served import Served

COST = 12
"""bcrypt's cost at which figures are judged: the least that a live installation takes."""


@dataclass(frozen=True)
class Size:
    """How many correct sign-ins, sign-ins of each kind, pages, and sign-ins beside a flood."""

    sign_ins: int
    pairs: int
    pages: int
    known: int

    def resized(self, *, pairs: int | None) -> Size:
        """The same, with another number of pairs where one is given."""
        return self if pairs is None else replace(self, pairs=pairs)


FULL = Size(sign_ins=60, pairs=500, pages=600, known=120)

QUICK = Size(sign_ins=10, pairs=20, pages=20, known=4)

WARMING = 5
"""Sign-ins before the first one that counts: templates and patterns are compiled at first use."""

REGULARS = 20
"""People who sign in from browsers that are known, at rest and during the flood."""


@dataclass
class Ground:
    """The server, the addresses of each group of people, and how much to measure."""

    server: Served
    people: dict[str, list[str]]
    size: Size
    cost: int
    _networks: Iterator[str] = field(default_factory=networks)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def browser(self) -> Browser:
        """A browser that was never here, at a network address and with a name of its own.

        Names are remembered by whoever reads them, so that a new one is the dearest.
        """
        agent = f"Mozilla/5.0 (X11; Linux x86_64; rv:{next(self._numbers)}.0) Gecko/20100101"
        return Browser(self.server.port, next(self._networks), f"{agent} Firefox/128.0")

    def needs(self, samples: int) -> int:
        """How many samples a verdict needs: at another cost than today's there is none."""
        return samples if self.cost == COST else 10**9


def people_of(size: Size) -> dict[str, tuple[int, dict[str, str | None]]]:
    """Who has to be there: how many of each group, and what sets their accounts apart."""
    return {
        "warming": (WARMING, {}),
        "learner": (size.sign_ins, {}),
        "regular": (REGULARS, {}),
        "victim": (200, {}),
        "wrong": (size.pairs, {}),
        "empty": (size.pairs, {"password_hash": None}),
        "closed": (size.pairs, {"status": Status.INACTIVE.value}),
    }
