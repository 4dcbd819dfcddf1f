"""What people are called, and what they hold, as text that databases and mails can carry."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from app.core.errors import N_, Refusal

LONGEST = 200
"""Characters of a full name."""

JOINERS = {"\u200c", "\u200d"}
"""What parts and joins letters, unseen, in the names of some languages."""

ADDRESS = re.compile(r"@|://|\bwww\.", re.IGNORECASE)


class NoName(Refusal):
    """A last name with nothing or with a control character in it, which no mail can hold."""

    code = "no_name"
    status = 422
    words = N_("Enter a last name without line breaks or other control characters.")


class NoFullName(Refusal):
    """What was typed as a full name cannot be one; the words say why."""

    code = "no_full_name"
    status = 422
    words = N_("Enter your name.")

    def __init__(self, words: str | None = None, **values: Any) -> None:
        super().__init__(**values)
        self.words = words or self.words


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


def checked_full_name(typed: str) -> str:
    """A full name in NFC, with one blank where several stood. Raises `NoFullName`.

    An address is no name: it was meant for the next field, or is to travel in our mails.
    """
    text = unicodedata.normalize("NFC", typed).strip()
    if not _is_text(text) or any(map(_is_unseen, text)):
        raise NoFullName(N_("Enter your name without line breaks or other control characters."))
    name = " ".join(text.split())
    if not any(map(str.isalnum, name)):
        raise NoFullName
    if len(name) > LONGEST:
        raise NoFullName(N_("A name can have %(most)s characters."), most=LONGEST)
    if ADDRESS.search(name):
        raise NoFullName(N_("Enter your name here, without an email or web address."))
    return name


def last_word(full_name: str) -> str:
    """What stands for a last name where no list says it; empty for no name."""
    return full_name.rpartition(" ")[2]


def check_ids(lo_root_ids: Iterable[str]) -> None:
    """Let past LO Root IDs that can be kept. Raises `OddId`."""
    if not all(_is_text(each.strip()) for each in lo_root_ids):
        raise OddId


def _is_unseen(letter: str) -> bool:
    # Separators of lines, marks that turn the direction of the text round them, widths of nothing.
    return unicodedata.category(letter) in {"Zl", "Zp", "Cf"} and letter not in JOINERS


def _is_text(text: str) -> bool:
    # Control characters, and halves of surrogate pairs, which no UTF-8 can hold.
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)
