"""The files of a benchmark of imports: a list of so many lines, and the same a little changed."""

from __future__ import annotations

from pathlib import Path

EACH = 3
"""Lines of one person: each names another LO Root ID."""

HEADER = "user_code,last_name,email,status,class_name,date,lo_root_id\n"


def write(path: Path, lines: int, *, changed: int = 0, name: str = "p") -> None:
    """Write a list of `lines`; of every hundred people `changed` hold another LO Root ID.

    Their addresses and user codes begin with `name`.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for number in range(lines // EACH):
            other = number % 100 < changed
            head = f"{name}{number:07},Lovelace {number % 977},{name}{number}@learn.example,Active,"
            for place in range(EACH):
                lo_root_id = f"LO-{(number * 7 + place + (1 if other else 0)) % 40:02}"
                file.write(f"{head}Class {number % 61},2026-03-02,{lo_root_id}\n")
