"""LO Root IDs as they should have been written, and those that look like another (T7)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.core.desk.adopt.choices import Choices
from app.core.roster.columns import split_ids

NOT_AN_ID = "nan"
"""What an earlier program wrote where there was no id."""

NUMBER = re.compile(r"0*(\d+)(?:\.0+)?")


def cleaned(lo_root_id: str) -> tuple[str, ...]:
    """What a person holds by this text: its parts, trimmed, without `nan`."""
    return tuple(part for part in split_ids(lo_root_id) if part != NOT_AN_ID)


def cleaned_of_program(lo_root_id: str) -> tuple[str, ...]:
    """What a program asks for by this text.

    Never nothing: a program that asks for nothing is open to everybody.
    """
    return cleaned(lo_root_id) or (lo_root_id,)


def repaired(held: Iterable[tuple[int, str]], choices: Choices) -> set[tuple[int, str]]:
    """Who holds what once it is written as it should be, and changed as the maintainer chose."""
    return {
        (user_id, choices.id_changes.get(part, part))
        for user_id, lo_root_id in held
        for part in (cleaned(lo_root_id) if choices.repair_ids else (lo_root_id,))
    }


def proposed(lo_root_id: str, wanted: set[str]) -> str | None:
    """The id of a program that this one seems to mean, with its zeros lost; None for none."""
    number = NUMBER.fullmatch(lo_root_id)
    if number is None or lo_root_id in wanted:
        return None
    alike = [each for each in sorted(wanted) if (m := NUMBER.fullmatch(each)) and m[1] == number[1]]
    return alike[0] if len(alike) == 1 else None
