"""The outbox: where each message stands, what the mail server said, and sending it again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core import carriers, mailbox
from app.core import outbox as messages
from app.core.errors import N_, NotFound, TooManyTries
from app.core.mailbox import Filter, Preview
from app.core.outbox import MOST_COUNTED, Kind
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, permitted
from app.edge.headers import MAIL_POLICY, POLICY
from app.edge.ours import ours
from app.edge.words import say
from app.models.people import User
from app.models.records import MessageState, OutgoingMessage
from app.web.admin import bp

PAGE = 50
MESSAGE = "/outbox/<int(max=2147483647):message_id>"
FILTERS = ("state", "kind", "to", "from", "until")
STATES = {
    MessageState.FAILED.value: (N_("Failed"), "bad"),
    MessageState.HELD.value: (N_("Held back"), "calm"),
    MessageState.QUEUED.value: (N_("Waiting"), "warn"),
    MessageState.SENDING.value: (N_("Being sent"), "warn"),
    MessageState.SENT.value: (N_("Sent"), "good"),
    MessageState.SHOWN.value: (N_("In the mailbox"), "good"),
}
PROVIDER_STATES = {
    "accepted": N_("Accepted"),
    "canceled": N_("Canceled"),
    "delivered": N_("Delivered"),
    "failed": N_("Failed"),
    "queued": N_("Accepted"),
    "read": N_("Read"),
    "scheduled": N_("Accepted"),
    "sending": N_("Being sent"),
    "sent": N_("Sent"),
    "undelivered": N_("Not delivered"),
}
"""What WhatsApp's provider reports, in words."""

KINDS = {
    Kind.ADDRESS_ASKED.value: N_("Confirm a new address"),
    Kind.ADDRESS_CHANGED.value: N_("Address changed"),
    Kind.ADDRESS_MOVED.value: N_("Address changed by its person"),
    Kind.ADDRESS_TAKEN.value: N_("New address has an account"),
    Kind.ADMIN_TEST.value: N_("Test mail"),
    Kind.CHAT_HAVE_ACCOUNT.value: N_("Has an account already (chat)"),
    Kind.CHAT_PROFILE.value: N_("Link to the profile (chat)"),
    Kind.CHAT_SIGNUP.value: N_("Confirm an account (chat)"),
    Kind.CHAT_TEST.value: N_("Test mail to oneself (chat)"),
    Kind.CREATE_ACCOUNT.value: N_("Confirm an account"),
    Kind.HAVE_ACCOUNT.value: N_("Has an account already"),
    Kind.IMPORT_HELD.value: N_("An import is held"),
    Kind.INVITATION.value: N_("Invitation"),
    Kind.NAME_DIFFERS.value: N_("Name differs"),
    Kind.NEW_DEVICE.value: N_("Sign-in on a new device"),
    Kind.NO_ACCOUNT.value: N_("No account"),
    Kind.NOT_LISTED.value: N_("Not on the list"),
    Kind.OFF_LIST.value: N_("Taken off the list"),
    Kind.PASSWORD_CHANGED.value: N_("Password changed"),
    Kind.PASSWORD_NEEDED.value: N_("Sign in with your password"),
    Kind.PAUSED.value: N_("Sign-in paused"),
    Kind.PHONE_ADDED.value: N_("Number added"),
    Kind.PHONE_REMOVED.value: N_("Number removed"),
    Kind.PIN_CHANGED.value: N_("PIN for chats changed"),
    Kind.PIN_PAUSED.value: N_("PIN for chats paused"),
    Kind.REGISTRATION_CODE.value: N_("Registration code"),
    Kind.RESET.value: N_("New password"),
    Kind.ROLE_GRANTED.value: N_("New role"),
    Kind.SETUP.value: N_("Set a password"),
    Kind.SHUT_OUT.value: N_("Shut out"),
    Kind.SIGN_IN_CODE.value: N_("Sign-in code"),
    Kind.SPELLING.value: N_("Address shared by several"),
    Kind.WAY_ADDED.value: N_("Account elsewhere connected"),
    Kind.WAY_REMOVED.value: N_("Account elsewhere removed"),
    Kind.WELCOME.value: N_("Welcome"),
    Kind.WHATSAPP_CODE.value: N_("Code by WhatsApp"),
}

Word = TypeVar("Word", bound=StrEnum)


