"""Reading a roster: both shapes, every trap of the inherited lists, and what is refused."""

from __future__ import annotations

import hashlib
import io
import time
import tracemalloc

import pytest

from app.core.roster.files import (
    FileRefused,
    Line,
    Problem,
    Remark,
    RosterFile,
    open_file,
    surname_key,
)

SEVEN = "user_code,last_name,email,status,class_name,date,lo_root_id\n"
FOUR = "last_name,email,status,lo_root_id\n"
ANN = "U1,Smith,ann@school.example,Active,Class 1,2024-05-01,A1\n"
BOB = "U2,Jones,bob@school.example,Active,Class 1,2024-05-01,A2\n"


def opened(text: str | bytes, encoding: str | None = None) -> RosterFile:
    data = text.encode() if isinstance(text, str) else text
    return open_file(io.BytesIO(data), encoding=encoding)


def read(text: str | bytes, encoding: str | None = None) -> list[Line | Problem | Remark]:
    return list(opened(text, encoding))


def lines(text: str | bytes, encoding: str | None = None) -> list[Line]:
    items = read(text, encoding)
    assert not [item for item in items if isinstance(item, Problem)]
    return [item for item in items if isinstance(item, Line)]


def problems(text: str | bytes, encoding: str | None = None) -> list[Problem]:
    return [item for item in read(text, encoding) if isinstance(item, Problem)]


def remarks(text: str) -> list[Remark]:
    return [item for item in read(text) if isinstance(item, Remark)]


def refused(text: str | bytes, encoding: str | None = None) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read(text, encoding)
    assert caught.value.status == 422
    return caught.value


def four(last_name: str = "Smith", email: str = "ann@school.example", lo_ids: str = "A1") -> str:
    return f"{FOUR}{last_name},{email},Active,{lo_ids}\n"


# Shapes


def test_a_line_without_a_header_is_read_by_place() -> None:
    assert lines(ANN) == [
        Line(
            number=1,
            user_code="U1",
            last_name="Smith",
            email="ann@school.example",
            address="ann@school.example",
            status="Active",
            active=True,
            class_name="Class 1",
            date="2024-05-01",
            lo_root_ids=("A1",),
            surname_key="smith",
        )
    ]
    assert not opened(ANN).headed


def test_a_header_over_seven_columns_is_no_line() -> None:
    assert [line.number for line in lines(SEVEN + ANN + BOB)] == [2, 3]
    assert opened(SEVEN + ANN).headed


def test_columns_are_found_by_name_in_any_order_and_extras_are_ignored() -> None:
    header = "lo_root_id,note,_problem,email,_line,status,last_name\n"
    text = header + "A1,\tx\x07,y,Ann@school.example,7,active,S\n"
    (line,) = lines(text)
    assert (line.last_name, line.email, line.lo_root_ids) == ("S", "Ann@school.example", ("A1",))
    assert (line.address, line.user_code, line.class_name, line.date) == (
        "ann@school.example",
        "",
        "",
        "",
    )


@pytest.mark.parametrize(
    "header",
    [
        "Last Name,E-mail,Status,LO ID",
        " SURNAME , Email Address ,STATUS, lo_root_ids",
        "apellido,work email,status,LO Root ID",
    ],
)
def test_header_names_are_forgiven_their_case_blanks_and_aliases(header: str) -> None:
    (line,) = lines(f"{header}\nSmith,ann@school.example,Active,A1\n")
    assert (line.last_name, line.active, line.lo_root_ids) == ("Smith", True, ("A1",))


@pytest.mark.parametrize("column", ["last_name", "email", "status", "lo_root_id"])
def test_a_header_without_a_needed_column_is_refused_and_names_it(column: str) -> None:
    kept = [name for name in FOUR.strip().split(",") if name != column]
    assert column in refused(f"{','.join(kept)}\nx,y,z\n").message


def test_a_header_that_names_a_needed_column_twice_is_refused() -> None:
    error = refused(
        "last_name,email,status,lo_root_id,E-Mail\nS,a@b.example,active,A,b@c.example\n"
    )
    assert "email" in error.message
    assert "2 and 5" in error.message


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("text", [ANN + BOB, SEVEN + ANN + BOB, FOUR + "S,a@b.example,active,A1\n"])
def test_the_delimiter_is_found(text: str, delimiter: str) -> None:
    assert lines(text.replace(",", delimiter)) == lines(text)
    assert opened(text.replace(",", delimiter)).delimiter == delimiter


