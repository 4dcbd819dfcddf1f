"""One person's page: what it shows, what it does, and whom it protects."""

import pytest
from sqlalchemy import func, select, update

from app.core import clock
from app.core.people import roles
from app.core.proof import credentials
from app.models.access import CredentialKind, SignInSession
from app.models.conversations import Exchange
from app.models.people import Entitlement, Role, RoleGrant, User, UserLoRootId
from app.models.records import AuditEntry, Job, MessageState, OutgoingMessage
from tests.conftest import PASSWORD

ADA = "ada@learn.agency.example"
NEW = "ada.king@learn.agency.example"


def path(db, email, *more):
    found = db.scalar(select(User.id).where(User.email == email))
    return "/".join(["/admin/people", str(found), *more])


def events(db):
    db.rollback()
    return set(db.scalars(select(AuditEntry.event)))


def helper(people, visitors, role, email="help@agency.example"):
    """A visitor, signed in, with this role."""
    user = people.account(email, last_name="Helper")
    found = people.db.scalar(select(Role.id).where(Role.name == role))
    people.db.add(RoleGrant(user_id=user.id, role_id=found, granted_at=clock.now()))
    people.db.commit()
    visitor = visitors()
    visitor.sign_in(email)
    return visitor


def test_the_page_says_what_they_hold_and_why_and_no_secret(people, db):
    people.listed("Lovelace", ADA, "L1")
    people.program("BCC", ids=["A1"])
    user = people.account(ADA, ids=["A1"])
    page = people.admin().get(path(db, ADA)).text
    for words in ("L1", "A1", "given by an admin", "Program BCC", "A class", "Suspend"):
        assert words in page
    assert user.password_hash not in page


def test_the_page_speaks_in_words_and_leads_to_what_happened_to_this_person(people, mails, db):
    people.signed_in(ADA)
    admin = people.admin()
    admin.submit("/admin/people/add", last_name="Byron", email="bo@x.example")
    page = admin.page(admin.get(path(db, "bo@x.example")))
    text = " ".join(page.select_one("main").text.split())
    assert "Welcome bo@x.example Waiting" in text
    assert "Account added" in text
    link = page.find("a", string="All of it in the audit log")["href"]
    log = admin.page(admin.get(link)).select_one("main tbody").text
    assert "Account added" in log
    assert ADA not in log


def test_the_page_lists_every_way_in_with_since_when_and_last_used(
    people, visitors, mails, environment, db
):
    user = people.account(ADA, password=None)
    credentials.add(db, user.id, CredentialKind.GITHUB, "77", name="ada-l")
    credentials.add(db, user.id, CredentialKind.PHONE, "+31612345678")
    credentials.use(db, CredentialKind.PHONE, "+31612345678")
    db.commit()
    ada = visitors()
    ada.submit("/login/code", email=ADA)
    assert ada.submit("/login/code/enter", code=mails.code(ADA)).status_code == 303
    admin = people.admin()
    rows = admin.page(admin.get(path(db, ADA))).select("section[aria-labelledby=ways] dl > div")
    told = {each.dt.text.strip(): " ".join(each.dd.text.split()) for each in rows}
    assert told["Password"] == "Not set yet"
    assert told["Code by mail"].startswith("Open last used")
    assert told["Code by WhatsApp"].startswith("Open +31612345678 added")
    assert "last used" in told["Code by WhatsApp"]
    assert told["GitHub"].startswith("Switched off here ada-l added")
    assert "Nothing that they have signs them in here" not in admin.get(path(db, ADA)).text


@pytest.mark.parametrize("role", [None, "help desk"])
def test_the_page_says_who_has_no_way_in_at_all(people, visitors, role, db):
    user = people.account(ADA, password=None)
    if role:
        found = db.scalar(select(Role.id).where(Role.name == role))
        db.add(RoleGrant(user_id=user.id, role_id=found, granted_at=clock.now()))
        db.commit()
    page = people.admin().get(path(db, ADA)).text
    # A mailed code lets in everybody here but people with a role.
    assert ("Nothing that they have signs them in here" in page) is (role is not None)


