"""Who answers in the chat: a model when one is configured, else passages of the content."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace

from app.core.learning.questions import Answer, Question


def choose(settings: SimpleNamespace) -> Answer:
    """Return the answerer that `settings` ask for; call once, it keeps what it has learned.

    Passages of the content unless OPENAI_API_KEY or OPENAI_BASE_URL is set. Its libraries are
    loaded with the first question: the worker and the commands are asked none.
    """

    @cache
    def chosen() -> Answer:
        return _by_model(settings) if asks_model(settings) else _by_passages()

    def answer(question: Question) -> Iterator[str]:
        return chosen()(question)

    return answer


def asks_model(settings: SimpleNamespace) -> bool:
    """Whether a model answers."""
    return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)


def _by_model(settings: SimpleNamespace) -> Answer:
    from app.answers.openai import ask_model  # noqa: PLC0415

    return ask_model(settings)


def _by_passages() -> Answer:
    from app.answers.passages import quote_passages  # noqa: PLC0415

    return quote_passages()
