"""What admins set by hand stays with an import, gives way where the file wins, and comes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.people.roles import Permission
from app.core.people.users import ACCOUNT_TERM
from app.models.access import SignInSession
from app.models.edits import RosterEdit, TakenId
from app.models.people import Entitlement, Role, RoleGrant, User, UserLoRootId
from app.models.records import AuditEntry, OutgoingMessage
from app.models.rosters import RosterImport
from tests.web.test_admin_roster import (
    GRACE,
    apply,
    many,
    previewed,
    put_in_force,
    second_admin,
    words,
    work,
)

FAR_AWAY = datetime(2099, 1, 2, tzinfo=UTC)
NAMES = ("ada", "bo", "cy", "dee", "eve", "fay", "gus")
ADA, BO, CY, DEE, EVE, FAY, GUS = (f"{name}@x.example" for name in NAMES)


def line(email: str, ids: str = "A1", status: str = "Active", name: str = "") -> str:
    name = name or email.split("@")[0].title()
    return f"{name},{name},{email},{status},Class 1,2026-03-02,{ids}\n"


CROWD = many(30)
LIST = CROWD + "".join(map(line, (ADA, BO, CY, DEE, FAY, GUS))) + line(EVE, status="Inactive")
NEXT = (
    CROWD + "".join(map(line, (ADA, BO, CY, DEE))) + line(EVE, status="Inactive") + line(FAY, "A2")
)
"""The list after it: Fay's line changes, Gus goes, and all the others stay as they are."""


class Hand:
    """What the admin does to accounts one by one, on their pages."""

    def __init__(self, admin: Any, db: Session) -> None:
        self.admin, self.db = admin, db

    def user(self, email: str) -> User:
        self.db.rollback()
        return self.db.scalars(
            select(User).where(User.email == email).execution_options(populate_existing=True)
        ).one()

    def edit(self, email: str, **changes: str) -> None:
        user = self.user(email)
        held = self.given(email)
        fields = {"last_name": user.last_name, "email": email, "lo_root_ids": "; ".join(held)}
        ends = {"expires_on": user.expiry_date.date().isoformat() if user.expiry_date else ""}
        path = f"/admin/people/{user.id}/edit"
        assert self.admin.submit(path, **(fields | ends | changes)).status_code == 303

    def do(self, email: str, action: str, **fields: str) -> None:
        path = f"/admin/people/{self.user(email).id}"
        assert self.admin.submit(path, f"{path}/{action}", **fields).status_code == 303

    def given(self, email: str) -> list[str]:
        return self._ids(email, Entitlement.lo_root_id, Entitlement.source == "admin")

    def holds(self, email: str) -> list[str]:
        user_id = self.user(email).id
        rows = select(UserLoRootId.lo_root_id).where(UserLoRootId.user_id == user_id)
        return sorted(self.db.scalars(rows))

    def _ids(self, email: str, column: Any, *which: Any) -> list[str]:
        user_id = self.user(email).id
        return sorted(self.db.scalars(select(column).where(Entitlement.user_id == user_id, *which)))

    def state(self) -> dict[str, Any]:
        """Of every account: name, status, end date, ids given, ids held."""
        self.db.rollback()
        emails = self.db.scalars(select(User.email).order_by(User.email)).all()
        found = {}
        for email in emails:
            user = self.user(email)
            found[email] = (
                user.last_name, user.status, user.expiry_date, self.given(email), self.holds(email)
            )  # fmt: skip
        return found

    def last(self) -> RosterImport:
        self.db.rollback()
        newest = select(RosterImport).order_by(RosterImport.id.desc()).limit(1)
        return self.db.scalars(newest.execution_options(populate_existing=True)).one()

    def entries(self, event: str) -> list[AuditEntry]:
        self.db.rollback()
        rows = select(AuditEntry).where(AuditEntry.event == event).order_by(AuditEntry.id)
        return list(self.db.scalars(rows))


@pytest.fixture
def admin(people):
    return people.admin(GRACE)


@pytest.fixture
def hand(admin, db):
    return Hand(admin, db)


@pytest.fixture
def environment(environment, request):
    if "two_persons" in request.node.name:
        environment["ROSTER_TWO_PERSON"] = "true"
    return environment


