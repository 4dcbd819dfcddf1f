"""How long something takes, on a machine that may be away for a moment.

    assert fits(fitting(lambda turn: seconds(act), fits))

A machine that stalls makes things last longer, by chance. What is slow by itself is so each time:
whatever must be quick, or end at a moment, is done a few times until it was. Where it does another
thing the second time, each turn is with somebody new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TURNS = 4
"""How often something is done at most."""


def seconds(act: Callable[[], object]) -> float:
    """How long this takes."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def fitting(measure: Callable[[int], T], fits: Callable[[T], bool]) -> T:
    """What is measured in the first turn that `fits`, else in the last; turns count from 0."""
    for turn in range(TURNS):
        found = measure(turn)
        if fits(found):
            break
    return found
