"""What a program may be: each rule, and what the audit log keeps of a change."""

from dataclasses import replace

import pytest

from app.core.learning import drafts
from app.core.learning.drafts import Draft, ProgramRefused

GOOD = Draft(
    code="BCC", name="Basic Coaching", lo_root_ids=("A1",), intro_message="Hi", content="Text"
)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("code", "", "Enter a code"),
        ("code", "B C/C", "A code has letters"),
        ("code", "É", "A code has letters"),
        ("code", "X" * 51, "50 characters"),
        ("name", "", "Enter a name"),
        ("name", "n" * 101, "this one has 101"),
        ("category", "new", "Choose a category"),
        ("quota", 0, "from 1 to 100"),
        ("quota", 101, "from 1 to 100"),
        ("char_limit", 999, "from 1,000 to 200,000"),
        ("content", " \n ", "Enter the content"),
        ("content", "x" * 50_001, "has 50,001 characters, and the limit is 50,000"),
        ("intro_message", "", "what learners read first"),
        ("lo_root_ids", (), "tick that everybody"),
        ("lo_root_ids", ("a\x07b",), "control characters"),
        ("lo_root_ids", ("a" * 201,), "200 characters"),
        ("lo_root_ids", tuple(map(str, range(101))), "100 LO Root IDs"),
        ("description", "x" * 2_001, "2,000 characters"),
        ("disclaimer_text", "x" * 20_001, "20,000 characters"),
    ],
)
def test_a_field_that_cannot_be_taken_is_named_with_the_reason(field, value, words):
    with pytest.raises(ProgramRefused) as caught:
        drafts.check(replace(GOOD, **{field: value}), None, open_to_all=False)
    (problem,) = caught.value.problems
    assert problem.field == field
    assert words in problem.message


def test_what_is_at_its_limit_is_taken():
    ids = tuple(f"{number:0200}" for number in range(100))
    figures = {"quota": 100, "char_limit": 1_000, "content": "x" * 1_000, "lo_root_ids": ids}
    drafts.check(replace(GOOD, code="S&R_1.B-" + "X" * 42, **figures), None, open_to_all=False)


def test_a_row_of_the_legacy_application_is_held_to_the_rules_only_where_it_changes():
    before = replace(GOOD, code="a b", quota=0, content="x" * 60_000, category="odd")
    drafts.check(replace(before, name="Other"), before, open_to_all=False)
    for field, value in {"quota": 101, "char_limit": 40_000, "category": "none"}.items():
        with pytest.raises(ProgramRefused):
            drafts.check(replace(before, **{field: value}), before, open_to_all=False)
    with pytest.raises(ProgramRefused):
        drafts.check(replace(before, code="BCC"), before, open_to_all=False)


def test_the_audit_log_keeps_short_values_and_the_hash_of_long_ones():
    after = replace(GOOD, quota=5, content="Other", lo_root_ids=(), description="d" * 121)
    told = drafts.told(GOOD, after)
    assert told["quota"] == "3 → 5"
    assert told["lo_root_ids"] == "A1 → –"
    assert told["content"].startswith("4 characters, sha256 ")
    assert told["description"].startswith("– → 121 characters, sha256 ")
    assert set(told) == {"quota", "content", "lo_root_ids", "description"}
