"""Who answers in the chat: a model when one is configured, else passages of the content."""

from __future__ import annotations

from types import SimpleNamespace

from app.answers.passages import quote_passages
from app.core.learning.questions import Answer


def choose(settings: SimpleNamespace) -> Answer:
    """Return the answerer that `settings` ask for; call once, it keeps what it has learned.

    Passages of the content unless OPENAI_API_KEY or OPENAI_BASE_URL is set.
    """
    if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        # Its library is a third of what every start takes, and most installations do without it.
        from app.answers.openai import ask_model  # noqa: PLC0415

        return ask_model(settings)
    return quote_passages()
