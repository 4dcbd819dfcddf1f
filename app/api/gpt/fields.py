"""The members of what a custom GPT sends and gets, with their limits and descriptions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from app.core.learning.content import (
    LONGEST_SUMMARY,
    LONGEST_TITLE,
    MOST_CHARACTERS,
    MOST_LINES,
)
from app.edge.bodies import STORABLE

LONGEST_ADDRESS, LONGEST_TOKEN, LONGEST_KEY, LONGEST_SEARCH = 254, 4096, 200, 200


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""For JSON, 2.0 is a whole number too (JSON Schema 2020-12 §6.1.1)."""


Lines = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": STORABLE})]],
    Field(
        json_schema_extra={"x-mostCharacters": MOST_CHARACTERS},
        max_length=MOST_LINES,
        description="What was said, a line for each turn, beginning with who said it. With title"
        f" and summary at most {MOST_CHARACTERS} characters in all.",
        examples=[["Learner: can we start?", "Coach: yes."]],
    ),
]
Summary = Annotated[
    str,
    Field(
        max_length=LONGEST_SUMMARY,
        description="What the conversation was about and how far it came, in a few sentences.",
        examples=["Practised open questions."],
    ),
]
Title = Annotated[
    str,
    Field(max_length=LONGEST_TITLE, description="A short title.", examples=["Open questions"]),
]
Moment = Annotated[str, Field(max_length=32, json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(max_length=64, examples=["0d3cf0a8-5f5b-4b0e-9d0a-6f6f3a1c2b77"])]
Before = Annotated[
    str | None,
    Field(max_length=64, description="The id of the last conversation of the page before."),
]
Address = Annotated[
    str,
    Field(
        json_schema_extra={"maxLength": LONGEST_ADDRESS, "format": "email"},
        description="The person's email address, in any case.",
        examples=["noor@learn.example"],
    ),
]
