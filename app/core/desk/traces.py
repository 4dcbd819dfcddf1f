"""The evidence that is behind one person: tries and their reason, and mails; then the programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import mailbox
from app.core.audit import Event
from app.core.desk import openings
from app.core.desk.case import Case
from app.core.desk.finding import About, Finding, Mend, Said, Tone, found
from app.core.errors import N_
from app.models.records import AuditEntry, MessageState, OutgoingMessage

SHOWN = 5
"""Tries and mails of one person that are told, the newest."""

LOOKED_AT = 5000
"""Events, the newest, among which tries are sought that name no account but an address."""

OF_ONE = 200
"""Events of one account, the newest, among which its tries are sought."""

WHY = {
    "declined": N_("they did not go on at the provider"),
    "expired": N_("the account has expired"),
    "invalid_grant": N_("the code was used, had run out, or was for another page"),
    "lost_attempt": N_("the answer of the provider fitted no sign-in of that browser"),
    "no_account": N_("no account has the address, and no list"),
    "no_address": N_("the provider told no address"),
    "not_both": N_("the code or the password could not be taken"),
    "not_six_digits": N_("what was typed is no code"),
    "off_list": N_("off the list"),
    "other_linked": N_("another account of that provider is connected"),
    "provider_fails": N_("the provider did not answer as it should"),
    "ran_out": N_("the code had run out"),
    "role": N_("who has a role connects the provider on their account page first"),
    "suspended": N_("the account is suspended"),
    "too_many_passwords": N_("too many tries"),
    "too_many_tries": N_("too many tries"),
    "unverified": N_("the mailbox is not proven yet"),
    "wrong": N_("the password was wrong, or there is none"),
    "wrong_code": N_("the code was wrong"),
}
WRONG = Said(WHY["wrong"])
"""Why somebody is refused who forgot their password."""

METHODS = {
    "api": N_("by a code, in another program"),
    "client": N_("by a code that a page of others was handed"),
    "code": N_("by a mailed code"),
    "sign_in": N_("by a mailed code"),
    "confirm": N_("by their password, asked again"),
    "first_admin": N_("as the first admin"),
    "github": N_("with GitHub"),
    "google": N_("with Google"),
    "gpt": N_("by a code, in ChatGPT"),
    "oidc": N_("with an account elsewhere"),
    "password": N_("by password"),
    "refresh": N_("by renewing a token"),
    "pin": N_("by a PIN, in a chat"),
    "registration": N_("by registering"),
    "reset": N_("by the mail for a new password"),
    "phone": N_("to add a number"),
    "setup": N_("by the mail to set a password"),
    "token": N_("by a token of another program"),
    "unpause": N_("to lift the pause, by the code of its mail"),
    "whatsapp": N_("by a code on WhatsApp"),
}
MAILS = {
    "address_asked": N_("mail to confirm a new address"),
    "address_moved": N_("note of a changed address"),
    "address_taken": N_("mail “This address has an account”"),
    "chat_have_account": N_("mail “You have an account”, after a chat"),
    "chat_profile": N_("link to the profile, after a chat"),
    "chat_signup": N_("link to confirm an account, after a chat"),
    "chat_test": N_("test mail to themselves, after a chat"),
    "create_account": N_("mail to confirm an account"),
    "have_account": N_("mail “You have an account”"),
    "import_held": N_("note of a held import"),
    "invitation": N_("invitation"),
    "name_differs": N_("mail “The name differs”"),
    "new_device": N_("note of a new device"),
    "no_account": N_("mail “There is no account”"),
    "not_listed": N_("mail “Not on the list”"),
    "off_list": N_("mail “Taken off the list”"),
    "password_changed": N_("note of a changed password"),
    "paused": N_("note of a pause"),
    "phone_added": N_("note of an added number"),
    "phone_removed": N_("note of a removed number"),
    "pin_changed": N_("note of a changed PIN"),
    "pin_paused": N_("note of a paused PIN"),
    "registration_code": N_("registration code"),
    "reset": N_("mail for a new password"),
    "setup": N_("mail to set a password"),
    "shut_out": N_("mail “You may not come in”"),
    "spelling": N_("mail “Type it as it was”"),
    "welcome": N_("welcome mail"),
    "whatsapp_code": N_("code by WhatsApp"),
}
"""What each kind of mail is called in a sentence."""

DELIVERY = {
    MessageState.FAILED.value: (
        Tone.BAD,
        N_("The %(mail)s of %(at)s could not be delivered: %(error)s."),
    ),
    MessageState.HELD.value: (
        Tone.WARN,
        N_("The %(mail)s of %(at)s was held back, because there were too many."),
    ),
    MessageState.QUEUED.value: (Tone.WARN, N_("The %(mail)s of %(at)s waits to leave.")),
    MessageState.SENDING.value: (Tone.WARN, N_("The %(mail)s of %(at)s is being sent.")),
    MessageState.SENT.value: (Tone.GOOD, N_("The mail server took the %(mail)s of %(at)s.")),
    MessageState.SHOWN.value: (Tone.GOOD, N_("The %(mail)s of %(at)s is in the mailbox here.")),
}
TRIED = N_("The %(mail)s of %(at)s waits to be tried again: %(error)s.")


def left_behind(db: Session, case: Case) -> Iterator[Finding]:
    """What this person tried, was sent and can open, in this order."""
    yield from _tries(db, case)
    yield from _mails(db, case)
    if case.lines or case.user is not None:
        yield from openings.found_of(db, case)


def _tries(db: Session, case: Case) -> Iterator[Finding]:
    kinds = [Event.SIGN_IN_ADMITTED.value, Event.SIGN_IN_REFUSED.value]
    latest = select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(LOOKED_AT).subquery()
    seen = AuditEntry.id.in_(select(latest.c.id))
    by_address = seen & (AuditEntry.details["address"].as_string() == case.address)
    ids = set(_ids(db, by_address & AuditEntry.event.in_(kinds)))
    if case.user is not None:
        mine = (
            select(AuditEntry.id, AuditEntry.event)
            .where(AuditEntry.user_id == case.user.id)
            .order_by(AuditEntry.id.desc())
            .limit(OF_ONE)
        )
        ids |= {entry_id for entry_id, event in db.execute(mine) if event in kinds}
    newest = sorted(ids, reverse=True)[:SHOWN]
    entries = select(AuditEntry).where(AuditEntry.id.in_(newest)).order_by(AuditEntry.id.desc())
    tries = [_try(entry) for entry in db.scalars(entries)]
    if tries and case.user is not None and tries[0].said.values.get("why") == WRONG:
        tries[0] = replace(tries[0], mends=(Mend.SEND_MAIL,))
    yield from tries
    if not tries:
        yield found(About.TRIES, Tone.CALM, N_("No try to sign in is on record lately."))


def _ids(db: Session, condition: Any) -> Iterator[int]:
    found_ids = select(AuditEntry.id).where(condition).order_by(AuditEntry.id.desc())
    yield from db.scalars(found_ids.limit(SHOWN))


def _try(entry: AuditEntry) -> Finding:
    details: Mapping[str, Any] = entry.details or {}
    method = str(details.get("method", ""))
    values: dict[str, Any] = {"at": entry.at, "method": _said(METHODS, method)}
    if entry.event == Event.SIGN_IN_ADMITTED.value:
        return found(About.TRIES, Tone.GOOD, N_("%(at)s: came in, %(method)s."), **values)
    why = str(details.get("why") or details.get("refusal") or "")
    values["why"] = _said(WHY, why)
    return found(About.TRIES, Tone.WARN, N_("%(at)s: refused, %(method)s: %(why)s."), **values)


def _said(known: Mapping[str, str], name: str) -> Said | str:
    return Said(known[name]) if name in known else name.replace("_", " ")


def _mails(db: Session, case: Case) -> Iterator[Finding]:
    recipients = {case.address} | ({case.user.mailbox} if case.user else set())
    query = (
        select(OutgoingMessage)
        .where(OutgoingMessage.recipient.in_(recipients))
        .order_by(OutgoingMessage.created_at.desc(), OutgoingMessage.id.desc())
        .limit(SHOWN)
    )
    messages = list(db.scalars(query))
    for number, message in enumerate(messages):
        tone, words = DELIVERY[message.state]
        if message.state == MessageState.QUEUED.value and message.last_error:
            words = TRIED
        if number and tone is Tone.BAD:
            tone = Tone.CALM  # What failed before a later one arrived keeps nobody out.
        mends = _mends_of(message, tone)
        values = {
            "mail": _said(MAILS, message.kind),
            "at": message.created_at,
            "error": message.last_error or "",
        }
        yield found(About.MAILS, tone, words, *mends, **values).of_row(message.id)
    if not messages:
        yield found(About.MAILS, Tone.CALM, N_("No mail was written to this address."))


def _mends_of(message: OutgoingMessage, tone: Tone) -> tuple[Mend, ...]:
    """What helps with a message that did not arrive yet."""
    if tone not in {Tone.BAD, Tone.WARN}:
        return ()
    anew = (Mend.RESEND_MAIL,) if mailbox.why_not_again(message) is None else ()
    if tone is Tone.BAD:
        return (Mend.CORRECT_ADDRESS, *anew, Mend.SEND_MAIL, Mend.LOOK_AT_MAIL)
    return (*anew, Mend.LOOK_AT_MAIL)
