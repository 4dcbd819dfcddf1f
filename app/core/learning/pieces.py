"""Conversations as programs get them: of bounded length, long ones in parts.

Lengths are those of the JSON that leaves, in characters: ChatGPT takes fewer than 100,000 of them
in an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

MOST_ANSWERED = 89_000
"""Characters of an answer with several conversations, with some left for what is around them."""

MOST_OF_ONE = 95_000
"""Characters of an answer with one conversation: one that was just saved fits whole."""

PART = 80_000
"""Characters of what was said in one part of a long conversation."""


class Kept(StrEnum):
    """Where a conversation was held."""

    CHATGPT = "chatgpt"
    SITE = "site"


@dataclass(frozen=True)
class Head:
    """What a conversation is found and ordered by; `codes` are those of a site chat's rows."""

    id: str
    source: Kept
    created_at: datetime
    updated_at: datetime
    characters: int
    codes: frozenset[str] = frozenset()

    @property
    def position(self) -> tuple[datetime, str]:
        """Where it stands in the list, which has the greatest first."""
        return self.created_at, self.id


@dataclass(frozen=True)
class Conversation:
    """A conversation with what was said, a line for each turn."""

    id: str
    user_id: str
    source: Kept
    title: str | None
    summary: str
    lines: Sequence[str]
    created_at: datetime
    updated_at: datetime

    def facts(self, lines: Sequence[str] | None = None) -> dict[str, Any]:
        """The conversation as a JSON object, with these `lines` where it has to be cut."""
        shown = self.lines if lines is None else lines
        return {
            "id": self.id,
            "user_id": self.user_id,
            "title": self.title,
            "summary": self.summary,
            "raw_text": list(shown),
            "created_at": written(self.created_at),
            "updated_at": written(self.updated_at),
            "source": self.source.value,
            "truncated": lines is not None,
        }


@dataclass(frozen=True)
class Piece:
    """A part of what was said; `continued` where it begins in the middle of a line."""

    lines: list[str]
    continued: bool


def written(moment: datetime) -> str:
    """A moment as RFC 3339 has it, in UTC, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def length(value: Any) -> int:
    """Characters of a value as JSON, as it leaves, and of the comma behind it."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) + 1


def bounded(one: Conversation, most: int = MOST_OF_ONE) -> dict[str, Any]:
    """The conversation as a JSON object of at most `most` characters, cut where it is longer."""
    whole = one.facts()
    if length(whole) <= most:
        return whole
    left = most - length(one.facts([])) - 1
    return one.facts(next(pieces(one.lines, left)).lines)


def fill(found: Iterable[Conversation], most: int = MOST_ANSWERED) -> list[dict[str, Any]]:
    """As many as fit into one answer, in their order; a first one that is too long comes cut."""
    page: list[dict[str, Any]] = []
    left = most
    for one in found:
        facts = bounded(one, most) if not page else one.facts()
        left -= length(facts)
        if left < 0 and page:
            break
        page.append(facts)
    return page


def pieces(lines: Sequence[str], most: int = PART) -> Iterator[Piece]:
    """What was said in parts of at most `most` characters; at least one, which may be empty."""
    part, left, continued = list[str](), most, False
    for line in lines:
        for number, chunk in enumerate(_chunks(line, most)):
            if part and (number > 0 or length(chunk) > left):
                yield Piece(part, continued)
                part, left, continued = [], most, number > 0
            part.append(chunk)
            left -= length(chunk)
    yield Piece(part, continued)


def _chunks(line: str, most: int) -> Iterator[str]:
    while length(line) > most:
        size = most
        while length(line[:size]) > most:
            size = size * 3 // 4
        yield line[:size]
        line = line[size:]
    yield line
