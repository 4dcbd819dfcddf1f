"""An import as admins see it: received, checked by the worker, held, applied, taken back."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import jobs
from app.core import backlog
from app.core.audit import NOWHERE
from app.core.errors import (
    FileGone,
    ImportSettled,
    ListChanged,
    NothingToUndo,
    NumberDiffers,
    SecondAdmin,
)
from app.core.people import users
from app.core.roster import exports, imports
from app.core.roster.columns import COLUMNS
from app.core.roster.comparing import CannotCompare
from app.core.roster.files import FileRefused
from app.models.people import Entitlement, Source, UserLoRootId
from app.models.records import AuditEntry, JobState, OutgoingMessage
from app.models.rosters import (
    FormerLine,
    RosterImport,
    RosterLine,
    RosterUpload,
    StagedLine,
    StagedPart,
)

ADA, BO, CY, DEE = (f"{name}@learn.agency.example" for name in ("ada", "bo", "cy", "dee"))
HEADER = ",".join(COLUMNS) + "\n"
LIMITS = imports.HoldLimits()


def line(last_name: str, email: str, ids: str = "A1", status: str = "Active") -> str:
    return f"U1,{last_name},{email},{status},Class 1,2026-03-02,{ids}\n"


ALL = HEADER + line("Lovelace", ADA) + line("Byron", BO) + line("Cay", CY)
CROWD = "".join(line(f"N{n}", f"p{n:02}@x.example") for n in range(40))


class Wizard:
    """The steps of the wizard, with the worker between them."""

    def __init__(self, app: Flask, db: Session) -> None:
        self.app = app
        self.db = db

    def work(self) -> int:
        parts = self.app.extensions["rollcall"]
        self.db.commit()
        with self.app.app_context():
            return jobs.work_off(parts.sessions, parts.settings)

    def receive(self, data: str | bytes, mode: str = "replace", **kwargs: Any) -> RosterImport:
        found = imports.receive(
            self.db,
            io.BytesIO(data.encode() if isinstance(data, str) else data),
            file_name="list.csv",
            mode=mode,
            encoding=kwargs.pop("encoding", None),
            by=kwargs.pop("by", None),
            origin=NOWHERE,
        )
        self.db.commit()
        return found

    def check(self, data: str | bytes, mode: str = "replace", **kwargs: Any) -> RosterImport:
        found = self.receive(data, mode, **kwargs)
        imports.start_check(
            self.db, found.id, mapping=found.mapping, encoding=found.encoding, mode=found.mode,
            by=None,
        )  # fmt: skip
        self.work()
        return imports.get(self.db, found.id)

    def apply(self, found: RosterImport, **kwargs: Any) -> RosterImport:
        options = {"typed": None, "force": False, "two_person": False, "by": None} | kwargs
        imports.start_apply(self.db, found.id, origin=NOWHERE, limits=LIMITS, **options)
        self.work()
        return imports.get(self.db, found.id)

    def bring_in(self, data: str | bytes, mode: str = "replace") -> RosterImport:
        applied = self.apply(self.check(data, mode), force=True)
        assert applied.state == "applied", applied.failure
        return applied

    def undo(self, found: RosterImport) -> RosterImport:
        made = imports.start_undo(self.db, found.id, by=None, origin=NOWHERE)
        assert made.state == "checking"
        self.work()
        return imports.get(self.db, made.id)

    def listed(self) -> dict[str, set[str]]:
        self.db.rollback()
        found: dict[str, set[str]] = {}
        for address, lo_root_id in self.db.execute(
            select(RosterLine.address, RosterLine.lo_root_id).where(RosterLine.active)
        ):
            found.setdefault(address, set()).add(lo_root_id)
        return found

    def names(self, found: RosterImport, kind: str, **kwargs: Any) -> list[str]:
        return [each.last_name for each in imports.list_changes(self.db, found.id, kind, **kwargs)]


@pytest.fixture
def wizard(app: Flask, db: Session) -> Wizard:
    return Wizard(app, db)


def count(db: Session, table: Any) -> int:
    return db.scalar(select(func.count()).select_from(table)) or 0


# What is seen before the file is read


def test_the_columns_are_shown_with_their_first_values_and_guessed_by_their_names(wizard):
    found = wizard.receive(ALL.replace(",", ";"))
    assert (found.state, found.delimiter, found.headed) == ("uploaded", ";", True)
    assert found.columns[1] == {"name": "last_name", "values": ["Lovelace", "Byron", "Cay"]}
    assert found.mapping == {name: place for place, name in enumerate(COLUMNS)}
    assert (found.size, len(found.sha256)) == (len(ALL), 64)


def test_columns_that_nobody_could_guess_are_mapped_by_hand_and_remembered(wizard, db):
    data = f"Wer,Wohin,Wie,Was\nLovelace,{ADA},Active,A1\n"
    found = wizard.receive(data)
    assert (found.headed, found.mapping) == (True, {})
    with pytest.raises(FileRefused, match="file_refused"):
        imports.start_check(
            db, found.id, mapping={"email": 1}, encoding=None, mode="replace", by=None
        )
    mapping = {"last_name": 0, "email": 1, "status": 2, "lo_root_id": 3}
    imports.start_check(db, found.id, mapping=mapping, encoding="utf-8", mode="replace", by=None)
    wizard.work()
    wizard.apply(imports.get(db, found.id))
    assert wizard.listed() == {ADA: {"A1"}}
    assert wizard.receive(data.replace("A1", "A2")).mapping == mapping
    assert imports.remembered_mapping(db, ["Wer", "Wo"]) is None


def test_an_old_spreadsheets_encoding_is_guessed_and_its_name_is_shown(wizard, db):
    data = (CROWD * 30 + line("Mu\u00f1oz", ADA)).encode("cp1252")
    found = wizard.receive(data)
    assert (found.encoding, found.sample) == ("cp1252", "Mu\u00f1oz")
    checked = wizard.check(data)
    assert wizard.names(checked, "added", search="\u00f1") == ["Mu\u00f1oz"]


def test_the_file_in_force_uploaded_again_is_nothing_to_do(wizard, db):
    applied = wizard.bring_in(ALL)
    again = wizard.receive(ALL)
    assert imports.nothing_to_do(db, again.sha256).id == applied.id
    assert imports.nothing_to_do(db, wizard.receive(ALL + "\n").sha256) is None
    wizard.bring_in(line("Dee", DEE), "add")
    assert imports.nothing_to_do(db, again.sha256) is None


# Checking in the worker


def test_the_worker_checks_says_how_far_it_is_and_drops_the_file_once_settled(wizard, db):
    found = wizard.check(ALL + "U9,,x,Active\n")
    assert found.state == "checked"
    assert (found.people, found.added, found.problems) == (3, 3, 1)
    job = backlog.get(db, found.job_id)
    assert (job.state, job.done > 0, job.note) == (JobState.DONE.value, True, "comparing")
    assert count(db, RosterUpload) == count(db, StagedPart) == 1
    wizard.apply(found)
    assert set(wizard.listed()) == {ADA, BO, CY}
    assert count(db, RosterUpload) == count(db, StagedPart) == count(db, StagedLine) == 0
    assert imports.get(db, found.id).seconds is not None
    with pytest.raises(FileGone):
        imports.start_check(db, found.id, mapping=None, encoding=None, mode="replace", by=None)


def test_a_file_that_is_refused_says_why_and_can_be_checked_another_way(wizard, db):
    found = wizard.check(line("Mu\u00f1oz", ADA).encode("cp1252"), encoding="utf-8")
    assert (found.state, found.failure) == ("failed", backlog.get(db, found.job_id).error)
    assert "Line 1 is not UTF-8" in found.failure
    imports.start_check(
        db, found.id, mapping=found.mapping, encoding="cp1252", mode="replace", by=None
    )
    wizard.work()
    assert imports.get(db, found.id).state == "checked"
    assert imports.get(db, found.id).failure is None


def test_a_second_check_of_a_file_replaces_what_the_first_one_found(wizard, db):
    wizard.bring_in(line("Byron", BO))
    found = wizard.check(line("Lovelace", ADA) + "U9,,x,Active\n")
    assert (found.state, found.added, found.removed) == ("held", 1, 1)
    imports.start_check(db, found.id, mapping=found.mapping, encoding=None, mode="add", by=None)
    wizard.work()
    found = imports.get(db, found.id)
    assert (found.state, found.added, found.removed, found.problems) == ("checked", 1, 0, 1)
    wizard.apply(found)
    assert wizard.listed() == {ADA: {"A1"}, BO: {"A1"}}


def test_two_imports_at_once_are_done_one_after_the_other(wizard, db):
    one, other = wizard.check(ALL), wizard.check(ALL + line("Dee", DEE))
    for each in (one, other):
        imports.start_apply(
            db, each.id, typed=None, force=False, two_person=False, by=None, origin=NOWHERE,
            limits=LIMITS,
        )  # fmt: skip
    wizard.work()
    first, second = imports.get(db, one.id), imports.get(db, other.id)
    assert (first.state, second.state) == ("applied", "failed")
    assert "The list changed" in second.failure
    assert set(wizard.listed()) == {ADA, BO, CY}


def test_a_stopped_check_can_begin_again(wizard, db):
    found = wizard.receive(ALL)
    job = imports.start_check(
        db, found.id, mapping=found.mapping, encoding=None, mode="replace", by=None
    )
    db.commit()
    claimed = backlog.claim(db)
    backlog.ask_to_stop(db, job.id)
    db.commit()
    with pytest.raises(backlog.Stopped):
        imports.check_in_background(db, claimed, LIMITS)
    assert imports.get(db, found.id).state == "uploaded"


# Who is behind the numbers


def test_every_number_has_its_list(wizard, db, people):
    people.program("BCC", ids=["A1"])
    people.program("DCC", ids=["A2"])
    for address in (ADA, BO):
        people.signed_in(address)
    here = line("Lovelace", ADA, "A1;A2") + line("Byron", BO) + line("Eve", DEE)
    wizard.bring_in(here + line("Cay", CY))
    wizard.bring_in(here)
    found = wizard.check(
        line("Lovelace", ADA, "A1;A3") + line("Cay", CY, "A9") + line("Eve", DEE)
        + line("New", "new@x.example", "B1;B2") + line("Off", "off@x.example", status="Inactive")
    )  # fmt: skip
    assert (found.added, found.back, found.changed, found.removed) == (2, 1, 1, 1)
    assert (found.losing_program, found.losing_session, found.unchanged) == (2, 1, 1)
    assert wizard.names(found, "added") == ["Cay", "New"]
    assert wizard.names(found, "back") == ["Cay"]
    assert wizard.names(found, "removed") == wizard.names(found, "losing_session") == ["Byron"]
    assert wizard.names(found, "losing_program") == ["Lovelace", "Byron"]
    assert wizard.names(found, "inactive") == ["Off"]
    assert wizard.names(found, "unchanged") == ["Eve"]
    (ada,) = imports.list_changes(db, found.id, "changed")
    assert (ada.gained, ada.lost) == ("A3", "A2")
    assert [each.gained for each in imports.list_changes(db, found.id, "added")] == ["A9", "B1;B2"]


def test_lists_go_on_where_a_page_ended_and_can_be_searched(wizard, db):
    found = wizard.check(CROWD)
    seen: list[str] = []
    after = None
    while page := imports.list_changes(db, found.id, "added", after=after, limit=7):
        seen += [each.address for each in page]
        after = (page[-1].last_name, page[-1].address)
    assert sorted(seen) == [f"p{n:02}@x.example" for n in range(40)]
    assert wizard.names(found, "added", search="P07@") == ["N7"]
    assert wizard.names(found, "added", search="100%_") == []


def test_who_stays_is_listed_page_by_page_too(wizard, db):
    wizard.bring_in(CROWD)
    found = wizard.check(CROWD + line("Lovelace", ADA))
    first = imports.list_changes(db, found.id, "unchanged", limit=30)
    rest = imports.list_changes(
        db, found.id, "unchanged", after=(first[-1].last_name, first[-1].address)
    )
    assert (len(first), len(rest)) == (30, 10)
    assert wizard.names(found, "unchanged", search="n39") == ["N39"]


def test_what_differs_of_somebody_is_told_field_by_field(wizard, db):
    wizard.bring_in(line("Lovelace", ADA))
    found = wizard.check(line("Lovelace", ADA).replace("Class 1", "Class 2"))
    (field,) = imports.changed_fields(db, found.id, [ADA])[ADA]
    assert (field.column, field.before, field.after) == ("class_name", ["Class 1"], ["Class 2"])


def test_problem_lines_are_grouped_paged_and_can_be_mended_and_uploaded_again(wizard, db):
    header = "Note," + HEADER
    bad = "".join(f"=1+1,U{n},,p{n}@x.example,Active,C,D,A1\n" for n in range(60))
    data = header + "ok," + line("Lovelace", ADA) + bad + 'x,"U1\n'
    found = wizard.check(data)
    groups = imports.problem_groups(db, found.id)
    assert [(each.column, each.count, each.line) for each in groups] == [
        ("last_name", 60, 3),
        ("", 1, 63),
    ]
    first = imports.list_problems(db, found.id, limit=50)
    rest = imports.list_problems(db, found.id, after=(first[-1].line, first[-1].id))
    assert [len(first), len(rest)] == [50, 11]
    wizard.apply(found)
    text = "".join(imports.write_problems(db, found.id))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0] == ["Note", *COLUMNS, "_line", "_problem"]
    assert rows[1] == [
        "'=1+1", "U0", "", "p0@x.example", "Active", "C", "D", "A1", "3",
        "The last name is blank.",
    ]  # fmt: skip
    mended = wizard.receive(text.replace(",,p", ",Mended,p"))
    assert mended.mode == "add"
    checked = wizard.check(text.replace(",,p", ",Mended,p"))
    assert (checked.added, checked.removed, checked.state) == (60, 0, "checked")


def test_one_address_in_two_spellings_is_remarked(wizard, db):
    found = wizard.check(line("Lovelace", ADA) + line("Lovelace", ADA.title(), "A2"))
    (remark,) = imports.list_problems(db, found.id, remarks=True)
    assert (remark.line, remark.column, remark.address) == (2, "email", ADA)
    assert found.people == 1


# Adding only


def test_adding_takes_nothing_away_and_keeps_what_is_there(wizard, db, people):
    wizard.bring_in(line("Lovelace", ADA, "A1") + line("Byron", BO) + line("Old", CY))
    found = wizard.check(
        line("Lovelace", ADA, "A2") + line("Byron", BO) + line("Dee", DEE)
        + line("Other", CY, "A5"),
        "add",
    )  # fmt: skip
    assert (found.added, found.changed, found.removed, found.problems) == (1, 1, 0, 1)
    (ada,) = imports.list_changes(db, found.id, "changed")
    assert (ada.gained, ada.lost) == ("A2", "")
    assert "another last name" in imports.list_problems(db, found.id)[0].reason
    wizard.apply(found)
    assert wizard.listed() == {ADA: {"A1", "A2"}, BO: {"A1"}, CY: {"A1"}, DEE: {"A1"}}
    again = wizard.check(line("Lovelace", ADA, "A2") + line("Dee", DEE), "add")
    assert (again.added, again.changed, again.unchanged) == (0, 0, 4)
    back = wizard.apply(wizard.undo(found), force=True)
    assert wizard.listed() == {ADA: {"A1"}, BO: {"A1"}, CY: {"A1"}}
    assert (back.removed, back.changed) == (1, 1)


# Held


@pytest.mark.parametrize(
    ("data", "rules", "number"),
    [
        (CROWD.replace("p00@", "q00@").replace("p01@", "q01@"), [], None),
        ("".join(CROWD.splitlines(keepends=True)[5:]), ["removed"], 5),
        (CROWD.replace("A1", "A2"), ["changed"], 40),
        (CROWD.replace("Active", "Inactive"), ["removed", "nobody"], 40),
    ],
    ids=["few", "removed", "changed", "nobody"],
)
def test_an_import_is_held_by_what_it_takes_away_until_the_number_is_typed(
    data, rules, number, wizard, db
):
    wizard.bring_in(CROWD)
    before = wizard.listed()
    found = wizard.check(data)
    assert (found.state, found.held) == ("held" if rules else "checked", rules)
    if not rules:
        assert wizard.apply(found).state == "applied"
        return
    assert imports.number_to_type(found) == number
    assert wizard.apply(found).state == "held"
    with pytest.raises(NumberDiffers) as refused:
        wizard.apply(found, typed=number + 1)
    assert str(number) in refused.value.message
    db.rollback()
    assert wizard.listed() == before
    assert wizard.apply(found, typed=number).state == "applied"
    assert wizard.listed() != before
    events = set(db.scalars(select(AuditEntry.event)))
    assert {"roster:let_go", "roster:applied"} <= events


def test_the_limits_are_settings_and_a_first_list_is_never_held(wizard, db):
    found = wizard.bring_in(CROWD)
    assert found.held == []
    fewer = wizard.check("".join(CROWD.splitlines(keepends=True)[5:]))
    assert imports.hold_rules(db, fewer, imports.HoldLimits(removed=13)) == []
    assert imports.hold_rules(db, fewer, imports.HoldLimits(removed=12)) == ["removed"]


def test_with_two_persons_another_admin_confirms(wizard, db, people):
    ada, bo = people.account(ADA), people.account(BO)
    wizard.bring_in(CROWD)
    found = wizard.check(line("Lovelace", CY))
    with pytest.raises(SecondAdmin):
        imports.confirm(db, found.id, by=bo.id)
    held = wizard.apply(found, force=True, two_person=True, by=ada.id)
    assert (held.state, held.asked_by) == ("held", ada.id)
    with pytest.raises(SecondAdmin):
        imports.confirm(db, found.id, by=ada.id)
    imports.confirm(db, found.id, by=bo.id)
    wizard.work()
    applied = imports.get(db, found.id)
    assert (applied.state, applied.applied_by, applied.confirmed_by) == ("applied", ada.id, bo.id)
    with pytest.raises(ImportSettled):
        imports.confirm(db, found.id, by=bo.id)


def test_what_was_checked_against_another_list_is_not_applied(wizard, db):
    wizard.bring_in(CROWD)
    found = wizard.check(CROWD + line("Lovelace", ADA))
    wizard.bring_in(CROWD + line("Byron", BO))
    with pytest.raises(ListChanged):
        wizard.apply(found)
    db.rollback()
    assert imports.get(db, found.id).state == "checked"


# Taken back


def test_the_last_import_is_taken_back_with_all_that_followed_from_it(wizard, db, people):
    wizard.bring_in(line("Lovelace", ADA, "A1") + line("Byron", BO) + line("Cay", CY))
    ada, bo = people.account(ADA), people.account(BO)
    wizard.bring_in(line("Lovelace", ADA, "A1") + line("Byron", BO) + line("Cay", CY))
    first = wizard.bring_in(
        line("Lovelace", ADA, "A1") + line("Byron", BO, "A1;A8") + line("Cay", CY)
    )
    before = wizard.listed()
    last = wizard.bring_in(line("Lovelace", ADA, "A7") + line("Dee", DEE))
    db.add(Entitlement(user_id=ada.id, lo_root_id="X1", source=Source.ADMIN.value,
                       granted_at=last.applied_at))  # fmt: skip
    db.commit()
    assert users.get(db, bo.id)[1] is False
    with pytest.raises(NothingToUndo):
        imports.start_undo(db, first.id, by=None, origin=NOWHERE)
    db.rollback()
    made = wizard.undo(last)
    assert (made.undoes, made.state, made.held) == (last.id, "held", ["removed"])
    assert (made.added, made.back, made.changed, made.removed) == (2, 2, 1, 1)
    assert wizard.names(made, "back") == ["Byron", "Cay"]
    assert [each.gained for each in imports.list_changes(db, made.id, "added")] in (
        ["A1;A8", "A1"], ["A8;A1", "A1"],
    )  # fmt: skip
    wizard.apply(made, typed=1)
    assert wizard.listed() == before
    assert users.get(db, bo.id)[1] is True
    held = select(UserLoRootId.lo_root_id).where(UserLoRootId.user_id == ada.id)
    assert set(db.scalars(held)) == {"A1", "X1"}
    assert imports.get(db, last.id).state == "undone"
    assert imports.count_in_force(db) == (3, 3)


def test_the_first_import_of_all_is_taken_back_only_by_the_number(wizard, db):
    first = wizard.bring_in(CROWD)
    made = wizard.undo(first)
    assert (made.state, made.held) == ("held", ["removed", "nobody"])
    wizard.apply(made, typed=40)
    assert wizard.listed() == {}
    again = wizard.apply(wizard.undo(imports.get(db, made.id)))
    assert again.state == "applied"
    assert len(wizard.listed()) == 40


def test_lines_that_were_taken_out_are_kept_for_the_last_imports_alone(wizard, db):
    for n in range(6):
        wizard.bring_in(line("Lovelace", ADA, f"A{n}"))
    assert count(db, FormerLine) == 3


# History


def test_any_two_lists_of_the_history_are_compared(wizard, db):
    one = wizard.bring_in(line("Lovelace", ADA) + line("Byron", BO))
    wizard.bring_in(line("Lovelace", ADA, "A2") + line("Cay", CY))
    other = wizard.bring_in(line("Lovelace", ADA, "A3") + line("Dee", DEE))
    found = imports.compare(db, other.id, one.id)
    assert (found.one.id, found.other.id, found.steps) == (one.id, other.id, 2)
    assert (found.came, found.went, found.changed) == (1, 1, 1)
    came = imports.list_compared(db, one.id, other.id, "came")
    assert [each.address for each in came] == [DEE]
    waiting = wizard.check(CROWD)
    with pytest.raises(CannotCompare):
        imports.compare(db, one.id, waiting.id)
    page = imports.history(db, limit=2)
    assert [each.id for each in page] == [waiting.id, other.id]
    assert imports.history(db, before=other.id, limit=1)[0].id == other.id - 1


def test_people_of_two_lists_come_page_by_page_under_the_name_of_the_later_one(wizard, db):
    one = wizard.bring_in(line("Lovelace", ADA) + line("Byron", BO) + line("Cay", CY))
    two = wizard.bring_in(line("King", ADA) + line("Cay", CY) + line("Dee", DEE))
    three = wizard.bring_in(line("King", ADA) + line("Byron", BO, "A2") + line("Dee", DEE))

    def listed(former, later, kind):
        people, after = [], None
        while rows := imports.list_compared(db, former.id, later.id, kind, after=after, limit=1):
            people += [(each.address, each.last_name, each.change) for each in rows]
            after = rows[-1].last_name, rows[-1].address
        found = imports.compare(db, former.id, later.id)
        assert len(people) == getattr(found, kind)
        return people

    assert listed(one, two, "came") == [(DEE, "Dee", "came")]
    assert listed(one, two, "went") == [(BO, "Byron", "went")]
    assert listed(one, two, "changed") == [(ADA, "King", "changed")]
    assert listed(one, three, "came") == [(DEE, "Dee", "came")]
    assert listed(one, three, "went") == [(CY, "Cay", "went")]
    both = [(ADA, "King", "changed"), (BO, "Byron", "changed")]
    assert listed(one, three, "changed") == sorted(both)


def test_the_list_in_force_exports_and_imports_without_a_change(wizard, db):
    wizard.bring_in(
        line("'=Lovelace", ADA, "A2;A1") + line("O'Neil", BO, "") + line("-7", CY, "00123")
        + line("Back\\slash", DEE, "A\\1") + line("Off", "off@x.example", status="Inactive")
        + line("Mu\u00f1oz", "Munoz@X.example") + line("N", "n@x.example", "A1;A2")
    )  # fmt: skip
    exported = "".join(exports.write_list(db))
    found = wizard.check(exported)
    assert (found.added, found.removed, found.changed, found.problems) == (0, 0, 0, 0)
    assert not imports.changes_anything(db, found.id)


def test_somebody_who_goes_is_told_once_and_only_with_an_account(wizard, db, people):
    wizard.bring_in(ALL)
    people.account(BO)
    wizard.bring_in(ALL)
    wizard.bring_in(ALL.replace("Class 1", "Class 2"))
    wizard.bring_in(line("Lovelace", ADA))
    told = db.execute(select(OutgoingMessage.kind, OutgoingMessage.recipient)).all()
    assert [tuple(row) for row in told] == [("off_list", BO)]


@pytest.mark.parametrize("state", ["uploaded", "checked", "failed"])
def test_what_is_not_applied_can_be_put_aside_with_all_that_was_kept(state, wizard, db):
    found = {
        "uploaded": lambda: wizard.receive(ALL),
        "checked": lambda: wizard.check(ALL),
        "failed": lambda: wizard.check(line("Mu\u00f1oz", ADA).encode("cp1252"), encoding="utf-8"),
    }[state]()
    assert found.state == state
    imports.discard(db, found.id, by=None, origin=NOWHERE)
    db.commit()
    assert count(db, RosterUpload) == count(db, StagedPart) == 0
    with pytest.raises(ImportSettled):
        imports.discard(db, found.id, by=None, origin=NOWHERE)
