"""The days for which a program kept its conversations outlive the program."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app import jobs
from app.core import clock
from app.core.learning import retention
from app.models.conversations import Exchange, FormerRetention, ProgramRetention
from app.models.records import AuditEntry, Job

ADA = "ada@learn.agency.example"
PATH = "/admin/conversations/retention"
FORM = {
    "code": "BCC", "name": "Again", "content": "Open questions.", "quota": "3",
    "char_limit": "50000", "category": "standard", "intro_message": "Hello", "open_to_all": "y",
}  # fmt: skip


@pytest.fixture
def asked(people, db):
    """Puts a question of so many days ago into the table."""
    ada = people.account(ADA)

    def put(code, days, *, visible=True):
        db.add(Exchange(user_id=ada.id, program_code=code, user_message=f"{code} {days}",
                        bot_message="Noted.", is_visible=visible,
                        timestamp=clock.now() - timedelta(days=days)))  # fmt: skip
        db.commit()

    return put


@pytest.fixture
def night(people, db, work):
    """Tidies up as the clock does, and works off what that asks for; what is left."""

    def pass_by():
        jobs.tidy_up(people.app.extensions["rollcall"].sessions)
        work()
        db.rollback()
        return db.scalars(select(Exchange.user_message).order_by(Exchange.id)).all()

    return pass_by


def purge(admin, program):
    path = f"/admin/programs/{program.id}"
    assert admin.submit(f"{path}/trash").status_code == 303
    page = admin.get(f"{path}/purge").text
    assert admin.submit(f"{path}/purge", code=program.code).status_code == 303
    return page


def clock_goes_on(db):
    """The tidying of today is over, and that of tomorrow comes."""
    db.execute(update(Job).values(created_at=clock.now() - timedelta(days=1)))
    db.commit()


def told(db, event):
    newest = select(AuditEntry.details).where(AuditEntry.event == event)
    return db.scalar(newest.order_by(AuditEntry.id.desc()).limit(1))


def test_what_was_asked_a_program_that_is_gone_still_ends_after_its_days(people, db, asked, night):
    dated, endless, admin = people.program("BCC"), people.program("MI"), people.admin()
    assert admin.submit(PATH, program="BCC", days="90").status_code == 303
    asked("BCC", 89)
    asked("bcc", 80, visible=False)
    asked("MI", 900)
    assert "Each goes once it is 90 days old" in purge(admin, dated)
    assert "days old" not in purge(admin, endless)
    assert told(db, "program:purged")["program"] == "MI"
    assert "days" not in told(db, "program:purged")
    assert db.scalars(select(ProgramRetention.days)).all() == []
    assert night() == ["BCC 89", "bcc 80", "MI 900"]
    asked("BCC", 91)
    asked("bcc", 92, visible=False)
    clock_goes_on(db)
    assert night() == ["BCC 89", "bcc 80", "MI 900"]


def test_its_days_are_shown_changed_and_taken_away_like_those_of_others(people, db, asked, night):
    admin = people.admin()
    program = people.program("BCC")
    admin.submit(PATH, program="BCC", days="90")
    purge(admin, program)
    page = admin.get(PATH).text
    assert "deleted; its conversations still end" in page
    assert admin.submit(PATH, program="bcc", days="30").status_code == 303
    asked("BCC", 31)
    assert night() == []
    asked("BCC", 32)
    clock_goes_on(db)
    assert admin.submit(PATH, program="BCC", days="").status_code == 303
    assert (night(), retention.all_kept(db)) == (["BCC 32"], [])
    assert admin.submit(PATH, program="BCC", days="9").status_code == 404


def test_a_new_program_of_the_code_takes_the_days_over(people, db, asked, night):
    admin = people.admin()
    program = people.program("BCC")
    admin.submit(PATH, program="BCC", days="90")
    purge(admin, program)
    assert told(db, "program:purged")["days"] == 90
    added = admin.submit("/admin/programs/add", **FORM)
    assert added.status_code == 303, added.text
    assert told(db, "program:added")["days"] == 90
    assert retention.find(db, "BCC").days == 90
    assert db.scalars(select(FormerRetention.id)).all() == []
    asked("BCC", 91)
    assert night() == []
