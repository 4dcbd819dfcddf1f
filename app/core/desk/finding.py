"""What a look at one person finds: a sentence each, how good it is, and what mends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    GIVE_IDS = "give_ids"
    GO_TO_PROGRAM = "go_to_program"
    LIFT_PAUSE = "lift_pause"
    LOOK_AT_ACCOUNTS = "look_at_accounts"
    LOOK_AT_MAIL = "look_at_mail"
    PUT_ON_LIST = "put_on_list"
    RESEND_MAIL = "resend_mail"
    RESTORE = "restore"
    SEND_MAIL = "send_mail"


CHANGING = frozenset(
    {
        Mend.CORRECT_ADDRESS, Mend.EXTEND, Mend.GIVE_IDS, Mend.LIFT_PAUSE, Mend.RESEND_MAIL,
        Mend.RESTORE, Mend.SEND_MAIL,
    }
)  # fmt: skip
"""What acts on a person, and so is refused to who may not touch them."""


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
    """One piece of evidence; `mends` name what helps, nothing where nothing has to be done.

    `row_id` is the program or the message that it is about, where it is about one.
    """

    about: About
    tone: Tone
    said: Said
    mends: tuple[Mend, ...] = ()
    row_id: int | None = None

    def of_row(self, row_id: int) -> Finding:
        """The same finding, about this program or message."""
        return replace(self, row_id=row_id)


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
        return ", ".join(map(_plain, value))
    return str(value)
