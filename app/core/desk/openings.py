"""The evidence about programs: which are open to one person, and what the others ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.desk.case import Case
from app.core.desk.finding import About, Finding, Mend, Tone, found
from app.core.errors import N_
from app.core.learning import emergency, programs
from app.models.people import RoleGrant
from app.models.programs import Emergency, Program

MOST_PROGRAMS = 200
"""Programs that are looked at, by name."""


def found_of(db: Session, case: Case) -> Iterator[Finding]:
    """Each program that is open to this person or closed; first that none is, where that is so."""
    active = (
        select(Program)
        .where(Program.is_active.is_(True))
        .order_by(func.lower(Program.name), Program.id)
        .limit(MOST_PROGRAMS)
    )
    has_role = case.user is not None and db.scalar(
        select(RoleGrant.user_id).where(RoleGrant.user_id == case.user.id).limit(1)
    )
    opened = emergency.standing(db) if case.pending is None else None
    all_active = list(db.scalars(active))
    seen: list[Finding] = []
    for program in all_active:
        asked = {each.lo_root_id for each in program.lo_root_ids}
        if programs.INTERNAL in asked:
            if has_role:
                words = N_("%(program)s is open: it is for people with a role.")
                seen.append(found(About.PROGRAMS, Tone.GOOD, words, program=program.name))
        else:
            seen.append(_program(program, asked, case.ids, opened))
    if not all_active:
        words = N_("There are no programs.")
        yield found(About.PROGRAMS, Tone.WARN, words, Mend.GO_TO_PROGRAM)
    elif seen and not any(each.tone is Tone.GOOD for each in seen):
        yield _opens_nothing(case)
        seen = [replace(each, tone=Tone.WARN, mends=(Mend.GO_TO_PROGRAM,)) for each in seen]
    yield from seen


def _opens_nothing(case: Case) -> Finding:
    """That what somebody holds opens no program, and where they can get what does."""
    mends = (Mend.GIVE_IDS,) if case.user is not None else ()
    if case.lines:
        mends = (*mends, Mend.PUT_ON_LIST)
    if case.ids:
        words = N_("They hold %(ids)s, and no program asks for that.")
        return found(About.PROGRAMS, Tone.WARN, words, *mends, ids=sorted(case.ids))
    words = N_("They hold no LO Root ID, and every program asks for one.")
    return found(About.PROGRAMS, Tone.WARN, words, *mends)


def _program(
    program: Program, asked: set[str], held: Collection[str], opened: Emergency | None
) -> Finding:
    """Whether a program that asks for these ids is open to who holds those."""
    name = program.name
    common = sorted(asked.intersection(held))
    if not asked:
        words = N_("%(program)s is open: it asks for no LO Root ID.")
        return found(About.PROGRAMS, Tone.GOOD, words, program=name)
    if common:
        words = N_("%(program)s is open, by %(ids)s.")
        return found(About.PROGRAMS, Tone.GOOD, words, program=name, ids=common)
    if opened is not None:
        words = N_("%(program)s is open until %(until)s, by the emergency switch alone.")
        return found(About.PROGRAMS, Tone.GOOD, words, program=name, until=opened.ends_at)
    words = N_("%(program)s is closed: it asks for %(ids)s.")
    closed = found(About.PROGRAMS, Tone.CALM, words, program=name, ids=sorted(asked))
    return closed.of_row(program.id)