@pytest.fixture
def edited(people, admin, hand):
    """Accounts of a list in force, with something set by hand for each of them.

    For Cy it is what was there before, so that nothing of his could give way.
    """
    for email in (ADA, BO, CY, DEE, EVE, FAY, GUS):
        people.account(email, last_name=email.split("@")[0].title(), from_roster=email == EVE)
    put_in_force(admin, LIST)
    hand.edit(ADA, last_name="King", lo_root_ids="X1; A1")
    hand.do(BO, "suspend")
    hand.edit(CY, expires_on="")
    hand.do(DEE, "extend", until="2099-01-02")
    hand.edit(EVE, lo_root_ids="X1")
    hand.do(EVE, "extend", until="2099-01-02")
    hand.edit(FAY, lo_root_ids="X2")
    hand.edit(GUS, last_name="Gustav")
    return hand


def shown(admin: Any, preview: str, kind: str = "edited") -> dict[str, str]:
    """The list of an import: address, and what its last column says."""
    page = admin.page(admin.get(f"{preview}/people?kind={kind}"))
    return {
        row.select_one(".under").get_text(strip=True): row.select("td")[-1].get_text(
            " ", strip=True
        )
        for row in page.select("main tbody tr")
    }


def test_edits_by_hand_stay_and_are_listed_with_who_made_them(admin, edited, db):
    before = edited.state()
    preview = previewed(admin, NEXT)
    assert (edited.last().edited, edited.last().yielding) == (6, 5)
    listed = shown(admin, preview)
    assert set(listed) == {ADA, BO, DEE, EVE, FAY, GUS}
    assert all(f"kept: set by {GRACE}" in said for said in listed.values())
    assert listed[ADA].endswith("unless the file wins (last name: Ada)")
    assert listed[GUS].endswith(GRACE)
    assert "Last name: King A1 X1" in listed[ADA]
    assert "Status: Suspended" in listed[BO]
    assert "Good until: " in listed[DEE]
    assert "2099" in listed[DEE]
    page = admin.page(admin.get(preview))
    assert "For 6 people of this import, what an admin set by hand stays" in page.main.get_text()
    tick = page.select_one("input[name=file_wins]")
    assert not tick.has_attr("checked")
    assert "for 5 people" in page.select_one(f"label[for={tick['id']}]").get_text()
    apply(admin, preview)
    after = edited.state()
    assert {email for email in after if after[email][:4] != before[email][:4]} == set()
    assert (edited.last().file_wins, edited.last().yielded) == (False, 0)
    assert edited.entries("account:yielded") == []


def test_a_file_that_wins_takes_what_was_set_by_hand_and_an_undo_gives_it_back(
    admin, edited, people, db, mails
):
    before = edited.state()
    preview = previewed(admin, NEXT)
    assert apply(admin, preview, file_wins="1").status_code == 303
    after = edited.state()
    term = clock.now() + ACCOUNT_TERM
    # A1 is in the file: it stays as given by hand too.
    assert after[ADA] == ("Ada", "Active", None, ["A1"], ["A1"])
    assert after[BO][:2] == ("Bo", "Active")
    assert term - timedelta(minutes=5) < after[DEE][2] < term
    # Her line is inactive: what was given goes, and the date does not count for it.
    assert after[EVE] == ("Eve", "Active", FAR_AWAY, [], [])
    assert after[FAY][3:] == ([], ["A2"])
    # He is not in the file.
    assert after[GUS] == (*before[GUS][:4], [])
    assert after[CY][:4] == before[CY][:4]
    found = edited.last()
    assert (found.file_wins, found.yielded) == (True, 5)
    assert "For 5 people the file won over" in words(admin.get(preview), admin)
    listed = shown(admin, preview)
    assert listed[ADA].startswith("Last name: King X1 gave way to the file")
    assert listed[ADA].endswith(f"A1 kept: set by {GRACE}")
    assert listed[BO] == "Status: Suspended gave way to the file"
    assert listed[GUS] == f"Last name: Gustav kept: set by {GRACE}"
    applied = edited.entries("roster:applied")[-1].details
    assert (applied["file_wins"], applied["yielded"]) == (True, 5)
    entries = {each.user_id: each for each in edited.entries("account:yielded")}
    ada = entries[edited.user(ADA).id]
    assert ada.details == {"import_id": found.id, "last_name": ["King", "Ada"], "taken_away": "X1"}
    assert ada.actor_id == edited.user(GRACE).id
    told = [mail["Subject"] for mail in mails.to(EVE)]
    assert len(told) == 1
    # What the file gave is no admin's, so that the next list finds nothing to keep of it.
    again = previewed(admin, NEXT + line("hal@x.example"))
    assert set(shown(admin, again)) == set()
    admin.submit(again, f"{again}/discard")

    said = admin.get(f"{preview}/undo").text
    assert "5 people get back what an admin had set by hand" in said
    undoing = admin.submit(f"{preview}/undo").location
    work(admin)
    assert "5 people get back what an admin had set by hand" in words(admin.get(undoing), admin)
    assert admin.page(admin.get(undoing)).select("input[name=file_wins]") == []
    apply(admin, undoing)
    assert edited.state() == before
    assert "5 people got back" in words(admin.get(undoing), admin)
    assert len(edited.entries("account:given_back")) == 5
    assert f"kept: set by {GRACE}" in shown(admin, previewed(admin, NEXT))[DEE]


