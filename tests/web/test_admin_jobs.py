"""The pages of jobs: where each stands, and stopping and trying again with an entry of who did."""

import pytest
from sqlalchemy import func, select, update

from app.core import backlog, clock
from app.core.audit import NOWHERE
from app.core.desk.people import bulk
from app.core.learning import erasing
from app.models.conversations import Exchange
from app.models.people import User
from app.models.records import AuditEntry, Job, JobState


@pytest.fixture
def grace(people):
    """An owner, signed in."""
    return people.admin()


@pytest.fixture
def put(db):
    """Puts a job of this state into the backlog; its id."""

    def do(state, **columns):
        job = Job(kind="roster_follow", state=state, facts={}, created_at=clock.now(), **columns)
        db.add(job)
        db.commit()
        return job.id

    return do


def test_a_job_is_stopped_and_tried_again_and_both_are_audited(grace, put, db):
    job_id = put("running", done=3, total=10, note="reading")
    page = f"/admin/jobs/{job_id}"
    bar = grace.page(grace.get(page)).select_one("[data-job][data-open] progress")
    assert (bar["max"], bar["value"]) == ("10", "3")
    assert "Look again" in grace.get(page).text
    stopped = grace.submit(page, to=f"{page}/stop")
    assert (stopped.status_code, stopped.location) == (303, page)
    assert "It was asked to stop" in grace.get(page).text
    assert grace.submit(page, to=f"{page}/retry").status_code == 409
    db.execute(update(Job).values(state="failed", error="The disk is full."))
    db.commit()
    assert "The disk is full." in grace.get(page).text
    assert grace.submit(page, to=f"{page}/stop").status_code == 409
    assert grace.submit(page, to=f"{page}/retry").status_code == 303
    db.rollback()
    assert db.scalar(select(Job.state)) == "queued"
    told = select(AuditEntry.event).where(AuditEntry.event.startswith("job:"))
    events = db.scalars(told.order_by(AuditEntry.id)).all()
    assert events == ["job:stopped", "job:retried"]
    for path in ("stop", "retry"):
        assert grace.submit("/admin/jobs", to=f"/admin/jobs/999/{path}").status_code == 404


def test_how_far_a_job_is_can_be_asked_for_as_json(grace, put):
    job_id = put("running", done=3, total=10, note="reading")
    assert grace.get(f"/admin/jobs/{job_id}.json").json == {
        "state": "running",
        "label": "Running",
        "open": True,
        "done": 3,
        "total": 10,
        "note": "reading",
        "error": None,
    }
    failed = put("failed", done=0, error="No.")
    found = grace.get(f"/admin/jobs/{failed}.json").json
    assert (found["open"], found["total"], found["error"]) == (False, None, "No.")
    accept = {"Accept": "application/json"}
    assert grace.get("/admin/jobs/999.json", headers=accept).json["code"] == "not_found"


def test_the_bar_of_a_done_job_is_full_whatever_was_told_on_the_way(grace, put):
    job_id = put("done", done=3, total=10, note="comparing")
    for path in ("/admin/jobs", f"/admin/jobs/{job_id}"):
        line = grace.page(grace.get(path)).select_one(".progress-line")
        assert (line.progress["max"], line.progress["value"]) == ("1", "1")
        assert line.p.text.strip() == ""
    whole = grace.page(grace.get(f"/admin/jobs/{put('done', done=10, total=10)}"))
    assert whole.select_one(".progress-line p").text.split() == ["10", "of", "10"]
    stopped = grace.page(grace.get(f"/admin/jobs/{put('stopped', done=3, total=10)}"))
    assert stopped.select_one(".progress-line progress")["value"] == "3"


def test_jobs_are_listed_by_state_and_page_with_who_asked(grace, put, db):
    assert "Nothing runs" in grace.get("/admin/jobs").text
    owner = db.scalar(select(User.id))
    newest = [put("done", created_by=owner) for _ in range(60)]
    put("failed", error="The list changed.")
    page = grace.page(grace.get("/admin/jobs?state=done"))
    assert len(page.select("tbody tr")) == 50
    assert "grace@agency.example" in page.select_one("tbody tr").text
    rest = grace.page(grace.get(page.select_one("a[rel=next]")["href"]))
    links = [row.th.a["href"] for row in page.select("tbody tr") + rest.select("tbody tr")]
    assert links == [f"/admin/jobs/{number}" for number in reversed(newest)]
    failed = grace.page(grace.get("/admin/jobs?state=failed"))
    assert "The list changed." in failed.select_one("tbody").text
    assert "a command" in failed.select_one("tbody").text
    assert "No job is in this state" in grace.get("/admin/jobs?state=stopped").text
    assert grace.get("/admin/jobs?state=odd&before=x").status_code == 200


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_a_page_with_what_can_be_done(state, grace, put):
    page = grace.page(grace.get(f"/admin/jobs/{put(state.value)}"))
    ways = [form["action"].rpartition("/")[2] for form in page.select("main form")]
    assert ways == {"done": [], "failed": ["retry"], "stopped": ["retry"]}.get(state, ["stop"])


