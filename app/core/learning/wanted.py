"""Which exchanges are looked for: words and phrases, person, program, day, and their marks.

The index of words (`migrations/versions/b7e2d94c1f06`) holds the words of an exchange and marks:
`u` with its person, `p` with its program, `d`, `e` and `f` with its UTC day, alone and in 32s and
1024s of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models.conversations import Exchange

LONGEST = 200
"""Characters of a search that are read."""

MOST_TERMS = 20
"""Words and phrases of a search that are read."""

EPOCH = date(1970, 1, 1)
DAYS, DAYS_STEP = ("d", "e", "f"), 32

_TERM = re.compile(r'"([^"]*)"|(\S+)')
_CURLY = str.maketrans("“”„«»\0", '""""" ')


@dataclass(frozen=True)
class Wanted:
    """Which exchanges are looked for; what is None is not asked for, what is empty fits nothing.

    `terms` are words and phrases, all of which occur; `programs` codes in the spelling of the
    rows; `people` ids; `since` and `until` UTC days, both of them within.
    """

    terms: tuple[str, ...] | None = None
    programs: frozenset[str] | None = None
    people: frozenset[int] | None = None
    since: date | None = None
    until: date | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing at all is asked for."""
        return self == Wanted()

    @property
    def nothing(self) -> bool:
        """Whether nothing can fit."""
        asked = (self.terms, self.programs, self.people)
        return any(each is not None and not each for each in asked)


def read_terms(typed: str) -> tuple[str, ...] | None:
    """The words and "quoted phrases" of a search; None where nothing was typed.

    A term without a letter or digit is left out: nothing could be found by it. No character has
    a meaning of its own but the quotation mark, and one without its pair has none either.
    """
    said = typed[:LONGEST].translate(_CURLY).encode("utf-8", "ignore").decode()
    if not said.strip():
        return None
    found = [phrase or word.replace('"', " ") for phrase, word in _TERM.findall(said)]
    terms = [" ".join(each.split()) for each in found if any(map(str.isalnum, each))]
    return tuple(dict.fromkeys(terms))[:MOST_TERMS]


def groups(db: Session, wanted: Wanted) -> list[list[str]]:
    """The marks of what is wanted: of each group an exchange has one."""
    found = []
    if wanted.people is not None:
        found.append([f"u{each}" for each in sorted(wanted.people)])
    if wanted.programs is not None:
        found.append([f"p{each[:100]}" for each in sorted(wanted.programs)])
    if wanted.since is not None or wanted.until is not None:
        first, last = _days_said(db)
        first = max(first, (wanted.since - EPOCH).days) if wanted.since else first
        last = min(last, (wanted.until - EPOCH).days) if wanted.until else last
        found.append(cover(first, last, DAYS, DAYS_STEP) or ["d-1"])
    return found


def _days_said(db: Session) -> tuple[int, int]:
    """The first and the last day of any exchange; what has no moment has the day 0, and no say."""
    first, last = db.scalar(select(func.min(Exchange.timestamp))), None
    if first is not None:
        last = db.scalar(select(func.max(Exchange.timestamp)))
    if first is None or last is None:
        return 1, 0
    return max((first.date() - EPOCH).days, 1), (last.date() - EPOCH).days


def cover(first: int, last: int, names: Sequence[str], step: int) -> list[str]:
    """The marks that together stand for each number from `first` to `last`, and no other.

    The first of `names` marks numbers alone, each further one runs of `step` times as many.
    """
    name, *wider = names
    if not wider:
        return [f"{name}{each}" for each in range(first, last + 1)]
    inner_first, inner_last = -(-first // step), (last + 1) // step - 1
    if inner_first > inner_last:
        return [f"{name}{each}" for each in range(first, last + 1)]
    edges = [*range(first, inner_first * step), *range((inner_last + 1) * step, last + 1)]
    return [f"{name}{each}" for each in edges] + cover(inner_first, inner_last, wider, step)