def test_an_undo_gives_back_nothing_that_was_changed_since(admin, edited, people, db):
    preview = previewed(admin, NEXT)
    apply(admin, preview, file_wins="1")
    edited.edit(ADA, last_name="Countess", lo_root_ids="X1")
    edited.do(BO, "suspend")
    edited.do(BO, "restore")
    edited.do(DEE, "extend", until="2088-01-02")
    leaving = f"/admin/people/{edited.user(FAY).id}/delete"
    assert admin.submit(leaving, chats="keep").status_code == 303
    undoing = admin.submit(f"{preview}/undo").location
    work(admin)
    apply(admin, undoing)
    after = edited.state()
    assert (after[ADA][0], after[ADA][3]) == ("Countess", ["X1"])
    assert after[BO][1] == "Active"
    assert after[DEE][2].year == 2088
    assert after[EVE][3] == ["X1"]
    gone = {row.user_id for table in (RosterEdit, TakenId) for row in db.scalars(select(table))}
    assert gone <= set(db.scalars(select(User.id)))


def test_who_gets_back_a_suspension_is_signed_out(admin, edited, people, visitors, db):
    preview = previewed(admin, NEXT)
    apply(admin, preview, file_wins="1")
    bo = visitors()
    assert bo.sign_in(BO).status_code == 303
    undoing = admin.submit(f"{preview}/undo").location
    work(admin)
    apply(admin, undoing)
    assert edited.user(BO).status == "Inactive"
    ended = select(SignInSession.ended_at).where(SignInSession.user_id == edited.user(BO).id)
    assert all(db.scalars(ended))


def test_who_applies_it_and_who_hands_out_roles_stays_as_they_are(admin, hand, people, db):
    everybody = CROWD + line(ADA) + line(GRACE) + line("mary@agency.example", status="Inactive")
    put_in_force(admin, everybody)
    second_admin(people, db)
    people.account(ADA, last_name="Ada")
    for email in (ADA, GRACE, "mary@agency.example"):
        hand.edit(email, last_name="Byhand", lo_root_ids="X1", expires_on="2099-01-02")
    before = hand.state()
    preview = previewed(admin, everybody)
    assert hand.last().yielding == 3
    apply(admin, preview, file_wins="1")
    after = hand.state()
    assert hand.last().yielded == 1
    assert {email for email in after if after[email] != before[email]} == {ADA}
    assert admin.get("/admin/roster").status_code == 200


def test_who_may_not_change_people_cannot_let_the_file_win(admin, edited, people, db):
    preview = previewed(admin, NEXT)
    lister = people.signed_in("lister@x.example", last_name="Lister")
    role = Role(
        name="lister", permissions=[Permission.ROSTER_READ.value, Permission.ROSTER_WRITE.value]
    )
    db.add(role)
    db.flush()
    lists = select(User.id).where(User.email == "lister@x.example")
    db.add(RoleGrant(user_id=db.scalar(lists), role_id=role.id, granted_at=clock.now()))
    db.commit()
    page = lister.page(lister.get(preview))
    assert page.select("input[name=file_wins]") == []
    assert apply(lister, preview, file_wins="1").status_code == 403
    assert (edited.last().state, edited.last().file_wins) == ("checked", False)
    assert apply(lister, preview).status_code == 303
    assert edited.last().state == "applied"
    # It is settled, so that nobody lets it win any more.
    assert apply(admin, preview, file_wins="1").status_code == 409
    assert (edited.last().file_wins, edited.user(ADA).last_name) == (False, "King")


