"""What may be saved of a conversation, and when two are the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import N_, Refusal

MOST_CHARACTERS = 90_000
"""Of a conversation in all: title, summary and what was said."""

MOST_LINES = 2000
LONGEST_SUMMARY = 500
LONGEST_TITLE = 200


class TooLong(Refusal):
    """A title or a summary beyond its length."""

    code = "too_long"
    status = 400
    words = N_("%(field)s can have at most %(limit)s characters.")


class TooMuch(Refusal):
    """A conversation beyond the length that can be handed back."""

    code = "too_much"
    status = 413
    words = N_("A conversation can have at most %(limit)s characters in all. Save it in parts.")


@dataclass(frozen=True)
class Text:
    """What is saved of a conversation: a summary, a line for each turn, and maybe a title."""

    summary: str
    lines: Sequence[str]
    title: str | None = None

    def check(self) -> None:
        """Raises `TooLong` or `TooMuch`."""
        if len(self.summary) > LONGEST_SUMMARY:
            raise TooLong(field="summary", limit=LONGEST_SUMMARY)
        if len(self.title or "") > LONGEST_TITLE:
            raise TooLong(field="title", limit=LONGEST_TITLE)
        if len(self.lines) > MOST_LINES:
            raise TooMuch(limit=MOST_CHARACTERS)
        if self.characters + len(self.summary) + len(self.title or "") > MOST_CHARACTERS:
            raise TooMuch(limit=MOST_CHARACTERS)

    @property
    def characters(self) -> int:
        """Of what was said."""
        return sum(map(len, self.lines))

    @property
    def digest(self) -> str:
        """The same for the same content alone."""
        said = json.dumps([self.title, self.summary, list(self.lines)])
        return hashlib.sha256(said.encode()).hexdigest()
