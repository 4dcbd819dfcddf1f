"""Whatever is uploaded: the reader never breaks, and never invents or drops a person."""

from __future__ import annotations

import codecs
import csv
import io
from typing import Literal, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.roster.files import FileRefused, Line, Problem, open_file, surname_key

COLUMNS = ("user_code", "last_name", "email", "status", "class_name", "date", "lo_root_id")
CP1252_LETTERS = "aZ 09.'-,;|\"\u00e9\u00f1\u00df\u20ac\u2019\u0160"


class Person(NamedTuple):
    last_name: str
    email: str
    status: str
    lo_root_ids: tuple[str, ...]
    class_name: str


def clean(text: str) -> bool:
    return text.strip() != "" and text == text.strip() and not text.startswith("'")


def is_not_utf8(text: str) -> bool:
    try:
        return text.isascii() or not text.encode("cp1252").decode()
    except UnicodeDecodeError:
        return True


NAMES = st.text(CP1252_LETTERS, min_size=1, max_size=12).filter(clean).filter(is_not_utf8)
PEOPLE = st.builds(
    Person,
    NAMES,
    st.from_regex(r"[a-zA-Z0-9]{1,8}(\.[a-z]{1,4})?@[a-z]{1,8}\.example", fullmatch=True),
    st.sampled_from(["Active", "active", "Inactive"]),
    st.lists(st.from_regex(r"[A-Z0-9\-]{1,9}", fullmatch=True), max_size=3, unique=True).map(tuple),
    NAMES,
)


def written(rows: list[list[str]], delimiter: str, ends: str, quoting: Literal[0, 1]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=quoting).writerows(rows)
    return out.getvalue()


def consume(data: bytes, encoding: str | None) -> None:
    try:
        for item in open_file(io.BytesIO(data), encoding=encoding):
            assert item.number >= 1
    except FileRefused:
        return


@given(st.binary(max_size=400), st.sampled_from([None, "cp1252"]))
@example(b'"', None)
@example(b'a,b\n"x\n"y', None)
@example(b"\xff\xfe", None)
def test_any_bytes_are_read_or_refused(data: bytes, encoding: str | None) -> None:
    consume(data, encoding)


@given(st.text("ab@.,;|\t\n\r\"' =\u00e9\u0130", max_size=300), st.sampled_from([None, "cp1252"]))
def test_anything_that_looks_like_csv_is_read_or_refused(text: str, encoding: str | None) -> None:
    consume(text.encode(), encoding)


@given(
    st.lists(st.lists(st.text(), max_size=9), max_size=9),
    st.booleans(),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_is_read_or_refused(
    rows: list[list[str]], headed: bool, delimiter: str, ends: str
) -> None:
    text = written([list(COLUMNS), *rows] if headed else rows, delimiter, ends, csv.QUOTE_ALL)
    consume(text.encode(errors="surrogatepass"), None)


@settings(deadline=None)
@given(
    st.lists(PEOPLE, min_size=1, max_size=12),
    st.permutations(COLUMNS),
    st.booleans(),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_the_people_of_a_clean_list_are_the_people_read(
    people: list[Person],
    order: list[str],
    headed: bool,
    delimiter: str,
    ends: str,
    encoding: str,
    quoting: Literal[0, 1],
) -> None:
    order = order if headed else list(COLUMNS)
    rows = [list(order)] if headed else []
    for person in people:
        cells = person._asdict() | {"user_code": "U1", "date": "2024-05-01"}
        cells["lo_root_id"] = ";".join(person.lo_root_ids)
        rows.append([cells[column] for column in order])
    data = written(rows, delimiter, ends, quoting).encode(encoding)
    items = list(open_file(io.BytesIO(data), encoding="cp1252" if encoding == "cp1252" else None))
    assert [Person(i.last_name, i.email, i.status, i.lo_root_ids, i.class_name) for i in items
            if isinstance(i, Line)] == people  # fmt: skip
    assert not [item for item in items if isinstance(item, Problem)]
    assert data.startswith(codecs.BOM_UTF8) == (encoding == "utf-8-sig")


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), PEOPLE), min_size=1, max_size=150))
def test_each_line_is_a_line_or_a_problem_even_between_open_quotes(
    people: list[tuple[bool, Person]],
) -> None:
    rows = [
        f"U{place},{chr(34) if broken else ''}Smith,{person.email},active,C,D,A1\n"
        for place, (broken, person) in enumerate(people)
    ]
    items = list(open_file(io.BytesIO("".join(rows).encode())))
    assert [item.number for item in items] == list(range(1, len(rows) + 1))
    assert [isinstance(item, Problem) for item in items] == [broken for broken, _ in people]
    assert [getattr(item, "address", "") for item in items] == [
        person.email.lower() for _, person in people
    ]


@settings(max_examples=500)
@given(st.one_of(st.text(), st.text("aJjr.IVi '-\u2019\u0130\u03a3\u03c2\u00df\u1e9e\u0301\u02bc")))
def test_a_surname_key_stays_what_it_is_and_is_never_lost(name: str) -> None:
    key = surname_key(name)
    assert surname_key(key) == key
    assert bool(key) == bool(name.strip())
