"""Invitations in the admin area and from the console: who is reached, stop, go on, again."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app import jobs
from app.core import clock
from app.models.invitations import Invitation
from app.models.records import AuditEntry, Job, OutgoingMessage

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"


@pytest.fixture
def work(app, db):
    """Lets the worker do what waits."""

    def work_off():
        parts = app.extensions["rollcall"]
        with app.app_context():
            jobs.work_off(parts.sessions, parts.settings)
        db.rollback()

    return work_off


@pytest.fixture
def admin(people):
    people.listed("Lovelace", ADA, "A1")
    people.listed("Byron", BO)
    return people.admin()


def words(visitor, path):
    return " ".join(visitor.page(visitor.get(path)).select_one("main").text.split())


def test_invitations_are_sent_from_the_overview_and_seen_to_arrive(
    admin, mails, visitors, work, db
):
    assert "2 of 2 people on the list have not registered." in words(admin, "/admin")
    assert "Send 2 invitations" in words(admin, "/admin/invitations")
    sending = admin.submit("/admin/invitations")
    assert sending.status_code == 303
    page = admin.page(admin.get(sending.location))
    assert "Under way" in page.text
    assert page.select_one("[data-again]")
    work()
    assert len(mails.to(ADA)) == len(mails.to(BO)) == 1
    page = admin.page(admin.get(sending.location))
    assert "2 of 2 people are invited." in " ".join(page.text.split())
    assert (page.progress["value"], page.progress["max"]) == ("2", "2")
    assert not page.select_one("[data-again]")
    assert visitors().submit(mails.link(ADA), password="seven amber lanterns").status_code == 303
    assert "1 of 2 people on the list have not registered." in words(admin, "/admin")
    still = words(admin, f"{sending.location}?show=open")
    assert BO in still
    assert ADA not in still
    began = db.scalars(select(AuditEntry).where(AuditEntry.event == "invitations:began")).one()
    assert began.actor_id is not None
    assert "Nobody waits for an invitation" in admin.follow(admin.submit("/admin/invitations")).text


def test_a_sending_is_stopped_goes_on_and_writes_again_after_a_day(admin, mails, work, db):
    path = admin.submit("/admin/invitations", lo_root_id="A1").location
    assert "LO Root ID A1" in words(admin, path)
    admin.submit(path, to=f"{path}/stop")
    work()
    assert mails.to(ADA) == []
    assert "Stopped" in words(admin, path)
    admin.submit(path, to=f"{path}/resume")
    work()
    assert len(mails.to(ADA)) == 1
    assert mails.to(BO) == []
    admin.submit(path, to=f"{path}/again")
    work()
    assert len(mails.to(ADA)) == 1  # Its link still works.
    db.execute(update(Invitation).values(invited_at=clock.now() - timedelta(hours=25)))
    db.commit()
    again = admin.submit(path, to=f"{path}/again").location
    work()
    assert len(mails.to(ADA)) == 2
    assert "2 mails in all" in words(admin, again)
    told = select(AuditEntry.event).where(AuditEntry.event.startswith("invitations:"))
    assert list(db.scalars(told.order_by(AuditEntry.id))) == [
        "invitations:began", "invitations:stopped", "invitations:resumed", "invitations:began",
    ]  # fmt: skip


def test_a_mail_that_did_not_arrive_is_seen_with_its_reason(admin, work, db):
    path = admin.submit("/admin/invitations").location
    work()
    failed = update(OutgoingMessage).where(OutgoingMessage.recipient == ADA)
    db.execute(failed.values(state="failed", last_error="550 no such mailbox"))
    db.commit()
    assert "Could not be delivered 550 no such mailbox" in words(admin, path)


def test_the_list_of_the_invited_and_of_the_sendings_have_pages(admin, people, db):
    user = people.account("many@x.example", password=None)
    jobs_ = [
        Job(kind="invite", state="done", created_at=clock.now(), done=1, total=1,
            facts={"scope": {}, "invited": 1})
        for _ in range(12)
    ]  # fmt: skip
    other = Job(kind="other", state="done", created_at=clock.now(), facts={})
    db.add_all([*jobs_, other])
    db.flush()
    for number in range(60):
        address = f"{number:02}@x.example"
        db.add(
            Invitation(address=address, job_id=jobs_[0].id, user_id=user.id, invited_at=clock.now())
        )
    db.commit()
    first = admin.page(admin.get(f"/admin/invitations/{jobs_[0].id}"))
    second = admin.page(admin.get(first.select_one("a[rel=next]")["href"]))
    shown = [len(page.select("tbody tr")) for page in (first, second)]
    assert shown == [50, 10]
    assert second.select_one("a[rel=next]") is None
    first = admin.page(admin.get("/admin/invitations"))
    second = admin.page(admin.get(first.select_one("a[rel=next]")["href"]))
    assert [len(page.select("tbody tr")) for page in (first, second)] == [10, 2]
    assert admin.get(f"/admin/invitations/{other.id}").status_code == 404
    data = {"csrf_token": admin.token("/admin")}
    for act in ("stop", "resume", "again"):
        path = f"/admin/invitations/{other.id}/{act}"
        assert admin.client.post(path, data=data).status_code == 404


def test_without_a_list_the_page_says_what_to_do(people):
    admin = people.admin()
    assert "There is no list yet" in words(admin, "/admin/invitations")
    odd = "/admin/invitations?import_id=99999999999&class_name=%00&lo_root_id=%27"
    assert admin.get(odd).status_code == 200


def test_the_command_counts_or_begins(app, admin, work, mails):
    run = app.test_cli_runner().invoke
    dry = run(args=["rollcall", "invite", "--dry-run", "--json"])
    assert json.loads(dry.stdout) == {"waiting": 2, "job_id": None, "dry_run": True}
    told = run(args=["rollcall", "invite", "--lo-root-id", "A1"])
    assert (told.exit_code, "1 people on the list wait" in told.output) == (0, True)
    work()
    assert len(mails.to(ADA)) == 1
    nothing = run(args=["rollcall", "invite", "--lo-root-id", "A1"])
    assert (nothing.exit_code, "Nothing to do." in nothing.output) == (0, True)
