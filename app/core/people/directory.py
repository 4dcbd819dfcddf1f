"""The list of people: a page of those who are wanted, in an order, from a million.

Where one filter leaves few, those few are read from its index and sorted. Where each leaves many,
the rows are read in the wanted order until a page is full. Neither looks at everybody, and no page
is further away than another: each begins where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select, true, tuple_
from sqlalchemy.orm import Session

from app.core.people import users
from app.core.people.orders import Order, Place
from app.core.people.users import Row
from app.core.people.wanted import MOMENTS, SEARCH, Part, Span, Wanted, conditions, parts
from app.models.people import User

FEW = 10_000
"""People who are counted one by one; beyond that a page says that there are more."""


@dataclass(frozen=True)
class Page:
    """Some people of a list. `count` is None where it was not counted, because there are many.

    `is_least` says that there are more than `count`; `sorted_by` may differ from what was asked.
    """

    rows: list[Row]
    count: int | None
    is_least: bool
    order: Order
    has_previous: bool
    has_next: bool


def find(
    db: Session, wanted: Wanted, order: Order, place: Place | None = None, *, limit: int = 50
) -> Page:
    """The page of those who are wanted that begins at `place`, or the first one."""
    needed = parts(db, wanted)
    count, few = _few(db, needed)
    if few is None and any(each.by_search for each in needed):
        # So many fit the search that only the order in which its index has them is quick.
        order = Order(down=order.down if order.sort == "added" else True)
    source = _source(db, wanted, needed, few, order)
    if few is not None and needed and needed != [few]:
        count = _size(db, source.rows)
    begins = _begins(db, order, place.user_id) if place and place.user_id else None
    backwards = bool(place and place.backwards and (begins or place.user_id is None))
    ids = _walk(db, source, order, begins, backwards, limit + 1)
    more, ids = len(ids) > limit, ids[:limit]
    if backwards:
        ids.reverse()
    return Page(
        rows=_load(db, ids),
        count=count,
        is_least=few is None,
        order=order,
        has_previous=more if backwards else begins is not None,
        has_next=begins is not None if backwards else more,
    )


def count(db: Session, wanted: Wanted, *met: ColumnElement[bool]) -> int:
    """How many are wanted and meet the other conditions, to the last; this looks at them all."""
    whose = conditions(db, wanted)
    return db.scalar(select(func.count()).select_from(User).where(whose, *met)) or 0


def ids_between(db: Session, wanted: Wanted, span: Span, *met: ColumnElement[bool]) -> list[int]:
    """The ids of those who are wanted and meet the other conditions, of people in the span."""
    return list(db.scalars(select(User.id).where(conditions(db, wanted, span), *met)))


def newest_id(db: Session) -> int:
    """The id of who was added last."""
    return db.scalar(select(func.max(User.id))) or 0


@dataclass(frozen=True)
class _Source:
    """Where ids come from, `key` and `id` being columns of its rows."""

    rows: Select[Any]
    key: Any
    id: ColumnElement[int]
    stretches: list[bool]


def _few(db: Session, needed: list[Part]) -> tuple[int | None, Part | None]:
    """How many there are at most, if that was counted, and what leaves few of them.

    The part is one that holds for everybody where all people together are few.
    """
    everybody = Part(true(), select(User.id), of_users=True)
    driving = [each for each in needed if each.ids is not None]
    for part in [everybody, *driving]:
        assert part.ids is not None
        size = _size(db, part.ids)
        if size <= FEW:
            return size, part
    return (FEW if len(needed) < 2 and len(driving) == len(needed) else None), None


def _size(db: Session, ids: Select[Any]) -> int:
    return db.scalar(select(func.count()).select_from(ids.limit(FEW + 1).subquery())) or 0


def _source(
    db: Session, wanted: Wanted, needed: list[Part], few: Part | None, order: Order
) -> _Source:
    key, stretches = _key(db, order), order.stretches(wanted)
    met = [each for each in needed if each is not few]
    sqlite = db.get_bind().dialect.name == "sqlite"
    if few is not None:
        assert few.ids is not None
        columns = [User.id.label("id"), (User.id if key is None else key).label("key")]
        driven = few.condition if few.of_users else User.id.in_(few.ids)
        inner = select(*columns).where(driven, *(each.condition for each in met))
        # The limit is a fence: no planner reads the whole table in order to save the sorting.
        found = inner.limit(FEW).subquery()
        return _Source(select(found.c.id), found.c.key, found.c.id, stretches)
    if sqlite and wanted.words and any(len(word) > 2 for word in wanted.words):
        search = next(each for each in needed if each.by_search)
        assert search.ids is not None
        others = [each.condition for each in needed if not each.by_search]
        rows = search.ids.where(select(User.id).where(User.id == SEARCH.c.rowid, *others).exists())
        return _Source(rows, SEARCH.c.rowid, SEARCH.c.rowid, [True])
    rows = select(User.id).where(*(_met(each, order) if sqlite else each.condition for each in met))
    return _Source(rows, User.id if key is None else key, User.__table__.c.id, stretches)


def _met(part: Part, order: Order) -> ColumnElement[bool]:
    """The condition of a part that many meet, as SQLite is to look at it.

    It keeps no statistics, and would collect many by their own index, and sort them all. In a CASE
    no condition is one that an index answers, and the order is all that is left to go by. Where the
    order has the same index, the condition says where in it the many begin.
    """
    return part.condition if part.moment == order.sort else case((part.condition, 1)) == 1


def _key(db: Session, order: Order) -> ColumnElement[Any] | None:
    """What the list is sorted by before the id; None for the id alone."""
    if order.sort == "added":
        return None
    if order.sort in MOMENTS:
        moment = User.last_seen_at if order.sort == "seen" else User.expiry_date
        return moment.expression
    text = User.last_name if order.sort == "name" else User.email
    return text.collate("NOCASE") if db.get_bind().dialect.name == "sqlite" else func.lower(text)


@dataclass(frozen=True)
class _Begins:
    """What the person whom a page begins after, or before, is sorted by."""

    key: Any
    user_id: int


def _begins(db: Session, order: Order, user_id: int) -> _Begins | None:
    key = _key(db, order)
    row = db.execute(
        select(User.id, User.id if key is None else key).where(User.id == user_id)
    ).one_or_none()
    return None if row is None else _Begins(row[1], row[0])


def _walk(
    db: Session,
    source: _Source,
    order: Order,
    begins: _Begins | None,
    backwards: bool,
    limit: int,
) -> list[int]:
    ids: list[int] = []
    for part in _stretches(source, order, begins, backwards):
        if len(ids) < limit:
            ids += db.scalars(part.limit(limit - len(ids)))
    return ids


def _stretches(
    source: _Source, order: Order, begins: _Begins | None, backwards: bool
) -> Iterator[Select[Any]]:
    """The rows in two stretches where some have no key: those that have one come first."""
    down = order.down is not backwards
    key, own = source.key, source.id
    for has_key in reversed(source.stretches) if backwards else source.stretches:
        rows = source.rows
        if len(source.stretches) > 1:
            rows = rows.where(key.is_not(None) if has_key else key.is_(None))
        by_id = order.sort == "added" or not has_key
        if begins is not None and (begins.key is not None) == has_key:
            rows = rows.where(_beyond(key, own, begins, down=down, by_id=by_id))
        elif begins is not None and has_key is not backwards:
            continue  # This stretch lies on the other side of where the page begins.
        sorted_by = [own] if by_id else [key, own]
        yield rows.order_by(*(each.desc() if down else each.asc() for each in sorted_by))


def _beyond(
    key: ColumnElement[Any],
    own: ColumnElement[int],
    begins: _Begins,
    *,
    down: bool,
    by_id: bool,
) -> ColumnElement[bool]:
    if by_id:
        return own < begins.user_id if down else own > begins.user_id
    pair, place = tuple_(key, own), (begins.key, begins.user_id)
    # The first condition says nothing new, but by it every database finds the place in an index.
    if down:
        return and_(key <= begins.key, pair < place)
    return and_(key >= begins.key, pair > place)


def _load(db: Session, ids: list[int]) -> list[Row]:
    found = db.execute(select(User, users.on_list()).where(User.id.in_(ids)))
    rows = {
        user.id: Row(user, users.shut_out_reason(user, listed=listed), user.last_seen_at)
        for user, listed in found
    }
    return [rows[each] for each in ids if each in rows]