def test_a_byte_order_mark_windows_line_ends_and_quoted_commas_are_read() -> None:
    text = b'\xef\xbb\xbf"U1","Smith, the ""Great""",ann@school.example,Active,C,D,"A1,A2"\r\n'
    (line,) = lines(text)
    assert line.user_code == "U1"
    assert line.last_name == 'Smith, the "Great"'
    assert line.lo_root_ids == ("A1", "A2")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_each_kind_of_line_end_gives_the_same_numbers(ends: str) -> None:
    text = (
        "note,last_name,email,status,lo_root_id\n\nx,S,a@b.example,active,A1\n"
        '"two\nlines","T",c@d.example,active,A2\n\n,U,e@f.example,active,A3'
    )
    found = lines(text.replace("\n", ends))
    assert [line.number for line in found] == [3, 4, 7]


def test_line_numbers_hold_beyond_one_block_of_bytes() -> None:
    for ends in ("\n", "\r\n", "\r"):
        text = (SEVEN + ANN * 5_000 + "\n" + BOB).replace("\n", ends)
        found = lines(text)
        assert len(found) == 5_001
        assert (found[-2].number, found[-1].number) == (5_001, 5_003)


def test_blank_lines_and_lines_of_empty_cells_are_skipped() -> None:
    assert [line.number for line in lines(f"\n  \n{ANN}\n,,,,,,\n , ,,,,,\n{BOB}\n")] == [3, 7]


def test_the_hash_is_that_of_the_whole_file() -> None:
    data = (SEVEN + ANN * 5_000).encode()
    file = opened(data)
    assert sum(1 for _ in file) == 5_000
    assert file.sha256 == hashlib.sha256(data).hexdigest()


# Cells


@pytest.mark.parametrize("name", ["NA", "NULL", "nan", "N/A", "None", "#N/A", "00123", "inf"])
def test_every_surname_is_a_surname(name: str) -> None:
    assert lines(four(last_name=name))[0].last_name == name


@pytest.mark.parametrize("status", [" Active ", "ACTIVE", "active"])
def test_active_is_active_in_any_case_and_with_blanks(status: str) -> None:
    text = f"{FOUR}S,a@b.example,{status},A1\n"
    assert lines(text)[0].active
    assert remarks(text) == []


@pytest.mark.parametrize("status", ["1", "yes", "", "aktiv"])
def test_an_unknown_status_is_not_active_and_remarked(status: str) -> None:
    text = f"{FOUR}S,a@b.example,{status},A1\n"
    assert not lines(text)[0].active
    assert [(remark.number, remark.column) for remark in remarks(text)] == [(2, "status")]


def test_an_inactive_line_is_read_as_such_without_a_remark() -> None:
    text = f"{FOUR}S,a@b.example,Inactive,A1\n"
    assert [line.active for line in lines(text)] == [False]
    assert remarks(text) == []


def test_surnames_and_addresses_that_differ_in_case_and_blanks_are_one_person() -> None:
    text = f"{FOUR}Smith,Ann@School.example,active,A1\n SMITH , ann@school.EXAMPLE ,active,A2\n"
    one, other = lines(text)
    assert (one.address, one.surname_key) == (other.address, other.surname_key)
    assert (one.email, other.email) == ("Ann@School.example", "ann@school.EXAMPLE")


@pytest.mark.parametrize("cell", ["", "  ", "nan", " nan ", ";", " ; "])
def test_a_blank_lo_id_is_no_id_and_remarked(cell: str) -> None:
    text = four(lo_ids=cell)
    assert lines(text)[0].lo_root_ids == ()
    assert [remark.column for remark in remarks(text)] == ["lo_root_id"]


@pytest.mark.parametrize(
    ("cell", "ids"),
    [
        ("A1;A2", ("A1", "A2")),
        ('"A2, A1"', ("A2", "A1")),
        ('"B ; A;B,A"', ("B", "A")),
        ("00123", ("00123",)),
        ("1e5", ("1e5",)),
        ("NA", ("NA",)),
        ("A1;nan", ("A1",)),
    ],
)
def test_lo_ids_are_split_trimmed_and_kept_as_text(cell: str, ids: tuple[str, ...]) -> None:
    assert lines(four(lo_ids=cell))[0].lo_root_ids == ids


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("'=Smith", "=Smith"),
        ("'+1", "+1"),
        ("'-Smith", "-Smith"),
        ("'@Smith", "@Smith"),
        ("''=Smith", "'=Smith"),
        ("'\uff1dSmith", "\uff1dSmith"),
        ("'t Hooft", "'t Hooft"),
        ("=Smith", "=Smith"),
    ],
)
def test_exactly_the_apostrophe_of_an_export_is_taken_off(cell: str, name: str) -> None:
    assert lines(four(last_name=cell))[0].last_name == name


def test_an_address_that_an_export_guarded_is_read() -> None:
    assert lines(four(email="'+ann@school.example"))[0].address == "+ann@school.example"


# Encodings


