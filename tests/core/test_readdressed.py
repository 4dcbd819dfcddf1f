"""A person whose address changed: found by a dry run, confirmed, moved, and taken back."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import NOWHERE
from app.core.entry import unopened
from app.core.errors import ImportSettled, ListChanged
from app.core.people import roles
from app.core.roster import imports
from app.core.roster.holding import HoldLimits
from app.models.access import Code
from app.models.people import User, UserLoRootId
from app.models.records import AuditEntry, OutgoingMessage
from app.models.rosters import RosterImport, RosterLine

OLD, NEW = "lovelace@old.example", "lovelace@new.example"
LOOSE = HoldLimits(removed=100, changed=100, readdressed=100)
HEADER = "user_code,last_name,email,status,class_name,date,lo_root_id\n"
CROWD = "".join(f"C{n},Crowd{n},c{n:02}@x.example,Active,C,D,A9\n" for n in range(12))


def line(code: str, name: str, email: str, ids: str = "A1", status: str = "Active") -> str:
    return f"{code},{name},{email},{status},Class 1,2026-03-02,{ids}\n"


class Desk:
    """Lists that are checked and applied as the command does it."""

    def __init__(self, db: Session) -> None:
        self.db = db

    def check(self, *lines: str, mode: str = "replace") -> RosterImport:
        found = imports.check(
            self.db, io.BytesIO((HEADER + "".join(lines)).encode()), file_name="list.csv",
            encoding=None, by=None, origin=NOWHERE, mode=mode,
        )  # fmt: skip
        self.db.commit()
        return found

    def apply(self, found: RosterImport, by: int | None = None) -> RosterImport:
        applied = imports.apply(self.db, found.id, by=by, origin=NOWHERE)
        self.db.commit()
        return applied

    def put_in_force(self, *lines: str) -> RosterImport:
        return self.apply(self.check(*lines))

    def pairs(self, found: RosterImport) -> list[tuple[str, str]]:
        rows = imports.list_pairs(self.db, found.id)
        return [(pair.former, pair.address) for pair in rows]

    def settle(
        self, found: RosterImport, *former: str, same: bool = True, limits: HoldLimits = LOOSE
    ) -> int:
        count = imports.settle_pairs(
            self.db, found.id, former or None, same=same, by=None, origin=NOWHERE, limits=limits
        )
        self.db.commit()
        return count

    def undo(self, found: RosterImport) -> RosterImport:
        made = imports.check_undo(self.db, found.id, by=None, origin=NOWHERE, limits=LOOSE)
        self.db.commit()
        return made


@pytest.fixture
def desk(db: Session) -> Desk:
    return Desk(db)


def find_user(db: Session, user_id: int) -> User:
    db.rollback()
    return db.get_one(User, user_id, populate_existing=True)


def ids_of(db: Session, user_id: int) -> set[str]:
    db.rollback()
    return set(db.scalars(select(UserLoRootId.lo_root_id).where(UserLoRootId.user_id == user_id)))


def test_only_who_is_alone_on_both_sides_with_a_code_and_a_name_is_a_pair(desk, db):
    before = [
        line("U1", "Lovelace", OLD, "A1;A2") + line("U1", "Lovelace", OLD, "A3"),
        line("", "Blank", "blank@old.example"),
        line("U2", "Twin", "twin1@old.example") + line("U2", "Twin", "twin2@old.example"),
        line("U3", "Split", "split@old.example"),
        line("U4", "Former", "other@old.example"),
        line("U5", "Two", "codes@old.example") + line("U6", "Two", "codes@old.example"),
        line("U7", "O'Neil", "oneil@old.example"),
        line("U8", "Off", "off@old.example") + line("U8", "Off", "off@new.example", status="No"),
        CROWD,
    ]
    desk.put_in_force(*before)
    found = desk.check(
        line("U1", "LOVELACE", NEW),
        line("", "Blank", "blank@new.example"),
        line("U2", "Twin", "twin@new.example"),
        line("U3", "Split", "split1@new.example") + line("U3", "Split", "split2@new.example"),
        line("U4", "Latter", "other@new.example"),
        line("U5", "Two", "codes5@new.example") + line("U6", "Two", "codes6@new.example"),
        line("U7", "ONeil", "oneil@new.example"),
        line("U8", "Off", "off@old.example", status="No") + line("U8", "Off", "off@new.example"),
        line("C1", "Crowd1", "another@new.example"),
        CROWD,
    )
    assert desk.pairs(found) == [
        (OLD, NEW),
        ("off@old.example", "off@new.example"),
        ("oneil@old.example", "oneil@new.example"),
    ]
    assert (found.pairs, found.pairs_confirmed) == (3, 0)
    assert (found.removed, found.added) == (9, 11)
    assert [each.former for each in imports.list_pairs(db, found.id, search="ON", limit=9)] == [
        "oneil@old.example"
    ]
    assert desk.check(line("U1", "Lovelace", NEW), mode="add").pairs == 0


def test_where_nobody_goes_or_nobody_comes_no_question_is_asked(desk, db):
    desk.put_in_force(line("U1", "Lovelace", OLD), CROWD)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(db.get_bind(), "before_cursor_execute", note)
    for lines in ((CROWD,), (line("U1", "Lovelace", OLD), CROWD, line("U2", "New", NEW))):
        assert desk.check(*lines).pairs == 0
    assert not any("user_code" in each and "JOIN roster_changes" in each for each in asked)


def test_a_confirmed_pair_keeps_its_account_with_all_that_is_in_it(
    desk, db, people, mails, visitors
):
    desk.put_in_force(line("U1", "Lovelace", OLD, "A1"), CROWD)
    visitor = people.signed_in(OLD, ids=["X1"], verified_at=clock.now())
    user = db.scalars(select(User).where(User.address == OLD)).one()
    entered, hashed = user.id, user.password_hash
    visitor.submit("/forgot-password", email=OLD)
    found = desk.check(line("U1", "Lovelace", NEW, "A2"), CROWD)
    assert desk.settle(found, OLD) == 1
    applied = desk.apply(found)
    moved = find_user(db, entered)
    assert (moved.address, moved.email, moved.password_hash) == (NEW, NEW, hashed)
    assert (moved.verified_at, moved.listed) == (None, True)
    assert ids_of(db, entered) == {"A2", "X1"}
    assert visitor.get("/program_select").status_code == 200
    assert imports.count_moved(db, applied.id) == 1
    codes = db.scalars(select(Code).where(Code.address == OLD))
    assert all(code.used_at is not None for code in codes)
    written = db.scalars(select(OutgoingMessage).order_by(OutgoingMessage.id)).all()
    told = {mail.recipient: mail.facts for mail in written if mail.kind == "address_changed"}
    assert told == {each: {"old": OLD, "new": NEW, "by_list": True} for each in (OLD, NEW)}
    assert {mail.state for mail in written if mail.kind == "reset"} == {"held"}
    assert "off_list" not in {mail.kind for mail in written}
    entry = db.scalars(select(AuditEntry).where(AuditEntry.event == "account:edited")).one()
    assert (entry.user_id, entry.details["email"]) == (entered, [OLD, NEW])
    assert "your account moved with you" in mails.text(OLD)
    assert visitors().sign_in(NEW).location == "/program_select"
    assert visitors().sign_in(OLD).status_code == 401


def test_an_account_that_a_chat_asked_for_and_that_moved_is_not_tidied_away(desk, db, people):
    desk.put_in_force(line("U1", "Lovelace", OLD, "A1"), CROWD)
    user = people.account(OLD, password=None, came_by="chat", verified_at=clock.now())
    entered = user.id
    found = desk.check(line("U1", "Lovelace", NEW, "A1"), CROWD)
    assert desk.settle(found, OLD) == 1
    desk.apply(found)
    moved = find_user(db, entered)
    assert (moved.address, moved.verified_at, moved.came_by) == (NEW, None, None)
    assert not unopened.is_nobodys(db, entered)


def test_who_is_not_confirmed_or_cannot_move_is_one_who_goes_and_one_who_comes(desk, db, people):
    names = ("Lone", "Taken", "Shared", "Owner", "Guest")
    before = [line(f"U{n}", name, f"{name}@old.example".lower()) for n, name in enumerate(names)]
    desk.put_in_force(*before, CROWD)
    users = {
        name: people.account(f"{name}@old.example".lower(), last_name=name) for name in names[:4]
    }
    there = people.account("taken@new.example", last_name="Taken")
    people.account("Shared@New.example", address=None, shared_address="shared@new.example")
    roles.make_owner(db, users["Owner"].id, stamp=roles.owner_stamp(db))
    db.commit()
    found = desk.check(*(each.replace("old.example", "new.example") for each in before), CROWD)
    assert found.pairs == 5
    shown = {pair.last_name: pair for pair in imports.list_pairs(db, found.id)}
    assert [name for name in names if not shown[name].has_account] == ["Guest"]
    assert [name for name in names if shown[name].is_taken] == ["Taken", "Shared"]
    desk.settle(found)
    desk.settle(found, "lone@old.example", same=False)
    assert imports.get(db, found.id).pairs_confirmed == 4
    desk.apply(found)
    assert imports.count_moved(db, found.id) == 0
    for name, user in users.items():
        assert find_user(db, user.id).address == f"{name}@old.example".lower()
    assert ids_of(db, there.id) == {"A1"}
    assert ids_of(db, users["Lone"].id) == set()
    with pytest.raises(ImportSettled):
        desk.settle(found)


def test_an_admin_moves_their_own_account_and_an_owners_account_only_as_an_owner(desk, db, people):
    desk.put_in_force(line("U1", "Lovelace", OLD), line("U2", "Hopper", "hopper@old.example"))
    helper = people.account(OLD)
    owner = people.account("hopper@old.example", last_name="Hopper")
    roles.make_owner(db, owner.id, stamp=roles.owner_stamp(db))
    db.commit()
    one = desk.check(line("U1", "Lovelace", NEW), line("U2", "Hopper", "hopper@new.example"))
    desk.settle(one)
    desk.apply(one, by=helper.id)
    assert find_user(db, owner.id).address == "hopper@old.example"
    assert find_user(db, helper.id).address == NEW
    desk.put_in_force(line("U2", "Hopper", "hopper@old.example"))
    other = desk.check(line("U2", "Hopper", "hopper@new.example"))
    desk.settle(other)
    desk.apply(other, by=owner.id)
    assert find_user(db, owner.id).address == "hopper@new.example"


def test_taking_the_import_back_moves_the_same_accounts_back(desk, db, people):
    before = [line(f"U{n}", f"N{n}", f"n{n}@old.example", f"A{n}") for n in range(3)]
    desk.put_in_force(*before, CROWD)
    users = [people.account(f"n{n}@old.example", last_name=f"N{n}") for n in range(3)]
    found = desk.check(*(each.replace("@old", "@new") for each in before), CROWD)
    desk.settle(found)
    desk.apply(found)
    assert [find_user(db, each.id).address for each in users] == [
        f"n{n}@new.example" for n in range(3)
    ]
    # Since then one got another address by hand, and its address of the list went to somebody.
    third = find_user(db, users[2].id)
    third.email = third.address = "elsewhere@x.example"
    db.commit()
    newcomer = people.account("n2@new.example", last_name="N2")
    made = desk.undo(found)
    assert (made.pairs, made.pairs_confirmed) == (3, 3)
    assert not any(pair.moved for pair in imports.list_pairs(db, made.id))
    desk.apply(made)
    assert imports.count_moved(db, made.id) == 2
    assert [find_user(db, each.id).address for each in (*users, newcomer)] == [
        "n0@old.example", "n1@old.example", "elsewhere@x.example", "n2@new.example",
    ]  # fmt: skip
    assert ids_of(db, users[0].id) == {"A0"}
    again = desk.undo(made)
    desk.apply(again)
    assert find_user(db, users[0].id).address == "n0@new.example"


def test_confirming_too_many_holds_the_import_and_asks_the_first_admin_anew(
    desk, db, people, mails
):
    people.admin()
    ada = people.account("ada@agency.example")
    before = [line(f"U{n}", f"N{n}", f"n{n}@old.example") for n in range(2)]
    desk.put_in_force(*before, CROWD)
    found = desk.check(*(each.replace("@old", "@new") for each in before), CROWD)
    limits = HoldLimits(removed=50, changed=75, readdressed=10)
    desk.settle(found, "n0@old.example", limits=limits)
    assert (found.state, found.held) == ("checked", [])
    desk.settle(found, limits=limits)
    assert (found.state, found.held) == ("held", ["readdressed"])
    assert imports.number_to_type(found) == 2
    assert "2 people would move to a new address." in mails.text("grace@agency.example")
    options = {"force": False, "two_person": True, "origin": NOWHERE, "limits": limits}
    imports.start_apply(db, found.id, typed=2, by=ada.id, **options)
    db.commit()
    assert imports.get(db, found.id).asked_by == ada.id
    desk.settle(found, "n1@old.example", same=False, limits=limits)
    found = imports.get(db, found.id)
    assert (found.state, found.held, found.asked_by) == ("checked", [], None)
    desk.put_in_force(*before, CROWD, line("U9", "Late", "late@x.example"))
    with pytest.raises(ListChanged):
        desk.settle(found)


def test_the_command_counts_lists_and_confirms(desk, db, people, app: Flask, tmp_path):
    desk.put_in_force(line("U1", "Lovelace", OLD), CROWD)
    user = people.account(OLD)
    file = tmp_path / "list.csv"
    file.write_text(HEADER + line("U1", "Lovelace", NEW) + CROWD)

    def run(*words: str) -> dict[str, Any]:
        done = app.test_cli_runner().invoke(args=["rollcall", "roster", *words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    dry = run("import", str(file))
    assert (dry["readdressed"], dry["added"], dry["removed"]) == (1, 1, 1)
    waiting = desk.check(line("U1", "Lovelace", NEW), CROWD)
    assert run("pairs", str(waiting.id))["pairs"][0]["confirmed"] is False
    said = run("pairs", str(waiting.id), "--confirm")
    assert (said["readdressed"], said["confirmed"], said["moved"]) == (1, 1, 0)
    assert said["pairs"] == [
        {"last_name": "Lovelace", "former": OLD, "address": NEW, "confirmed": True, "moved": False}
    ]
    applied = run("import", str(file), "--apply", "--confirm-pairs")
    assert run("pairs", str(applied["import_id"]))["moved"] == 1
    assert find_user(db, user.id).address == NEW
    assert set(db.scalars(select(RosterLine.address).where(RosterLine.user_code == "U1"))) == {NEW}


def test_what_an_admin_set_by_hand_is_listed_as_kept_and_stays(desk, db, people):
    admin = people.admin()
    desk.put_in_force(
        line("U1", "Lovelace", OLD) + line("U2", "Byron", "byron@x.example"),
        line("U3", "Cay", "cay@x.example") + line("U4", "Dee", "dee@x.example"),
        CROWD,
    )
    ids = people.account(OLD, ids=["X1", "X2"]).id
    named = people.account("byron@x.example", last_name="Byron").id
    people.account("cay@x.example", last_name="Cay")
    path = f"/admin/people/{named}/edit"
    fields = {"last_name": "Lord Byron", "email": "byron@x.example", "expires_on": ""}
    assert admin.submit(path, **fields).status_code == 303
    found = desk.check(
        line("U2", "Byron", "byron@x.example", "A5") + line("U3", "Cay", "cay@x.example", "A5"),
        line("U4", "Dee", "dee@x.example"),
        CROWD,
    )
    listed = [each.address for each in imports.list_changes(db, found.id, "edited")]
    assert (found.edited, listed) == (2, ["byron@x.example", OLD])
    kept = imports.kept_of(db, listed)
    assert (kept[OLD].lo_root_ids, kept[OLD].last_name) == (["X1", "X2"], None)
    assert kept["byron@x.example"].last_name == "Lord Byron"
    assert kept["byron@x.example"].by == "grace@agency.example"
    page = admin.get(f"/admin/roster/{found.id}/people?kind=edited").text
    assert "kept: set by grace@agency.example" in page
    desk.apply(found)
    assert ids_of(db, ids) == {"X1", "X2"}
    assert find_user(db, named).last_name == "Lord Byron"
