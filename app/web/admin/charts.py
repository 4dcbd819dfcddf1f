"""Charts as the server draws them: where each bar stands, and the table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 720, 180
"""The drawing's own units; the page stretches it."""

TONES = 5
"""How many series have a tone of their own; what is beyond is drawn together."""


BAD = 6


@dataclass(frozen=True)
class Bar:
    """A rectangle of the drawing, and which tone it has."""

    x: float
    y: float
    width: float
    height: float
    tone: int


@dataclass(frozen=True)
class Series:
    """What one tone of a chart shows."""

    name: str
    counts: Sequence[int]
    tone: int = 0
    """From 1; 0 for the one of its place. `BAD` is for what should not happen."""


@dataclass(frozen=True)
class Chart:
    """Stacked bars: one for each label, of the series one above the other."""

    id: str
    title: str
    message: str
    """What the chart says, in a sentence."""
    column: str
    """What the labels are: the heading of the table's first column."""
    labels: Sequence[str]
    series: Sequence[Series]
    bars: list[Bar] = field(init=False)
    peak: int = field(init=False)
    """What the top of the drawing stands for."""

    def __post_init__(self) -> None:
        """Place the bars."""
        sums = [sum(column) for column in zip(*(each.counts for each in self.series), strict=True)]
        object.__setattr__(self, "peak", round_up(max(sums, default=0)))
        object.__setattr__(self, "bars", list(self._place()))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(any(each.counts) for each in self.series)

    def _place(self) -> list[Bar]:
        room = WIDTH / max(1, len(self.labels))
        bars = []
        for place in range(len(self.labels)):
            top = float(HEIGHT)
            for number, each in enumerate(self.series, start=1):
                height = HEIGHT * each.counts[place] / self.peak
                if height:
                    top -= height
                    x, width = round((place + 0.15) * room, 1), round(room * 0.7, 1)
                    tone = each.tone or number
                    bars.append(Bar(x, round(top, 1), width, round(height, 1), tone))
        return bars


def round_up(number: int) -> int:
    """The next number from `number` on that reads well at the top of a scale; at least 4."""
    size = 1
    while True:
        for step in (4, 5, 6, 8, 10, 15, 20, 30):
            if step * size >= number:
                return step * size
        size *= 10


def fold(series: Sequence[Series], others: str) -> list[Series]:
    """The series, those beyond the last tone added up under the name `others`."""
    if len(series) <= TONES:
        return list(series)
    rest = [
        sum(column) for column in zip(*(each.counts for each in series[TONES - 1 :]), strict=True)
    ]
    return [*series[: TONES - 1], Series(others, rest)]
