"""A file becomes the list in force: what is read, compared, refused, applied, and never half."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import NOWHERE
from app.core.errors import ImportSettled, ListChanged, ListRefused, NotFound, Refusal
from app.core.roster import entitlements, imports
from app.core.roster.files import FileRefused
from app.database import Base
from app.models.people import Entitlement, User, UserLoRootId
from app.models.records import AuditEntry, OutgoingMessage
from app.models.rosters import Change, ListInForce, RosterImport, RosterLine, StagedLine, StagedPart
from tests import forks

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"
CY = "cy@learn.agency.example"
SEVEN = "user_code,last_name,email,status,class_name,date,lo_root_id\n"
FOUR = "last_name,email,status,lo_root_id\n"
OWN_TABLES = {
    "roster_imports",
    "roster_staged_lines",
    "roster_search_parts",
    "roster_staged_parts",
    "roster_problems",
    "roster_changes",
    "roster_edits",
    "audit_entries",
}
COUNTS = ("lines", "people", "inactive", "added", "removed", "changed", "unchanged", "problems")


def line(
    last_name: str = "Lovelace", email: str = ADA, ids: str = "A1", status: str = "Active"
) -> str:
    return f"U1,{last_name},{email},{status},Class 1,2026-03-02,{ids}\n"


def check(db: Session, text: str | bytes, encoding: str | None = None) -> RosterImport:
    data = text.encode() if isinstance(text, str) else text
    found = imports.check(
        db,
        io.BytesIO(data),
        file_name="list.csv",
        encoding=encoding,
        by=None,
        origin=NOWHERE,
    )
    db.commit()
    return found


def apply(db: Session, found: RosterImport) -> RosterImport:
    applied = imports.apply(db, found.id, by=None, origin=NOWHERE)
    db.commit()
    return applied


def bring_in(db: Session, text: str | bytes, encoding: str | None = None) -> RosterImport:
    return apply(db, check(db, text, encoding))


def refused(db: Session, text: str | bytes) -> Refusal:
    with pytest.raises((FileRefused, ListRefused)) as caught:
        check(db, text)
    db.rollback()
    return caught.value


def granted(db: Session) -> dict[str, set[str]]:
    """Who may enter by the list in force, and which LO Root IDs it gives them."""
    db.rollback()
    found: dict[str, set[str]] = {}
    for row in db.scalars(select(RosterLine).where(RosterLine.active.is_(True))):
        found.setdefault(row.address, set()).update({row.lo_root_id} - {""})
    return found


def counts(found: RosterImport) -> dict[str, int]:
    return {name: getattr(found, name) for name in COUNTS}


def tables(db: Session, *, without: set[str] = frozenset()) -> dict[str, list[Any]]:
    db.rollback()
    return {
        table.name: sorted(map(repr, db.execute(select(table))))
        for table in Base.metadata.sorted_tables
        if table.name not in without
    }


def answer_to_registering(db: Session, visitor: Any, last_name: str, email: str) -> str:
    response = visitor.submit("/register", last_name=last_name, email=email)
    assert response.status_code == 303
    db.rollback()
    newest = select(OutgoingMessage.kind).order_by(OutgoingMessage.id.desc()).limit(1)
    return db.scalar(newest) or ""


@contextmanager
def statements(db: Session) -> Iterator[list[str]]:
    """The statements that any session of this database executes meanwhile."""
    engine = db.get_bind()
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


# What each shape and trap becomes: file, who is let in with what, problem lines, remarked lines.

TRAPS: dict[str, tuple[str, dict[str, set[str]], list[int], list[int]]] = {
    "a header over seven columns is no person": (SEVEN + line(), {ADA: {"A1"}}, [], []),
    "four columns are read by name": (
        FOUR + f"Lovelace,{ADA},Active,A1\nByron,{BO},Inactive,A2\n",
        {ADA: {"A1"}},
        [],
        [],
    ),
    "columns in another order are read by name": (
        f"status,lo_root_id,last_name,extra,email\nActive,A1,Lovelace,x,{ADA}\n",
        {ADA: {"A1"}},
        [],
        [],
    ),
    "seven columns without a header are read by place": (line(), {ADA: {"A1"}}, [], []),
    "extra columns under a header are ignored": (
        SEVEN.replace("\n", ",note\n") + line().replace("\n", ",hello\n"),
        {ADA: {"A1"}},
        [],
        [],
    ),
    "an eighth field without a header is a problem of that line": (
        line() + line("Byron", BO).replace("\n", ",more\n"),
        {ADA: {"A1"}},
        [2],
        [],
    ),
    "semicolons between fields are found": (line().replace(",", ";"), {ADA: {"A1"}}, [], []),
    "tabs between fields are found": (line().replace(",", "\t"), {ADA: {"A1"}}, [], []),
    "one line with too many fields leaves the rest": (
        FOUR + f"Lovelace,{ADA},Active,A1\nByron,{BO},Active,A2,x,y\nCay,{CY},Active,A3\n",
        {ADA: {"A1"}, CY: {"A3"}},
        [3],
        [],
    ),
    "a byte order mark, CRLF and quoted commas are read": (
        "\ufeff" + SEVEN.replace("\n", "\r\n") + f'U1,"Love,lace",{ADA},Active,C,D,A1\r\n',
        {ADA: {"A1"}},
        [],
        [],
    ),
    "active counts in any case, other words do not and are remarked": (
        line(status=" ACTIVE ")
        + line("Byron", BO, status="on leave")
        + line("Cay", CY, status="1"),
        {ADA: {"A1"}},
        [],
        [2, 3],
    ),
    "an inactive line gives nothing": (
        line(ids="A1") + line(ids="A2", status="Inactive"),
        {ADA: {"A1"}},
        [],
        [],
    ),
    "two spellings of a name and an address are one person": (
        line("Smith", ADA, "A1")
        + line("SMITH ", ADA.upper(), "A2")
        + line("smith", f" {ADA} ", "A3"),
        {ADA: {"A1", "A2", "A3"}},
        [],
        [2],
    ),
    "one address with two surnames is left out and reported": (
        line("Lovelace", ADA, "A1") + line("Byron", ADA, "A2") + line("Cay", CY, "A3"),
        {CY: {"A3"}},
        [1, 2],
        [],
    ),
    "surnames that look like nothing are surnames": (
        line("NA", ADA) + line("NULL", BO) + line("nan", CY) + line("None", "d@x.example"),
        {ADA: {"A1"}, BO: {"A1"}, CY: {"A1"}, "d@x.example": {"A1"}},
        [],
        [],
    ),
    "a blank LO Root ID lets in, gives nothing and is remarked": (
        line(ids="") + line("Byron", BO, "nan"),
        {ADA: set(), BO: set()},
        [],
        [1, 2],
    ),
    "two ids in one cell are two": (
        line(ids="A1;A2") + line(ids="A3"),
        {ADA: {"A1", "A2", "A3"}},
        [],
        [],
    ),
    "leading zeros stay, without a header": (
        line(ids="00123") + line(ids=""),
        {ADA: {"00123"}},
        [],
        [2],
    ),
    "leading zeros stay, with a header": (SEVEN + line(ids="00123"), {ADA: {"00123"}}, [], []),
    "a malformed address and a blank name or address are problems": (
        line() + line("Byron", "bo at home") + line("", CY) + line("Cay", ""),
        {ADA: {"A1"}},
        [2, 3, 4],
        [],
    ),
    "an exported formula cell loses exactly its apostrophe": (
        line("'=Lovelace") + line("Byron", BO, "'-7"),
        {ADA: {"A1"}, BO: {"-7"}},
        [],
        [],
    ),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_each_trap_of_the_inherited_lists_ends_as_it_should(trap, db):
    text, expected, problem_lines, remarked = TRAPS[trap]
    found = bring_in(db, text)
    assert granted(db) == expected
    assert [each.line for each in imports.problems_of(db, found.id)] == problem_lines
    assert [each.line for each in imports.problems_of(db, found.id, remarks=True)] == remarked
    assert found.added == len(expected)
    assert found.problems == len(problem_lines)


def test_who_the_list_lets_in_may_register_and_nobody_else(db, visitor):
    bring_in(db, FOUR + f"O'Neil,{ADA},Active,A1\nByron,{BO},Inactive,A2\n")
    assert answer_to_registering(db, visitor, "ONEIL", ADA.upper()) == "registration_code"
    assert answer_to_registering(db, visitor, "Byron", ADA) == "name_differs"
    assert answer_to_registering(db, visitor, "Byron", BO) == "not_listed"
    assert answer_to_registering(db, visitor, "Cay", CY) == "not_listed"


def test_without_a_list_nobody_may_register(db, visitor):
    assert answer_to_registering(db, visitor, "Lovelace", ADA) == "not_listed"


def test_an_address_in_conflict_may_not_register_under_either_name(db, visitor):
    bring_in(db, line("Lovelace", ADA) + line("Byron", ADA) + line("Cay", CY))
    assert answer_to_registering(db, visitor, "Lovelace", ADA) == "not_listed"
    assert answer_to_registering(db, visitor, "Byron", ADA) == "not_listed"


def test_the_address_is_kept_as_written_beside_its_canonical_form(db):
    bring_in(db, line(email="Ada@Learn.Agency.Example"))
    row = db.scalars(select(RosterLine)).one()
    assert (row.email, row.address) == ("Ada@Learn.Agency.Example", ADA)


# What is counted


def test_counts_are_of_people_and_lines_of_lines(db):
    bring_in(
        db,
        line("Lovelace", ADA, "A1") + line("Lovelace", ADA, "A2")
        + line("Byron", BO) + line("Cay", CY) + line("Dee", "d@x.example", status="Inactive"),
    )  # fmt: skip
    found = check(
        db,
        line("Lovelace", ADA, "A1") + line("Lovelace", ADA, "A3")  # changed
        + line("Cay", CY)  # unchanged
        + line("Dee", "d@x.example", status="Inactive")
        + line("Eve", "e@x.example") + line("Eve", "e@x.example", "A2;A3")  # added
        + line("", "f@x.example"),  # a problem; Byron is removed
    )  # fmt: skip
    assert counts(found) == {
        "lines": 7, "people": 4, "inactive": 1,
        "added": 1, "removed": 1, "changed": 1, "unchanged": 1, "problems": 1,
    }  # fmt: skip
    (changed,) = imports.changes_of(db, found.id, Change.CHANGED)
    assert (changed.address, changed.gained, changed.lost) == (ADA, "A3", "A2")
    (added,) = imports.changes_of(db, found.id, Change.ADDED)
    assert set(added.gained.split(";")) == {"A1", "A2", "A3"}
    (removed,) = imports.changes_of(db, found.id, Change.REMOVED)
    assert (removed.last_name, removed.gained, removed.lost) == ("Byron", "", "A1")


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_same_people_again_change_nothing(shuffled, db):
    people = [line(ids="A1;A2"), line("Byron", BO), line("Cay", CY, status="Inactive")]
    bring_in(db, "".join(people))
    before = tables(db, without={*OWN_TABLES, "list_in_force"})
    again = check(db, "".join(reversed(people) if shuffled else people))
    assert (again.added, again.removed, again.changed, again.unchanged) == (0, 0, 0, 2)
    apply(db, again)
    assert tables(db, without={*OWN_TABLES, "list_in_force"}) == before


def test_another_class_of_the_same_person_is_a_change_without_ids(db):
    bring_in(db, line())
    found = check(db, line().replace("Class 1", "Class 2"))
    assert found.changed == 1
    (changed,) = imports.changes_of(db, found.id, Change.CHANGED)
    assert (changed.gained, changed.lost) == ("", "")
    apply(db, found)
    assert db.scalars(select(RosterLine.class_name)).all() == ["Class 2"]


def test_somebody_who_was_inactive_and_stays_so_counts_nowhere_but_is_kept_up(db):
    bring_in(db, line() + line("Byron", BO, status="Inactive"))
    found = bring_in(db, line() + line("Byron", BO, "A9", status="Inactive"))
    assert (found.added, found.removed, found.changed, found.unchanged) == (0, 0, 0, 1)
    ids = select(RosterLine.lo_root_id).where(RosterLine.address == BO)
    assert db.scalars(ids).all() == ["A9"]


def test_only_inactive_lines_count_as_dropped_and_an_active_one_as_come(db):
    bring_in(db, line() + line("Byron", BO))
    found = bring_in(db, line() + line("Byron", BO, status="Inactive"))
    assert (found.removed, found.inactive, found.unchanged) == (1, 1, 1)
    assert set(granted(db)) == {ADA}
    found = bring_in(db, line() + line("Byron", BO))
    assert (found.added, found.removed) == (1, 0)
    assert set(granted(db)) == {ADA, BO}


# Looking changes nothing


def test_a_check_touches_no_table_but_its_own(db, people):
    people.signed_in(ADA, ids=["X1"])
    people.listed("Lovelace", ADA, "A1")
    people.listed("Byron", BO, "A2")
    before = tables(db, without=OWN_TABLES)
    found = check(db, line(ids="A7") + line("Cay", CY) + "nonsense\n")
    assert (found.added, found.removed, found.changed, found.problems) == (1, 1, 1, 1)
    assert tables(db, without=OWN_TABLES) == before


def test_a_check_that_is_put_aside_leaves_no_lines_behind_and_cannot_be_applied(db):
    found = check(db, line())
    imports.discard(db, found.id, by=None, origin=NOWHERE)
    db.commit()
    assert db.scalar(select(func.count()).select_from(StagedLine)) == 0
    with pytest.raises(ImportSettled):
        imports.apply(db, found.id, by=None, origin=NOWHERE)
    db.rollback()
    assert granted(db) == {}


def test_a_check_that_lay_for_a_week_is_put_aside(db):
    old, young = check(db, line()), check(db, line())
    db.execute(
        update(RosterImport)
        .where(RosterImport.id == old.id)
        .values(created_at=clock.now() - imports.LEFT_LYING - imports.LEFT_LYING / 100)
    )
    db.commit()
    imports.tidy(db)
    db.commit()
    assert db.scalars(select(StagedPart.import_id)).all() == [young.id]
    with pytest.raises(ImportSettled):
        imports.apply(db, old.id, by=None, origin=NOWHERE)


def test_an_import_that_is_not_there_is_not_found(db):
    for import_id in (0, 999, 2**31, 2**63, 10**30):
        with pytest.raises(NotFound):
            imports.get(db, import_id)


# Refused files

REFUSED = {
    "nothing": b"",
    "blank lines": b"\n \n\r\n",
    "a header alone": SEVEN.encode(),
    "problems alone": b"U1,,x,Active\nU2,Smith\n",
    "one address with two names": (line("Lovelace") + line("Byron")).encode(),
    "eight columns without a header": line().replace("\n", ",x\n").encode(),
    "not UTF-8": line("Mu\u00f1oz").encode("cp1252"),
    "UTF-16": line().encode("utf-16"),
    "a NUL": line("Love\0lace").encode(),
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
    "a header that lacks the status": b"last_name,email,lo_root_id\nLovelace,ada@x.example,A1\n",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_must_not_become_the_list_leaves_everything_as_it_was(what, db, people):
    people.listed("Byron", BO, "A2")
    before = tables(db)
    refusal = refused(db, REFUSED[what])
    assert refusal.status == 422
    assert refusal.message
    assert tables(db) == before


def test_a_refused_file_never_opens_registration(db, visitor):
    for data in REFUSED.values():
        refused(db, data)
    assert answer_to_registering(db, visitor, "Lovelace", ADA) == "not_listed"


def test_a_file_of_problems_alone_says_where_the_first_one_is(db):
    message = refused(db, line().replace(ADA, "no address") + "U2,Smith\n").message
    assert "no active person" in message
    assert "2" in message
    assert "line 1." in message


def test_a_windows_1252_file_is_refused_with_its_line_until_somebody_says_so(db):
    data = (line() + line("Mu\u00f1oz", BO)).encode("cp1252")
    refusal = refused(db, data)
    assert isinstance(refusal, FileRefused)
    assert refusal.line == 2
    bring_in(db, data, encoding="cp1252")
    names = select(RosterLine.last_name).where(RosterLine.address == BO)
    assert db.scalars(names).all() == ["Mu\u00f1oz"]


def test_a_file_may_have_any_name(db):
    for name in ("lo\udce9.csv", "a\0b.csv", "x" * 400, "../../etc/passwd", ""):
        found = imports.check(
            db, io.BytesIO(line().encode()), file_name=name, encoding=None, by=None, origin=NOWHERE
        )
        db.commit()
        assert len(found.file_name) <= 255


# Problem lines take nobody away


@pytest.mark.parametrize(
    "problem",
    [
        line("Byron", BO).replace("\n", ",more\n"),
        line("", BO),
        line("Byron\u202e", BO),
        f'"U1,Byron,{BO},Active,C,D,A2\n',
        line("Byron", BO) + line("Noel", BO),
    ],
    ids=["too many fields", "no name", "an invisible sign", "an open quote", "two names"],
)
def test_somebody_with_only_problem_lines_stays_as_they_were(problem, db):
    bring_in(db, line() + line("Byron", BO, "A2;A3"))
    found = bring_in(db, line() + problem)
    assert found.problems >= 1
    assert (found.added, found.removed, found.changed, found.unchanged) == (0, 0, 0, 2)
    assert granted(db) == {ADA: {"A1"}, BO: {"A2", "A3"}}


def test_somebody_new_with_only_problem_lines_does_not_get_in(db):
    bring_in(db, line() + line("", BO))
    assert set(granted(db)) == {ADA}


def test_of_somebody_with_good_and_bad_lines_the_good_ones_count(db):
    bring_in(db, line(ids="A1") + line(ids="A2"))
    found = bring_in(db, line(ids="A1") + line(ids="A2").replace("\n", ",more\n"))
    assert (found.changed, found.problems) == (1, 1)
    assert granted(db) == {ADA: {"A1"}}


def test_a_problem_line_of_another_import_keeps_nobody(db):
    bring_in(db, line() + line("Byron", BO))
    check(db, line() + line("", BO))
    bring_in(db, line())
    assert set(granted(db)) == {ADA}


def test_a_remark_about_a_line_keeps_nobody(db):
    bring_in(db, line() + line("Byron", BO))
    found = bring_in(db, line(ids=""))
    assert (found.remarks, found.removed) == (1, 1)


def test_ten_thousand_problem_lines_are_all_told_and_the_rest_is_applied(db):
    bad = "".join(f"U{n},,p{n}@x.example,Active,C,D,A1\n" for n in range(10_000))
    bring_in(db, "".join(line(f"N{n}", f"p{n}@x.example") for n in range(0, 10_000, 10)))
    found = bring_in(db, line() + bad)
    assert (found.lines, found.problems, found.added) == (10_001, 10_000, 1)
    assert found.removed == 0
    problems = imports.problems_of(db, found.id)
    assert [each.line for each in problems] == list(range(2, 10_002))
    assert len(granted(db)) == 1_001


# Applying, once and whole


def test_of_two_imports_checked_against_the_same_list_the_second_is_refused(db):
    bring_in(db, line())
    first, second = check(db, line() + line("Byron", BO)), check(db, line("Cay", CY))
    apply(db, first)
    before = tables(db)
    with pytest.raises(ListChanged):
        imports.apply(db, second.id, by=None, origin=NOWHERE)
    assert tables(db) == before
    assert set(granted(db)) == {ADA, BO}


def test_the_first_two_imports_of_all_cannot_both_be_applied(db):
    first, second = check(db, line()), check(db, line("Cay", CY))
    apply(db, first)
    with pytest.raises(ListChanged):
        imports.apply(db, second.id, by=None, origin=NOWHERE)


def test_an_import_is_applied_once(db):
    found = bring_in(db, line())
    before = tables(db)
    with pytest.raises(ImportSettled):
        imports.apply(db, found.id, by=None, origin=NOWHERE)
    assert tables(db) == before
    with pytest.raises(ImportSettled):
        imports.discard(db, found.id, by=None, origin=NOWHERE)
    assert tables(db) == before


def at_once(app: Any, tasks: list[Callable[[Session], Any]]) -> list[str]:
    """Do `tasks` in threads of their own; the code of each refusal, or "done"."""
    results: list[str] = []
    start = threading.Barrier(len(tasks))

    def work(task: Callable[[Session], Any]) -> None:
        with app.extensions["rollcall"].sessions() as session:
            start.wait()
            try:
                task(session)
                session.commit()
            except Refusal as refusal:
                results.append(refusal.code)
            else:
                results.append("done")

    threads = [threading.Thread(target=work, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return sorted(results)


def test_of_eight_who_apply_the_same_import_one_wins(app, db, people):
    people.signed_in(BO)
    people.listed("Byron", BO, "A2")
    found = check(db, line())
    tasks = [lambda session: imports.apply(session, found.id, by=None, origin=NOWHERE)] * 8
    assert at_once(app, tasks) == ["done"] + ["import_settled"] * 7
    assert granted(db) == {ADA: {"A1"}}
    mails = select(func.count()).where(OutgoingMessage.kind == "off_list")
    assert db.scalar(mails) == 1
    events = select(func.count()).where(AuditEntry.event == "roster:applied")
    assert db.scalar(events) == 1


def test_of_eight_imports_applied_at_once_one_wins_whole(app, db):
    bring_in(db, line())
    checked = [
        check(db, "".join(line(f"N{m}", f"p{m}@x.example", f"L{n}") for m in range(40))).id
        for n in range(8)
    ]
    tasks = [
        lambda session, each=each: imports.apply(session, each, by=None, origin=NOWHERE)
        for each in checked
    ]
    assert at_once(app, tasks) == ["done"] + ["list_changed"] * 7
    ids = set.union(*granted(db).values())
    assert len(granted(db)) == 40
    assert len(ids) == 1
    db.rollback()
    assert db.scalars(select(ListInForce.import_id)).one() == checked[int(ids.pop()[1:])]


class Broken(Exception):
    """What a statement raises in the middle."""


def test_whichever_statement_of_an_apply_fails_nothing_has_changed(app, db, people):
    people.signed_in(ADA)
    people.signed_in(BO)
    people.listed("Lovelace", ADA, "A1")
    people.listed("Byron", BO, "A2")
    found = check(db, line(ids="A7") + line("Cay", CY))
    before = tables(db)
    engine = db.get_bind()
    left = 0

    def fail(_connection: Any, _cursor: Any, _statement: str, *_rest: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Broken

    failures = 0
    while True:
        left = failures
        event.listen(engine, "before_cursor_execute", fail)
        try:
            with app.extensions["rollcall"].sessions() as session:
                imports.apply(session, found.id, by=None, origin=NOWHERE)
                session.commit()
        except Broken:
            failures += 1
        else:
            break
        finally:
            event.remove(engine, "before_cursor_execute", fail)
        assert tables(db) == before
    assert failures > 10
    assert set(granted(db)) == {ADA, CY}


DIES = """
import os, sys
from sqlalchemy import event
from app.core.audit import NOWHERE
from app.core.roster import imports
from app.database import make_engine, make_sessions
engine = make_engine(sys.argv[1])
@event.listens_for(engine, "before_cursor_execute")
def die(connection, cursor, statement, *rest):
    if statement.startswith("DELETE FROM user_lo_root_ids"):
        os.kill(os.getpid(), 9)