def test_a_windows_1252_file_is_refused_with_its_line_and_what_to_do() -> None:
    error = refused(SEVEN.encode() + ANN.encode() + BOB.replace("Jones", "Muñoz").encode("cp1252"))
    assert error.line == 3
    assert "Line 3" in error.message
    assert "UTF-8" in error.message


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"])
def test_the_line_of_a_bad_byte_is_right_far_down_the_file(ends: bytes) -> None:
    data = ((SEVEN + ANN * 4_000).encode() + b"U\xf1").replace(b"\n", ends)
    assert refused(data).line == 4_002


@pytest.mark.parametrize("name", ["Muñoz", "O’Neil", "Žižek"])
def test_a_windows_1252_file_is_read_when_the_caller_says_so(name: str) -> None:
    data = (ANN + BOB.replace("Jones", name)).encode("cp1252")
    assert lines(data, "cp1252")[1].last_name == name
    assert opened(data, "Windows-1252").encoding == "cp1252"


def test_a_byte_order_mark_outweighs_what_the_caller_says() -> None:
    data = four(last_name="Muñoz").encode("utf-8-sig")
    assert lines(data, "cp1252")[0].last_name == "Muñoz"


@pytest.mark.parametrize("byte", [b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"])
def test_a_byte_that_windows_1252_leaves_undefined_is_refused_with_its_line(byte: bytes) -> None:
    assert refused(ANN.encode() + BOB.encode().replace(b"Jones", byte), "cp1252").line == 2


def test_utf_8_inside_a_windows_1252_file_is_a_problem_line() -> None:
    data = ANN.replace("Smith", "Muñoz").encode("cp1252") + BOB.replace("Jones", "Muñoz").encode()
    (problem,) = problems(data, "cp1252")
    assert (problem.number, problem.column) == (2, "last_name")
    assert problem.address == "bob@school.example"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_with_the_way_out(encoding: str) -> None:
    assert "CSV UTF-8" in refused((SEVEN + ANN).encode(encoding)).message


@pytest.mark.parametrize("place", [0, 70_000])
def test_a_nul_anywhere_refuses_the_file(place: int) -> None:
    data = bytearray((SEVEN + ANN * 3_000).encode())
    data[place] = 0
    assert "CSV UTF-8" in refused(bytes(data)).message


def test_an_encoding_that_nobody_offers_is_refused() -> None:
    assert "latin-5" in refused(ANN, "latin-5").message


# Whole files


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\n", b" , , \r\n"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert "empty" in refused(data).message


@pytest.mark.parametrize("text", [SEVEN, FOUR.strip(), FOUR + "\n,,,\n"])
def test_a_header_alone_is_refused(text: str) -> None:
    assert "no line below" in refused(text).message


def test_more_than_a_hundred_columns_are_refused() -> None:
    assert "100 columns" in refused(FOUR.strip() + ",x" * 97 + "\n").message
    assert refused("x," * 30_000).line == 1


# Problem lines


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",ann@school.example,Active,A1", "last_name"),
        ("  ,ann@school.example,Active,A1", "last_name"),
        ("Smith,,Active,A1", "email"),
        ("Smith,ann.school.example,Active,A1", "email"),
        ("Sm\x07ith,ann@school.example,Active,A1", "last_name"),
        ("Sm\u202eith,ann@school.example,Active,A1", "last_name"),
        ("Smith,ann\u200b@school.example,Active,A1", "email"),
        ('"Sm\nith",ann@school.example,Active,A1', "last_name"),
        (f"{'S' * 1001},ann@school.example,Active,A1", "last_name"),
        ("Smith,ann@school.example,Active", ""),
        ("Smith,ann@school.example,Active,A1,more", ""),
        ('"Smith" Jr,ann@school.example,Active,A1', ""),
    ],
)
def test_a_line_that_cannot_be_taken_is_named_and_the_rest_is_read(row: str, column: str) -> None:
    text = f"{FOUR}{row}\nJones,bob@school.example,Active,A2\n"
    problem, line = read(text)
    assert isinstance(problem, Problem)
    assert isinstance(line, Line)
    assert (problem.number, problem.column) == (2, column)
    assert problem.reason.endswith(".")
    assert line.address == "bob@school.example"
    if column != "email":
        assert problem.address == "ann@school.example"


@pytest.mark.parametrize(
    "row", ["U1,Smith,Jr,ann@school.example,Active,C,D,A1", "U1,ann@school.example"]
)
def test_a_line_without_a_header_needs_exactly_seven_fields(row: str) -> None:
    (problem,) = problems(f"{ANN}{row}\n{BOB}")
    assert (problem.number, problem.address) == (2, "ann@school.example")
    assert "7" in problem.reason


def test_the_joiners_that_persian_names_are_spelt_with_are_no_problem() -> None:
    assert lines(four(last_name="محمدی\u200cنژاد"))[0].last_name == "محمدی\u200cنژاد"