def test_a_job_leads_to_what_it_is_about(grace, people, visitors, db):
    about = {
        "roster_check": ({"import_id": 7}, "/admin/roster/7"),
        "invite": ({"scope": {}}, "/admin/invitations/{}"),
        "people": ({}, "/admin/people/bulk/{}"),
        "conversations_export": ({}, "/admin/conversations/jobs/{}"),
        "roster_follow": ({}, None),
        "unknown": ({}, None),
    }
    for kind, (facts, page) in about.items():
        job = Job(kind=kind, state="done", facts=facts, created_at=clock.now())
        db.add(job)
        db.commit()
        found = grace.page(grace.get(f"/admin/jobs/{job.id}"))
        link = found.find("a", string="See what it is about")
        assert (link and link["href"]) == (page and page.format(job.id)), kind


def told(db, *events):
    """The event and the details of the entries of these events, oldest first."""
    db.rollback()
    query = select(AuditEntry.event, AuditEntry.details, AuditEntry.actor_id)
    rows = db.execute(query.where(AuditEntry.event.in_(events)).order_by(AuditEntry.id))
    return [tuple(row) for row in rows]


def test_a_deletion_that_is_stopped_midway_says_who_stopped_it_and_how_many_are_gone(
    grace, people, work, db, monkeypatch
):
    for number in range(5):
        people.account(f"p{number}@x.example", password=None)
    monkeypatch.setattr(bulk, "STEP", 2)
    choice = {"who": "all", "q": "x.example", "number": "5"}
    page = grace.submit("/admin/people", "/admin/people/bulk/delete", **choice).location
    spans, following = [], bulk._next

    def stopped_before_the_second(*given):
        spans.append(given)
        if len(spans) == 2:
            grace.submit(page, to=f"{page}/stop")
        return following(*given)

    monkeypatch.setattr(bulk, "_next", stopped_before_the_second)
    work()
    (_, stopped, by), (_, cut, _by_the_worker) = told(db, "job:stopped", "job:cut_off")
    # The owner has the first id, so that the first span of two ids has one of them.
    assert (stopped["kind"], stopped["done"], stopped["total"], by) == ("people", 1, 5, 1)
    assert (cut["done"], cut["total"], cut["why"], cut["ordered_by"]) == (3, 5, "stopped", 1)
    left = select(func.count()).where(User.email.like("p%@x.example"))
    assert db.scalar(left) == 2
    grace.submit(page, to=f"/admin/jobs/{stopped['job']}/retry")
    assert told(db, "job:retried")[0][1]["done"] == 3
    work()
    db.rollback()
    assert db.scalar(left) == 0


def test_a_deletion_that_fails_midway_leaves_its_numbers(grace, put, work, db, monkeypatch):
    user = db.scalar(select(User.id))
    db.add_all(
        Exchange(user_id=user, program_code="BCC", user_message="?", bot_message="!")
        for _ in range(5)
    )
    db.commit()
    monkeypatch.setattr(erasing, "BATCH", 2)
    reporting, told_of = backlog.report, []

    def report_twice(db, job, **said):
        told_of.append(said)
        if len(told_of) > 2:
            raise ValueError
        reporting(db, job, **said)

    monkeypatch.setattr(backlog, "report", report_twice)
    extent = erasing.measure(db, erasing.Scope())
    erasing.order(db, erasing.Scope(), typed=extent.exchanges, by=user, origin=NOWHERE)
    db.commit()
    work()
    ((_, cut, by),) = told(db, "job:cut_off")
    assert (cut["done"], cut["total"], cut["why"], cut["error"], by) == (
        4, 5, "failed", "ValueError", None,
    )  # fmt: skip
    assert cut["ordered_by"] == user
    assert db.scalar(select(func.count()).select_from(Exchange)) == 1


def test_a_deletion_at_the_console_that_is_cut_off_says_how_many_went(grace, db, monkeypatch):
    user = db.scalar(select(User.id))
    db.add_all(
        Exchange(user_id=user, program_code="BCC", user_message="?", bot_message="!")
        for _ in range(5)
    )
    db.commit()
    monkeypatch.setattr(erasing, "BATCH", 2)
    extent = erasing.measure(db, erasing.Scope())
    batches = []

    def interrupted(condition, last):
        if len(batches) == 2:
            raise KeyboardInterrupt
        batches.append(last)
        return batch(condition, last)

    batch = erasing._batch
    monkeypatch.setattr(erasing, "_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        erasing.delete_now(db, erasing.Scope(), extent)
    found = told(db, "conversations:to_delete", "conversations:deleted")
    assert [(event, details["count"]) for event, details, _ in found] == [
        ("conversations:to_delete", 5), ("conversations:deleted", 4),
    ]  # fmt: skip
