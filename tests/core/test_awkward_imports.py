"""Imports where lines, people and counts fall between the usual cases."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.audit import NOWHERE
from app.core.desk import case
from app.core.roster import imports, ledger
from app.core.roster.columns import COLUMNS
from app.core.roster.files import Line, Problem, open_file
from app.core.roster.plain import PlainReader
from app.models.rosters import RosterImport, RosterLine

ADA, BO, CY = (f"{name}@learn.agency.example" for name in ("ada", "bo", "cy"))
HEADER = ",".join(COLUMNS) + "\n"
LONG = "x" * 70_000


def line(last_name: str, email: str, ids: str = "A1", status: str = "Active") -> str:
    return f"U1,{last_name},{email},{status},Class 1,2026-03-02,{ids}\n"


def check(db: Session, text: str, **kwargs: Any) -> RosterImport:
    found = imports.check(
        db, io.BytesIO(text.encode()), file_name="list.csv", encoding=None, by=None,
        origin=NOWHERE, **kwargs,
    )  # fmt: skip
    db.commit()
    return found


def bring_in(db: Session, text: str, **kwargs: Any) -> RosterImport:
    found = check(db, text, **kwargs)
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    db.commit()
    return found


def undo(db: Session, found: RosterImport) -> RosterImport:
    taken = imports.check_undo(
        db, found.id, by=None, origin=NOWHERE, limits=imports.HoldLimits(100, 100)
    )
    db.commit()
    imports.apply(db, taken.id, by=None, origin=NOWHERE)
    db.commit()
    return taken


@pytest.mark.parametrize(
    "odd",
    [
        f'U1,"Bo",{BO},Active,{LONG},d,A1\n',
        f"U1,Bo,{BO},Active,{LONG}\n",
        f"U1,\tBo,{BO},Active,{LONG},d,A1\n",
        " " * 70_000 + "\n",
        f"U1,Bo,{BO},Active,{LONG},d,A1",
    ],
    ids=["quoted", "too few fields", "a tab", "blanks", "without an end"],
)
def test_a_line_longer_than_a_block_of_a_file_ends_like_any_other(odd: str) -> None:
    end = line("Cay", CY) if odd.endswith("\n") else ""
    data = (HEADER + line("Lovelace", ADA) * 30_000 + odd + end).encode()
    file = open_file(io.BytesIO(data))
    plain = PlainReader(file.shape, file.delimiter, file.encoding)
    seen = 0
    for found in file.batches(plain.read):
        seen += getattr(found, "lines", None) or getattr(found, "number", 0)
        assert seen < 40_000
    items = [item for item in open_file(io.BytesIO(data)) if isinstance(item, Line | Problem)]
    assert seen == len(items)


@pytest.mark.parametrize("mode", ["add", "replace"])
def test_no_line_is_stored_twice_where_only_inactive_people_stay(db, mode):
    bring_in(db, HEADER + line("Lovelace", ADA) + line("Byron", BO, status="Inactive"))
    here = line("Byron", BO, status="Inactive") + line("Cay", CY)
    # In a list that replaces, Ada's only line is a problem, and she stays as she was.
    kept = line("", ADA) if mode == "replace" else ""
    bring_in(db, HEADER + kept + here, mode=mode)
    lines = select(RosterLine.address, func.count()).group_by(RosterLine.address)
    assert dict(db.execute(lines).all()) == {ADA: 1, BO: 1, CY: 1}
    again = check(db, HEADER + line("Lovelace", ADA) + here)
    assert not imports.changes_anything(db, again.id)
    assert again.unchanged == 2


def test_a_line_of_two_names_is_given_back_with_all_its_ids(db):
    two = line("Lovelace", ADA, "A1;A2;A3") + line("King", ADA, "A4")
    found = check(db, HEADER + two + line("Cay", CY))
    assert [each.cells[-1] for each in imports.list_problems(db, found.id)] == ["A1;A2;A3", "A4"]


def test_a_file_with_few_columns_gives_its_problem_lines_back_as_they_were(db):
    header = "lo_root_id,last_name,email,status\n"
    rows = f"A1,Lovelace,{ADA},Active\nA1,King,{ADA},Active\nA1,Cay,{CY},Active\n"
    bring_in(db, header + rows)
    found = db.scalars(select(RosterImport)).one()
    text = "".join(imports.write_problems(db, found.id)).replace("King", "Lovelace")
    mended = bring_in(db, text.removeprefix("\ufeff"))
    assert (mended.mode, mended.added, mended.problems, mended.remarks) == ("add", 1, 0, 0)


def test_who_has_lines_added_is_explained_with_those_they_have(db):
    bring_in(db, HEADER + line("Lovelace", ADA, "A1"))
    found = check(db, HEADER + line("Lovelace", ADA, "A2"), mode="add")
    asked = case.gather(db, ADA, None, found.id)
    assert asked.ids == {"A1", "A2"}
    assert (found.unchanged, found.changed) == (0, 1)


def test_lines_are_counted_rightly_after_an_import_is_taken_back(db):
    bring_in(db, HEADER + line("Lovelace", ADA) + line("Byron", BO))
    more = line("Lovelace", ADA, "B1") + line("Byron", BO, "B1")
    bring_in(db, HEADER + more, mode="add")
    found = bring_in(db, HEADER + line("Cay", CY))
    taken = undo(db, found)
    assert (taken.people_after, taken.lines_after) == (2, 4)
    assert ledger.count_lines(db) == (2, 4)
    last = bring_in(db, HEADER + line("Lovelace", ADA))
    assert last.lines_after == 1


def test_who_is_not_in_a_file_that_adds_is_unchanged_in_number_and_list(db):
    bring_in(db, HEADER + line("Lovelace", ADA) + line("Byron", BO) + line("Cay", CY))
    found = check(db, HEADER + line("Lovelace", ADA, "A2"), mode="add")
    listed = imports.list_changes(db, found.id, "unchanged")
    assert [each.address for each in listed] == [BO, CY]
    assert found.unchanged == len(listed)


def test_a_search_finds_a_name_in_whatever_case(db):
    found = check(db, HEADER + line("Émile", ADA) + line("Cay", CY))
    for search in ("émile", "ÉMILE", "mile"):
        listed = imports.list_changes(db, found.id, "added", search=search)
        assert [each.last_name for each in listed] == ["Émile"]
