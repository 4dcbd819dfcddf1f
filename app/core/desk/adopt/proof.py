"""The proof that nothing was lost: what stands in every legacy table before and after.

Two prints of a table are equal, or name the column and the rows in which they differ.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from app.core.desk.adopt.edits import Edits, Key
from app.core.desk.adopt.prints import EMPTY, Print, hash_of

FILLED = {
    "users": {"last_name", "email", "visit_count", "status"},
    "chatbot_contents": {"content", "intro_message", "category", "quota"},
    "chat_history": {"user_message", "bot_message", "is_visible"},
}
"""Columns in which the upgrade itself puts a value where there was none (T2, T12)."""

SHOWN = 5
"""Rows that a difference names."""


@dataclass
class Line:
    """The proof of one table."""

    table: str
    before: int
    upgraded: int
    after: int
    expected: str
    """The checksum of what stood there before, with what was chosen."""
    found: str
    """The checksum of what stands there now; empty where the table is gone."""
    differences: list[str] = field(default_factory=list)


def expect(prints: dict[str, Print], edits: Edits, found: dict[str, Print]) -> dict[str, Print]:
    """What the prints become by these edits.

    A row that comes has nothing but its key: what the database itself puts into the left-over
    columns of such rows, by their defaults, is taken from `found`.
    """
    return {name: _edited(name, former, edits, found.get(name)) for name, former in prints.items()}


def _edited(name: str, former: Print, edits: Edits, found: Print | None) -> Print:
    gone, come = edits.gone.get(name, set()), edits.come.get(name, set())
    columns = {each: array("Q", digests) for each, digests in former.columns.items()}
    places = {key: number for number, key in enumerate(former.keys)}
    for (table_name, each), values in edits.changed.items():
        if table_name == name:
            for key, value in values.items():
                columns[each][places[key]] = hash_of(value)
    if not gone and not come:
        return replace(former, columns=columns)
    stay = [number for number, key in enumerate(former.keys) if key not in gone]
    keys = [*(former.keys[number] for number in stay), *come]
    now = {key: number for number, key in enumerate(found.keys)} if found else {}
    for each, digests in columns.items():
        there = found.columns.get(each) if found else None
        new = (there[now[key]] if there and key in now else EMPTY for key in come)
        columns[each] = array("Q", [*(digests[number] for number in stay), *new])
    return replace(former, keys=keys, columns=columns)


def compare(
    before: dict[str, Print],
    upgraded: dict[str, Print],
    expected: dict[str, Print],
    found: dict[str, Print],
) -> Iterator[Line]:
    """The proof, table by table: first what the upgrade did, then what the repairs did."""
    for name in sorted({*before, *expected}):
        wrong: list[str] = []
        if name in before:
            wrong += differences(name, before[name], upgraded.get(name), filled=True)
        if name in expected:
            wrong += differences(name, expected[name], found.get(name), filled=False)
        yield Line(
            table=name,
            before=_count(before, name),
            upgraded=_count(upgraded, name),
            after=_count(found, name),
            expected=expected[name].checksum() if name in expected else "",
            found=found[name].checksum() if name in found else "",
            differences=wrong,
        )


def _count(prints: dict[str, Print], name: str) -> int:
    return len(prints[name].keys) if name in prints else 0


def differences(name: str, expected: Print, found: Print | None, *, filled: bool) -> list[str]:
    """In words, what is not as expected; `filled` lets the upgrade put values where none were."""
    if found is None:
        return [f"the table {name} is gone"]
    if Counter(expected.keys) != Counter(found.keys):
        return list(_rows_that_differ(name, expected.keys, found.keys))
    if shown := Counter(expected.hidden) - Counter(found.hidden):
        return [f"{name} shows {shown.total()} messages that were hidden"]
    if len(found.hidden) > 2 * len(expected.hidden):
        return [f"{name} hides messages that are no part of a hidden exchange"]
    # Rows are found by their key: each engine has its own idea of the order of texts.
    places = {key: number for number, key in enumerate(found.keys)}
    said = []
    for each, digests in expected.columns.items():
        if each not in found.columns:
            said.append(f"the column {name}.{each} is gone")
            continue
        now, may_fill = found.columns[each], filled and each in FILLED.get(name, set())
        rows = zip(expected.keys, digests, strict=True)
        pairs = ((key, digest, now[places[key]]) for key, digest in rows)
        other = [key for key, a, b in pairs if a != b and not (may_fill and a == EMPTY)]
        if other:
            said.append(f"{name}.{each} differs in {len(other)} rows: {_some(other)}")
    return said


def _rows_that_differ(name: str, expected: Iterable[Key], found: Iterable[Key]) -> Iterator[str]:
    missing = Counter(expected) - Counter(found)
    more = Counter(found) - Counter(expected)
    if missing:
        yield f"{name} has lost {missing.total()} rows: {_some(missing)}"
    if more:
        yield f"{name} has {more.total()} rows too many: {_some(more)}"


def _some(keys: Iterable[Key]) -> str:
    listed = list(keys)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(str(each) for each in listed[:SHOWN]) + more
