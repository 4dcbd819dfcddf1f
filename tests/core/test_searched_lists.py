"""A search in the lists of an import finds whom a look at everybody finds, page by page."""

from __future__ import annotations

import io
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.core.audit import NOWHERE
from app.core.roster import imports
from app.core.roster.columns import COLUMNS
from app.core.roster.listing import KINDS
from app.models.rosters import RosterImport, SearchPart

HEADER = ",".join(COLUMNS) + "\n"
PEOPLE = 2_300
"""More than two texts have."""

NAMES = ("Lovelace", "Émile", "O'Neill", "Ünal_50%", "van der Berg", "ΠΑΠΠΑΣ")
SEARCHES = (
    "example", "lovelace", "ÉMILE", "mil", "_50%", "r b", "p1", "99@", "g\tp1", "zzz nobody", "π",
)  # fmt: skip


def line(number: int, ids: str = "A1", status: str = "Active") -> str:
    name = NAMES[number % len(NAMES)]
    return f"U{number},{name},p{number}@x.example,{status},Class 1,2026-03-02,{ids}\n"


def listed(numbers: range, **kwargs: str) -> str:
    return "".join(line(number, **kwargs) for number in numbers)


FIRST = HEADER + listed(range(PEOPLE)) + listed(range(PEOPLE, PEOPLE + 80), status="Inactive")
SECOND = (
    HEADER
    + listed(range(1_100))
    + listed(range(1_100, 1_200), ids="A2")
    + listed(range(1_500, PEOPLE))
    + listed(range(PEOPLE, PEOPLE + 30), status="Inactive", ids="A3")
    + listed(range(5_000, 5_100))
)
THIRD = HEADER + listed(range(1_200, 1_500)) + listed(range(6_000, 6_050))


def check(db: Session, text: str, **kwargs: Any) -> RosterImport:
    found = imports.check(
        db, io.BytesIO(text.encode()), file_name="list.csv", encoding=None, by=None,
        origin=NOWHERE, **kwargs,
    )  # fmt: skip
    db.commit()
    return found


def apply(db: Session, found: RosterImport) -> RosterImport:
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    db.commit()
    return found


def everybody(db: Session, found: RosterImport, kind: str, search: str = "") -> list[Any]:
    people: list[Any] = []
    after = None
    while page := imports.list_changes(
        db, found.id, kind, search=search, after=after, limit=97
    ):  # fmt: skip
        people += page
        after = page[-1].last_name, page[-1].address
    return people


def searched_alike(db: Session, found: RosterImport) -> dict[str, int]:
    """How many stand in each list, having compared what each search finds in it.

    They are as many as the import counted.
    """
    lists = {kind: everybody(db, found, kind) for kind in KINDS}
    for kind, people in lists.items():
        assert len(people) == getattr(found, kind), kind
        for search in SEARCHES:
            part = search.lower()
            fits = [
                each for each in people if part in each.last_name.lower() or part in each.address
            ]
            assert everybody(db, found, kind, search) == fits, (kind, search)
    return {kind: len(people) for kind, people in lists.items() if people}


def parts(db: Session, found: RosterImport, kind: str) -> int:
    query = select(SearchPart.last).where(SearchPart.import_id == found.id, SearchPart.kind == kind)
    return len(db.scalars(query).all())


def test_every_list_is_searched_from_the_check_to_the_undo(db: Session):
    first = check(db, FIRST)
    assert searched_alike(db, first) == {"added": PEOPLE, "inactive": 80}
    apply(db, first)

    second = check(db, SECOND)
    expected = {"added": 100, "changed": 100, "removed": 300, "inactive": 30, "unchanged": 1_900}
    assert searched_alike(db, second) == expected
    apply(db, second)
    assert searched_alike(db, second) == expected

    adding = check(db, THIRD, mode="add")
    assert searched_alike(db, adding) == {"added": 350, "back": 300, "unchanged": 2_100}

    limits = imports.HoldLimits(100, 100)
    undo = imports.check_undo(db, second.id, by=None, origin=NOWHERE, limits=limits)
    db.commit()
    taken_back = searched_alike(db, undo)
    assert taken_back["unchanged"] == 1_900
    assert (taken_back["added"], taken_back["back"], taken_back["removed"]) == (300, 300, 100)
    assert searched_alike(db, apply(db, undo)) == taken_back


