"""Every database of the legacy application upgrades, on both engines, and loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from alembic import command
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import hashing
from app.core import clock
from app.database import make_engine
from app.models.conversations import Exchange
from app.models.people import Entitlement, User, UserLoRootId
from app.models.programs import DisclaimerAcceptance, Program, ProgramLoRootId
from tests.legacy import dirt
from tests.legacy.conftest import alembic_config, shape, upgrade
from tests.legacy.variants import ALIKE, VARIANTS, build, contents

Contents = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Upgraded:
    """A database before, after the first and after the second upgrade."""

    name: str
    url: str
    before: Contents
    after: Contents
    shapes: tuple[list[Any], list[Any]]
    again: Contents

    @property
    def is_old_chat(self) -> bool:
        """Whether its exchanges came as two rows each."""
        return self.name.startswith("V8")


EVERY = [
    (name, engine)
    for name in VARIANTS
    for engine in ("sqlite", "postgresql")
    if engine == "sqlite" or name not in ALIKE
]


@pytest.fixture(scope="module", params=EVERY, ids=["-".join(each) for each in EVERY])
def upgraded(request, make_database) -> Upgraded:
    """Each variant on each engine, upgraded twice."""
    name, engine = request.param
    url = make_database(engine)
    build(name, url)
    before = contents(url)
    upgrade(url, adopt_by_inspection=name == "V12")
    after, first = contents(url), shape(url)
    upgrade(url)
    return Upgraded(name, url, before, after, (first, shape(url)), contents(url))


def is_kept(table: str, column: str, was: Any, now: Any) -> bool:
    """Whether a value is what it was, or stands for a NULL that is not allowed any more.

    A password hash that opens nothing is none.
    """
    if (table, column) == ("users", "password_hash") and not hashing.is_readable(was):
        return now is None
    if was is not None or (table, column) not in STANDS_FOR_NULL:
        return now == was
    return STANDS_FOR_NULL[table, column] in str(now)


STANDS_FOR_NULL = {
    ("users", "visit_count"): "0",
    ("users", "email"): "no address",
    ("chatbot_contents", "quota"): "3",
    ("chatbot_contents", "category"): "standard",
    ("chatbot_contents", "intro_message"): "{program}",
    ("chat_history", "is_visible"): "",
}


def test_case_1_every_variant_upgrades_and_every_value_is_kept(upgraded):
    for table, rows in upgraded.before.items():
        if upgraded.is_old_chat and table == "chat_history":
            continue
        assert len(upgraded.after[table]) == len(rows), table
        for was, now in zip(rows, upgraded.after[table], strict=True):
            lost = {
                column: (value, now.get(column, "no such column"))
                for column, value in was.items()
                if not is_kept(table, column, value, now.get(column, "no such column"))
            }
            assert lost == {}, table


def test_case_1_a_second_upgrade_changes_nothing(upgraded):
    assert upgraded.shapes[0] == upgraded.shapes[1]
    assert upgraded.after == upgraded.again


def test_case_1_nothing_of_what_the_models_say_is_missing(upgraded):
    command.check(alembic_config(upgraded.url))


def test_our_own_rows_can_be_written_and_take_no_id_that_somebody_had(upgraded):
    engine = make_engine(upgraded.url)
    with Session(engine) as db:
        user = User(last_name="New", email="new@x.example", address="new@x.example")
        program = Program(code="NEW", name="New", content="# New", intro_message="Hello.")
        db.add_all([user, program])
        db.flush()
        db.add_all(
            [
                UserLoRootId(user_id=user.id, lo_root_id="A1"),
                Entitlement(
                    user_id=user.id, lo_root_id="A1", source="admin", granted_at=clock.now()
                ),
                ProgramLoRootId(chatbot_id=program.id, lo_root_id="A1"),
                Exchange(user_id=user.id, program_code="NEW", user_message="?", bot_message="!"),
                DisclaimerAcceptance(
                    user_id=user.id, accepted_version=1, disclaimer_text_snapshot="."
                ),
            ]
        )
        db.flush()
        taken = max([each["id"] for each in upgraded.before.get("users", [])], default=0)
        named = [each["user_id"] for each in upgraded.before.get("chat_history", [])]
        assert user.id > max([taken, *named])
        assert user.enforced
    engine.dispose()


def test_everybody_who_came_is_let_in_until_the_maintainer_chose(upgraded):
    assert [each["email"] for each in upgraded.after["users"] if each["enforced"]] == []


def test_an_address_that_several_share_is_nobodys(upgraded):
    came = {each["id"]: each for each in upgraded.after["users"]}
    if not came:
        return
    assert came[1]["address"] == "ada.lovelace@learn.example"
    assert came[12]["address"] == "zoë@bücher.example"
    for same in (5, 6, 7):
        assert (came[same]["address"], came[same]["shared_address"]) == (None, "ann@x.example")
    assert (came[8]["address"], came[8]["shared_address"]) == (None, None)
    others = [each for each in came.values() if each["id"] not in {5, 6, 7}]
    assert {each["shared_address"] for each in others} == {None}


def test_every_id_that_somebody_holds_has_its_reason(upgraded):
    ids = {each["id"] for each in upgraded.after["users"]}
    held = {
        (each["user_id"], each["lo_root_id"], "legacy")
        for each in upgraded.before.get("user_lo_root_ids", [])
        if each["user_id"] in ids
    }
    found = upgraded.after["entitlements"]
    assert {(each["user_id"], each["lo_root_id"], each["source"]) for each in found} == held


def test_an_admin_flag_of_old_grants_nothing(upgraded):
    assert upgraded.after["role_grants"] == []


def test_a_variant_holds_the_dirt_that_it_is_there_for():
    ids = {each["user_id"] for each in dirt.exchanges()}
    assert dirt.GONE in ids - {each["id"] for each in dirt.people()}
    assert {each["status"] for each in dirt.people()} >= {"Active", "active", "Inactive"}
    assert None in {each["visit_count"] for each in dirt.people()}


def test_the_models_read_what_came(upgraded):
    engine = make_engine(upgraded.url)
    with Session(engine) as db:
        for model in (User, UserLoRootId, Program, ProgramLoRootId, Exchange):
            found = db.scalars(select(model)).all()
            assert len(found) == len(upgraded.after[model.__tablename__])
    engine.dispose()
