"""The outbox: a row beside the change that causes it, caps, claims, back-off, no code in clear."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import MetaData, func, select

from app.core import outbox
from app.core.outbox import Kind
from app.models.records import MessageState, OutgoingMessage
from tests.servers import start_smtp

ADA = "ada@x.example"
KEYS = ["a key for these tests alone"]
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def queue(db, recipient=ADA, kind=Kind.HAVE_ACCOUNT, **kwargs):
    outbox.queue(db, kind, recipient, **kwargs)
    db.commit()
    return outbox.latest(db, limit=1)[0]


def claim(db):
    message = outbox.claim_due(db)
    db.commit()
    return message


def states(db):
    return list(db.scalars(select(OutgoingMessage.state).order_by(OutgoingMessage.id)))


@pytest.fixture
def smtp():
    """A mail server of this test's own."""
    server = start_smtp()
    yield server
    server.stop()


# Writing


def test_a_message_is_gone_with_the_change_that_was_rolled_back(db):
    outbox.queue(db, Kind.HAVE_ACCOUNT, ADA)
    db.rollback()
    assert db.scalar(select(func.count()).select_from(OutgoingMessage)) == 0
    assert claim(db) is None


def test_what_was_rolled_back_takes_no_place_under_the_cap(db):
    for _ in range(outbox.MOST.tries):
        outbox.queue(db, Kind.HAVE_ACCOUNT, ADA)
        db.rollback()
    assert queue(db).state == MessageState.QUEUED


def test_the_sixth_message_in_ten_minutes_is_held_and_never_sent(db):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(outbox.MOST.tries):
            assert queue(db).state == MessageState.QUEUED
        assert queue(db).state == MessageState.HELD
        assert queue(db, "grace@x.example").state == MessageState.QUEUED
        clock.shift(outbox.MOST.window - timedelta(seconds=1))
        assert queue(db).state == MessageState.HELD
        clock.shift(timedelta(seconds=1))
        assert queue(db).state == MessageState.QUEUED
        clock.shift(timedelta(days=2))
        while claim(db):
            pass
        assert states(db).count("held") == 2
        assert "queued" not in states(db)


def test_the_cap_is_over_all_kinds(db):
    kinds = [Kind.HAVE_ACCOUNT, Kind.NAME_DIFFERS, Kind.OFF_LIST] * 2
    written = [queue(db, kind=kind).state for kind in kinds]
    assert written == ["queued"] * outbox.MOST.tries + ["held"]


def test_a_kind_that_goes_once_a_day_is_counted_by_kind_and_address(db):
    with time_machine.travel(START, tick=False) as clock:
        assert queue(db, kind=Kind.NOT_LISTED, once_a_day=True).state == "queued"
        assert queue(db, kind=Kind.NOT_LISTED, once_a_day=True).state == "held"
        assert queue(db, "grace@x.example", Kind.NOT_LISTED, once_a_day=True).state == "queued"
        assert queue(db, kind=Kind.NAME_DIFFERS).state == "queued"
        clock.shift(timedelta(days=1))
        assert queue(db, kind=Kind.NOT_LISTED, once_a_day=True).state == "queued"


def test_what_is_held_takes_no_place_of_the_day(db):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(outbox.MOST_A_DAY.tries + 10):
            queue(db)
        assert queue(db, kind=Kind.NOT_LISTED, once_a_day=True).state == "held"
        clock.shift(outbox.MOST.window)
        assert queue(db).state == "queued"
        assert queue(db, kind=Kind.NOT_LISTED, once_a_day=True).state == "queued"


