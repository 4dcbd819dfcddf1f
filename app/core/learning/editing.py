"""Making and changing programs: add, change, and the trash from which they come back or go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from sqlalchemy import CursorResult, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, undefer

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.errors import N_, NotFound, Refusal
from app.core.learning import drafts, programs, retention
from app.core.learning.drafts import BadField, Draft, ProgramRefused
from app.models.programs import Program, ProgramLoRootId

TAKEN = N_("There is a program with this code already: %(name)s.")
TAKEN_IN_TRASH = N_("There is a program with this code in the trash: %(name)s.")


class ProgramChanged(Refusal):
    """Somebody else saved the program after this form was opened; `now` is how it stands."""

    code = "program_changed"
    status = 409
    words = N_("Somebody else changed this program after you opened it.")

    def __init__(self, now: Program) -> None:
        super().__init__()
        self.now = now


class InTrash(Refusal):
    """A program in the trash, which is restored before it is changed."""

    code = "program_in_trash"
    status = 409
    words = N_("This program is in the trash. Restore it first.")


class NotInTrash(Refusal):
    """A program that is not in the trash, where only such a one can be restored or go for good."""

    code = "program_not_in_trash"
    status = 409
    words = N_("This program is not in the trash.")


class WrongCode(Refusal):
    """What was typed to confirm is not the code of the program."""

    code = "wrong_program_code"
    status = 422
    words = N_("Type %(code)s, the code of the program, to delete it for good.")


def get(db: Session, program_id: int) -> Program:
    """The program of this id as it stands, its content too, from the trash too.

    Raises `NotFound`.
    """
    program = db.get(
        Program, program_id, options=[undefer(Program.content)], populate_existing=True
    )
    if program is None:
        raise NotFound
    return program


def find(db: Session, code: str) -> Program:
    """The program that is meant by `code`, in any case, from the trash too. Raises `NotFound`."""
    program_id = programs.id_of(db, code)
    if program_id is None:
        raise NotFound
    return get(db, program_id)


def add(db: Session, draft: Draft, *, open_to_all: bool, by: int | None, origin: Origin) -> Program:
    """Make a program; the caller commits. Raises `ProgramRefused`.

    The code is kept in capitals, unique in any case. `by` is an admin's id, None for a command.
    """
    draft = draft.tidied()
    drafts.check(draft, None, open_to_all=open_to_all)
    _check_code(db, draft.code)
    make = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    now = clock.now()
    program_id = db.execute(
        make(Program)
        .values(**_columns(draft), created_at=now, updated_at=now, version=0, disclaimer_version=1)
        # Of two who add the same code at once the second is told as if it had come later.
        .on_conflict_do_nothing(index_elements=[Program.code])
        .returning(Program.id)
    ).scalar()
    if program_id is None:
        _check_code(db, draft.code)
        raise ProgramRefused([BadField("code", TAKEN, name=draft.code)])
    _set_ids(db, program_id, (), draft.lo_root_ids)
    told = drafts.told(Draft(code=draft.code, quota=0, char_limit=0, category=""), draft)
    facts: dict[str, Any] = {name: text.partition(" → ")[2] for name, text in told.items()}
    facts |= _with_days(retention.take_over(db, program_id, draft.code, by=by))
    audit.record(db, Event.PROGRAM_ADDED, origin, actor_id=by, program=draft.code, **facts)
    return get(db, program_id)


def change(
    db: Session,
    program_id: int,
    draft: Draft,
    *,
    version: int | None,
    open_to_all: bool,
    by: int | None,
    origin: Origin,
) -> list[str]:
    """Make a program what `draft` says; the names of the fields that changed. The caller commits.

    `version` is the one that the admin saw, None for whatever stands now. Raises
    `ProgramChanged`, `ProgramRefused`, `InTrash` or `NotFound`. The disclaimer's version grows
    with its text, so that everybody is asked again.
    """
    program = _kept(db, program_id)
    if version not in {None, program.version}:
        raise ProgramChanged(program)
    before = drafts.draft_of(program)
    # A legacy code may have small letters, and keeps them.
    same = not draft.code or _same(draft.code, before.code)
    draft = replace(draft.tidied(), code=before.code if same else draft.code.upper())
    changed = drafts.differing(before, draft)
    drafts.check(draft, before, open_to_all=open_to_all)
    if not changed:
        return []
    # What did not change stays as it was, byte by byte.
    values = {name: value for name, value in _columns(draft).items() if name in changed}
    if "disclaimer_text" in changed:
        values["disclaimer_version"] = program.disclaimer_version + 1
    _move(db, program, deleted=False, **values)
    _set_ids(db, program_id, before.lo_root_ids, draft.lo_root_ids)
    facts = {"program": before.code} | drafts.told(before, draft)
    audit.record(db, Event.PROGRAM_CHANGED, origin, actor_id=by, **facts)
    return changed


def trash(db: Session, program_id: int, *, by: int | None, origin: Origin) -> Program:
    """Close a program to learners and put it into the trash; its code stays taken.

    The caller commits. Raises `InTrash` or `NotFound`.
    """
    program = _kept(db, program_id)
    _move(db, program, deleted=False, deleted_at=clock.now())
    audit.record(db, Event.PROGRAM_TRASHED, origin, actor_id=by, program=program.code)
    return get(db, program_id)


def restore(db: Session, program_id: int, *, by: int | None, origin: Origin) -> Program:
    """Take a program out of the trash, as it was. The caller commits.

    Raises `NotInTrash` or `NotFound`.
    """
    program = get(db, program_id)
    if program.deleted_at is None:
        raise NotInTrash
    _move(db, program, deleted=True, deleted_at=None)
    audit.record(db, Event.PROGRAM_RESTORED, origin, actor_id=by, program=program.code)
    return get(db, program_id)


def purge(db: Session, program_id: int, *, typed: str, by: int | None, origin: Origin) -> str:
    """Delete a program of the trash for good, where `typed` is its code; what it was called.

    Its content, LO Root IDs and quota ledger go; conversations and accepted disclaimers stay,
    under its code, as long as it kept them. The caller commits. Raises `NotInTrash`, `WrongCode`
    or `NotFound`.
    """
    program = get(db, program_id)
    if program.deleted_at is None:
        raise NotInTrash
    if not _same(typed, program.code):
        raise WrongCode(code=program.code)
    name, last = program.name, drafts.draft_of(program)
    # The version moves first: whoever restores it meanwhile comes before, and this fails, or waits
    # for the end of the transaction, and finds nothing.
    _move(db, program, deleted=True)
    facts: dict[str, Any] = _with_days(retention.outlive(db, program))
    db.expunge(program)
    db.execute(delete(ProgramLoRootId).where(ProgramLoRootId.chatbot_id == program_id))
    db.execute(delete(Program).where(Program.id == program_id))
    content = drafts.told(replace(last, content=""), last).get("content", "").partition(" → ")[2]
    facts |= {"program": last.code, "name": name, "content": content}
    audit.record(db, Event.PROGRAM_PURGED, origin, actor_id=by, **facts)
    return name


def _with_days(days: int | None) -> dict[str, int]:
    """For the audit log: for how many days what was said is kept, where it is not for good."""
    return {} if days is None else {"days": days}


def _kept(db: Session, program_id: int) -> Program:
    program = get(db, program_id)
    if program.deleted_at is not None:
        raise InTrash
    return program


def _same(typed: str, code: str) -> bool:
    return typed.strip().casefold() == code.strip().casefold()


def _check_code(db: Session, code: str) -> None:
    # An alias counts as the code itself: the rows of one would be shown under the other.
    taken = programs.id_of(db, code)
    if taken is not None:
        program = get(db, taken)
        words = TAKEN if program.deleted_at is None else TAKEN_IN_TRASH
        raise ProgramRefused([BadField("code", words, name=program.name)])


def _columns(draft: Draft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in drafts.FIELDS if name != "lo_root_ids"}


def _move(db: Session, program: Program, *, deleted: bool, **values: Any) -> None:
    """Write `values`, if the program is still of the version that was read, and in its place."""
    in_place = Program.deleted_at.is_not(None) if deleted else Program.deleted_at.is_(None)
    moved = db.execute(
        update(Program)
        .where(Program.id == program.id, Program.version == program.version, in_place)
        .values(version=program.version + 1, updated_at=clock.now(), **values)
        .execution_options(synchronize_session=False)
    )
    if cast(CursorResult[Any], moved).rowcount != 1:
        raise ProgramChanged(get(db, program.id))


def _set_ids(db: Session, program_id: int, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    went, came = set(before) - set(after), set(after) - set(before)
    if went:
        db.execute(
            delete(ProgramLoRootId)
            .where(ProgramLoRootId.chatbot_id == program_id, ProgramLoRootId.lo_root_id.in_(went))
            .execution_options(synchronize_session=False)
        )
    if came:
        rows = [{"chatbot_id": program_id, "lo_root_id": each} for each in sorted(came)]
        db.execute(insert(ProgramLoRootId), rows)