def test_editing_changes_what_was_typed_and_leaves_an_entry(people, db):
    people.account(ADA, ids=["A1"])
    admin = people.admin()
    edit = path(db, ADA, "edit")
    fields = {"last_name": "King", "email": ADA, "expires_on": "2099-01-02", "locale": "nl"}
    assert admin.submit(edit, **fields, lo_root_ids="A1; B2").status_code == 303
    user = db.scalar(select(User).where(User.email == ADA))
    db.refresh(user)
    assert (user.last_name, user.expiry_date.date().isoformat(), user.locale) == (
        "King", "2099-01-02", "nl",
    )  # fmt: skip
    assert set(db.scalars(select(UserLoRootId.lo_root_id))) == {"A1", "B2"}
    entry = db.scalar(select(AuditEntry).where(AuditEntry.event == "account:edited"))
    assert entry.details["last_name"] == ["Lovelace", "King"]
    blank = admin.submit(edit, **fields, lo_root_ids="")
    assert blank.status_code == 422
    assert set(db.scalars(select(Entitlement.lo_root_id))) == {"A1", "B2"}
    assert admin.submit(edit, **fields, lo_root_ids="", may_clear="1").status_code == 303
    db.rollback()
    assert db.scalars(select(UserLoRootId.lo_root_id)).all() == []


def test_another_address_ends_sessions_and_links_and_is_told_to_both(people, visitors, mails, db):
    ada = people.signed_in(ADA)
    visitors().submit("/forgot-password", email=ADA)
    link = mails.link(ADA)
    admin = people.admin()
    visitors().submit("/forgot-password", email=ADA)
    fields = {"last_name": "Lovelace", "locale": "", "lo_root_ids": "", "expires_on": ""}
    assert admin.submit(path(db, ADA, "edit"), **fields, email=NEW.upper()).status_code == 303
    assert ada.get("/program_select").status_code == 302
    assert visitors().get(link).status_code == 410
    # A mail that waited for the old mailbox does not leave: it would carry a link that works.
    waits = select(OutgoingMessage.state, OutgoingMessage.sealed).where(
        OutgoingMessage.kind == "reset"
    )
    assert db.execute(waits.order_by(OutgoingMessage.id.desc())).first() == (
        MessageState.HELD.value, None,
    )  # fmt: skip
    for mailbox in (ADA, NEW):
        assert "address" in str(mails.to(mailbox)[-1]["Subject"])
    assert visitors().sign_in(ADA).status_code == 401
    assert visitors().sign_in(NEW).status_code == 303


def test_a_taken_address_is_refused_beside_its_field(people, db):
    people.account(ADA)
    people.account("bo@x.example")
    admin = people.admin()
    fields = {"last_name": "X", "locale": "", "lo_root_ids": "", "expires_on": ""}
    for email in ("BO@x.example", "no address"):
        answer = admin.submit(path(db, ADA, "edit"), **fields, email=email)
        assert answer.status_code == 422
        assert admin.page(answer).select_one(".error-summary a[href='#person-email']")


def test_suspending_signs_out_and_restoring_lets_in(people, visitors, db):
    ada = people.signed_in(ADA)
    admin = people.admin()
    admin.submit(path(db, ADA), path(db, ADA, "suspend"))
    assert ada.get("/program_select").status_code == 302
    assert visitors().sign_in(ADA).status_code == 401
    assert "Suspended" in admin.get(path(db, ADA)).text
    admin.submit(path(db, ADA), path(db, ADA, "restore"))
    assert visitors().sign_in(ADA).status_code == 303
    assert {"account:suspended", "account:restored"} <= events(db)


def test_help_is_given_by_the_help_desk_and_nothing_else(people, visitors, mails, db):
    people.account(ADA, password=None)
    people.account("bo@x.example")
    desk = helper(people, visitors, "help desk")
    desk.submit(path(db, ADA), path(db, ADA, "resend"))
    assert mails.link(ADA).startswith("/setup-password/")
    refused = desk.follow(desk.submit(path(db, ADA), path(db, "bo@x.example", "resend")))
    assert "have a password" in refused.text
    visitors().sign_in("bo@x.example")
    desk.submit(path(db, ADA), path(db, "bo@x.example", "sign-out"))
    ended = select(SignInSession.end_reason).join(User).where(User.email == "bo@x.example")
    assert db.scalars(ended).all() == ["by_admin"]
    for what in ("suspend", "restore", "extend", "delete", "edit", "take-away"):
        answer = desk.submit("/admin/people", path(db, ADA, what))
        assert answer.status_code == 403, what


def test_one_session_is_ended_and_only_of_that_person(people, visitors, db):
    people.signed_in(ADA)
    visitors().sign_in(ADA)
    admin = people.admin()
    first, second = db.scalars(select(SignInSession.id).join(User).where(User.email == ADA))
    admin.submit(path(db, ADA), path(db, ADA, "sign-out"), session_id=str(first))
    db.rollback()
    assert db.get(SignInSession, first).ended_at
    assert not db.get(SignInSession, second, populate_existing=True).ended_at
    own = db.scalar(select(func.max(SignInSession.id)))
    answer = admin.submit(path(db, ADA), path(db, ADA, "sign-out"), session_id=str(own))
    assert answer.status_code == 404


