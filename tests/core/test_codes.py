"""Six digits: what is forgiven in typing them, what they open, and how they end."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
import time_machine
from sqlalchemy import select

from app.core.errors import TooManyTries, WrongCode
from app.core.proof import codes
from app.models.access import Code, Purpose

KEYS = ["a key for these tests alone"]
ADA = "ada@learn.agency.example"
QUARTER = timedelta(minutes=15)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Other(StrEnum):
    """A purpose that the product does not have yet."""

    OTHER = "other"


def issue(db, address=ADA, *, purpose=Purpose.REGISTRATION, keys=KEYS):
    issued = codes.issue(db, purpose, address, lifetime=QUARTER, keys=keys)
    db.commit()
    return issued


def check(db, digits, address=ADA, *, purpose=Purpose.REGISTRATION, keys=KEYS):
    return codes.check(db, purpose, address, digits, keys=keys)


def wrong(digits):
    """Six digits that are not these."""
    return f"{(int(digits) + 1) % 10**6:06d}"


def use_up_the_tries(db, digits, address=ADA):
    for _ in range(codes.LIMIT.tries):
        with pytest.raises(WrongCode):
            check(db, wrong(digits), address)
        db.commit()


def test_a_code_is_six_digits_as_text(db):
    for _ in range(20):
        assert re.fullmatch(r"\d{6}", issue(db)[1])


def test_the_digits_open_their_code_once(db):
    code_id, digits = issue(db)
    assert check(db, digits) == code_id
    codes.use(db, Purpose.REGISTRATION, ADA, code_id)
    db.commit()
    with pytest.raises(WrongCode):
        check(db, digits)
    with pytest.raises(WrongCode):
        codes.use(db, Purpose.REGISTRATION, ADA, code_id)


def test_using_a_code_ends_the_others_of_that_address_alone(db):
    first, _digits = issue(db)
    second, digits = issue(db)
    elsewhere, _other = issue(db, "grace@x.example")
    codes.use(db, Purpose.REGISTRATION, ADA, check(db, digits))
    db.commit()
    assert not codes.is_unused(db, first)
    assert not codes.is_unused(db, second)
    assert codes.is_unused(db, elsewhere)


def test_an_earlier_code_still_works_after_a_new_one_was_asked_for(db):
    earlier, digits = issue(db)
    issue(db)
    assert check(db, digits) == earlier


def test_a_code_opens_neither_another_address_nor_another_purpose(db):
    _id, digits = issue(db)
    with pytest.raises(WrongCode):
        check(db, digits, "grace@x.example")
    with pytest.raises(WrongCode):
        check(db, digits, purpose=Other.OTHER)


def test_the_same_digits_are_hashed_anew_for_each_address_purpose_and_key(db):
    rows = [
        ("a@x.example", Purpose.REGISTRATION, KEYS),
        ("b@x.example", Purpose.REGISTRATION, KEYS),
    ]
    rows += [("a@x.example", Other.OTHER, KEYS), ("a@x.example", Purpose.REGISTRATION, ["other"])]
    seen = {}
    for _ in range(10):
        for number, (address, purpose, keys) in enumerate(rows):
            code_id, digits = codes.issue(db, purpose, address, lifetime=QUARTER, keys=keys)
            stored = db.get_one(Code, code_id).secret_hash
            assert stored is not None
            assert digits not in stored
            assert len(stored) == 64
            seen.setdefault((number, digits), stored)
    assert len(set(seen.values())) == len(seen)


def test_a_row_without_digits_is_opened_by_none(db):
    codes.issue_none(db, Purpose.REGISTRATION, ADA, lifetime=QUARTER)
    db.commit()
    with pytest.raises(WrongCode):
        check(db, "000000")
    assert db.scalar(select(Code.secret_hash)) is None


def test_blanks_dashes_and_dots_around_the_digits_are_forgiven(db):
    for dress in (
        "{0}{1}{2} {3}{4}{5}",
        " {0}{1}{2}-{3}{4}{5}\n",
        "{0}.{1}.{2}.{3}.{4}.{5}",
        "{0}{1}{2}\u2013{3}{4}{5}",
        "{0}{1}{2}\u00a0{3}{4}{5}",
        "\u200b{0}{1}\t{2}{3}{4}{5}",
        "\u2060{0} {1} {2} {3} {4} {5}",
    ):
        code_id, digits = issue(db)
        assert check(db, dress.format(*digits)) == code_id
        codes.use(db, Purpose.REGISTRATION, ADA, code_id)


def test_digits_of_other_scripts_are_read_as_digits(db):
    for zero in "\uff10\u0660\u0966":
        code_id, digits = issue(db)
        assert check(db, "".join(chr(ord(zero) + int(each)) for each in digits)) == code_id


def test_what_cannot_be_a_code_is_said_and_is_no_try(db):
    code_id, digits = issue(db)
    for typed in (
        "", "12345", "1234567", "12a456", "\uff11\uff12\uff13", "12345\u00bd",
        "123\ud800456", "12345\0", "x" * 100_000,
    ):  # fmt: skip
        with pytest.raises(codes.NotSixDigits) as refused:
            check(db, typed)
        assert refused.value.message.startswith("A code has 6 digits; this one has ")
    assert check(db, digits) == code_id


def test_the_refusal_counts_the_digits_that_were_typed(db):
    with pytest.raises(codes.NotSixDigits) as refused:
        check(db, "12 34")
    assert refused.value.values == {"number": 4}


def test_five_wrong_codes_end_the_right_one(db):
    _id, digits = issue(db)
    use_up_the_tries(db, digits)
    with pytest.raises(TooManyTries):
        check(db, digits)


def test_a_new_code_does_not_reset_the_count(db):
    _id, digits = issue(db)
    use_up_the_tries(db, digits)
    _id, fresh = issue(db)
    with pytest.raises(TooManyTries):
        check(db, fresh)


def test_an_address_without_a_code_is_counted_like_one_that_has_one(db):
    _id, digits = issue(db)
    use_up_the_tries(db, digits)
    use_up_the_tries(db, digits, "nobody@x.example")
    for address in (ADA, "nobody@x.example"):
        with pytest.raises(TooManyTries):
            check(db, digits, address)


def test_a_code_that_was_ended_by_wrong_tries_stays_dead_when_the_pause_is_over(db):
    with time_machine.travel(START, tick=False) as clock:
        _id, digits = issue(db)
        with pytest.raises(WrongCode):
            check(db, wrong(digits))
        clock.shift(timedelta(minutes=14))
        _id, late = issue(db)
        for _ in range(codes.LIMIT.tries - 1):
            with pytest.raises(WrongCode):
                check(db, wrong(late))
        db.commit()
        clock.shift(timedelta(minutes=1))
        with pytest.raises(codes.RanOut):
            check(db, late)
        fresh_id, fresh = issue(db)
        assert check(db, fresh) == fresh_id


def test_wrong_tries_leave_the_mailed_button_alive(db):
    code_id, digits = issue(db)
    use_up_the_tries(db, digits)
    assert codes.is_unused(db, code_id)
    codes.use(db, Purpose.REGISTRATION, ADA, code_id)


def test_a_good_use_forgets_the_wrong_tries(db):
    _id, digits = issue(db)
    for _ in range(codes.LIMIT.tries - 1):
        with pytest.raises(WrongCode):
            check(db, wrong(digits))
    codes.use(db, Purpose.REGISTRATION, ADA, check(db, digits))
    db.commit()
    use_up_the_tries(db, issue(db)[1])


def test_a_code_works_until_its_last_second(db):
    with time_machine.travel(START, tick=False) as clock:
        code_id, digits = issue(db)
        clock.shift(QUARTER - timedelta(seconds=1))
        assert check(db, digits) == code_id
        clock.shift(timedelta(seconds=1))
        with pytest.raises(codes.RanOut):
            check(db, digits)


def test_a_code_that_ran_out_is_told_apart_for_two_hours(db):
    with time_machine.travel(START, tick=False) as clock:
        _id, digits = issue(db)
        clock.shift(QUARTER + codes.REMEMBERED - timedelta(seconds=1))
        with pytest.raises(codes.RanOut):
            check(db, digits)
        clock.shift(timedelta(seconds=1))
        with pytest.raises(WrongCode):
            check(db, digits)


def test_a_code_survives_a_new_key_while_the_former_one_is_listed(db):
    code_id, digits = issue(db)
    assert check(db, digits, keys=["a new key", *KEYS]) == code_id
    with pytest.raises(WrongCode):
        check(db, digits, keys=["a new key"])


def test_tidying_keeps_the_codes_that_somebody_can_still_be_told_about(db):
    with time_machine.travel(START, tick=False) as clock:
        old, _digits = issue(db)
        clock.shift(timedelta(hours=2))
        young, _digits = issue(db)
        clock.shift(timedelta(minutes=16))
        codes.tidy(db)
        db.commit()
    assert db.scalars(select(Code.id)).all() == [young]
    assert old != young
