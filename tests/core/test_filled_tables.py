"""The indexes of the list in force, which an empty one of SQLite is filled without."""

from __future__ import annotations

import io
from contextlib import suppress

from sqlalchemy import Connection, Engine, event, inspect, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.core.audit import NOWHERE
from app.core.roster import imports
from app.models.rosters import RosterImport, RosterLine

LINES = 1_234


def index_names(db: Session) -> set[str | None]:
    return {each["name"] for each in inspect(db.connection()).get_indexes("roster_lines")}


def checked(db: Session) -> RosterImport:
    lines = (
        f"Lovelace {n},p{n}@learn.agency.example,{'Active' if n % 3 else 'Inactive'},A{n % 7}\n"
        for n in range(LINES)
    )
    text = "last_name,email,status,lo_root_id\n" + "".join(lines)
    stream = io.BytesIO(text.encode())
    found = imports.check(
        db, stream, file_name="list.csv", encoding=None, by=None, origin=NOWHERE
    )  # fmt: skip
    db.commit()
    return found


def test_a_first_list_comes_whole_and_with_its_indexes(db: Session):
    before = index_names(db)
    imports.apply(db, checked(db).id, by=None, origin=NOWHERE)
    db.commit()

    rows = db.execute(select(RosterLine.address, RosterLine.active, RosterLine.lo_root_id)).all()
    expected = {(f"p{n}@learn.agency.example", n % 3 > 0, f"A{n % 7}") for n in range(LINES)}
    assert len(rows) == LINES
    assert {tuple(row) for row in rows} == expected
    assert index_names(db) == before == {index.name for index in RosterLine.__table__.indexes}


def test_the_indexes_are_there_after_an_apply_that_broke_while_they_were_not(db: Session):
    before = index_names(db)
    found = checked(db)

    def fail(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("CREATE INDEX", "ANALYZE")):
            raise OperationalError(statement, None, Exception("the disk is full"))

    engine = db.get_bind()
    assert isinstance(engine, Engine)
    event.listen(engine, "before_cursor_execute", fail)
    with suppress(OperationalError):
        imports.apply(db, found.id, by=None, origin=NOWHERE)
        raise AssertionError("the apply did not break")
    event.remove(engine, "before_cursor_execute", fail)
    db.rollback()

    assert index_names(db) == before
    assert db.scalar(select(RosterLine.id).limit(1)) is None
