"""What a look at one person finds: a sentence each, how good it is, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


class About(StrEnum):
    """What a finding is about, in the order of the door."""

    LIST = "list"
    LINE = "line"
    ACCOUNT = "account"
    STATUS = "status"
    PAUSE = "pause"
    WAYS = "ways"
    TRIES = "tries"
    MAILS = "mails"
    PROGRAMS = "programs"


class Tone(StrEnum):
    """How good a finding is; a bad one keeps the person out."""

    BAD = "bad"
    CALM = "calm"
    GOOD = "good"
    WARN = "warn"


class Mend(StrEnum):
    """What mends a finding: an act of the page, or the place where it is done."""

    CORRECT_ADDRESS = "correct_address"
    EXTEND = "extend"
    LIFT_PAUSE = "lift_pause"
    PUT_ON_LIST = "put_on_list"
    RESTORE = "restore"
    SEND_MAIL = "send_mail"


@dataclass(frozen=True)
class Said:
    """A sentence: words marked for translation, and the values of their places."""

    words: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence in English, moments in UTC: for commands, programs and tests."""
        plain = {name: _plain(value) for name, value in self.values.items()}
        return self.words % plain if plain else self.words


@dataclass(frozen=True)
class Finding:
    """One piece of evidence; `mends` name what helps, nothing where nothing has to be done."""

    about: About
    tone: Tone
    said: Said
    mends: tuple[Mend, ...] = ()


def found(about: About, tone: Tone, words: str, *mends: Mend, **values: Any) -> Finding:
    """A finding in these words."""
    return Finding(about, tone, Said(words, values), mends)


def _plain(value: Any) -> str:
    if isinstance(value, Said):
        return value.text
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return ", ".join(value)
    return str(value)
