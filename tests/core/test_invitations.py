"""Invitations: whom they reach, that nobody gets two, and what is left when the worker dies."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from app import jobs
from app.core import backlog, clock
from app.core.audit import NOWHERE
from app.core.desk import awaited, invitations, invited
from app.core.desk.awaited import Scope
from app.jobs import working
from app.models.invitations import Invitation
from app.models.people import User, UserLoRootId
from app.models.records import AuditEntry, Job, JobState, OutgoingMessage
from app.models.rosters import RosterChange

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"
CY = "cy@learn.agency.example"


@pytest.fixture
def environment(environment):
    """Three mails a minute, so that a few people already take more than one."""
    return environment | {"INVITE_RATE": "3"}


@pytest.fixture
def work(app, db):
    """Lets the worker do what waits, once; how many jobs it took up."""

    def work_off():
        db.commit()
        parts = app.extensions["rollcall"]
        with app.app_context():
            taken = jobs.work_off(parts.sessions, parts.settings)
        db.rollback()
        db.expire_all()
        return taken

    return work_off


def begin(db, **scope):
    return invitations.start(db, Scope(**scope), by=None, origin=NOWHERE)


def minute_passes(db):
    """Lets the moment come to which the job was put off."""
    ago = clock.now() - timedelta(seconds=1)
    job = db.scalars(select(Job).order_by(Job.id.desc())).first()
    job.claimed_until = ago
    job.facts = job.facts | {"paid_until": ago.isoformat()}
    db.commit()


def written_to(db):
    query = select(OutgoingMessage.recipient).where(OutgoingMessage.kind == "invitation")
    return sorted(db.scalars(query))


def test_an_invited_person_sets_a_password_and_has_what_the_list_grants(
    people, visitors, mails, work, db
):
    people.program("BCC", ids=["A1"])
    people.listed("Lovelace", ADA, "A1")
    job = begin(db)
    assert work() == 1
    account = db.scalars(select(User)).one()
    assert (account.password_hash, account.verified_at) == (None, None)
    assert (account.from_roster, account.last_name, account.email) == (True, "Lovelace", ADA)
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1"}
    assert str(mails.to(ADA)[-1]["Subject"]) == "Your way into Rollcall"
    ada = visitors()
    assert ada.submit(mails.link(ADA), password="seven amber lanterns").status_code == 303
    assert "Program BCC" in ada.get("/program_select").text
    ended = backlog.get(db, job.id)
    assert (ended.state, ended.done, ended.total) == (JobState.DONE, 1, 1)
    assert ended.facts["invited"] == 1
    told = db.scalars(select(AuditEntry).where(AuditEntry.event == "account:invited")).one()
    assert (told.user_id, told.details) == (account.id, {"job_id": job.id})


def test_only_those_are_invited_who_may_come_in_and_have_no_password(people, work, db):
    tomorrow, yesterday = (clock.now() + timedelta(days=each) for each in (1, -1))
    people.listed("Invited", ADA)
    people.listed("Registered", "has@x.example")
    people.account("has@x.example")
    people.listed("Waiting", BO)
    people.account(BO, password=None, expiry_date=tomorrow)
    people.listed("Inactive", "inactive@x.example", active=False)
    people.listed("Expired", "expired@x.example")
    people.account("expired@x.example", password=None, expiry_date=yesterday)
    people.listed("Suspended", "suspended@x.example")
    people.account("suspended@x.example", password=None, status=" INACTIVE ")
    people.account("never.listed@x.example", password=None)
    people.listed("Shared", "shared@x.example")
    for spelling in ("Shared@x.example", "shared@x.example"):
        user = people.account(spelling + ".old", password=None)
        user.address, user.shared_address, user.email = None, "shared@x.example", spelling
    db.commit()
    assert awaited.count(db, Scope()) == 2
    begin(db)
    work()
    assert written_to(db) == [ADA, BO]


def test_a_minute_takes_as_many_as_the_rate_says_and_the_job_goes_on_with_the_next(
    people, work, db
):
    for number in range(8):
        people.listed("Lovelace", f"ada{number}@x.example", follow=False)
    job = begin(db)
    seen = []
    while backlog.get(db, job.id).state != JobState.DONE and len(seen) < 9:
        work()
        assert work() == 0  # Put off: nothing to do before the minute is over.
        seen.append((len(written_to(db)), backlog.get(db, job.id).done))
        minute_passes(db)
    assert seen == [(3, 3), (6, 6), (8, 8)]
    assert backlog.get(db, job.id).total == 8
    assert len(set(written_to(db))) == 8


def test_a_stopped_job_writes_no_more_and_goes_on_where_it_was(people, work, db):
    for number in range(5):
        people.listed("Lovelace", f"ada{number}@x.example", follow=False)
    job = begin(db)
    work()
    assert invitations.stop(db, job.id, by=None, origin=NOWHERE)
    db.commit()
    minute_passes(db)
    assert work() == 0
    assert (len(written_to(db)), backlog.get(db, job.id).state) == (3, JobState.STOPPED)
    assert not invitations.stop(db, job.id, by=None, origin=NOWHERE)
    assert invitations.resume(db, job.id, by=None, origin=NOWHERE)
    work()
    assert len(set(written_to(db))) == len(written_to(db)) == 5


def test_nobody_gets_two_by_two_jobs_and_a_later_mail_is_asked_for(people, work, db):
    people.listed("Lovelace", ADA)
    people.listed("Byron", BO)
    first = begin(db, lo_root_id="")
    begin(db)
    assert work() == 2
    assert written_to(db) == [ADA, BO]
    with pytest.raises(invitations.NobodyToInvite):
        begin(db)
    again = {"again_of": first.id, "again_after": awaited.LINK_LASTS}
    with pytest.raises(invitations.NobodyToInvite):
        begin(db, **again)
    db.rollback()
    db.execute(update(Invitation).values(invited_at=clock.now() - timedelta(hours=25)))
    db.commit()
    people.db.execute(update(User).where(User.address == BO).values(password_hash="x"))
    with pytest.raises(invitations.NobodyToInvite):
        begin(db)  # For a week nobody is written to who was not asked for by name of the job.
    begin(db, **again)
    work()
    assert written_to(db) == [ADA, ADA, BO]
    assert db.scalar(select(Invitation.times).where(Invitation.address == ADA)) == 2


def test_a_worker_that_dies_in_a_batch_leaves_it_whole_or_not_begun(app, people, work, db):
    people.listed("Lovelace", ADA, "A1")
    people.listed("Byron", BO)
    people.listed("Curie", CY)
    job = begin(db)
    db.commit()
    parts = app.extensions["rollcall"]
    with parts.sessions() as dying, app.app_context():
        mine = backlog.claim(dying)
        dying.commit()
        backlog.report(dying, mine, done=0, total=3)
        terms = working.terms_of(parts.settings)
        options = {"terms": terms, "job": mine, "by": None, "origin": NOWHERE}
        invitations._write(dying, [ADA], Scope(), **options)
        backlog.report(dying, mine, done=1)
        invitations._write(dying, [BO], Scope(), **options)
        # It dies here: the second batch was never committed.
    db.rollback()
    assert written_to(db) == [ADA]
    gone = clock.now() - timedelta(seconds=1)
    db.execute(update(Job).values(claimed_until=gone))
    assert work() == 1
    assert written_to(db) == [ADA, BO, CY]
    assert db.scalar(select(func.count()).select_from(User)) == 3
    assert backlog.get(db, job.id).done == 3


def test_an_import_or_a_class_or_an_id_narrows_down_who_is_meant(people, work, db):
    people.listed("Lovelace", ADA, "A1")
    people.listed("Byron", BO, "B1")
    import_id = people._import()
    db.add(RosterChange(import_id=import_id, address=BO, change="added", last_name="Byron"))
    db.commit()
    assert awaited.next_batch(db, Scope(import_id=import_id), after="", limit=9).addresses == [BO]
    assert awaited.next_batch(db, Scope(lo_root_id="A1"), after="", limit=9).addresses == [ADA]
    assert awaited.count(db, Scope(class_name="A class")) == 2
    assert awaited.count(db, Scope(class_name="Another")) == 0
    assert awaited.count(db, Scope(import_id=import_id, lo_root_id="A1")) == 0
    shown = awaited.preview(db, Scope(), limit=1)
    assert (shown.waiting, shown.is_all) == (2, True)
    assert [each.last_name for each in shown.few] == ["Lovelace"]
    begin(db, import_id=import_id)
    work()
    assert written_to(db) == [BO]


def chosen(db, *, ids=(), **filters):
    return begin(db, chosen=filters, ids=ids, again_after=awaited.LINK_LASTS)


def test_accounts_chosen_by_a_filter_or_by_name_are_invited_listed_or_not(people, work, db, mails):
    tomorrow, yesterday = (clock.now() + timedelta(days=each) for each in (1, -1))
    people.listed("Lovelace", ADA)
    people.account(ADA, password=None)
    people.account(BO, password=None, verified_at=clock.now())
    people.account(CY, password=None, ids=["A1"], expiry_date=tomorrow)
    people.account("has@x.example", ids=["A1"])
    people.account("expired@x.example", password=None, ids=["A1"], expiry_date=yesterday)
    people.account("gone@x.example", password=None, from_roster=True)
    people.listed("Without an account", "new@x.example", "A1")
    job = chosen(db, lo="A1")
    assert awaited.preview(db, Scope(chosen={}), limit=2).waiting == 3
    work()
    assert [mails.to(each) for each in ("has@x.example", "expired@x.example", ADA)] == [[], [], []]
    assert len(mails.to(CY)) == 1
    assert (backlog.get(db, job.id).done, backlog.get(db, job.id).total) == (1, 1)
    ids = list(db.scalars(select(User.id).where(User.address.in_([ADA, CY]))))
    chosen(db, ids=ids)
    work()
    few = awaited.preview(db, Scope(chosen={}, again_after=awaited.LINK_LASTS), limit=2).few
    assert [each.address for each in few] == [BO]
    chosen(db)
    work()
    told = {ADA: "invitation", BO: "setup", CY: "welcome"}
    rows = db.execute(select(OutgoingMessage.recipient, OutgoingMessage.kind))
    assert sorted(map(tuple, rows)) == sorted(told.items())
    with pytest.raises(invitations.NobodyToInvite):
        chosen(db)
    began = select(AuditEntry.details).where(AuditEntry.event == "invitations:began")
    details = list(db.scalars(began.order_by(AuditEntry.id)))
    assert [(each.get("chosen"), each.get("ticked")) for each in details] == [
        ({"lo": "A1"}, None), ({}, 2), ({}, None),
    ]  # fmt: skip


def test_chosen_accounts_go_at_the_rate_and_once_more_whether_a_list_has_them_or_not(
    people, work, db
):
    for number in range(5):
        people.account(f"ada{number}@x.example", password=None)
    job = chosen(db, q="x.example")
    work()
    assert db.scalar(select(func.count()).select_from(OutgoingMessage)) == 3
    assert invited.leaving(db, job.id) == 3
    minute_passes(db)
    work()
    ended = backlog.get(db, job.id)
    assert (ended.state, ended.done, ended.total) == (JobState.DONE, 5, 5)
    a_day_ago = clock.now() - timedelta(hours=25)
    db.execute(update(Invitation).values(invited_at=a_day_ago))
    db.execute(update(OutgoingMessage).values(created_at=a_day_ago))
    begin(db, again_of=job.id, again_after=awaited.LINK_LASTS)
    work()
    minute_passes(db)
    work()
    assert set(db.scalars(select(Invitation.times))) == {2}
