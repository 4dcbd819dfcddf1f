"""The outbox as an admin sees it: filters, messages without their secrets, sending again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from app import jobs
from app.core import mailbox, outbox
from app.core.audit import NOWHERE
from app.core.entry import letters
from app.core.errors import CannotResend, CodeCannotBeResent, NotFound
from app.core.mailbox import Filter
from app.core.outbox import Cap, Kind
from app.core.people import granting, rolebook
from app.models.records import AuditEntry, MessageState, OutgoingMessage

ADA, GRACE = "ada@learn.agency.example", "grace@agency.example"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def write(db, recipient=ADA, kind=Kind.HAVE_ACCOUNT, state=None, **kwargs):
    """A message, as the outbox writes it, in this state; its id."""
    outbox.queue(db, kind, recipient, cap=Cap.NONE, **kwargs)
    message = db.scalars(select(OutgoingMessage).order_by(OutgoingMessage.id.desc())).first()
    if state is not None:
        message.state = state.value
    db.commit()
    return message.id


def ids(messages):
    return [each.id for each in messages]


@pytest.fixture
def grace(people):
    """An owner, signed in."""
    return people.admin(GRACE)


def test_messages_are_found_by_every_filter_and_page(db):
    with time_machine.travel(START, tick=False) as clock:
        first = write(db)
        second = write(db, "bo@x.example", Kind.NOT_LISTED, MessageState.FAILED)
        clock.shift(timedelta(hours=14, minutes=59, seconds=59))
        third = write(db, kind=Kind.NOT_LISTED)
        clock.shift(timedelta(seconds=1))
        fourth = write(db, state=MessageState.FAILED)
    day = START.date()
    for wanted, expected in (
        (Filter(), [fourth, third, second, first]),
        (Filter(state=MessageState.FAILED), [fourth, second]),
        (Filter(kind=Kind.NOT_LISTED), [third, second]),
        (Filter(recipient=f" {ADA.upper()} "), [fourth, third, first]),
        (Filter(recipient="nobody"), []),
        (Filter(recipient="\0%"), []),
        (Filter(last_day=day), [third, second, first]),
        (Filter(first_day=day + timedelta(days=1)), [fourth]),
        (Filter(last_day=date.max), [fourth, third, second, first]),
        (Filter(MessageState.FAILED, Kind.NOT_LISTED, "bo@x.example", day, day), [second]),
    ):
        assert ids(mailbox.find(db, wanted)) == expected, wanted
    page = mailbox.find(db, Filter(), limit=2)
    last = (page[-1].created_at, page[-1].id)
    assert ids(mailbox.find(db, Filter(), before=last)) == [second, first]
    assert ids(mailbox.find(db, Filter(), before=(START, second))) == [first]


def test_the_page_keeps_its_filters_and_takes_odd_ones_as_none(grace, db):
    for number in range(120):
        write(db, f"p{number}@x.example", Kind.NOT_LISTED)
    write(db, ADA)
    seen = []
    page = grace.page(grace.get("/admin/outbox?kind=not_listed"))
    while True:
        seen += [row.th.a.text for row in page.select("tbody tr")]
        following = page.select_one("a[rel=next]")
        if following is None:
            break
        page = grace.page(grace.get(following["href"]))
    assert seen == [f"p{number}@x.example" for number in reversed(range(120))]
    assert page.select_one("#outbox-kind option[selected]")["value"] == "not_listed"
    for odd in ("state=x", "kind=%00", "from=x&until=9999-99-99", "before=x_1", "before=1_0"):
        assert len(grace.page(grace.get(f"/admin/outbox?{odd}")).select("tbody tr")) == 50
    nothing = grace.get("/admin/outbox?to=nobody@x.example")
    assert "No message fits" in nothing.text


def test_a_message_is_shown_with_its_secrets_masked(grace, people, mails, db, visitors):
    people.listed("Lovelace", ADA, "A1")
    visitors().submit("/register", last_name="Lovelace", email=ADA)
    code, link = mails.code(ADA), mails.link(ADA)
    message_id = mailbox.find(db, Filter(recipient=ADA))[0].id
    page = grace.get(f"/admin/outbox/{message_id}")
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    frame = grace.page(page).select_one("iframe")
    assert frame.has_attr("sandbox")
    html = grace.get(frame["src"])
    assert "sandbox" in html.headers["Content-Security-Policy"]
    token = link.rsplit("/", 1)[1]
    for shown in (page, html):
        assert "••••••" in shown.text
        assert code not in shown.text
        assert token not in shown.text
    assert "#0a6659" in html.text, "colours stay"
    assert "is your Rollcall registration code" in page.text
    assert grace.get("/admin/outbox/999").status_code == 404
    assert grace.get("/admin/outbox/999/html").status_code == 404


def test_a_live_installation_shows_no_text(grace, app, db, mails, monkeypatch):
    message_id = write(db)
    mails.deliver()
    monkeypatch.setattr(app.extensions["rollcall"].settings, "ROLLCALL_ENV", "production")
    page = grace.get(f"/admin/outbox/{message_id}")
    assert "Nobody reads here what others were sent." in page.text
    assert "iframe" not in page.text
    assert grace.get(f"/admin/outbox/{message_id}/html").status_code == 404


def test_a_failed_or_held_message_is_sent_again_once_and_audited(grace, db, mails):
    for state in (MessageState.FAILED, MessageState.HELD):
        message_id = write(db, state=state)
        page = f"/admin/outbox/{message_id}"
        sent = grace.submit(page, to=f"{page}/resend")
        assert (sent.status_code, sent.location) == (303, page)
        assert grace.submit(page, to=f"{page}/resend").status_code == 409
        mails.deliver()
        db.rollback()
        message = mailbox.get(db, message_id)
        assert (message.state, message.attempts) == ("shown", 1)
    events = db.scalars(select(AuditEntry).where(AuditEntry.event == "mail:resent")).all()
    assert [each.details["kind"] for each in events] == ["have_account"] * 2


def test_of_many_who_send_again_at_once_one_does(app, db):
    message_id = write(db, state=MessageState.FAILED)

    def again(_number):
        with app.extensions["rollcall"].sessions() as own:
            try:
                mailbox.resend(own, message_id, by=None, origin=NOWHERE)
            except CannotResend:
                return 0
            own.commit()
            return 1

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(again, range(6))) == 1


def test_a_code_is_not_sent_again_and_the_page_says_why(grace, db):
    assert {each.value for each in letters.PURPOSES} == {each.value for each in mailbox.WITH_CODE}
    message_id = write(db, kind=Kind.SETUP, state=MessageState.FAILED)
    page = grace.get(f"/admin/outbox/{message_id}")
    assert "carried a code, which is not kept" in page.text
    assert "resend" not in page.text
    refused = grace.submit("/admin/outbox", to=f"/admin/outbox/{message_id}/resend")
    assert refused.status_code == 409
    with pytest.raises(CodeCannotBeResent):
        mailbox.resend(db, message_id, by=None, origin=NOWHERE)
    db.rollback()
    with pytest.raises(NotFound):
        mailbox.resend(db, 999, by=None, origin=NOWHERE)


def test_a_test_mail_goes_to_oneself_and_not_too_often(grace, mails, db):
    for _ in range(mailbox.TESTS.tries):
        assert grace.submit("/admin/outbox", to="/admin/outbox/test").status_code == 303
    seen = [str(mail["Subject"]) for mail in mails.to(GRACE)]
    assert seen.count("Mail from Rollcall works") == mailbox.TESTS.tries
    late = grace.follow(grace.submit("/admin/outbox", to="/admin/outbox/test"))
    assert "enough test mails for now" in late.text
    db.rollback()
    tested = select(func.count()).where(AuditEntry.event == "mail:tested")
    assert db.scalar(tested) == mailbox.TESTS.tries


def test_who_may_only_read_is_offered_no_button(people, visitors, db):
    message_id = write(db, state=MessageState.FAILED)
    people.account(ADA)
    granting.grant(db, rolebook.find(db, "auditor").id, ADA, by=None, origin=NOWHERE)
    db.commit()
    auditor = visitors()
    auditor.sign_in(ADA)
    for path in ("/admin/outbox", f"/admin/outbox/{message_id}"):
        assert not auditor.page(auditor.get(path)).select("main form[method=post]")


def test_messages_that_are_over_go_after_ninety_days(app, db):
    with time_machine.travel(START, tick=False) as clock:
        old = [write(db, state=state) for state in MessageState]
        clock.shift(timedelta(seconds=1))
        young = write(db, state=MessageState.SENT)
        clock.move_to(START + mailbox.KEPT + timedelta(seconds=1))
        jobs.tidy_up(app.extensions["rollcall"].sessions)
        db.rollback()
        left = set(db.scalars(select(OutgoingMessage.id)))
        waiting = {MessageState.QUEUED, MessageState.SENDING}
        kept = {number for number, state in zip(old, MessageState, strict=True) if state in waiting}
        assert left == kept | {young}


def test_counts_stop_at_a_limit(db, monkeypatch):
    monkeypatch.setattr(outbox, "MOST_COUNTED", 3)
    for _ in range(6):
        write(db, state=MessageState.FAILED)
    write(db)
    assert outbox.count_by_state(db) == {"failed": 4, "queued": 1}
