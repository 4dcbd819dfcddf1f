"""LO Root IDs and program codes of a legacy database: how dirty ones are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.desk.adopt import ids
from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.legacy import Legacy, LegacyProgram


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("a;b", ("a", "b")),
        ("a,b", ("a", "b")),
        (" a ", ("a",)),
        ("a; ,b;a", ("a", "b")),
        ("nan", ()),
        ("nan;a", ("a",)),
        ("", ()),
        ("123.0", ("123.0",)),
        ("00123", ("00123",)),
        ("NaN", ("NaN",)),
    ],
)
def test_case_7_an_id_is_split_trimmed_and_rid_of_nan(text, parts):
    assert ids.cleaned(text) == parts


@pytest.mark.parametrize("text", ["nan", " ", ";", "nan,nan"])
def test_a_program_never_asks_for_nothing(text):
    assert ids.cleaned_of_program(text) == (text,)


@given(st.text(max_size=20))
def test_cleaning_twice_is_cleaning_once(text):
    for part in ids.cleaned(text):
        assert ids.cleaned(part) == (part,)


@pytest.mark.parametrize(
    ("text", "wanted", "new"),
    [
        ("123", {"00123"}, "00123"),
        ("123.0", {"00123", "A1"}, "00123"),
        ("00123", {"00123"}, None),
        ("123", {"00123", "123"}, None),
        ("123.0", {"123"}, "123"),
        ("0123", {"00123", "000123"}, None),
        ("123.5", {"00123"}, None),
        ("1230", {"00123"}, None),
        ("A1", {"A01"}, None),
        ("0", {"000"}, "000"),
    ],
)
def test_case_7_a_number_that_lost_its_zeros_is_proposed_where_one_program_fits(text, wanted, new):
    assert ids.proposed(text, wanted) == new


def test_accepted_changes_come_after_the_cleaning():
    choices = Choices(id_changes={"123": "00123"})
    assert ids.repaired({(1, " 123 ;a"), (2, "123.0")}, choices) == {
        (1, "00123"),
        (1, "a"),
        (2, "123.0"),
    }
    left = Choices(repair_ids=False, id_changes={"123": "00123"})
    assert ids.repaired({(1, " 123 "), (2, "123"), (3, "nan")}, left) == {
        (1, " 123 "),
        (2, "00123"),
        (3, "nan"),
    }


@pytest.mark.parametrize(
    ("code", "aliases", "program"),
    [
        ("SAFETY", {}, "SAFETY"),
        ("Safety", {}, "SAFETY"),
        (" safety ", {}, "SAFETY"),
        ("S&R", {}, "SAFETY"),
        ("s&r", {}, "SAFETY"),
        ("S&R", {"S&R": "bcc"}, "BCC"),
        ("OLDIE", {}, None),
        ("OLDIE", {"OLDIE": "BCC"}, "BCC"),
        ("Twin", {}, "Twin"),
        ("TWIN", {}, "TWIN"),
        ("twin", {}, None),
        ("", {}, None),
    ],
)
def test_case_8_a_code_belongs_to_the_one_program_that_it_can_mean(code, aliases, program):
    legacy = Legacy.__new__(Legacy)
    legacy.programs = [
        LegacyProgram(number, each, each, None)
        for number, each in enumerate(["BCC", "SAFETY", "Twin", "TWIN"])
    ]
    found = legacy.program_of(code, aliases)
    assert (found.code if found else None) == program
