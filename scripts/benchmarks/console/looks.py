"""How long one look takes: of several the middle one, after one that nobody counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from scripts.benchmarks.figures import Figure

MILLION = 1_000_000
"""Rows from which on a figure is judged."""

MOST = 100
"""Milliseconds that a page of a list may take."""

LOOKS = 5


def page(
    name: str, db: Session, rows: int, look: Callable[[], object], most: float | None = MOST
) -> Figure:
    """The figure of a page, among so many rows: what its question takes in milliseconds."""
    took = []
    for _ in range(LOOKS + 1):
        began = time.perf_counter()
        look()
        took.append((time.perf_counter() - began) * 1000)
        db.rollback()
        db.expunge_all()
    middle = statistics.median(took[1:])
    return Figure(name, middle, "", unit=" ms", most=most, samples=rows, needed=MILLION)
