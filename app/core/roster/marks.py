"""The mark of a roster line: a hash of its content, by which lists are compared person by person.

The marks of a person's lines are added up: the same lines in another order are the same sum.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

MARK_BYTES = 5
"""So small that the marks of millions of lines add up in the 64 bits of a database."""


def marks_of(contents: Iterable[str]) -> list[int]:
    """The marks of lines given as text, their seven cells in order with `SEPARATOR` between."""
    return [
        int.from_bytes(blake2b(text.encode(), digest_size=MARK_BYTES).digest()) for text in contents
    ]


SEPARATOR = "\x1f"
"""What no cell of a good line holds."""