def test_a_line_that_lacks_only_columns_nobody_needs_is_taken() -> None:
    text = "last_name,email,status,lo_root_id,date\nS,a@b.example,active,A1\n"
    assert lines(text)[0].date == ""


@pytest.mark.parametrize("length", [70_000, 300_000, 1_000_000])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_a_line_that_is_too_long_is_one_problem(length: int, ends: str) -> None:
    text = (ANN + "U9,x@y.example," + "x" * length + "\n" + BOB).replace("\n", ends)
    one, problem, other = read(text)
    assert isinstance(problem, Problem)
    assert problem.number == 2
    assert "longer" in problem.reason
    assert [one.number, other.number] == [1, 3]


class EndlessLine(io.RawIOBase):
    """A first line, and 50 MB of one second line that is never whole in memory."""

    def __init__(self) -> None:
        self.left = 50_000_000
        self.start = ANN.encode()

    def read(self, size: int = -1) -> bytes:
        start, self.start = self.start, b""
        size = min(size, self.left) if not start else 0
        self.left -= size
        return start + b"x" * size


def test_a_line_of_fifty_megabytes_is_never_held() -> None:
    tracemalloc.start()
    try:
        items = list(open_file(EndlessLine()))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [type(item) for item in items] == [Line, Problem]
    assert peak < 5_000_000


@pytest.mark.parametrize("below", [1, 20, 99, 100, 101, 3_000])
def test_an_open_quote_costs_its_own_line_and_nobody_below_it(below: int) -> None:
    text = ANN + 'U9,"Brown,cat@school.example,Active,C,D,A1\n' + BOB * below
    found = read(text)
    (problem,) = [item for item in found if isinstance(item, Problem)]
    assert problem.number == 2
    assert "line 2" in problem.reason
    assert [item.number for item in found] == list(range(1, below + 3))


def test_an_open_quote_that_meets_another_costs_its_own_line() -> None:
    text = ANN + 'U9,Brown,cat@school.example,Active,C,D,"A1\n' + BOB + '"U3"' + BOB[2:] + ANN
    found = read(text)
    assert [item.number for item in found if isinstance(item, Line)] == [1, 3, 4, 5]
    assert [(item.number, item.address) for item in found if isinstance(item, Problem)] == [
        (2, "cat@school.example")
    ]


def test_an_open_quote_before_a_line_that_is_too_long_is_told_apart_from_it() -> None:
    text = ANN + 'U9,Brown,cat@school.example,Active,C,D,"A1\n' + "x" * 70_000 + "\n" + BOB
    assert [problem.number for problem in problems(text)] == [2, 3]
    assert read(text)[-1].number == 4


def test_a_file_of_nothing_but_open_quotes_loses_nobody_and_ends_soon() -> None:
    text = 'U1,"\n' + 'x","y\n' * 20_000 + BOB
    started = time.process_time()
    found = read(text)
    assert time.process_time() - started < 5
    assert [item.number for item in found] == list(range(1, 20_003))
    assert isinstance(found[-1], Line)


def test_quotes_may_span_lines_again_and_again() -> None:
    row = '"x\ny",S,a@b.example,active,A1\n'
    found = lines("note," + FOUR + row * 300)
    assert [line.number for line in found] == list(range(2, 602, 2))


# Surnames


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Smith", " SMITH "),
        ("O’Neil", "ONEIL"),
        ("O'Neil", "O`Neil"),
        ("Oʼneil", "O Neil"),
        ("Muñoz", "Munoz"),
        ("Mun\u0303oz", "Muñoz"),
        ("Smith Jr", "Smith"),
        ("Smith, Jr.", "Smith"),
        ("Smith-III", "Smith sr"),
        ("St. John", "St-John"),
        ("Łukasz", "Lukasz"),
        ("Sørensen", "Sorensen"),
        ("Großmann", "GROSSMANN"),
        ("Đorđević", "Dordevic"),
        ("Yıldız", "YILDIZ"),
        ("İnan", "Inan"),
        ("ΠΑΠΑΣ", "Παπάς"),
        ("van der Berg", "Van-der-Berg"),
    ],
)
def test_two_spellings_of_one_surname_are_alike(one: str, other: str) -> None:
    assert surname_key(one) == surname_key(other)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NA", "na"),
        ("Jr", "jr"),
        ("II", "ii"),
        ("Jr Smith", "jrsmith"),
        ("Иванов", "иванов"),
        ("王", "王"),
        ("김", "김"),
        ("कुमार", "कुमार"),
        ("-", "-"),
        ("’", "’"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_a_surname_keeps_its_letters_and_is_never_lost(name: str, key: str) -> None:
    assert surname_key(name) == key