@bp.get("/outbox")
@permitted(Permission.OUTBOX_READ)
def outbox() -> ResponseReturnValue:
    """List the messages that fit, newest first; their codes and links are not here to be seen."""
    wanted = asked_for()
    found = mailbox.find(db, wanted, before=_before(), limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    asked = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    before: dict[str, str] = asked | {"before": _mark(shown[-1])} if more else {}
    return render_template(
        "admin/outbox.html",
        messages=shown,
        counts=messages.count_by_state(db),
        most=MOST_COUNTED,
        states=STATES,
        kinds={each.value: KINDS.get(each.value, each.value) for each in Kind},
        asked=asked,
        may_write=_may_write(),
        recipient=_recipient,
        provider_states=PROVIDER_STATES,
        failing=carriers.failing(db),
        next_url=f"{url_for('admin.outbox')}?{urlencode(before)}" if more else None,
    )


@bp.get(MESSAGE)
@permitted(Permission.OUTBOX_READ)
def outbox_message(message_id: int) -> ResponseReturnValue:
    """One message: its state, its tries, the server's answer, and outside production its text."""
    message = mailbox.get(db, message_id)
    refusal = mailbox.why_not_again(message)
    page = render_template(
        "admin/outbox_message.html",
        message=message,
        recipient=_recipient(message),
        provider_state=PROVIDER_STATES.get(message.provider_state or ""),
        state=STATES[message.state],
        kind=KINDS.get(message.kind, message.kind),
        person=db.get(User, message.user_id) if message.user_id else None,
        preview=_preview(message),
        production=ours().settings.production,
        why_not=say(refusal) if refusal else None,
        may_write=_may_write(),
    )
    return Response(page, headers={"Content-Security-Policy": f"{POLICY}; frame-src 'self'"})


@bp.get(f"{MESSAGE}/html")
@permitted(Permission.OUTBOX_READ)
def outbox_html(message_id: int) -> ResponseReturnValue:
    """The HTML of a message with its secrets masked, for the sandboxed frame."""
    preview = _preview(mailbox.get(db, message_id))
    if preview is None:
        raise NotFound
    headers = {"Content-Security-Policy": MAIL_POLICY, "X-Robots-Tag": "noindex"}
    return Response(preview.html, headers=headers)


@bp.post(f"{MESSAGE}/resend")
@permitted(Permission.OUTBOX_WRITE)
def outbox_resend(message_id: int) -> ResponseReturnValue:
    """Let a message that failed or was held back leave now."""
    mailbox.resend(db, message_id, by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("The message waits to be sent again."), "success")
    return redirect(url_for("admin.outbox_message", message_id=message_id), 303)


@bp.post("/outbox/test")
@permitted(Permission.OUTBOX_WRITE)
def outbox_test() -> ResponseReturnValue:
    """Send a test mail to oneself."""
    user = identity.user()
    try:
        mailbox.send_test(db, user, origin=identity.origin())
    except TooManyTries as refusal:
        db.rollback()
        flash(_("That were enough test mails for now.") + " " + say(refusal), "warning")
    else:
        commit()
        flash(_("A test mail to %(address)s is on its way.", address=user.mailbox), "success")
    return redirect(url_for("admin.outbox"), 303)


def asked_for() -> Filter:
    """What the address narrows the list to."""
    args = request.args
    return Filter(
        state=_word(MessageState, args.get("state", "")),
        kind=_word(Kind, args.get("kind", "")),
        recipient=args.get("to", "")[:254],
        first_day=_day(args.get("from", "")),
        last_day=_day(args.get("until", "")),
    )


def may_see_numbers() -> bool:
    """Whether who asks sees people, and so the whole of a number."""
    return Permission.PEOPLE_READ.value in identity.permissions()


def _recipient(message: OutgoingMessage) -> str:
    return mailbox.recipient(message, whole=may_see_numbers())


def _word(words: type[Word], text: str) -> Word | None:
    return words(text) if text in set(words) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _mark(message: OutgoingMessage) -> str:
    return f"{message.created_at.replace(tzinfo=None).isoformat()}_{message.id}"


def _before() -> tuple[datetime, int] | None:
    moment, _sign, number = request.args.get("before", "").partition("_")
    try:
        last = datetime.fromisoformat(moment).replace(tzinfo=UTC), int(number)
    except ValueError:
        return None
    return last if 0 < last[1] <= LAST_ID else None


def _preview(message: OutgoingMessage) -> Preview | None:
    # In a live installation nobody reads what others were sent.
    return None if ours().settings.production else mailbox.preview(message)


def _may_write() -> bool:
    return Permission.OUTBOX_WRITE.value in identity.permissions()