def test_extending_is_for_two_years_or_to_a_day_to_come(people, db):
    people.account(ADA)
    admin = people.admin()
    admin.submit(path(db, ADA), path(db, ADA, "extend"), until="")
    admin.submit(path(db, ADA), path(db, ADA, "extend"), until="2001-01-01")
    db.rollback()
    user = db.scalar(select(User).where(User.email == ADA))
    assert (user.expiry_date - clock.now()).days in {729, 730}
    admin.submit(path(db, ADA), path(db, ADA, "extend"), until="2099-05-06")
    db.refresh(user)
    assert user.expiry_date.date().isoformat() == "2099-05-06"


@pytest.mark.parametrize("chats", ["keep", "delete"])
def test_deleting_takes_all_but_what_is_kept_without_a_name(people, db, chats):
    people.program("BCC")
    ada = people.signed_in(ADA, ids=["A1"])
    ada.ask("BCC", "What is an open question?")
    admin = people.admin()
    where = path(db, ADA, "delete")
    assert "1 question" in admin.get(where).text
    assert admin.submit(where, chats=chats).location == "/admin/people"
    db.rollback()
    assert db.scalar(select(func.count()).select_from(User)) == 1
    assert db.scalar(select(func.count()).select_from(UserLoRootId)) == 0
    assert db.scalar(select(func.count()).select_from(Exchange)) == (chats == "keep")
    entry = db.scalar(select(AuditEntry).where(AuditEntry.event == "account:deleted"))
    assert entry.details["email"] == ADA
    assert ada.get("/program_select").status_code == 302


def test_nobody_shuts_themselves_out_and_the_last_owner_stays(people, visitors, db):
    admin = people.admin()
    grace = "grace@agency.example"
    for what in ("suspend", "delete"):
        admin.submit("/admin/people", path(db, grace, what), chats="keep")
    manager = helper(people, visitors, "manager")
    for what in ("suspend", "delete", "edit", "sign-out"):
        manager.submit("/admin/people", path(db, grace, what), chats="keep")
    assert "an owner can change" in manager.get(path(db, grace)).text
    db.rollback()
    user = db.scalar(select(User).where(User.email == grace))
    assert user.status == "Active"
    assert not {"account:suspended", "account:deleted", "account:edited"} & events(db)
    # Another who hands out roles may, but not leave the installation without an owner.
    role = db.scalar(select(Role).where(Role.name == "manager"))
    role.permissions = [*role.permissions, "roles:write"]
    db.commit()
    answer = manager.follow(manager.submit("/admin/people", path(db, grace, "suspend")))
    assert "Nobody else is an owner" in answer.text
    assert roles.has_owner(db)


def test_the_page_of_nobody_is_not_found(people):
    admin = people.admin()
    for more in ("", "/edit", "/delete"):
        assert admin.get(f"/admin/people/4711{more}").status_code == 404


def test_nobody_changes_somebody_who_may_do_more(people, visitors, db):
    people.admin()
    manager = helper(people, visitors, "manager", "manager@agency.example")
    desk = helper(people, visitors, "help desk")
    whose = path(db, "manager@agency.example", "sign-out")
    token = desk.token("/admin/people")
    answer = desk.follow(desk.client.post(whose, data={"csrf_token": token}))
    assert "This person may do things here that you may not." in answer.text
    assert manager.get("/admin/people").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_opens_or_closes_an_account_asks_for_the_password_again(people, db):
    people.account(ADA, ids=["A1"])
    admin = people.admin()
    page, number = path(db, ADA), path(db, ADA).rsplit("/", 1)[1]
    token = admin.token(page)
    bulk = {"who": "all", "q": "lovelace"}
    forms = {
        path(db, ADA, "suspend"): {},
        path(db, ADA, "restore"): {},
        path(db, ADA, "extend"): {},
        path(db, ADA, "take-away"): {"lo_root_id": "A1", "source": "admin"},
        "/admin/people/bulk/change": {"action": "suspend", **bulk},
        "/admin/people/bulk/help": {"action": "end_sessions", "ids": number},
    }
    db.execute(update(SignInSession).values(proved_at=None))
    db.commit()
    before = events(db)
    here = {"Referer": f"http://localhost{page}"}
    for address, fields in forms.items():
        answer = admin.client.post(address, data={"csrf_token": token, **fields}, headers=here)
        assert answer.location == f"/confirm?next={page}&again=1", address
    assert "/confirm?next=" in admin.get("/admin/people/bulk?action=suspend&who=all").location
    assert events(db) == before
    assert db.scalar(select(Job.id)) is None
    admin.submit(f"/confirm?next={page}", "/confirm", password=PASSWORD, next=page)
    assert admin.client.post(path(db, ADA, "suspend"), data={"csrf_token": token}).location == page
    assert "account:suspended" in events(db)
