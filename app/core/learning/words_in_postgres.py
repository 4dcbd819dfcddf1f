"""Finding exchanges in PostgreSQL's index of words, which gives what fits in no order.

It is therefore asked block by block, the newest first: beside the marks of `wanted` it has `i`, `j`
and `k`, the block of 1024, 16,384 and 262,144 ids in which an exchange stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, case, cast, false, func, literal_column, select, text, true
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from app.core.learning.wanted import EPOCH, Wanted, cover, groups
from app.models.conversations import Exchange

BLOCK, BLOCKS, BLOCKS_STEP = 1024, ("i", "j", "k"), 16

LONGEST_RANGE = 131_072
"""Ids that are asked for at once, at most, where there are few enough to do so."""

MOST_STRAYS = 1000
"""Exchanges that may stand far from others of their day before the index is asked for them."""

BUDGET = 0.5
"""Seconds that a search for a phrase may take before it says how far it came."""

AT_A_TIME = 200
"""Exchanges with all the words of a phrase of which the phrase is looked for at once."""

Condition = ColumnElement[bool]

_JOINING = "-./@<&_+~’–—“”"
_PARTED = str.maketrans(_JOINING, " " * len(_JOINING))


def _indexed() -> str:
    """The expression by which PostgreSQL knows the index; it is the migration's."""
    words = (
        "\"left\"(chat_history.user_message, 20000) || ' '::text"
        ' || "left"(chat_history.bot_message, 60000)'
    )
    for each in _JOINING:
        words = f"replace({words}, '{each}'::text, ' '::text)"
    day = (
        "greatest(coalesce(CASE WHEN isfinite(chat_history.timestamp) THEN"
        " chat_history.timestamp::date - '1970-01-01'::date END, 0), 0)"
    )
    return (
        f"(to_tsvector('simple'::regconfig, {words}) || array_to_tsvector(ARRAY["
        "'u' || chat_history.user_id::text, 'p' || \"left\"(chat_history.program_code::text, 100),"
        f" 'd' || ({day})::text, 'e' || ({day} / 32)::text, 'f' || ({day} / 1024)::text,"
        " 'i' || (chat_history.id / 1024)::text, 'j' || (chat_history.id / 16384)::text,"
        " 'k' || (chat_history.id / 262144)::text]))"
    )


_INDEXED: ColumnElement[Any] = literal_column(_indexed())


@dataclass(frozen=True)
class Newest:
    """The ids that were found, newest first; `reached` is how far, where time ran out before."""

    ids: list[int]
    reached: int | None = None


def newest(db: Session, wanted: Wanted, before: int | None, limit: int, budget: float) -> Newest:
    """The newest that fit; of phrases first those that have all the words.

    Whether they stand beside each other is not in the index: that is seen in each exchange, some
    at a time, as long as there is time.
    """
    # To compile a statement takes longer than to carry one of these out.
    db.execute(text("SET LOCAL jit = off"))
    phrases = tuple(each for each in wanted.terms or () if not each.isalnum())
    if not phrases:
        return Newest(_by_blocks(db, wanted, before, limit))
    strictly = fits(Wanted(terms=phrases), [])
    began, found = monotonic(), list[int]()
    while len(found) < limit:
        some = _by_blocks(db, wanted, before, AT_A_TIME)
        fitting = select(Exchange.id).where(Exchange.id.in_(some), _alone(strictly))
        found += db.scalars(fitting.order_by(Exchange.id.desc()))
        if len(some) < AT_A_TIME:
            return Newest(found[:limit])
        before = some[-1]
        if monotonic() - began > budget:
            return Newest(found[:limit], before if len(found) < limit else None)
    return Newest(found[:limit])


def _alone(condition: Condition) -> Condition:
    # Joined to a truth that the planner cannot see through, it is no reason to ask the index.
    return case((condition, true()), else_=false())


