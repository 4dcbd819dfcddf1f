"""The evidence about one person's ways in: which they have, since when, and which are shut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.desk.case import Case
from app.core.desk.finding import About, Finding, Mend, Said, Tone, found
from app.core.desk.people import ways_in
from app.core.desk.people.ways_in import CODE, PASSWORD, Closed, WayIn
from app.core.errors import N_
from app.models.access import CredentialKind, SignInSession
from app.models.people import User

PHONE, PIN = CredentialKind.PHONE.value, CredentialKind.PIN.value

OPENERS = {CODE: N_("mailed codes"), PHONE: N_("codes on WhatsApp")}
"""Ways that a sentence calls otherwise than a list does."""

SHUT = {
    Closed.OFF: N_("%(way)s: theirs since %(since)s, and of no use now: it is switched off here."),
    Closed.ROLE: N_("%(way)s: theirs since %(since)s, and codes let in nobody who has a role."),
}
NO_CODES = {
    Closed.OFF: N_("Codes by mail sign nobody in here: that is switched off."),
    Closed.ROLE: N_("Codes by mail sign in nobody who has a role."),
}


def found_of(db: Session, case: Case, user: User) -> Iterator[Finding]:
    """What lets this person in, and what does not, the password first."""
    held = ways_in.of(db, user, doors=case.doors, has_role=case.has_role)
    opening = [each for each in held if each.opens_site]
    for each in held:
        if each.kind == PASSWORD:
            yield _password(each, opening)
        elif each.kind == CODE:
            yield _code(each)
        elif each.kind == PIN:
            words = N_("Has the PIN %(pin)s for chats, with a passphrase.")
            tone = Tone.GOOD if user.verified_at else Tone.CALM
            yield found(About.WAYS, tone, words, pin=each.shown)
        else:
            yield _added(each, is_needed=not opening)
    if user.verified_at is not None:
        words = N_("Proved that the mailbox is theirs on %(at)s.")
        yield found(About.WAYS, Tone.GOOD, words, at=user.verified_at)
    yield from _sessions(db, user)


def _password(way: WayIn, opening: Sequence[WayIn]) -> Finding:
    if way.closed is None:
        if way.since is None:
            return found(About.WAYS, Tone.GOOD, N_("Has a password."))
        words = N_("Has a password, last changed on %(since)s.")
        return found(About.WAYS, Tone.GOOD, words, since=way.since)
    if opening:
        words = N_("Has no password that works, and comes in by %(ways)s.")
        names = [_opener(each) for each in opening]
        return found(About.WAYS, Tone.WARN, words, Mend.SEND_MAIL, ways=names)
    return found(About.WAYS, Tone.BAD, N_("Has no password yet."), Mend.SEND_MAIL)


def _opener(way: WayIn) -> Said:
    """What lets somebody in who has no password, as a sentence calls it."""
    return Said(OPENERS[way.kind]) if way.kind in OPENERS else way.name


def _code(way: WayIn) -> Finding:
    if way.closed is not None:
        return found(About.WAYS, Tone.CALM, NO_CODES[way.closed])
    words = N_("Codes by mail sign them in: %(used)s.")
    return found(About.WAYS, Tone.GOOD, words, used=_used(way))


def _added(way: WayIn, *, is_needed: bool) -> Finding:
    """A number or an account elsewhere; where nothing opens, one that is shut is worth a look."""
    called: dict[str, Any] = {"way": way.name, "since": way.since}
    if way.closed is not None:
        tone = Tone.WARN if is_needed else Tone.CALM
        return found(About.WAYS, tone, SHUT[way.closed], **called)
    called |= {"used": _used(way), "who": way.shown}
    words = N_("%(way)s signs them in, since %(since)s: %(used)s.")
    if way.shown:
        words = N_("%(way)s signs them in, as %(who)s, since %(since)s: %(used)s.")
    return found(About.WAYS, Tone.GOOD, words, **called)


def _used(way: WayIn) -> Said:
    if way.last_used_at is None:
        return Said(N_("no use of it is on record"))
    return Said(N_("last used on %(at)s"), {"at": way.last_used_at})


def _sessions(db: Session, user: User) -> Iterator[Finding]:
    live = (
        select(func.count(), func.max(SignInSession.last_seen_at))
        .where(SignInSession.user_id == user.id, SignInSession.ended_at.is_(None))
        .where(SignInSession.expires_at > clock.now())
    )
    count, seen = db.execute(live).one()
    if count:
        words = N_("Open sessions: %(count)s; last seen %(at)s.")
        yield found(About.WAYS, Tone.GOOD, words, count=count, at=seen)
