"""The profile of somebody who came by a chat: a mailed link, behind which it is read and changed.

Whoever has the link is the owner of the mailbox: they see their PIN, and choose language and
passphrase anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.addresses import BadAddress, canonical
from app.core import audit, clock, floods, outbox
from app.core.audit import Event, Origin
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import N_, LinkDead, Refusal
from app.core.outbox import Cap, Kind
from app.core.people import locales, users
from app.core.proof import guesses, links, pins, stamps
from app.core.proof.links import Link
from app.core.proof.pins import Found
from app.models.people import User

LIFETIME = timedelta(hours=1)
"""How long the mailed link works."""


class NothingChanged(Refusal):
    """A form that was sent as it came: it uses no link up."""

    code = "nothing_changed"
    status = 422
    words = N_("Nothing was changed. Choose another language, or type a new passphrase.")


class NobodyNamed(Refusal):
    """Neither an address nor a PIN that could be one."""

    code = "nobody_named"
    status = 422
    words = N_("Say the e-mail address of the account, or its PIN.")


def ask(
    db: Session,
    email: str | None,
    digits: str | None,
    *,
    through: str,
    hints: Mapping[str, Any],
    terms: Terms,
    origin: Origin,
) -> None:
    """Mail the link to the profile to whom address or PIN names, the address tried first.

    To whom else an address belongs the mail says what is true of it. Raises `NobodyNamed`. The
    caller commits.
    """
    address = _canonical(email)
    if address is None and digits is None:
        raise NobodyNamed
    user = _named(db, address, email, digits)
    mailbox = user.email if user else email if address else None
    kind, facts = _answer(db, user, mailbox)
    if kind is not None and mailbox is not None:
        letters.send(db, kind, mailbox, terms=terms, through=through, **facts)
    floods.record(
        db, Event.PROFILE_ASKED, origin, user_id=user.id if user else None, address=address,
        answer=kind.value if kind else "nobody", **hints,
    )  # fmt: skip


def _canonical(email: str | None) -> str | None:
    try:
        return canonical(email) if email else None
    except BadAddress:
        return None


def _named(db: Session, address: str | None, email: str | None, digits: str | None) -> User | None:
    # Both are always looked up, so that an answer takes as long whichever was given.
    by_address = users.find(db, address or "", email or "")
    by_digits = pins.find(db, digits or "")
    if by_address is not None:
        return by_address[0]
    return by_digits.user if by_digits else None


def _answer(
    db: Session, user: User | None, mailbox: str | None
) -> tuple[Kind | None, dict[str, Any]]:
    if user is None:
        return (letters.to_recover(db, mailbox, None) if mailbox else None), {}
    pin = pins.of(db, user.id)
    listed = users.get(db, user.id)[1]
    if users.shut_out_reason(user, listed=listed) is not None:
        return Kind.SHUT_OUT, {}
    if pin is None:
        return Kind.CHAT_HAVE_ACCOUNT, {}
    facts = {"pin_id": pin.pin_id, "at": pin.created_at.isoformat()}
    return (Kind.CHAT_SIGNUP if user.verified_at is None else Kind.CHAT_PROFILE), facts


def stamp_of(pin: Found) -> str:
    """The state that a link was issued for: saving the profile moves it, and the link is dead."""
    return f"{stamps.stamp_of(pin.user)}.{pin.mark}.{pin.data.get('saved', 0)}"


def read_link(db: Session, token: str, *, terms: Terms) -> Found:
    """Whose profile a mailed link opens. Raises `LinkDead`; looking uses nothing up."""
    facts = links.read(Link.CHAT_PROFILE, token, lifetime=LIFETIME, keys=terms.keys)
    pin = pins.get(db, facts["pin"])
    if pin is None or pin.user.verified_at is None or stamp_of(pin) != facts["stamp"]:
        raise LinkDead
    listed = users.get(db, pin.user.id)[1]
    if users.shut_out_reason(pin.user, listed=listed) is not None:
        raise LinkDead
    return pin


def save(
    db: Session, token: str, locale: str | None, passphrase: str | None, *,
    terms: Terms, origin: Origin,
) -> Found:  # fmt: skip
    """Take over language and passphrase; blank ones stay as they are. The caller commits.

    A new passphrase ends a pause, and the mailbox is told. Raises `LinkDead`, `NothingChanged`,
    `BadLocale`, `PasswordRefused` or `Busy`.
    """
    pin = read_link(db, token, terms=terms)
    user = pin.user
    wanted = locales.canonical(locale) if locale and locale.strip() else user.locale
    secret_hash = None
    if passphrase and passphrase.strip():
        secret_hash = new_secret(db, user, passphrase, terms)
    elif (wanted or locales.DEFAULT) == (user.locale or locales.DEFAULT):
        raise NothingChanged
    # The row of the person comes first: of two at once the second finds the profile saved.
    db.execute(
        update(User).where(User.id == user.id).values(locale=wanted)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    now = read_link(db, token, terms=terms)
    _keep(db, now, secret_hash)
    audit.record(
        db, Event.PROFILE_SAVED, origin, user_id=user.id, actor_id=user.id,
        passphrase=secret_hash is not None, locale=wanted,
    )  # fmt: skip
    if secret_hash is not None:
        guesses.lift(db, user.counted_as, scope=guesses.PIN)
        tell(db, user, "changed", origin)
    return now


def _keep(db: Session, pin: Found, secret_hash: str | None) -> None:
    data = pin.data | {"saved": pin.data.get("saved", 0) + 1}
    values: dict[str, Any] = {"data": data}
    if secret_hash is not None:
        values["secret_hash"] = secret_hash
        values["data"] = {name: data[name] for name in data if name not in {"salt", "legacy"}}
    if not pins.change(db, pin, **values):
        raise LinkDead


def new_secret(db: Session, user: User, passphrase: str, terms: Terms) -> str:
    """The hash of a passphrase that is good enough for this person.

    Ends the transaction. Raises `PasswordRefused` or `Busy`.
    """
    typed = [user.mailbox, user.mailbox.partition("@")[0], *terms.service_words]
    normal = pins.check_new(passphrase, known_words=typed)
    db.rollback()  # No transaction waits for the slow hash.
    with terms.lane():
        return pins.hash_of(normal, rounds=terms.rounds)


def tell(db: Session, user: User, became: str, origin: Origin) -> None:
    """Write to the owner that their PIN was `added`, `changed` or `removed`."""
    outbox.queue(
        db, Kind.PIN_CHANGED, user.mailbox, user_id=user.id, locale=user.locale, cap=Cap.ALARM,
        became=became, user_agent=origin.user_agent, place=origin.place,
        at=clock.now().isoformat(),
    )  # fmt: skip
