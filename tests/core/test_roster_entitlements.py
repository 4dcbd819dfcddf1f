"""What people hold and where they are signed in follows the list in force, and nothing else."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import NOWHERE
from app.core.people import users
from app.core.people.roles import OWNER
from app.core.roster import entitlements, imports
from app.models.access import SignInSession
from app.models.people import Entitlement, Role, RoleGrant, Source, User, UserLoRootId
from app.models.records import MessageState, OutgoingMessage

ADA = "ada@learn.agency.example"
BO = "bo@learn.agency.example"
CY = "cy@learn.agency.example"
ADMIN, LEGACY, ROSTER = Source.ADMIN.value, Source.LEGACY.value, Source.ROSTER.value


def line(last_name: str, email: str, ids: str = "", status: str = "Active") -> str:
    return f"U1,{last_name},{email},{status},Class 1,2026-03-02,{ids}\n"


ANYBODY = line("Kept", "kept@x.example")


def bring_in(db: Session, text: str) -> None:
    found = imports.check(
        db, io.BytesIO(text.encode()), file_name="x", encoding=None, by=None, origin=NOWHERE
    )
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    db.commit()


def held(db: Session, user: User) -> set[str]:
    """What access reads."""
    db.rollback()
    return set(db.scalars(select(UserLoRootId.lo_root_id).where(UserLoRootId.user_id == user.id)))


def reasons(db: Session, user: User) -> set[tuple[str, str]]:
    db.rollback()
    rows = db.execute(
        select(Entitlement.lo_root_id, Entitlement.source).where(Entitlement.user_id == user.id)
    )
    return {(lo_root_id, source) for lo_root_id, source in rows}


def grant(db: Session, user: User, lo_root_id: str, source: str) -> None:
    db.add(
        Entitlement(user_id=user.id, lo_root_id=lo_root_id, source=source, granted_at=clock.now())
    )
    db.commit()
    entitlements.follow_list(db, User.id == user.id)
    db.commit()


def is_let_in(db: Session, user: User) -> bool:
    db.rollback()
    return users.get(db, user.id)[1]


def ends(db: Session, user: User) -> list[str | None]:
    db.rollback()
    return list(
        db.scalars(select(SignInSession.end_reason).where(SignInSession.user_id == user.id))
    )


def is_signed_in(visitor: Any) -> bool:
    return visitor.get("/program_select").status_code == 200


def off_list_mails(db: Session) -> list[str]:
    db.rollback()
    rows = select(OutgoingMessage.recipient).where(OutgoingMessage.kind == "off_list")
    return sorted(db.scalars(rows))


# What people hold


def test_ids_follow_the_list_in_both_directions(db, people):
    ada = people.account(ADA)
    bring_in(db, line("Lovelace", ADA, "A1;A2"))
    assert held(db, ada) == {"A1", "A2"}
    assert reasons(db, ada) == {("A1", ROSTER), ("A2", ROSTER)}
    bring_in(db, line("Lovelace", ADA, "A2;A3"))
    assert held(db, ada) == {"A2", "A3"}
    assert reasons(db, ada) == {("A2", ROSTER), ("A3", ROSTER)}


def test_each_of_many_people_holds_what_their_own_lines_say(db, people):
    accounts = {n: people.account(f"p{n}@x.example", password=None) for n in range(12)}
    for shift in (0, 1, 5):
        lines = [line(f"N{n}", f"p{n}@x.example", f"L{n + shift};SHARED{n % 3}") for n in range(12)]
        bring_in(db, "".join(lines))
        for n, account in accounts.items():
            assert held(db, account) == {f"L{n + shift}", f"SHARED{n % 3}"}
            assert reasons(db, account) == {(each, ROSTER) for each in held(db, account)}


def test_what_somebody_keeps_keeps_its_date(db, people):
    ada = people.account(ADA)
    people.account(BO)
    bring_in(db, line("Lovelace", ADA, "A1;A2") + line("Byron", BO, "B1"))
    long_ago = clock.now() - timedelta(days=100)
    db.execute(update(Entitlement).values(granted_at=long_ago))
    db.commit()
    bring_in(db, line("Lovelace", ADA, "A1;A3") + line("Byron", BO, "B2"))
    since = dict(
        db.execute(
            select(Entitlement.lo_root_id, Entitlement.granted_at).where(
                Entitlement.user_id == ada.id
            )
        ).all()
    )
    assert since["A1"] == long_ago
    assert since["A3"] > long_ago


def test_only_active_lines_give_anything(db, people):
    ada = people.account(ADA)
    bring_in(db, line("Lovelace", ADA, "A1") + line("Lovelace", ADA, "A2", status="Inactive"))
    assert held(db, ada) == {"A1"}
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A1", status="Inactive"))
    assert held(db, ada) == set()


@pytest.mark.parametrize("source", [ADMIN, LEGACY])
def test_what_has_another_reason_outlives_every_list(source, db, people):
    ada = people.account(ADA)
    grant(db, ada, "A1", source)
    grant(db, ada, "X1", source)
    bring_in(db, line("Lovelace", ADA, "A1;A2"))
    assert held(db, ada) == {"A1", "A2", "X1"}
    assert reasons(db, ada) == {("A1", source), ("X1", source), ("A1", ROSTER), ("A2", ROSTER)}
    bring_in(db, line("Lovelace", ADA, "A2"))
    assert held(db, ada) == {"A1", "A2", "X1"}
    bring_in(db, ANYBODY)
    assert held(db, ada) == {"A1", "X1"}
    assert reasons(db, ada) == {("A1", source), ("X1", source)}
    assert is_let_in(db, ada)


def test_an_id_without_any_reason_is_taken_back(db, people):
    ada = people.account(ADA)
    db.add(UserLoRootId(user_id=ada.id, lo_root_id="OLD"))
    db.commit()
    bring_in(db, line("Lovelace", ADA, "A1"))
    assert held(db, ada) == {"A1"}


def test_a_blank_id_lets_in_and_is_never_held(db, people):
    ada = people.account(ADA)
    bring_in(db, line("Lovelace", ADA, ""))
    assert held(db, ada) == set()
    assert is_let_in(db, ada)


def test_who_is_gone_holds_nothing_and_has_all_of_it_back_with_the_next_list(db, people):
    ada = people.account(ADA)
    bring_in(db, line("Lovelace", ADA, "A1;A2"))
    bring_in(db, ANYBODY)
    assert held(db, ada) == set()
    assert reasons(db, ada) == set()
    assert not is_let_in(db, ada)
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A1;A2"))
    assert held(db, ada) == {"A1", "A2"}
    assert is_let_in(db, ada)


def test_a_person_with_only_problem_lines_keeps_ids_and_session(db, people):
    visitor = people.signed_in(ADA)
    ada = User.get_by_email(db, ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    bring_in(db, ANYBODY + line("", ADA, "A1"))
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A2") + line("Byron", ADA, "A2"))
    assert held(db, ada) == {"A1"}
    assert is_signed_in(visitor)


def test_a_legacy_account_that_shares_its_address_gets_nothing(db, people):
    twin = people.account(ADA)
    twin.address = None
    db.commit()
    bring_in(db, line("Lovelace", ADA, "A1"))
    assert held(db, twin) == set()
    assert not User.get_by_email(db, ADA)


def test_only_those_whom_an_import_changes_are_written(db, people):
    ada, bo = people.account(ADA), people.account(BO)
    bring_in(db, line("Lovelace", ADA, "A1") + line("Byron", BO, "B1"))
    db.add(UserLoRootId(user_id=bo.id, lo_root_id="BY HAND"))
    db.commit()
    bring_in(db, line("Lovelace", ADA, "A2") + line("Byron", BO, "B1"))
    assert held(db, ada) == {"A2"}
    assert held(db, bo) == {"B1", "BY HAND"}


def test_following_the_list_again_changes_nothing(db, people):
    ada = people.account(ADA)
    grant(db, ada, "X1", ADMIN)
    bring_in(db, line("Lovelace", ADA, "A1"))
    before = held(db, ada), reasons(db, ada)
    entitlements.follow_list(db, User.id == ada.id)
    db.commit()
    assert (held(db, ada), reasons(db, ada)) == before


# Who stays signed in


def test_who_is_dropped_is_signed_out_everywhere_and_told_why(db, people, visitors, settings):
    phone = people.signed_in(ADA)
    desk = visitors()
    desk.sign_in(ADA)
    ada = User.get_by_email(db, ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    assert is_signed_in(phone)
    assert is_signed_in(desk)
    bring_in(db, ANYBODY)
    assert ends(db, ada) == ["off_list", "off_list"]
    for visitor in (phone, desk):
        response = visitor.get("/program_select")
        assert response.status_code == 302
        page = visitor.follow(response)
        assert "You were taken off the list on" in page.text
        assert settings.CONTACT in page.text
    assert desk.sign_in(ADA).status_code == 401


def test_who_is_dropped_and_comes_back_signs_in_with_the_old_password(db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    bring_in(db, ANYBODY)
    assert not is_signed_in(visitor)
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A1"))
    assert not is_signed_in(visitor)
    assert visitor.sign_in(ADA).status_code == 303
    assert is_signed_in(visitor)


def test_who_has_only_inactive_lines_left_is_signed_out(db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A1", status="Inactive"))
    assert not is_signed_in(visitor)
    assert off_list_mails(db) == [ADA]


def test_a_change_of_ids_ends_no_session(db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    bring_in(db, line("Lovelace", ADA, "A2"))
    assert is_signed_in(visitor)
    assert off_list_mails(db) == []


def test_a_role_keeps_somebody_signed_in_whom_the_list_drops(db, people):
    visitor = people.admin(ADA)
    bring_in(db, line("Hopper", ADA, "A1"))
    bring_in(db, ANYBODY)
    assert is_signed_in(visitor)
    assert visitor.get("/admin/roster").status_code == 200
    assert off_list_mails(db) == []
    assert held(db, User.get_by_email(db, ADA)) == set()


def test_an_entitlement_of_an_admin_keeps_somebody_signed_in_whom_the_list_drops(db, people):
    visitor = people.signed_in(ADA, ids=["X1"])
    bring_in(db, line("Lovelace", ADA, "A1"))
    bring_in(db, ANYBODY)
    assert is_signed_in(visitor)
    assert off_list_mails(db) == []


def test_an_account_that_no_list_ever_vouched_for_is_left_alone(db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, ANYBODY)
    bring_in(db, line("Byron", BO))
    assert is_signed_in(visitor)
    assert off_list_mails(db) == []


def test_a_list_that_had_somebody_as_inactive_never_vouched_for_them(db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A1", status="Inactive"))
    bring_in(db, ANYBODY)
    assert is_signed_in(visitor)


def test_taking_the_role_away_later_lets_the_list_decide(db, people):
    visitor = people.admin(ADA)
    bring_in(db, line("Hopper", ADA, "A1"))
    bring_in(db, ANYBODY)
    owner = db.scalars(select(Role.id).where(Role.name == OWNER)).one()
    db.delete(db.get_one(RoleGrant, (User.get_by_email(db, ADA).id, owner)))
    db.commit()
    assert not is_signed_in(visitor)


def test_sessions_that_were_over_keep_their_own_reason(db, people, visitors):
    visitor = people.signed_in(ADA)
    visitor.submit("/logout")
    bring_in(db, line("Lovelace", ADA, "A1"))
    bring_in(db, ANYBODY)
    assert ends(db, User.get_by_email(db, ADA)) == ["signed_out"]


# Who is told


def test_the_mail_goes_to_dropped_people_with_an_account_and_to_nobody_else(db, people, mails):
    people.account(ADA)
    bring_in(db, line("Lovelace", ADA, "A1") + line("Byron", BO) + line("Cay", CY))
    people.account(CY, ids=["X1"])
    bring_in(db, ANYBODY)
    assert off_list_mails(db) == [ADA]
    text = mails.text(ADA)
    assert "no longer has you on it" in text
    assert "Your account and your conversations are kept" in text
    assert mails.to(BO) == []


def test_three_hundred_dropped_people_are_each_told_once(db, people):
    addresses = sorted(f"p{n}@x.example" for n in range(300))
    for address in addresses:
        db.add(User(last_name="N", email=address, address=address, date_added=clock.now()))
    db.commit()
    bring_in(db, "".join(line("N", address) for address in addresses))
    bring_in(db, ANYBODY)
    assert off_list_mails(db) == addresses
    states = set(db.scalars(select(OutgoingMessage.state)))
    assert states == {MessageState.QUEUED.value}


def test_a_list_without_them_that_is_only_looked_at_tells_nobody(db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    imports.check(
        db, io.BytesIO(ANYBODY.encode()), file_name="x", encoding=None, by=None, origin=NOWHERE
    )
    db.commit()
    assert is_signed_in(visitor)
    assert off_list_mails(db) == []


# A list and its people at the same moment


def test_who_signs_in_while_the_list_drops_them_is_out_at_the_next_request(app, db, people):
    visitor = people.signed_in(ADA)
    bring_in(db, line("Lovelace", ADA, "A1"))
    found = imports.check(
        db, io.BytesIO(ANYBODY.encode()), file_name="x", encoding=None, by=None, origin=NOWHERE
    )
    db.commit()
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    late = threading.Thread(target=visitor.sign_in, args=(ADA,))
    late.start()
    late.join(0.3)
    db.commit()
    late.join(30)
    assert not is_signed_in(visitor)


def test_who_registers_while_the_list_drops_them_does_not_get_in(db, people, visitor, mails):
    bring_in(db, ANYBODY + line("Lovelace", ADA, "A1"))
    visitor.submit("/register", last_name="Lovelace", email=ADA)
    code = mails.code(ADA)
    found = imports.check(
        db, io.BytesIO(ANYBODY.encode()), file_name="x", encoding=None, by=None, origin=NOWHERE
    )
    db.commit()
    imports.apply(db, found.id, by=None, origin=NOWHERE)
    fields = {"email": ADA, "code": code, "password": "seven blue teapots"}
    late = threading.Thread(target=visitor.submit, args=("/register/password",), kwargs=fields)
    late.start()
    late.join(0.5)
    db.commit()
    late.join(30)
    db.rollback()
    assert not is_signed_in(visitor)
    assert visitor.sign_in(ADA, "seven blue teapots").status_code == 401