def test_of_two_persons_the_second_reads_that_the_file_is_to_win(admin, hand, people, db):
    put_in_force(admin, many(10) + line(ADA))
    people.account(ADA, ids=["X1"], last_name="Ada")
    preview = previewed(admin, many(5) + line(ADA))
    first = admin.submit(preview, f"{preview}/apply", typed="4", file_wins="1")
    assert first.status_code == 422
    tick = admin.page(first).select_one("input[name=file_wins]")
    assert tick.has_attr("checked")
    assert apply(admin, preview, typed="5", file_wins="1").status_code == 303
    assert hand.given(ADA) == ["X1"]
    other = second_admin(people, db)
    said = "It was ticked that the file wins over what admins set by hand, for 1 person"
    assert said in words(other.get(preview), other)
    other.submit(preview, f"{preview}/confirm")
    work(other)
    assert (hand.given(ADA), hand.last().yielded) == ([], 1)


def test_a_list_checked_again_finds_the_edits_once_and_forgets_the_tick(admin, edited, db):
    preview = previewed(admin, NEXT)
    admin.submit(preview, f"{preview}/check")
    work(admin)
    assert (edited.last().edited, edited.last().file_wins) == (6, False)


def test_many_edits_are_paged_and_searched(admin, people, db):
    put_in_force(admin, many(60))
    for number in range(60):
        email = f"p{number:03}@x.example"
        user = User(last_name="Lovelace", email=email, address=email, date_added=clock.now())
        db.add(user)
        db.flush()
        db.add(
            Entitlement(user_id=user.id, lo_root_id="X1", source="admin", granted_at=clock.now())
        )
    db.commit()
    preview = previewed(admin, many(60) + line(ADA))
    first = admin.page(admin.get(f"{preview}/people?kind=edited"))
    assert len(first.select("main tbody tr")) == 50
    second = admin.page(admin.get(first.find("a", rel="next")["href"]))
    assert len(second.select("main tbody tr")) == 10
    found = shown(admin, f"{preview}", "edited&q=p05")
    assert len(found) == 10
    exported = admin.get(f"{preview}/people.csv?kind=edited").text
    assert exported.count("@x.example") == 60


def test_the_command_lets_a_file_win_where_it_is_told_to(app: Flask, hand, people, tmp_path, db):
    file = tmp_path / "list.csv"
    file.write_text(LIST)

    def run(*options: str) -> Any:
        return app.test_cli_runner().invoke(args=["rollcall", "roster", *options])

    def told(*options: str) -> dict[str, Any]:
        done = run("import", str(file), "--json", *options)
        assert done.exit_code == 0, done.output
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts

    told("--apply")
    people.account(ADA, last_name="Ada", ids=["X1"])
    people.account(EVE, last_name="Eve", ids=["X1"])
    hand.edit(GRACE, lo_root_ids="X1")
    said = run("import", str(file))
    assert "stays for 2 people; with --file-wins the file wins for 2 of them." in said.stdout
    kept = told("--apply")
    assert (kept["edited"], kept["yielding"], kept["file_wins"], kept["yielded"]) == (
        2,
        2,
        False,
        0,
    )
    assert kept["import_id"] is None
    dry = told("--file-wins")
    assert (dry["file_wins"], dry["yielded"], hand.given(ADA)) == (True, 0, ["X1"])
    won = told("--apply", "--file-wins")
    assert (won["yielded"], hand.given(ADA), hand.given(EVE)) == (2, [], [])
    assert hand.given(GRACE) == ["X1"]
    assert run("undo").exit_code == 0
    assert (hand.given(ADA), hand.given(EVE)) == (["X1"], ["X1"])
    # What only adds names nobody by a line that is refused, and gives Ada what she holds.
    file.write_text(line(ADA, "X1") + line(EVE, name="Other"))
    added = told("--mode", "add", "--apply", "--file-wins")
    assert (added["changed"], added["yielding"], added["yielded"]) == (1, 0, 0)
    assert (hand.given(ADA), hand.given(EVE)) == (["X1"], ["X1"])
    mails = select(OutgoingMessage.kind).where(OutgoingMessage.recipient == EVE)
    assert set(db.scalars(mails)) <= {"off_list"}