def _by_blocks(db: Session, wanted: Wanted, before: int | None, limit: int) -> list[int]:
    """The newest that fit loosely, looked for in the newest block first, in wider ones after it.

    An index of words gives all that fit in no order: of a word that is everywhere that would be
    nearly every row. Each range is four times as long as the one before, so that what it gives
    is little whenever the ones before gave less than a page.
    """
    last = db.scalar(select(func.max(Exchange.id))) or 0
    last = last if before is None else min(last, before - 1)
    if wanted.people:
        return _ask_index(db, wanted, (0, last), limit)
    found: list[int] = []
    start = _last_of(db, wanted)
    if start is not None and start + 2 * BLOCK < last:
        end = (start // BLOCK + 2) * BLOCK - 1
        found = _strays(db, wanted, (end + 1, last), limit)
        last = end
    longest = max(LONGEST_RANGE, last // 16)
    for within in _ranges(last, longest):
        if len(found) >= limit:
            break
        found += _ask_index(db, wanted, within, limit - len(found))
    return found


def _ask_index(db: Session, wanted: Wanted, within: tuple[int, int], limit: int) -> list[int]:
    first, last = within
    asked = groups(db, wanted)
    if not wanted.people:
        asked.append(cover(first // BLOCK, last // BLOCK, BLOCKS, BLOCKS_STEP))
    # Made whole before it is sorted: asked for a few of them in order, PostgreSQL would rather
    # read one row after the other, without the index.
    fitting = fits(wanted, asked, loosely=True)
    rows = select(Exchange.id).where(fitting).cte("rows").prefix_with("MATERIALIZED")
    query = select(rows.c.id).where(rows.c.id.between(first, last))
    return list(db.scalars(query.order_by(rows.c.id.desc()).limit(limit)))


def _strays(db: Session, wanted: Wanted, within: tuple[int, int], limit: int) -> list[int]:
    """What fits among ids where hardly anything is of the days that are wanted."""
    since = datetime.combine(wanted.since or EPOCH, time(), UTC)
    until = datetime.combine(wanted.until or date.max, time.max, UTC)
    query = select(Exchange.id).where(
        Exchange.timestamp.between(since, until), Exchange.id.between(*within)
    )
    # In the order of the index of moments, which the planner then has no reason to leave.
    ids = list(db.scalars(query.order_by(Exchange.timestamp, Exchange.id).limit(MOST_STRAYS)))
    if len(ids) == MOST_STRAYS:
        return _ask_index(db, wanted, within, limit)
    fitting = fits(wanted, groups(db, wanted), loosely=True)
    found = select(Exchange.id).where(Exchange.id.in_(ids), _alone(fitting)) if ids else None
    return (
        [] if found is None else list(db.scalars(found.order_by(Exchange.id.desc()).limit(limit)))
    )


def _last_of(db: Session, wanted: Wanted) -> int | None:
    """About the last id of the days that are wanted; None where they reach to the newest."""
    if wanted.until is None:
        return None
    end = datetime.combine(wanted.until, time.max, UTC)
    last = select(Exchange.id).where(Exchange.timestamp <= end)
    return db.scalar(last.order_by(Exchange.timestamp.desc()).limit(1))


def _ranges(last: int, longest: int) -> Iterator[tuple[int, int]]:
    """Ranges of ids, highest first, that together reach from `last` to 0."""
    length = 2 * BLOCK
    while last >= 0:
        # Where the long ones begin, wide blocks begin too: there are fewer to be asked for.
        step = BLOCK if length < 16 * BLOCK else 16 * BLOCK
        first = max(0, (last + 1 - length) // step * step)
        yield first, last
        last, length = first - 1, min(4 * length, longest)


def fits(wanted: Wanted, marks_of: list[list[str]], *, loosely: bool = False) -> Condition:
    """PostgreSQL's way of asking; `loosely` takes a phrase for its words, in any order."""
    marks = " & ".join("(" + " | ".join(map(_quoted, group)) + ")" for group in marks_of)
    asked: list[ColumnElement[Any]] = [cast(marks, TSQUERY)] if marks else []
    simple: ColumnElement[Any] = literal_column("'simple'::regconfig")
    read = func.plainto_tsquery if loosely else func.phraseto_tsquery
    asked += [read(simple, term.translate(_PARTED)) for term in wanted.terms or ()]
    whole = asked[0]
    for each in asked[1:]:
        whole = whole.op("&&")(each)
    return _INDEXED.op("@@", is_comparison=True)(whole)


def _quoted(mark: str) -> str:
    escaped = mark.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