def test_who_is_inactive_is_listed_and_counted_alike_though_nothing_of_theirs_changes(db: Session):
    out = line(1, status="Inactive") + line(3, status="Inactive")
    first = apply(db, check(db, HEADER + line(0) + line(1) + line(2) + out))
    assert (first.inactive, numbers(db, first, "inactive")) == (1, [3])
    again = check(db, HEADER + line(0) + line(3, status="Inactive") + line(2, status="Inactive"))
    assert searched_alike(db, again) == {"unchanged": 1, "removed": 2, "inactive": 2}
    became = {each.address[:2]: each for each in everybody(db, again, "inactive")}
    assert [(each.change, each.lost) for each in became.values()] == [
        ("removed", "A1"), ("unchanged", ""),
    ]  # fmt: skip
    assert became["p3"].last_name == NAMES[3]
    apply(db, again)
    assert numbers(db, again, "inactive") == numbers(db, again, "inactive", "x.ex") == [2, 3]
    apply(db, check(db, HEADER + line(0)))
    assert numbers(db, again, "inactive") == [2, 3]
    assert numbers(db, first, "inactive", NAMES[3].upper()) == [3]


def test_who_may_enter_by_a_line_in_force_is_not_inactive_by_a_file_that_adds(db: Session):
    apply(db, check(db, HEADER + line(0) + line(1, status="Inactive")))
    off = "".join(line(number, ids="A2", status="Inactive") for number in range(3))
    adding = check(db, HEADER + off + line(5), mode="add")
    assert searched_alike(db, adding) == {"added": 1, "changed": 1, "inactive": 2}
    assert numbers(db, adding, "inactive") == [1, 2]
    same = check(db, HEADER + line(1, status="Inactive"), mode="add")
    assert (same.inactive, numbers(db, same, "inactive")) == (1, [1])
    applied = apply(db, adding)
    assert numbers(db, applied, "inactive") == [1, 2]


def numbers(db: Session, found: RosterImport, kind: str, search: str = "") -> list[int]:
    people = everybody(db, found, kind, search)
    return [int(each.address.partition("@")[0][1:]) for each in people]


def test_imports_of_an_earlier_version_are_searched_row_by_row_and_the_next_one_is_not(db: Session):
    first = apply(db, check(db, FIRST))
    db.execute(delete(SearchPart))
    found = imports.list_changes(db, first.id, "added", search="p10@")
    assert [each.address for each in found] == ["p10@x.example"]
    assert len(imports.list_changes(db, first.id, "inactive", search="p23", limit=99)) == 80

    second = check(db, SECOND)
    assert parts(db, second, "unchanged") == 2
    assert searched_alike(db, second)["unchanged"] == 1_900


def test_who_does_not_change_is_not_known_beside_a_list_that_was_replaced(db: Session):
    apply(db, check(db, FIRST))
    waiting = check(db, FIRST.replace("Class 1", "Class 2", 1))
    assert len(everybody(db, waiting, "unchanged", "x.example")) == PEOPLE - 1
    apply(db, check(db, SECOND))
    assert everybody(db, waiting, "unchanged", "x.example") == []
    assert everybody(db, waiting, "unchanged") == []


def test_unchanged_people_are_packed_as_long_as_they_are_known(db: Session):
    apply(db, check(db, FIRST))
    second = apply(db, check(db, SECOND))
    third = apply(db, check(db, SECOND + listed(range(6_000, 6_010))))
    imports.tidy(db)
    assert (parts(db, second, "unchanged"), parts(db, third, "unchanged")) == (0, 3)
    assert parts(db, second, "added") == 1
    assert imports.list_changes(db, second.id, "unchanged", search="p1") == []
