"""Keeps the collector of cycles away while millions of rows come and go, which have no cycles."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Switch the collector off for a while: a quarter of the time of an import was its looking.

    It is the whole process that goes without it, for some seconds, so only commands and the worker
    should do this.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
