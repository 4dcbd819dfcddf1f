"""Files that no list should be: each is refused with a reason, or has problem lines with one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.audit import NOWHERE
from app.core.errors import Refusal
from app.core.roster import imports, sheets
from app.core.roster.files import Bad, FileRefused, Line, Lines, open_file
from app.core.roster.plain import PlainReader, tabled
from app.models.rosters import RosterImport

HEADER = "user_code,last_name,email,status,class_name,date,lo_root_id\n"
ADA = "U1,Lovelace,ada@x.example,Active,C,2026-03-02,A1\n"
BO = "U2,Byron,bo@x.example,Active,C,2026-03-02,A1\n"


def check(db: Session, data: bytes | str, **kwargs: Any) -> RosterImport:
    found = imports.check(
        db,
        io.BytesIO(data.encode() if isinstance(data, str) else data),
        file_name="list",
        encoding=kwargs.pop("encoding", None),
        by=None,
        origin=NOWHERE,
        **kwargs,
    )
    db.commit()
    return found


def receive(db: Session, data: bytes | str) -> RosterImport:
    found = imports.receive(
        db,
        io.BytesIO(data.encode() if isinstance(data, str) else data),
        file_name="list",
        mode="replace",
        encoding=None,
        by=None,
        origin=NOWHERE,
    )
    db.commit()
    return found


def problems(db: Session, found: RosterImport) -> list[tuple[int, str]]:
    return [(each.line, each.reason) for each in imports.list_problems(db, found.id)]


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name.replace("__", "/").replace("_xml", ".xml"), data)
    return out.getvalue()


def workbook(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


BOMB = packed(xl__workbook_xml=b"<x/>", xl__worksheets__sheet1_xml=b"0" * 50_000_000)
REFUSED: dict[str, tuple[bytes, str]] = {
    "UTF-16": (ADA.encode("utf-16"), "CSV UTF-8"),
    "a NUL far down": ((ADA * 30_000).encode() + b"\0", "CSV UTF-8"),
    "thousands of columns": (b"a," * 30_000, "100 columns"),
    "a zip": (packed(readme=b"x"), "no workbook"),
    "half a zip": (packed(xl__workbook_xml=b"<x/>")[:-20], "no workbook"),
    "a zip that only claims to be a workbook": (packed(xl__workbook_xml=b"<x/>"), "no workbook"),
    "a workbook that is a bomb": (BOMB, "unpacks to more"),
    "nothing": (b"", "empty"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("door", [receive, check])
def test_what_is_plainly_no_list_is_refused_with_the_reason_at_either_door(
    what: str, door: Callable[..., RosterImport], db: Session
) -> None:
    data, words = REFUSED[what]
    with pytest.raises(FileRefused) as refused:
        door(db, data)
    assert words in refused.value.message
    db.rollback()
    assert imports.history(db) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("door", [receive, check])
def test_a_nul_is_refused_with_its_line_however_far_down_it_stands(end, door, db):
    for lines in (0, 3, 40_000):
        data = ADA.replace("\n", end).encode() * lines + b"U1,L\0"
        with pytest.raises(FileRefused) as refused:
            door(db, data)
        assert refused.value.line == lines + 1
        assert refused.value.message.startswith(f"Line {lines + 1}: This is no UTF-8 text.")
        db.rollback()


@pytest.mark.parametrize("door", [receive, check])
def test_a_million_columns_are_refused_without_being_looked_at(door, db):
    with pytest.raises(Refusal) as refused:
        door(db, b"a," * 1_000_000)
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HEADER.replace("date", "email") + ADA, "more than once, in columns 3 and 6"),
        (HEADER.replace("status", "state") + ADA, "no column “status”"),
        ((ADA + BO.replace("Byron", "Mu\u00f1oz")).encode("cp1252"), "Line 2 is not UTF-8"),
    ],
    ids=["doubled", "missing", "encoding"],
)
def test_a_header_or_an_encoding_that_cannot_be_is_refused(data, words, db):
    with pytest.raises(Refusal) as refused:
        check(db, data)
    assert words in refused.value.message


def test_problem_lines_are_named_with_their_line_and_the_rest_is_taken(db):
    mixed = "Mu\u00f1oz".encode("cp1252")
    data = b"".join(
        [
            (HEADER + ADA).encode().replace(b"Lovelace", mixed),
            BO.replace("Byron", "Mu\u00f1oz").encode(),
            b"U3," + b"x" * 50_000_000 + b"\n",
            b'U4,"Open,cy@x.example,Active,C,D,A1\n',
            b"=cmd|' /C calc'!A0,Dee,dee@x.example,Active,C,D,A1\n",
            b"\n".join(b"U,,p%d@x.example,Active,C,D,A1" % n for n in range(10_000)),
        ]
    )
    found = check(db, data, encoding="cp1252")
    assert (found.added, found.problems) == (2, 10_003)
    first = problems(db, found)[:4]
    assert [line for line, _ in first] == [3, 4, 5, 7]
    assert [words.split(".")[0][:30] for _, words in first] == [
        "The cell is UTF-8, not Windows",
        "The line is longer than 65,536",
        "A quote is opened in line 5 an",
        "The last name is blank",
    ]


# Workbooks


def test_a_workbook_is_read_as_the_text_of_its_cells(db):
    data = workbook(
        ["user_code", "last_name", "email", "status", "class_name", "date", "lo_root_id"],
        ["00123", "Lovelace", "ada@x.example", "Active", 7, date(2026, 3, 2), "0042"],
        [],
        [8, "Byron", "bo@x.example", "Active", 7.5, datetime(2026, 3, 2, 9, 30), 42.0],  # noqa: DTZ001
        [9, "Two\nlines", "cy@x.example", "Active", True, None, "A1"],
        [10, "=1+1", "=HYPERLINK(1)", "Active", None, None, "A1"],
    )
    found = check(db, data)
    assert (found.added, [line for line, _ in problems(db, found)]) == (2, [5, 6])
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    with sheets.to_csv(io.BytesIO(data)) as text:
        lines = text.read().decode().split("\n")
    assert lines[1] == "00123,Lovelace,ada@x.example,Active,7,2026-03-02,0042"
    assert lines[2] == ""
    assert lines[3] == "8,Byron,bo@x.example,Active,7.5,2026-03-02 09:30:00,42"
    assert imports.nothing_to_do(db, receive(db, data).sha256) is not None


def test_a_workbook_shows_its_columns_like_any_file(db):
    rows = [["Surname", "E-mail", "Status", "LO ID"], ["Mu\u00f1oz", "m@x.example", "Active", "A1"]]
    found = receive(db, workbook(*rows))
    assert found.mapping == {"last_name": 0, "email": 1, "status": 2, "lo_root_id": 3}
    assert (found.encoding, found.sample) == ("utf-8", "Mu\u00f1oz")


ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">&b;</workbook>"""


