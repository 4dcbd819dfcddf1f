"""Roles: nobody gives or takes what they lack, an owner stays, and of two at once one wins."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import func, select

from app.core.audit import NOWHERE, Origin
from app.core.errors import (
    BadRole,
    BeyondYours,
    EmptyRole,
    FixedRole,
    LastOwner,
    NobodyThere,
    NotFound,
    OwnRole,
    Refusal,
    RoleChanged,
    RoleHeld,
    RoleNameTaken,
)
from app.core.outbox import Kind
from app.core.people import granting, rolebook, roles, shaping
from app.core.people.roles import OWNER, WORDS, Permission
from app.models.people import RoleGrant, Status
from app.models.records import AuditEntry, OutgoingMessage

ADA, GRACE = "ada@learn.agency.example", "grace@agency.example"
HERE = Origin(ip="127.0.0.9")
READ, HELP = Permission.PEOPLE_READ, Permission.PEOPLE_HELP
ALL = {each.value for each in Permission}


@pytest.fixture
def grace(people, db):
    """An owner."""
    user = people.account(GRACE)
    roles.make_owner(db, user.id, stamp=roles.owner_stamp(db))
    db.commit()
    return user


@pytest.fixture
def ada(people):
    """Somebody without a role."""
    return people.account(ADA)


@pytest.fixture
def named(db):
    """The id of a role by its name."""
    return lambda name: rolebook.find(db, name).id


@pytest.fixture
def give(db, named):
    """Gives a role, as a command does unless `by` says who, and commits."""

    def do(user, name, by=None):
        granting.grant(db, named(name), user.email, by=by and by.id, origin=HERE)
        db.commit()

    return do


@pytest.fixture
def take(db, named):
    """Takes a role away, and commits."""

    def do(user, name, by=None):
        granting.withdraw(db, named(name), user.id, by=by and by.id, origin=HERE)
        db.commit()

    return do


def events(db):
    return list(db.scalars(select(AuditEntry.event).order_by(AuditEntry.id)))


def test_out_of_the_box_there_are_four_roles_and_the_owners_holds_everything(db):
    found = {each.role.name: set(each.role.permissions) for each in rolebook.all_roles(db)}
    assert list(found) == [OWNER, "auditor", "help desk", "manager"]
    assert found[OWNER] == ALL
    assert found["manager"] == ALL - {"roles:write"}
    assert found["auditor"] == {each for each in ALL if each.endswith(":read")}
    assert "people:help" in found["help desk"]
    assert not {"audit:read", "people:write", "roles:read"} & found["help desk"]


def test_every_permission_has_a_sentence():
    assert set(WORDS) == set(Permission)
    assert all(words.endswith(".") for words in WORDS.values())


def test_a_role_is_given_audited_and_told_by_mail(grace, ada, give, db, mails):
    give(ada, "help desk", by=grace)
    assert roles.permissions_of(db, ada.id) == set(rolebook.find(db, "HELP desk ").permissions)
    holder = rolebook.holders(db, rolebook.find(db, "help desk").id)[0]
    assert (holder.user.id, holder.granted_by) == (ada.id, GRACE)
    entry = db.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (entry.event, entry.user_id, entry.actor_id) == ("role:granted", ada.id, grace.id)
    assert entry.details == {"role": "help desk"}
    assert db.scalar(select(OutgoingMessage.kind)) == Kind.ROLE_GRANTED
    text = mails.text(ADA)
    assert f"{GRACE} gave you the role “help desk”" in text
    assert "- Help people: send mails again" in text
    assert "roles" not in text.split("With it you can")[1]
    with pytest.raises(RoleHeld):
        give(ada, "help desk", by=grace)
    db.rollback()
    with pytest.raises(NobodyThere):
        granting.grant(db, holder.user.id, "nobody@x.example", by=grace.id, origin=HERE)
    with pytest.raises(NobodyThere):
        granting.grant(db, holder.user.id, "no address", by=grace.id, origin=HERE)


def test_nobody_gives_takes_or_shapes_what_they_lack(grace, ada, give, take, db, people):
    keeper = shaping.make(db, "keeper", [Permission.ROLES_WRITE, READ], by=grace.id, origin=HERE)
    db.commit()
    give(ada, "keeper")
    bob = people.account("bob@x.example")
    give(bob, "help desk")
    for act in (
        lambda: give(bob, OWNER, by=ada),
        lambda: give(bob, "auditor", by=ada),
        lambda: take(bob, "help desk", by=ada),
        lambda: take(grace, OWNER, by=ada),
        lambda: shaping.make(db, "x", [HELP], by=ada.id, origin=HERE),
        lambda: shaping.remove(
            db, rolebook.find(db, "help desk").id, version=1, by=ada.id, origin=HERE
        ),
        lambda: shaping.change(
            db, rolebook.find(db, "help desk").id, "help desk", [READ],
            version=1, by=ada.id, origin=HERE,
        ),
    ):  # fmt: skip
        with pytest.raises(BeyondYours):
            act()
        db.rollback()
    assert roles.permissions_of(db, bob.id) == set(rolebook.find(db, "help desk").permissions)
    give(bob, "keeper", by=ada)
    take(bob, "keeper", by=ada)
    assert keeper.version == 3


def test_ones_own_roles_are_changed_by_others(grace, ada, give, take, db):
    give(ada, OWNER, by=grace)
    give(ada, "auditor", by=grace)
    auditor = rolebook.find(db, "auditor")
    for act in (
        lambda: take(ada, OWNER, by=ada),
        lambda: give(ada, "manager", by=ada),
        lambda: shaping.remove(db, auditor.id, version=1, by=ada.id, origin=HERE),
        lambda: shaping.change(
            db, auditor.id, "auditor", [READ], version=1, by=ada.id, origin=HERE
        ),
    ):
        with pytest.raises(OwnRole):
            act()
        db.rollback()
    take(ada, OWNER, by=grace)
    assert "roles:write" not in roles.permissions_of(db, ada.id)


def test_the_last_owner_who_can_sign_in_stays(grace, ada, give, take, db, named):
    with pytest.raises(LastOwner):
        take(grace, OWNER)
    db.rollback()
    give(ada, OWNER)
    for kept_out in ({"status": "Inactive"}, {"expiry_date": datetime(2020, 1, 1, tzinfo=UTC)}):
        for name, value in kept_out.items():
            setattr(ada, name, value)
        db.commit()
        with pytest.raises(LastOwner):
            take(grace, OWNER)
        db.rollback()
        with pytest.raises(LastOwner):
            granting.keep_an_owner(db, without=grace.id)
        db.rollback()
        granting.keep_an_owner(db, without=ada.id)
        ada.status, ada.expiry_date = f" {Status.ACTIVE.value.upper()} ", None
        db.commit()
    granting.keep_an_owner(db, without=grace.id)
    take(grace, OWNER)
    assert [each.user.id for each in rolebook.holders(db, named(OWNER))] == [ada.id]
    with pytest.raises(NotFound):
        take(grace, OWNER)


def at_once(app, acts):
    """Run these at the same moment, each in a session of its own; what each came to."""
    barrier = Barrier(len(acts))

    def one(act):
        with app.extensions["rollcall"].sessions() as own:
            barrier.wait(20)
            try:
                act(own)
                own.commit()
            except Refusal as refusal:
                own.rollback()
                return refusal.code
            return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(one, acts))


def test_of_all_owners_who_take_it_from_each_other_at_once_one_stays(
    app, grace, give, people, db, named
):
    owners = [grace] + [people.account(f"o{number}@x.example") for number in range(3)]
    for _round in range(4):
        for owner in owners[1:]:
            give(owner, OWNER)
        role_id = named(OWNER)

        def withdraw(user, by):
            return lambda own: granting.withdraw(own, role_id, user.id, by=by, origin=NOWHERE)  # noqa: B023

        ring = [withdraw(user, owners[index - 1].id) for index, user in enumerate(owners)]
        came = at_once(app, ring)
        db.rollback()
        left = [each.user for each in rolebook.holders(db, role_id)]
        assert left, came
        # Who was no owner any more when their turn came took nothing.
        assert came.count("done") == 4 - len(left)
        from_console = [withdraw(user, None) for user in left]
        if len(left) > 1:
            assert at_once(app, from_console).count("done") == len(left) - 1
        db.rollback()
        last = rolebook.holders(db, role_id)[0].user
        owners = [last] + [each for each in owners if each.id != last.id]


def test_one_role_given_many_times_at_once_is_given_once(app, ada, db, named, mails):
    role_id = named("manager")
    acts = [
        lambda own: granting.grant(own, role_id, ADA, by=None, origin=NOWHERE) for _ in range(6)
    ]
    assert at_once(app, acts) == ["done"] + ["role_held"] * 5
    assert db.scalar(select(func.count()).select_from(RoleGrant)) == 1
    assert len(mails.to(ADA)) == 1


def test_a_role_is_made_changed_and_deleted(grace, ada, give, db):
    role = shaping.make(db, "  Team   lead ", [READ, HELP], by=grace.id, origin=HERE)
    db.commit()
    assert (role.name, role.permissions) == ("Team lead", ["people:help", "people:read"])
    give(ada, "team LEAD", by=grace)
    shown = rolebook.get(db, role.id).version
    insight = Permission.INSIGHT_READ
    shaping.change(db, role.id, "Lead", [READ, insight], version=shown, by=grace.id, origin=HERE)
    db.commit()
    assert roles.permissions_of(db, ada.id) == {"people:read", "insight:read"}
    with pytest.raises(RoleChanged):
        shaping.remove(db, role.id, version=shown, by=grace.id, origin=HERE)
    db.rollback()
    shaping.remove(db, role.id, version=rolebook.get(db, role.id).version, by=grace.id, origin=HERE)
    db.commit()
    assert roles.permissions_of(db, ada.id) == frozenset()
    assert events(db) == ["role:made", "role:granted", "role:changed", "role:deleted"]
    details = db.scalars(select(AuditEntry.details).order_by(AuditEntry.id)).all()
    assert details[2]["gained"] == ["insight:read"]
    assert details[2]["lost"] == ["people:help"]
    assert details[3]["people"] == 1


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("", BadRole),
        ("x" * 65, BadRole),
        ("a\u202eb", BadRole),
        ("OWNER", RoleNameTaken),
        (" help  desk", RoleNameTaken),
    ],
)
def test_a_name_that_will_not_do_is_refused(name, refusal, grace, db):
    with pytest.raises(refusal):
        shaping.make(db, name, [READ], by=grace.id, origin=HERE)
    assert len(rolebook.all_roles(db)) == 4


def test_an_empty_role_and_a_change_of_the_owners_are_refused(grace, db):
    owner = rolebook.find(db, OWNER)
    with pytest.raises(EmptyRole):
        shaping.make(db, "x", [], by=grace.id, origin=HERE)
    db.rollback()
    for act in (
        lambda: shaping.remove(db, owner.id, version=owner.version, by=grace.id, origin=HERE),
        lambda: shaping.change(
            db, owner.id, "x", [READ], version=owner.version, by=grace.id, origin=HERE
        ),
    ):
        with pytest.raises(FixedRole):
            act()
        db.rollback()


def test_what_would_be_lost_leaves_out_what_other_roles_give(grace, ada, give, people, db):
    bob = people.account("bob@x.example")
    for user in (ada, bob):
        give(user, "help desk")
    give(bob, "auditor")
    help_desk = rolebook.find(db, "help desk")
    lost = rolebook.would_lose(db, help_desk, {"people:read", "people:help"})
    assert lost == {"people:read": 1, "people:help": 2}
    assert rolebook.would_lose(db, help_desk, ALL, user_id=bob.id) == {"people:help": 1}
    assert rolebook.would_lose(db, help_desk, set()) == {}


def test_holders_are_paged(people, give, db, named):
    users = [people.account(f"p{number}@x.example") for number in range(5)]
    for user in users:
        give(user, "auditor")
    first = rolebook.holders(db, named("auditor"), limit=3)
    rest = rolebook.holders(db, named("auditor"), after=first[-1].user.id, limit=3)
    assert [each.user.id for each in first + rest] == [user.id for user in users]