def test_a_day_has_a_cap_too(db):
    with time_machine.travel(START, tick=False) as clock:
        for _ in range(outbox.MOST_A_DAY.tries // outbox.MOST.tries):
            assert {queue(db).state for _ in range(outbox.MOST.tries)} == {"queued"}
            clock.shift(outbox.MOST.window)
        assert queue(db).state == "queued", "one an hour goes on leaving"
        assert queue(db).state == "held"
        clock.shift(timedelta(hours=1))
        assert queue(db).state == "queued"
        assert queue(db).state == "held"
        clock.move_to(START + outbox.MOST_A_DAY.window)
        assert queue(db).state == "queued"


@pytest.mark.parametrize("sign", ["\r", "\n", "\0", "\t", "\x1b"])
def test_a_recipient_that_could_add_a_header_is_refused_when_it_is_written(sign, db):
    with pytest.raises(ValueError, match="control character"):
        outbox.queue(db, Kind.HAVE_ACCOUNT, f"ada@x.example{sign}Bcc: all@x.example")


def test_a_notice_to_many_has_no_cap_and_one_row_each(db, people):
    ada = people.account(ADA)
    outbox.queue_all(db, Kind.OFF_LIST, [(ADA, ada.id, "en")] * 7)
    outbox.queue_all(db, Kind.OFF_LIST, [])
    db.commit()
    assert states(db) == ["queued"] * 7


# Codes on their way


def test_a_sealed_code_opens_with_its_key_and_with_no_other():
    sealed = outbox.seal("012345", keys=KEYS)
    assert "012345" not in sealed
    assert sealed != outbox.seal("012345", keys=KEYS)
    assert outbox.unseal(sealed, keys=KEYS) == "012345"
    assert outbox.unseal(sealed, keys=["a new key", *KEYS]) == "012345"
    assert outbox.unseal(sealed, keys=["a new key"]) is None
    assert outbox.unseal("no seal", keys=KEYS) is None


def test_a_code_is_wiped_once_it_left_and_once_it_never_will(db):
    def claimed():
        queue(db, f"{datetime.now(UTC).timestamp()}@x.example", sealed=outbox.seal("1", keys=KEYS))
        message = claim(db)
        assert message.sealed
        return message

    sent, shown, failed, again = (claimed() for _ in range(4))
    outbox.mark_sent(sent)
    outbox.mark_shown(shown, "the mail")
    outbox.mark_failed(failed, "550 no such mailbox", for_good=True)
    outbox.mark_failed(again, "450 later", for_good=False)
    db.commit()
    assert [each.sealed is None for each in (sent, shown, failed, again)] == [True] * 3 + [False]


def test_a_held_message_keeps_no_code_for_it_never_leaves(db):
    for _ in range(outbox.MOST.tries):
        queue(db, sealed=outbox.seal("1", keys=KEYS))
    held = queue(db, sealed=outbox.seal("1", keys=KEYS))
    assert (held.state, held.sealed) == ("held", None)


# Claiming


def test_a_claimed_message_is_not_claimed_again_until_the_claim_ran_out(db):
    with time_machine.travel(START, tick=False) as clock:
        written = queue(db)
        claimed = claim(db)
        assert (claimed.id, claimed.state, claimed.attempts) == (written.id, "sending", 1)
        clock.shift(outbox.CLAIM - timedelta(seconds=1))
        assert claim(db) is None
        clock.shift(timedelta(seconds=1))
        assert claim(db).attempts == 2


def test_two_workers_claim_two_messages(app, db):
    first, second = queue(db), queue(db)
    with app.extensions["rollcall"].sessions() as other:
        assert {claim(db).id, claim(other).id} == {first.id, second.id}
        assert claim(other) is None


def test_the_oldest_message_goes_first(db):
    with time_machine.travel(START, tick=False) as clock:
        ids = []
        for _ in range(3):
            ids.append(queue(db).id)
            clock.shift(timedelta(seconds=1))
        assert [claim(db).id for _ in range(3)] == ids


def test_what_is_over_is_not_claimed(db):
    with time_machine.travel(START, tick=False) as clock:
        queue(db)
        outbox.mark_sent(claim(db))
        queue(db)
        outbox.mark_failed(claim(db), "550", for_good=True)
        db.commit()
        clock.shift(timedelta(days=30))
        assert claim(db) is None


def test_each_failed_try_waits_longer_and_the_last_one_is_the_last(db):
    with time_machine.travel(START, tick=False) as clock:
        queue(db)
        waits = []
        while True:
            message = claim(db)
            over = outbox.mark_failed(message, "450 try again later", for_good=False)
            db.commit()
            if over:
                break
            waits.append(int((message.due_at - datetime.now(UTC)).total_seconds()))
            clock.shift(timedelta(seconds=waits[-1] - 1))
            assert claim(db) is None
            clock.shift(timedelta(seconds=1))
        assert waits == list(outbox.BACK_OFF)
        assert waits == sorted(waits)
        assert message.state == MessageState.FAILED
        assert message.attempts == len(outbox.BACK_OFF) + 1
        clock.shift(timedelta(days=30))
        assert claim(db) is None


def test_an_error_is_kept_but_not_a_book_of_it(db):
    queue(db)
    message = claim(db)
    outbox.mark_failed(message, "450 " + "x" * 10_000, for_good=False)
    assert len(message.last_error) == 500


def test_what_is_shown_of_the_outbox_is_newest_first(db):
    ids = [queue(db).id for _ in range(4)]
    assert [each.id for each in outbox.latest(db, limit=2)] == [ids[3], ids[2]]
    assert [each.id for each in outbox.latest(db, before=ids[2])] == [ids[1], ids[0]]
    assert outbox.count_by_state(db) == {"queued": 4}


# What a copy of the database tells


@pytest.mark.parametrize("when", ["waiting", "sent"])
def test_no_column_of_any_table_holds_the_code_or_its_link_in_clear(
    when, environment, smtp, request
):
    environment |= {"MAIL_SERVER": smtp.host, "MAIL_PORT": str(smtp.port)}
    app, db, people, visitor, mails = map(
        request.getfixturevalue, ("app", "db", "people", "visitor", "mails")
    )
    assert app.extensions["rollcall"].settings.MAIL_SERVER
    people.listed("Lovelace", ADA, "A1")
    visitor.submit("/register", last_name="Lovelace", email=ADA)
    if when == "waiting":
        stored = everything_stored(db)
    mails.deliver()
    if when == "sent":
        stored = everything_stored(db)
    text = smtp.messages[0][2].get_body(("plain",)).get_content()
    code = next(line for line in text.splitlines() if line.isdigit())
    token = next(line for line in text.splitlines() if "/register/password/" in line)
    token = token.rsplit("/", 1)[1].strip()
    assert len(code) == 6
    for where, value in stored:
        assert code not in value, where
        assert token not in value, where


def everything_stored(db):
    """(where, text) of every value of every column of every table; times are left out."""
    db.rollback()
    tables = MetaData()
    tables.reflect(db.get_bind())
    stored = [
        (f"{table.name}.{column}", str(value))
        for table in tables.sorted_tables
        for row in db.execute(select(table))
        for column, value in row._mapping.items()
        if not isinstance(value, datetime)
    ]
    assert any(where.startswith("outgoing_messages.") for where, _value in stored)
    return stored
