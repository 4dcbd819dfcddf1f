"""A measured figure, its bound, and how a run of them is printed."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured of `name`, within `least` and `most` or without a bound.

    `floor` says in words what it was measured beside. Where an interval is given, the whole of it
    has to lie within the bound. From fewer than `needed` samples nothing is judged.
    """

    name: str
    value: float
    floor: str
    unit: str = ""
    least: float | None = None
    most: float | None = None
    interval: tuple[float, float] | None = None
    samples: int = 0
    needed: int = 0

    @property
    def verdict(self) -> str:
        """`held` or `MISSED`; `too few` where nothing is judged; empty where nothing is bound."""
        if self.least is None and self.most is None:
            return ""
        if self.samples < self.needed:
            return "too few"
        low, high = self.interval or (self.value, self.value)
        above = self.least is None or low >= self.least
        return "held" if above and (self.most is None or high <= self.most) else "MISSED"

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.least is not None and self.most is not None:
            return f"{self._say(self.least)} to {self._say(self.most)}"
        if self.most is not None:
            return f"at most {self._say(self.most)}"
        return f"at least {self._say(self.least)}" if self.least is not None else ""

    def line(self) -> str:
        """The figure as one line of a table."""
        value = self._say(self.value)
        if self.interval:
            value += " [{:.3f}, {:.3f}]".format(*self.interval)
        return f"  {self.name:46} {value:22} {self.bound:18} {self.verdict:8} {self.floor}"

    def facts(self) -> dict[str, Any]:
        """The figure as JSON has it; what never ended is null."""
        facts = {**vars(self), "verdict": self.verdict}
        return {name: None if value == math.inf else value for name, value in facts.items()}

    def _say(self, value: float) -> str:
        return "never" if value == math.inf else f"{value:.3f}{self.unit}"


@dataclass(frozen=True)
class Chapter:
    """Figures that were measured together, and what else there is to know about them."""

    title: str
    figures: list[Figure]
    remarks: list[str]


def load() -> float:
    """How many processes wanted to run, over the last minute."""
    return round(os.getloadavg()[0], 2)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": load(),
    }


def held(chapters: Iterable[Chapter]) -> bool:
    """Whether no figure missed its bound."""
    return not any(each.verdict == "MISSED" for chapter in chapters for each in chapter.figures)


def as_text(ground: dict[str, Any], chapters: Iterable[Chapter]) -> str:
    """The whole run for a person at a console."""
    lines = [", ".join(f"{name} {value}" for name, value in ground.items())]
    for chapter in chapters:
        lines += ["", chapter.title, *(figure.line() for figure in chapter.figures)]
        lines += [f"  {remark}" for remark in chapter.remarks]
    return "\n".join(lines)


def as_json(ground: dict[str, Any], chapters: Iterable[Chapter]) -> str:
    """The whole run for a program."""
    told = [
        {
            "title": chapter.title,
            "figures": [figure.facts() for figure in chapter.figures],
            "remarks": chapter.remarks,
        }
        for chapter in chapters
    ]
    return json.dumps({"ground": ground, "chapters": told}, indent=2, allow_nan=False)
