"""The evidence about one person at the door: list, line, account, status, pause, ways in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.desk import entrances
from app.core.desk.case import Case
from app.core.desk.finding import About, Finding, Mend, Tone, found
from app.core.errors import N_
from app.core.people import users
from app.core.proof import codes, guesses
from app.models.access import CredentialKind, Purpose, TryCount
from app.models.people import User
from app.models.rosters import Change, RosterImport, RosterProblem

OTHER_RIGHTS = {
    "ids": N_("An admin gave them LO Root IDs, so that they may enter without the list."),
    "never_listed": N_("No list ever vouched for this account, so that it needs none."),
    "role": N_("They have a role, so that they may enter without the list."),
}
CHANGES = {
    Change.ADDED: (Tone.GOOD, N_("%(file)s puts them on the list.")),
    Change.CHANGED: (Tone.CALM, N_("%(file)s changes their lines.")),
    Change.INACTIVE: (Tone.BAD, N_("%(file)s has no active line for them.")),
    Change.REMOVED: (Tone.BAD, N_("%(file)s takes them off the list.")),
}
MOST_PROBLEMS = 3


def at_the_door(db: Session, case: Case) -> Iterator[Finding]:
    """What stands between this person and coming in, in the order of the door."""
    if case.pending is not None:
        yield from _by_import(db, case, case.pending)
    yield from _list(db, case)
    yield from _line(case)
    yield from _account(case)
    if case.user is not None:
        yield from _status(case.user)
        yield from _pause(db, case.user.counted_as)
        yield from entrances.found_of(db, case, case.user)
    else:
        yield from _codes(db, case.address)


def _by_import(db: Session, case: Case, pending: RosterImport) -> Iterator[Finding]:
    if case.change is not None:
        tone, words = CHANGES[case.change]
        if tone is Tone.BAD and not case.needs_list:
            tone = Tone.CALM
        mends = (Mend.PUT_ON_LIST,) if tone is Tone.BAD else ()
        yield found(About.LIST, tone, words, *mends, file=pending.file_name)
    else:
        words = N_("%(file)s leaves them as they are.")
        yield found(About.LIST, Tone.CALM, words, file=pending.file_name)
    problems = (
        select(RosterProblem)
        .where(RosterProblem.import_id == pending.id, RosterProblem.address == case.address)
        .where(RosterProblem.is_remark.is_(False))
        .limit(MOST_PROBLEMS)
    )
    for problem in db.scalars(problems):
        words = N_("Line %(line)s of %(file)s cannot be taken: %(reason)s")
        values = {"line": problem.line, "file": pending.file_name, "reason": problem.reason}
        yield found(About.LINE, Tone.WARN, words, Mend.PUT_ON_LIST, **values)


def _list(db: Session, case: Case) -> Iterator[Finding]:
    if case.lines:
        brought_by = db.get(RosterImport, case.lines[0].import_id)
        values: dict[str, Any] = {"name": case.lines[0].last_name}
        if case.pending is None and brought_by is not None and brought_by.applied_at is not None:
            values |= {"file": brought_by.file_name, "since": brought_by.applied_at}
            words = N_("On the list as %(name)s, by %(file)s of %(since)s.")
        else:
            words = N_("On that list as %(name)s.")
        yield found(About.LIST, Tone.GOOD, words, **values)
    elif case.other_right is not None:
        yield found(About.LIST, Tone.CALM, N_("Not on the list."))
        yield found(About.LIST, Tone.GOOD, OTHER_RIGHTS[case.other_right])
    elif not case.needs_list:
        words = N_("Not on the list, which nobody needs here to create an account.")
        yield found(About.LIST, Tone.CALM, words)
    elif not case.has_list:
        words = N_("There is no list yet, so that nobody can register.")
        yield found(About.LIST, Tone.BAD, words, Mend.PUT_ON_LIST)
    elif case.change is None:
        mends = (Mend.CORRECT_ADDRESS, Mend.PUT_ON_LIST)
        yield found(About.LIST, Tone.BAD, N_("Not on the list."), *mends)


def _line(case: Case) -> Iterator[Finding]:
    if not case.lines:
        return
    statuses = sorted({line.status for line in case.lines if not line.active})
    if case.active_lines:
        words = N_("Active, in: %(classes)s.")
        classes = sorted({line.class_name for line in case.active_lines if line.class_name})
        if not classes:
            words = N_("The line is active.")
        yield found(About.LINE, Tone.GOOD, words, classes=classes)
    else:
        tone = Tone.BAD if case.needs_list else Tone.CALM
        words = N_("Every line of theirs is inactive: the list says “%(status)s”.")
        yield found(About.LINE, tone, words, Mend.PUT_ON_LIST, status=statuses)
        if case.other_right is not None:
            yield found(About.LINE, Tone.GOOD, OTHER_RIGHTS[case.other_right])


def _account(case: Case) -> Iterator[Finding]:
    user = case.user
    if user is not None:
        words = N_("Has an account since %(since)s, number %(number)s.")
        if user.date_added is None:
            words = N_("Has an account, number %(number)s.")
        values = {"since": user.date_added, "number": user.id}
        yield found(About.ACCOUNT, Tone.GOOD, words, **values)
    elif case.shared:
        words = N_(
            "Several old accounts share this address: each is found by the exact spelling of its"
            " own alone. Type it just so."
        )
        yield found(About.ACCOUNT, Tone.BAD, words, Mend.LOOK_AT_ACCOUNTS)
    elif case.active_lines:
        yield from _no_account_yet(case)
    elif case.doors.is_open:
        words = N_("Has no account yet: anybody may create one here.")
        yield found(About.ACCOUNT, Tone.WARN, words)
    else:
        yield found(About.ACCOUNT, Tone.CALM, N_("Has no account."))


def _no_account_yet(case: Case) -> Iterator[Finding]:
    """What makes the account of who is listed and has none."""
    # Nobody is invited who is not on the list before an import is applied.
    mends = (Mend.SEND_MAIL,) if case.pending is None or case.change is None else ()
    if case.doors.by_code:
        words = N_("Has no account yet: the first code by mail that they sign in with makes one.")
        yield found(About.ACCOUNT, Tone.WARN, words, *mends)
    else:
        words = N_("Has no account yet: has to register, or be invited.")
        yield found(About.ACCOUNT, Tone.BAD, words, *mends)
    if case.doors.providers:
        names = [case.doors.name_of(CredentialKind(each)) for each in case.doors.providers]
        words = N_("Signing in with %(names)s makes one too, where it vouches for this address.")
        yield found(About.ACCOUNT, Tone.CALM, words, names=names)


def _status(user: User) -> Iterator[Finding]:
    reason = users.shut_out_reason(user, listed=True)
    if reason == "suspended":
        words = N_("The account is suspended: its status is “%(status)s”.")
        yield found(About.STATUS, Tone.BAD, words, Mend.RESTORE, status=user.status)
    elif reason == "expired" and user.expiry_date is not None:
        words = N_("The account expired: its last day was %(day)s.")
        values = {"day": user.expiry_date.date()}
        yield found(About.STATUS, Tone.BAD, words, Mend.EXTEND, **values)
    elif not user.enforced:
        words = N_("Status and expiry do not count, until that is decided for the old accounts.")
        yield found(About.STATUS, Tone.CALM, words)
    elif user.expiry_date is not None:
        words = N_("Active, through %(day)s.")
        yield found(About.STATUS, Tone.GOOD, words, day=user.expiry_date.date())
    else:
        yield found(About.STATUS, Tone.GOOD, N_("Active, without an end."))


def _pause(db: Session, address: str) -> Iterator[Finding]:
    tries = db.get(TryCount, (guesses.ACCOUNT, address), populate_existing=True)
    if tries is not None and tries.window_ends_at > clock.now():
        values = {"count": tries.count, "until": tries.window_ends_at}
        if tries.count >= guesses.LIMIT.tries:
            words = N_(
                "Sign-in by password is paused until %(until)s, after %(count)s tries. The ways by"
                " mail are open."
            )
            yield found(About.PAUSE, Tone.BAD, words, Mend.LIFT_PAUSE, **values)
        else:
            words = N_("%(count)s tries to sign in lately; no pause.")
            yield found(About.PAUSE, Tone.CALM, words, **values)
    else:
        yield found(About.PAUSE, Tone.GOOD, N_("Sign-in is not paused."))
    if guesses.is_paused(db, guesses.PIN, address):
        until = guesses.window_ends_at(db, address, scope=guesses.PIN) or clock.now()
        words = N_("Their PIN for chats is paused until %(until)s. The ways by mail are open.")
        yield found(About.PAUSE, Tone.BAD, words, Mend.LIFT_PAUSE, until=until)
    yield from _codes(db, address, Mend.SEND_MAIL)


def _codes(db: Session, address: str, *mends: Mend) -> Iterator[Finding]:
    scope = codes.scope(Purpose.SETUP)
    tries = db.get(TryCount, (scope, address), populate_existing=True)
    if tries is None:
        return
    if codes.LIMIT.ceiling is not None and tries.in_a_row >= codes.LIMIT.ceiling:
        words = N_(
            "So many codes were wrong in a row that none is taken: the button in the mail works."
        )
        yield found(About.PAUSE, Tone.WARN, words, *mends)
    elif tries.count >= codes.LIMIT.tries and tries.window_ends_at > clock.now():
        words = N_(
            "Too many wrong codes: none is taken until %(until)s. The button in the mail works."
        )
        until = tries.window_ends_at
        yield found(About.PAUSE, Tone.WARN, words, *mends, until=until)
