"""Six digits: what is forgiven in typing them, what they open, and how they end."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest
import redis
import time_machine
from sqlalchemy import literal, select

from app.core.errors import CodesAway, TooManyTries, WrongCode
from app.core.proof import codes, redis_shelf, shelves
from app.models.access import Code, Purpose, TryCount
from tests.servers import free_port

KEYS = ["a key for these tests alone"]
ADA = "ada@learn.agency.example"
QUARTER = timedelta(minutes=15)
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("shelf")


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


def digest_of(db, shelf, purpose, address, code_id):
    """What stands on the shelf for the digits of a code."""
    if shelf == "database":
        return db.get_one(Code, code_id).secret_hash
    kept = shelves.of(db).unused(db, [purpose.value], address, START - timedelta(days=9999))
    return next(each.digest for each in kept if each.code_id == code_id)


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


def test_the_same_digits_are_hashed_anew_for_each_address_purpose_and_key(db, shelf):
    rows = [
        ("a@x.example", Purpose.REGISTRATION, KEYS),
        ("b@x.example", Purpose.REGISTRATION, KEYS),
    ]
    rows += [("a@x.example", Other.OTHER, KEYS), ("a@x.example", Purpose.REGISTRATION, ["other"])]
    seen = {}
    for _ in range(10):
        for number, (address, purpose, keys) in enumerate(rows):
            code_id, digits = codes.issue(db, purpose, address, lifetime=QUARTER, keys=keys)
            stored = digest_of(db, shelf, purpose, address, code_id)
            assert re.fullmatch("[0-9a-f]{64}", stored)
            seen.setdefault((number, digits), stored)
    assert len(set(seen.values())) == len(seen)


def test_a_row_without_digits_is_opened_by_none(db, shelf):
    codes.issue_none(db, Purpose.REGISTRATION, ADA, lifetime=QUARTER)
    db.commit()
    with pytest.raises(WrongCode):
        check(db, "000000")
    (kept,) = shelves.of(db).unused(db, [Purpose.REGISTRATION.value], ADA, START)
    assert (kept.digest, kept.purpose) == (None, "registration")


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


def test_a_code_is_bound_to_who_asked_for_it(db):
    _id, digits = codes.issue(
        db, Purpose.SIGN_IN, ADA, requester="this browser", lifetime=QUARTER, keys=KEYS
    )
    db.commit()
    for other in ("", "another browser"):
        with pytest.raises(WrongCode):
            codes.check(db, Purpose.SIGN_IN, ADA, digits, requester=other, keys=KEYS)
    found = codes.check(db, Purpose.SIGN_IN, ADA, digits, requester="this browser", keys=KEYS)
    assert found == _id


def test_the_codes_of_an_address_that_nobody_has_any_more_are_over(db):
    kept, _digits = issue(db, "grace@x.example")
    ended = [issue(db, purpose=each)[0] for each in (Purpose.RESET, Purpose.SIGN_IN)]
    codes.end_of(db, [ADA])
    assert [codes.is_unused(db, each) for each in [*ended, kept]] == [False, False, True]
    codes.end_of(db, select(literal("grace@x.example")))
    assert not codes.is_unused(db, kept)


@pytest.mark.parametrize("shelf", ["redis"], indirect=True)
class TestInRedis:
    def test_nothing_there_names_an_address_or_the_digits_and_all_of_it_ends_by_itself(
        self, db, redis_server
    ):
        _id, digits = issue(db)
        with redis.Redis.from_url(redis_server.url, decode_responses=True) as connection:
            names = connection.keys()
            assert len(names) == 2
            for name in names:
                whole = QUARTER + codes.REMEMBERED
                assert timedelta(0) < timedelta(seconds=connection.ttl(name)) <= whole
                kind = connection.type(name)
                held = connection.get(name) if kind == "string" else connection.zrange(name, 0, -1)
                assert ADA not in f"{name} {held}"
                assert not re.search(rf"\b{digits}\b", f"{name} {held}")

    def test_what_ran_out_long_ago_makes_room_for_the_next_code(self, db):
        with time_machine.travel(START, tick=False) as clock:
            issue(db)
            clock.shift(QUARTER + codes.REMEMBERED)
            young, _digits = issue(db)
            long_ago = START - timedelta(days=1)
            kept = shelves.of(db).unused(db, [Purpose.REGISTRATION.value], ADA, long_ago)
        assert [each.code_id for each in kept] == [young]

    def test_an_id_is_never_given_again_by_a_redis_that_lost_everything(self, db, redis_server):
        lost, _digits = issue(db)
        with redis.Redis.from_url(redis_server.url) as connection:
            connection.flushall()
        _id, _digits = issue(db)
        assert not codes.is_unused(db, lost)
        with pytest.raises(WrongCode):
            codes.use(db, Purpose.REGISTRATION, ADA, lost)

    def test_without_redis_nothing_is_made_or_tried_and_no_try_is_counted(self, db):
        db.info[shelves.ON] = redis_shelf.at(f"redis://127.0.0.1:{free_port()}/0")
        for _ in range(codes.LIMIT.tries + 1):
            with pytest.raises(CodesAway) as refused:
                check(db, "123456")
        assert refused.value.status == 503
        for purpose in (Purpose.REGISTRATION, Purpose.SIGN_IN):
            with pytest.raises(CodesAway):
                issue(db, purpose=purpose)
        with pytest.raises(CodesAway):
            codes.issue_none(db, Purpose.SIGN_IN, ADA, lifetime=QUARTER)
        assert db.scalars(select(TryCount)).all() == []


@pytest.mark.parametrize("shelf", ["database"], indirect=True)
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