with make_sessions(engine)() as db:
    imports.apply(db, int(sys.argv[2]), by=None, origin=NOWHERE)
    db.commit()
"""


def test_a_process_killed_in_the_middle_of_an_apply_leaves_the_old_list(app, db, people, settings):
    people.account(BO)
    people.listed("Byron", BO, "A2")
    found = check(db, line())
    before = tables(db)
    died = forks.run("python", DIES, settings.DATABASE_URL, str(found.id), environment={})
    assert died.returncode == -9, died
    assert tables(db) == before
    apply(db, found)
    assert granted(db) == {ADA: {"A1"}}


def test_somebody_who_registers_while_a_list_is_applied_gets_what_the_new_list_says(
    app, db, people
):
    """The one waits for the other, in whichever order they come."""
    people.listed("Lovelace", ADA, "A1")
    found = check(db, line(ids="A7"))
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    with app.extensions["rollcall"].sessions() as other:
        registered = threading.Thread(target=_open_account, args=(other,))
        registered.start()
        registered.join(0.3)
        assert registered.is_alive()
        db.commit()
        registered.join(30)
    held = select(UserLoRootId.lo_root_id)
    assert db.scalars(held).all() == ["A7"]


def _open_account(db: Session) -> None:
    user = User(last_name="Lovelace", email=ADA, address=ADA, date_added=clock.now())
    db.add(user)
    db.flush()
    entitlements.follow_list(db, User.id == user.id)
    db.commit()


# Cost


def _accounts(db: Session, first: int, last: int) -> None:
    now = clock.now()
    people = [
        {"last_name": f"N{n}", "email": f"p{n}@x.example", "address": f"p{n}@x.example",
         "date_added": now}
        for n in range(first, last)
    ]  # fmt: skip
    db.execute(insert(User), people)
    db.commit()


def test_the_number_of_statements_does_not_grow_with_the_people(db):
    costs = []
    _accounts(db, 0, 50)
    _accounts(db, 50, 2_000)
    # The first round has nobody who was taken off before and could be back.
    for size in (50, 50, 2_000):
        bring_in(db, "".join(line(f"N{n}", f"p{n}@x.example", "A1;A2") for n in range(size)))
        half = "".join(line(f"N{n}", f"p{n}@x.example", "A2;A3") for n in range(size // 2))
        with statements(db) as seen:
            found = bring_in(db, half + line("Lovelace", ADA))
        assert (found.changed, found.removed) == (size // 2, size - size // 2)
        # PostgreSQL is told once where its tables grew.
        costs.append(sum(not each.startswith("ANALYZE") for each in seen))
    assert costs[1] == costs[2]
    assert db.scalar(select(func.count()).select_from(Entitlement)) == 2_000
