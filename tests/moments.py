"""How long something takes, on a machine that may be away for a moment.

    assert fits(seconds(act, fits))

A machine that stalls makes things last longer, by chance. What is slow by itself is so each time:
whatever must be quick, or end at a moment, is done a few times until it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TIMES = 4
"""How often something is done at most."""


def seconds(act: Callable[[], object], fits: Callable[[float], bool]) -> float:
    """Seconds that `act` takes: of the first time that `fits`, else of the last one."""
    took = 0.0
    for _ in range(TIMES):
        began = time.monotonic()
        act()
        took = time.monotonic() - began
        if fits(took):
            break
    return took
