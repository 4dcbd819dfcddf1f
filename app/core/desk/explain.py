"""“Why can't this person get in?”: the answer in one paragraph, and the evidence for it.

It tells what an admin may know and shows no code, link or hash. It changes nothing; that somebody
looked is recorded by `note`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from app.addresses import BadAddress
from app.core import audit
from app.core.audit import Event, Origin
from app.core.desk import evidence, nearest, traces
from app.core.desk.case import Case, find_address, gather, is_number, readable
from app.core.desk.finding import CHANGING, About, Finding, Mend, Said, Tone
from app.core.desk.nearest import Person
from app.core.desk.people import guarding
from app.core.errors import N_
from app.core.proof.ways import NO_DOORS, Doors

CAN = N_("%(name)s can get in.")
CANNOT = N_("%(name)s cannot get in.")
WOULD = N_("Once %(file)s is applied, %(name)s can get in.")
WOULD_NOT = N_("Once %(file)s is applied, %(name)s cannot get in.")
NO_PROGRAM = N_("No program is open to them.")
NOBODY = N_("Nobody here is called “%(typed)s”, on the list or with an account.")
NO_NUMBER = N_("There is no account number %(typed)s.")
NO_ADDRESS = N_("“%(typed)s” is no address that can be on a list. %(reason)s")
SEVERAL = N_("Several people may be meant. Choose one.")

ENTRANCE = frozenset({About.ACCOUNT, About.WAYS})
"""What the answer tells of who can get in: how, if not by a password."""

OF_ROWS = frozenset({Mend.GO_TO_PROGRAM, Mend.LOOK_AT_MAIL, Mend.RESEND_MAIL})
"""What mends one program or message, and not the person."""


@dataclass(frozen=True)
class Explanation:
    """The answer: `sentences` are one paragraph, `findings` the evidence in the order of the door.

    Without a `case` nobody was found; `people` may then be whom somebody means. `may_enter` is
    None where the answer is about nobody.
    """

    typed: str
    sentences: Sequence[Said]
    may_enter: bool | None = None
    case: Case | None = None
    findings: Sequence[Finding] = ()
    people: Sequence[Person] = ()
    may_touch: bool = True
    """Whether who asks may act on this person."""

    @property
    def text(self) -> str:
        """The paragraph in English."""
        return " ".join(said.text.strip() for said in self.sentences)


def explain(
    db: Session,
    typed: str,
    *,
    import_id: int | None = None,
    doors: Doors = NO_DOORS,
    by: int | None = None,
) -> Explanation:
    """Why this person can or cannot get in; `typed` is an address, a number or a name.

    `doors` are those that stand open here. `by` is who asks, to whom nothing is offered that they
    may not do to this person; None is a maintainer at the console.
    With `import_id` the answer is what holds once that checked file is applied: “Would they get
    in?” Raises `NotFound` or `ImportSettled` for an import that cannot come into force.
    """
    typed = readable(typed)
    if "@" not in typed and not is_number(typed):
        people = nearest.named(db, typed) if typed else []
        if len(people) != 1:
            return Explanation(
                typed, [Said(SEVERAL if people else NOBODY, {"typed": typed})], people=people
            )
        only = people[0]
        typed_for = str(only.user_id) if only.user_id is not None else only.address
    else:
        typed_for = typed
    try:
        whom = find_address(db, typed_for)
    except BadAddress as bad:
        values = {"typed": typed, "reason": str(bad)}
        return Explanation(typed, [Said(NO_ADDRESS, values)])
    if whom is None:
        return Explanation(typed, [Said(NO_NUMBER, {"typed": typed})])
    case = gather(db, *whom, import_id, doors)
    return _answer(db, typed, case, by)


def note(db: Session, found: Explanation, *, by: int | None, origin: Origin) -> None:
    """Record that somebody looked, and at whom. The caller commits."""
    user = found.case.user if found.case else None
    details: dict[str, Any] = (
        {"address": found.case.address} if found.case else {"typed": found.typed}
    )
    if found.case and found.case.pending:
        details["import_id"] = found.case.pending.id
    audit.record(
        db,
        Event.ACCOUNT_EXPLAINED,
        origin,
        user_id=user.id if user else None,
        actor_id=by,
        **details,
    )


def facts(found: Explanation) -> dict[str, Any]:
    """The answer as programs read it, in English; moments in UTC."""
    case = found.case
    return {
        "typed": found.typed,
        "may_enter": found.may_enter,
        "answer": found.text,
        "address": case.address if case else None,
        "user_id": case.user.id if case and case.user else None,
        "last_name": case.name if case else None,
        "lo_root_ids": sorted(case.ids) if case else [],
        "evidence": [
            {
                "about": each.about.value,
                "tone": each.tone.value,
                "words": each.said.text.strip(),
                "mends": [mend.value for mend in each.mends],
            }
            for each in found.findings
        ],
        "people": [
            {
                "address": each.address,
                "last_name": each.last_name,
                "user_id": each.user_id,
                "near": each.near.value if each.near else None,
            }
            for each in found.people
        ],
    }


def _answer(db: Session, typed: str, case: Case, by: int | None) -> Explanation:
    seen = [*evidence.at_the_door(db, case), *traces.left_behind(db, case)]
    may_touch = case.user is None or guarding.may_touch(db, case.user.id, by)
    refused = set() if may_touch else set(CHANGING)
    if not guarding.may_lift(db, case.address, by):
        refused.add(Mend.LIFT_PAUSE)
    findings = _each_mend_once(seen, refused)
    bad = [each for each in findings if each.tone is Tone.BAD]
    # A mail that did not arrive keeps out whom nothing else helps; who has a way in has it.
    keeps_out = [each for each in bad if each.about is not About.MAILS]
    may_enter = not keeps_out
    names = {"name": case.name}
    if case.pending is not None:
        names["file"] = case.pending.file_name
        verdict = WOULD if may_enter else WOULD_NOT
    else:
        verdict = CAN if may_enter else CANNOT
    told = bad or [each for each in findings if each.tone is Tone.WARN and each.about in ENTRANCE]
    sentences = [Said(verdict, names), *(each.said for each in told)]
    if may_enter and not _opens_anything(findings):
        sentences.append(Said(NO_PROGRAM))
    missing = not case.lines and case.user is None and "@" in case.address
    people = nearest.nearest(db, case.address) if missing else []
    return Explanation(typed, sentences, may_enter, case, findings, people, may_touch)


def _each_mend_once(findings: Sequence[Finding], refused: Collection[Mend]) -> list[Finding]:
    """The findings, each way to mend something beside the first that it mends; without `refused`.

    Nobody is mailed a way in who may not come in: that has to be mended first.
    """
    shut = any(
        each.tone is Tone.BAD and each.about in {About.LIST, About.LINE, About.STATUS}
        for each in findings
    )
    left_out = {*refused, Mend.SEND_MAIL} if shut else set(refused)
    offered: set[tuple[Mend, int | None]] = set()
    once = []
    for each in findings:
        ways = {mend: (mend, each.row_id if mend in OF_ROWS else None) for mend in each.mends}
        mends = tuple(
            mend for mend, way in ways.items() if mend not in left_out and way not in offered
        )
        offered.update(ways[mend] for mend in mends)
        once.append(replace(each, mends=mends))
    return once


def _opens_anything(findings: Sequence[Finding]) -> bool:
    return any(each.about is About.PROGRAMS and each.tone is Tone.GOOD for each in findings)