def test_entities_in_a_workbook_are_never_expanded(db):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["x"]))) as good, zipfile.ZipFile(out, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, ENTITIES if name == "xl/workbook.xml" else good.read(name))
    with pytest.raises(FileRefused):
        receive(db, out.getvalue())


def test_a_workbook_with_thousands_of_parts_is_refused(monkeypatch):
    parts = {f"p{n}": b"" for n in range(sheets.MOST_ENTRIES + 1)}
    with pytest.raises(FileRefused, match="file_refused"):
        sheets.to_csv(io.BytesIO(packed(xl__workbook_xml=b"<x/>", **parts)))


# The two ways of reading

CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "Smith", " Smith ", "'=x", "nan", "A1;A2", "Active", "active ", "odd",
         "a@x.example", "A@X.example", "'+b@x.example", "not an address", "Mu\u00f1oz",
         "\u00a0", "x" * 1001, "a\tb", "a.b+c@sub-dom.x.example", "a@-x.example", "a@x.test",
         "a@xn--mnchen-3ya.example", "a@b--c.example", "a@x.localhost", "m@\u00fc.example",
         "a@" + "x" * 64 + ".example", "a..b@x.example", "a@x", "x" * 80 + "@x.example"]
    ),
    st.text("aA;,'\"\n \u00e9@.", max_size=6),
)  # fmt: skip
ROWS = st.lists(
    st.one_of(
        st.just(["U1", "Smith", "a@x.example", "Active", "C", "D", "A1"]),
        st.builds(lambda name, email: ["U1", name, email, "Active", "C", "D", "A1"], CELLS, CELLS),
        st.lists(CELLS, min_size=6, max_size=8),
    ),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=40)
@given(ROWS, st.booleans(), st.sampled_from([None, "cp1252"]), st.booleans())
def test_reading_in_batches_finds_what_reading_line_by_line_finds(
    rows: list[list[str]], headed: bool, encoding: str | None, quoted: bool
) -> None:
    text = HEADER if headed else ADA
    for row in rows:
        cells = [f'"{cell}"' if quoted and "," in cell else cell for cell in row]
        # The first block, where the header is, is read by line; what follows it is not.
        text += "".join(ADA for _ in range(700)) + ",".join(cells) + "\n"
    data = text.encode("utf-8")

    def by_line() -> tuple[list[Any], list[Any]]:
        items = list(open_file(io.BytesIO(data), encoding=encoding))
        lines = [item for item in items if isinstance(item, Line)]
        notes = [tuple(item) for item in items if not isinstance(item, Line)]
        return tabled(lines).rows(), sorted(notes, key=str)

    def by_batch() -> tuple[list[Any], list[Any]]:
        rows: list[Any] = []
        notes: list[Bad] = []
        file = open_file(io.BytesIO(data), encoding=encoding)
        plain = PlainReader(file.shape, file.delimiter, file.encoding)
        for found in file.batches(plain.read):
            table = tabled(found.good) if isinstance(found, Lines) else found.rows
            rows += table.rows()
            notes += found.notes
        return rows, sorted((tuple(bad.note) for bad in notes), key=str)

    assert by_batch() == by_line()
