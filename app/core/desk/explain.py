"""“Why can't this person get in?”: the answer in one paragraph, and the evidence for it.

It tells what an admin may know and shows no code, link or hash. It changes nothing; that somebody
looked is recorded by `note`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from app.addresses import BadAddress
from app.core import audit
from app.core.audit import Event, Origin
from app.core.desk import evidence, nearest, traces
from app.core.desk.case import Case, find_address, gather, is_number, readable
from app.core.desk.finding import About, Finding, Mend, Said, Tone
from app.core.desk.nearest import Person
from app.core.errors import N_

CAN = N_("%(name)s can get in.")
CANNOT = N_("%(name)s cannot get in.")
WOULD = N_("Once %(file)s is applied, %(name)s can get in.")
WOULD_NOT = N_("Once %(file)s is applied, %(name)s cannot get in.")
NO_PROGRAM = N_("No program is open to them.")
NOBODY = N_("Nobody here is called “%(typed)s”, on the list or with an account.")
NO_NUMBER = N_("There is no account number %(typed)s.")
NO_ADDRESS = N_("“%(typed)s” is no address that can be on a list. %(reason)s")
SEVERAL = N_("Several people may be meant. Choose one.")


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

    @property
    def text(self) -> str:
        """The paragraph in English."""
        return " ".join(said.text.strip() for said in self.sentences)


def explain(
    db: Session,
    typed: str,
    *,
    import_id: int | None = None,
    by_code: bool = False,
    roles_by_code: bool = False,
) -> Explanation:
    """Why this person can or cannot get in; `typed` is an address, a number or a name.

    `by_code` says whether mailed codes sign people in here, `roles_by_code` whether they do so for
    who has a role.
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
    case = gather(db, *whom, import_id)
    fits = by_code and (roles_by_code or case.other_right != "role")
    return _answer(db, typed, replace(case, by_code=fits))


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


def _answer(db: Session, typed: str, case: Case) -> Explanation:
    findings = _each_mend_once([*evidence.at_the_door(db, case), *traces.left_behind(db, case)])
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
    sentences = [Said(verdict, names), *(each.said for each in bad)]
    if may_enter and not _opens_anything(findings):
        sentences.append(Said(NO_PROGRAM))
    missing = not case.lines and case.user is None and "@" in case.address
    people = nearest.nearest(db, case.address) if missing else []
    return Explanation(typed, sentences, may_enter, case, findings, people)


def _each_mend_once(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, each way to mend something beside the first that it mends.

    Nobody is mailed a way in who may not come in: that has to be mended first.
    """
    shut = any(
        each.tone is Tone.BAD and each.about in {About.LIST, About.LINE, About.STATUS}
        for each in findings
    )
    offered = {Mend.SEND_MAIL} if shut else set()
    once = []
    for each in findings:
        mends = tuple(mend for mend in each.mends if mend not in offered)
        offered.update(mends)
        once.append(replace(each, mends=mends))
    return once


def _opens_anything(findings: Sequence[Finding]) -> bool:
    return any(each.about is About.PROGRAMS and each.tone is Tone.GOOD for each in findings)
