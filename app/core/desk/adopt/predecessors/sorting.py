"""What becomes of each person of flancer64/gpt-user-auth: an account, a PIN for one, or a report.

Nobody gets into an account by this whose mailbox was not proven on both sides, and where two claim
one address or one PIN, neither has it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from app.core.desk.adopt.findings.finding import Finding
from app.core.desk.adopt.predecessors import accounts
from app.core.desk.adopt.predecessors.accounts import Account, Standing
from app.core.desk.adopt.predecessors.flancer import ACTIVE, STATUSES, Person, Registry, twice

LEFT = {
    "bad_address": "people have no email address that can be read: they do not come",
    "same_address": "people share an address with others of them, but for capitals:"
    " none of them comes",
    "unknown_status": "people have a status that is none of UNVERIFIED, ACTIVE, BLOCKED:"
    " they do not come",
    "shared_here": "people have an address that several accounts here share: they do not come",
    "not_proven_there": "people have an account here, and there they are UNVERIFIED or BLOCKED:"
    " their PIN does not come",
    "not_proven_here": "people have an account here whose mailbox was never proven: their PIN does"
    " not come; once they proved it (a code by mail does), bring them over again",
    "has_role": "people have an account here with a role, which a PIN must not open:"
    " their PIN does not come",
    "has_pin": "people have an account here with a PIN of its own: theirs does not come",
    "pin_unfit": "people have an account here, and their PIN is somebody else's or cannot be read:"
    " it does not come",
}
REMARKED = {
    "pin_of_two": "people come without a PIN, as somebody else has it: they sign in by code",
    "bad_pin": "people come without a PIN, as theirs is none: they sign in by code",
    "bad_digest": "PINs come without a passphrase, as its digest cannot be read: a new one is"
    " chosen by the profile link",
    "bad_locale": "people come without a language, as theirs is none",
}


@dataclass
class Plan:
    """What is to be done; each person stands in one of `made`, `given`, `left` and `before`."""

    made: list[Person] = field(default_factory=list)
    given: dict[int, Person] = field(default_factory=dict)
    """By the id of the account that gets the PIN."""
    left: dict[str, list[Person]] = field(default_factory=lambda: defaultdict(list))
    before: list[Person] = field(default_factory=list)
    remarks: dict[str, list[Person]] = field(default_factory=lambda: defaultdict(list))
    without_pin: set[str] = field(default_factory=set)
    """References of those of `made` who come without a PIN."""

    def __bool__(self) -> bool:
        return bool(self.made or self.given)

    @property
    def pins(self) -> list[Person]:
        """Everybody whose PIN comes."""
        made = [each for each in self.made if each.reference not in self.without_pin]
        return [*made, *self.given.values()]

    @property
    def unproven(self) -> int:
        """How many get an account that opens once its mailbox is proven."""
        return sum(not each.was_verified for each in self.made)

    def findings(self, registry: Registry) -> list[Finding]:
        """What people are told before anything is changed."""
        named = [(name, words, self.left[name]) for name, words in LEFT.items()]
        named += [(name, words, self.remarks[name]) for name, words in REMARKED.items()]
        found = [
            Finding.of(name, words, [each.row for each in people])
            for name, words, people in named
            if people
        ]
        for name, words, count in (
            ("tokens", "mailed links of theirs do not come: they end", registry.tokens),
            ("openai", "links to ids of ChatGPT do not come: they name nobody here",
             registry.openai),
            ("oauth", "rows of OAuth (clients, codes, tokens, sessions) do not come: OAuth is set"
             " up anew", registry.oauth),
        ):  # fmt: skip
            if count:
                found.append(Finding(name, words, [], count))
        return found


def sort(db: Session, registry: Registry, *, hold: bool = False) -> Plan:
    """Say what becomes of everybody; `hold` keeps it true until the transaction ends."""
    people = registry.people
    here = accounts.stand(
        db,
        addresses={each.address for each in people if each.address},
        pins={each.pin for each in people if each.pin},
        references={each.reference for each in people},
        hold=hold,
    )
    plan = Plan()
    same_address = twice([each.address for each in people])
    same_pin = twice([each.pin for each in people]) | set(here.pins)
    for person in people:
        if person.reference in here.came:
            plan.before.append(person)
        elif why := _why_left(person, same_address, here):
            plan.left[why].append(person)
        elif account := here.accounts.get(person.address or ""):
            _give(plan, person, account, same_pin)
        else:
            _make(plan, person, same_pin)
    return plan


def _why_left(person: Person, same: set[str], here: Standing) -> str | None:
    if person.address is None:
        return "bad_address"
    if person.address in same:
        return "same_address"
    if person.status not in STATUSES:
        return "unknown_status"
    return "shared_here" if person.address in here.shared else None


def _give(plan: Plan, person: Person, account: Account, same_pin: set[str]) -> None:
    why = None
    if person.status != ACTIVE:
        why = "not_proven_there"
    elif not account.is_verified:
        why = "not_proven_here"
    elif account.has_role:
        why = "has_role"
    elif account.has_pin:
        why = "has_pin"
    elif person.pin is None or person.pin in same_pin:
        why = "pin_unfit"
    if why:
        plan.left[why].append(person)
        return
    plan.given[account.user_id] = person
    _remark_digest(plan, person)


def _make(plan: Plan, person: Person, same_pin: set[str]) -> None:
    plan.made.append(person)
    if person.locale is None:
        plan.remarks["bad_locale"].append(person)
    if person.pin is None or person.pin in same_pin:
        plan.without_pin.add(person.reference)
        plan.remarks["bad_pin" if person.pin is None else "pin_of_two"].append(person)
        return
    _remark_digest(plan, person)


def _remark_digest(plan: Plan, person: Person) -> None:
    if person.digest is None:
        plan.remarks["bad_digest"].append(person)
