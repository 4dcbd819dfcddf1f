"""What a row of measured times says: quantiles, and how well two rows can be told apart."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, variance

WIDTH = NormalDist().inv_cdf(0.975)
"""Standard errors on each side of an estimate that make its 95 % interval."""


def quantile(times: Sequence[float], share: float) -> float:
    """The time that `share` of all did not exceed, by the nearest rank: one that was measured."""
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Auc:
    """The chance that one of the second row took longer than one of the first; 95 % interval.

    0.5 says nothing; at 0 or 1 a single answer tells which row it belongs to.
    """

    value: float
    low: float
    high: float


def auc(first: Sequence[float], second: Sequence[float]) -> Auc:
    """The area under the ROC curve of two rows of times, with DeLong's interval.

    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), 837-845: the variance comes from the
    placement of each time among those of the other row, and equal times count as one half.
    """
    above = _placements(second, sorted(first))
    below = [1 - each for each in _placements(first, sorted(second))]
    value = sum(above) / len(above)
    error = math.sqrt(variance(above) / len(above) + variance(below) / len(below))
    return Auc(value, max(0.0, value - WIDTH * error), min(1.0, value + WIDTH * error))


def _placements(times: Sequence[float], others: Sequence[float]) -> list[float]:
    """The share of the sorted `others` that each of `times` exceeds."""
    return [
        (bisect_left(others, each) + bisect_right(others, each)) / 2 / len(others) for each in times
    ]
