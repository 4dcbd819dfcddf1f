"""What becomes of what admins set by hand, as `flask rollcall roster import` says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BY_HAND = ("edited", "yielding", "file_wins", "yielded")
"""Of an import: for whom something was set by hand, for whom the file could win, whether it is to,
and for whom it did."""


def say_what_stays(result: Mapping[str, Any]) -> str:
    """One sentence about an import that meets what admins set by hand."""
    kept = f"What admins set by hand stays for {result['edited']} people"
    if result["yielded"]:
        return f"The file won over what admins had set by hand for {result['yielded']} people."
    if not result["yielding"]:
        return f"{kept}."
    if result["file_wins"]:
        return f"The file wins over what admins set by hand for {result['yielding']} people."
    return f"{kept}; with --file-wins the file wins for {result['yielding']} of them."
