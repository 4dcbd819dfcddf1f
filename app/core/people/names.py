"""What people are called, and what they hold, as text that databases and mails can carry."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from app.core.errors import N_, Refusal


class NoName(Refusal):
    """A last name with nothing or with a control character in it, which no mail can hold."""

    code = "no_name"
    status = 422
    words = N_("Enter a last name without line breaks or other control characters.")


class OddId(Refusal):
    """An LO Root ID with a control character in it, which no database can hold."""

    code = "odd_id"
    status = 422
    words = N_("LO Root IDs hold no line breaks or other control characters.")


def checked_name(typed: str) -> str:
    """A last name without blanks around it. Raises `NoName`."""
    name = typed.strip()
    if not name or not _is_text(name):
        raise NoName
    return name


def check_ids(lo_root_ids: Iterable[str]) -> None:
    """Let past LO Root IDs that can be kept. Raises `OddId`."""
    if not all(_is_text(each.strip()) for each in lo_root_ids):
        raise OddId


def _is_text(text: str) -> bool:
    # Control characters, and halves of surrogate pairs, which no UTF-8 can hold.
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)
