"""What holds an import back: it would take away, or change, more people than it should."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core import audit, backlog, clock
from app.core.audit import NOWHERE, Event, Origin
from app.core.backlog import JobKind
from app.core.errors import ImportSettled, ListChanged, NumberDiffers, SecondAdmin
from app.core.people import granting
from app.core.people.roles import Permission
from app.core.roster import ledger, telling
from app.models.records import Job
from app.models.rosters import ImportState, RosterImport

REMOVED, CHANGED, NOBODY, READDRESSED = "removed", "changed", "nobody", "readdressed"
"""The rules: too many people go, too many change, nobody is left who could enter, too many get
another address."""


@dataclass(frozen=True)
class HoldLimits:
    """Percentages of the people in force beyond which an import is held.

    `readdressed` is of those who stand on both lists, by their address or as a confirmed pair.
    """

    removed: int = 10
    changed: int = 75
    readdressed: int = 10


def hold_rules(db: Session, found: RosterImport, limits: HoldLimits) -> list[str]:
    """The rules that hold this import back; none of them holds the first list of all."""
    before = found.people_before
    rules = []
    if found.removed * 100 > limits.removed * before:
        rules.append(REMOVED)
    if found.changed * 100 > limits.changed * before:
        rules.append(CHANGED)
    if found.removed and found.removed == before and not found.added:
        rules.append(NOBODY)
    if found.pairs_confirmed * 100 > limits.readdressed * matched(found):
        rules.append(READDRESSED)
    return rules


def matched(found: RosterImport) -> int:
    """How many people stand on both lists, by their address or as a confirmed pair."""
    return found.unchanged + found.changed + found.pairs_confirmed


def number_to_type(found: RosterImport) -> int:
    """What an admin types to let a held import go: how many go, or change, or move."""
    held = found.held or []
    if REMOVED in held or NOBODY in held:
        return found.removed
    return found.changed if CHANGED in held else found.pairs_confirmed


def may_go(
    db: Session,
    found: RosterImport,
    *,
    typed: int | None,
    force: bool,
    two_person: bool,
    by: int | None,
    origin: Origin,
    limits: HoldLimits,
) -> bool:
    """Whether a checked import may be applied now; if not, it is held from now on.

    A held one needs the number typed, or `force`; with `two_person` that is only the first half.
    Raises `ImportSettled`, `ListChanged`, or `NumberDiffers` for another number. Caller commits.
    """
    if found.state not in {each.value for each in ledger.WAITING}:
        raise ImportSettled
    if found.compared_with != ledger.in_force(db):
        raise ListChanged
    found.held = hold_rules(db, found, limits)
    if not found.held:
        return True
    if found.state != ImportState.HELD.value:
        ledger.move(db, found, [ImportState.CHECKED], ImportState.HELD)
        record(db, Event.ROSTER_HELD, origin, by, found)
    if two_person or not force:
        telling.tell_held(db, found)
    if not force and typed is None:
        return False
    if not force and typed != number_to_type(found):
        raise NumberDiffers(number=number_to_type(found))
    found.asked_at, found.asked_by = clock.now(), by
    record(db, Event.ROSTER_LET_GO, origin, by, found)
    return not two_person


def let_file_win(db: Session, found: RosterImport, wins: bool, *, by: int | None) -> None:
    """Say whether the file wins over what admins set by hand; it counts once it is applied.

    Whoever says so has to be somebody who may change people: `BeyondYours` otherwise. What takes
    an import back has no file that could win. The caller commits.
    """
    if wins:
        granting.check_within(db, by, {Permission.PEOPLE_WRITE.value})
    found.file_wins = wins and found.undoes is None
    db.flush()


def start_apply(
    db: Session,
    import_id: int,
    *,
    typed: int | None,
    force: bool,
    two_person: bool,
    by: int | None,
    origin: Origin,
    limits: HoldLimits,
    file_wins: bool = False,
) -> Job | None:
    """Have the worker apply a checked import; None where it is held. The caller commits.

    Raises what `may_go` and `let_file_win` raise, and `NotFound`.
    """
    found = ledger.get(db, import_id)
    let_file_win(db, found, file_wins, by=by)
    if not may_go(
        db,
        found,
        typed=typed,
        force=force,
        two_person=two_person,
        by=by,
        origin=origin,
        limits=limits,
    ):
        return None
    return _send(db, found, by=by)


def confirm(db: Session, import_id: int, by: int, origin: Origin = NOWHERE) -> Job:
    """Let a held import go as the second admin. The caller commits.

    Raises `NotFound`, `ImportSettled`, `ListChanged`, and `SecondAdmin` where nobody let it go
    before, or the same admin did.
    """
    found = ledger.get(db, import_id)
    if found.state != ImportState.HELD.value:
        raise ImportSettled
    if found.compared_with != ledger.in_force(db):
        raise ListChanged
    if found.asked_at is None or found.asked_by == by:
        raise SecondAdmin
    found.confirmed_by = by
    record(db, Event.ROSTER_CONFIRMED, origin, by, found)
    return _send(db, found, by=by)


def _send(db: Session, found: RosterImport, *, by: int | None) -> Job:
    ledger.move(db, found, ledger.WAITING, ImportState.APPLYING)
    job = backlog.add(db, JobKind.ROSTER_APPLY, by=by, import_id=found.id)
    found.job_id = job.id
    return job


def record(db: Session, event: Event, origin: Origin, by: int | None, found: RosterImport) -> None:
    audit.record(
        db,
        event,
        origin,
        actor_id=by,
        import_id=found.id,
        rules=", ".join(found.held or []),
        removed=found.removed,
        changed=found.changed,
        readdressed=found.pairs_confirmed,
        file_wins=found.file_wins,
    )
