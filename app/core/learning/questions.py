"""A question to a program, and the shape of whoever answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What a learner asks, with all that an answerer may know.

    `program` is the display name. `content` is Markdown or plain text. `version` changes whenever
    the content changes (for instance the program's code with its time of change), so that an
    answerer may keep what it made of the content.
    """

    program: str
    content: str
    role: str | None
    guidelines: str | None
    text: str
    version: str


Answer = Callable[[Question], Iterator[str]]
"""Yields pieces of Markdown, in order; raises `AnswerFailed`, before the first piece or later."""


class AnswerFailed(Exception):
    """There is no answer, or no more of it.

    `reason` is one of `broken` (what came makes no sense), `empty`, `refused` (the server said no),
    `timeout` and `unreachable`. `detail` is for maintainers: it never holds the question, the
    content, a key or what the server wrote.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason} ({detail})" if detail else reason)
        self.reason = reason
        self.detail = detail
