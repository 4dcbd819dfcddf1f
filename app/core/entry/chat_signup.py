"""How somebody gets an account in a chat: a PIN at once, and a mailed link that makes it open.

The answer in the chat is the same for everybody and comes with a PIN; only the mailbox learns
whether it is theirs, one that opens nothing, or why there is none. An account that was asked for
may be asked for again: the newest mail counts. Nobody who proves the mailbox in another way finds
the PIN that somebody set before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.addresses import canonical
from app.core import audit, clock, floods, throttle
from app.core.audit import Event, Origin
from app.core.entry import by_pin, letters, opening, unopened
from app.core.entry.terms import Terms
from app.core.errors import LinkDead, NoLongerListed
from app.core.outbox import Kind
from app.core.people import limited, locales, users
from app.core.proof import links, pins, stamps
from app.core.proof.links import Link
from app.core.proof.pins import Found
from app.core.roster import entitlements
from app.core.throttle import Limit
from app.models.people import CameBy, User
from app.models.records import MessageState, OutgoingMessage

LIFETIME = timedelta(hours=24)
"""How long the mailed link works."""

MOST_ASKED = Limit(tries=3, window=timedelta(minutes=10))
"""Wishes for one address that count: fewer than mails to one, so that the newest one arrives."""

TOLD = Limit(tries=20, window=timedelta(hours=1))
"""How often one key is told that an address has an account, where that is told at all."""


@dataclass(frozen=True)
class Wish:
    """What somebody asks for in a chat; `is_open` takes who is on no list too.

    `tells` says whether the program may be told that the address has an account already; `through`
    is the name of its key, and `key_id` its id.
    """

    email: str
    passphrase: str
    locale: str | None
    through: str
    key_id: int
    is_open: bool
    tells: bool
    hints: Mapping[str, Any]


def ask(db: Session, wish: Wish, *, terms: Terms, origin: Origin) -> int | None:
    """Answer the wish for an account by mail, whatever the truth is; the PIN to say in the chat.

    None instead of a PIN says that the address is taken, where that is told. Raises `BadAddress`,
    `BadLocale`, `PasswordRefused` or `Busy`. The caller commits.
    """
    address = canonical(wish.email)
    locale = locales.canonical(wish.locale) if wish.locale else None
    typed = [address, address.partition("@")[0], *terms.service_words]
    normal = pins.check_new(wish.passphrase, known_words=typed)
    db.rollback()  # No transaction waits for the slow hash.
    with terms.lane():
        secret_hash = pins.hash_of(normal, rounds=terms.rounds)
    data = {"through": wish.through, "locale": locale}
    kind, facts, digits = _answer(db, address, wish, secret_hash, data, origin)
    letters.send(db, kind, wish.email, terms=terms, through=wish.through, **facts)
    told = kind is Kind.CHAT_HAVE_ACCOUNT and wish.tells and _may_tell(db, address, wish)
    floods.record(
        db, Event.SIGNUP_ASKED, origin, address=address, answer=kind.value, told=told,
        **wish.hints,
    )  # fmt: skip
    return None if told else int(digits)


def _answer(
    db: Session, address: str, wish: Wish, secret_hash: str, data: dict[str, Any], origin: Origin
) -> tuple[Kind, dict[str, Any], str]:
    # Everybody waits for an import at work: else the wait of those on the list would name them.
    entitlements.hold_list(db)
    for _ in range(3):
        kind = letters.to_sign_up(db, wish.email, is_open=wish.is_open)
        if kind is not Kind.CHAT_SIGNUP:
            return kind, {}, pins.free(db)
        if not throttle.take(db, "signup:asked", address, MOST_ASKED):
            # Whoever asks on and on must not kill the link that its owner is about to press.
            return kind, {"held": True}, pins.free(db)
        try:
            user_id = _hold(db, address, wish, origin)
        except (LinkDead, NoLongerListed):
            # Another request opened it, or an import took the line away: look again.
            db.rollback()
            continue
        pins.drop(db, user_id)
        _withdraw(db, user_id)
        pin_id, digits = pins.add(db, user_id, secret_hash, data)
        return kind, {"pin_id": pin_id, "at": clock.now().isoformat()}, digits
    raise LinkDead


def _hold(db: Session, address: str, wish: Wish, origin: Origin) -> int:
    """Hold the account that nobody has opened yet, or make it; its id. Raises `LinkDead`."""
    found = users.find(db, address, wish.email)
    if found is None:
        try:
            return opening.open_listed(db, address, origin, came_by=CameBy.CHAT, proven=False).id
        except NoLongerListed:
            if not wish.is_open:
                raise
            return opening.open_unlisted(
                db, address, wish.email.strip(), CameBy.CHAT, origin, proven=False
            ).id
    return _claim(db, found[0], verified_at=None)


def _withdraw(db: Session, user_id: int) -> None:
    # A mail about a PIN that is gone could not be made: the newer one takes its place.
    db.execute(
        delete(OutgoingMessage)
        .where(
            OutgoingMessage.user_id == user_id,
            OutgoingMessage.kind == Kind.CHAT_SIGNUP.value,
            OutgoingMessage.state == MessageState.QUEUED.value,
        )
        .execution_options(synchronize_session=False)
    )


def _claim(db: Session, user: User, **values: Any) -> int:
    # Every change of a PIN that is not proven takes the row of its person first, so that a mail
    # is never confirmed while a newer one takes its place.
    claimed = db.scalar(
        update(User)
        .where(stamps.unmoved(user))
        .values(**values)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if claimed is None:
        raise LinkDead
    return int(claimed)


def _may_tell(db: Session, address: str, wish: Wish) -> bool:
    found = users.find(db, address, wish.email)
    if found is None or by_pin.status(db, found[0]) != by_pin.ACTIVE:
        return False
    return throttle.take(db, "signup:told", str(wish.key_id), TOLD)


@dataclass(frozen=True)
class Asked:
    """An account that waits for its mailbox: whose, since when, and through which program."""

    pin: Found
    through: str
    at: datetime

    @property
    def user(self) -> User:
        """The person to be."""
        return self.pin.user


def stamp_of(pin: Found) -> str:
    """The state that a link was issued for: a newer wish or any proof moves it."""
    return f"{stamps.stamp_of(pin.user)}.{pin.mark}"


def read_link(db: Session, token: str, *, terms: Terms) -> Asked:
    """What a mailed link confirms. Raises `LinkDead`; looking uses nothing up."""
    facts = links.read(Link.CHAT_SIGNUP, token, lifetime=LIFETIME, keys=terms.keys)
    pin = pins.get(db, facts["pin"])
    if pin is None or pin.user.verified_at is not None:
        raise LinkDead
    listed = users.get(db, pin.user.id)[1]
    shut_out = users.shut_out_reason(pin.user, listed=listed) is not None
    if shut_out or stamp_of(pin) != facts["stamp"]:
        raise LinkDead
    return Asked(pin, str(pin.data.get("through") or ""), pin.created_at)


def confirm(db: Session, token: str, *, terms: Terms, origin: Origin) -> Found:
    """The mailbox is proven: from now on PIN and passphrase are this person's. The caller commits.

    Raises `LinkDead`, also for the second of two presses at once.
    """
    asked = read_link(db, token, terms=terms)
    user = asked.user
    locale = asked.pin.data.get("locale") or user.locale
    # From now on it is the account that the list has, where there is a line.
    came_by = None if user.from_roster else user.came_by
    _claim(db, user, verified_at=clock.now(), locale=locale, came_by=came_by)
    limited.end_of(db, user.counted_as)
    pin = pins.of(db, user.id)
    if pin is None or pin.mark != asked.pin.mark:
        raise LinkDead
    kept = {name: value for name, value in pin.data.items() if name != "locale"}
    pins.change(db, pin, data=kept)
    audit.record(
        db, Event.SIGNUP_PROVEN, origin, user_id=user.id, actor_id=user.id, through=asked.through
    )
    return pin


def disown(db: Session, token: str, *, terms: Terms, origin: Origin) -> bool:
    """Delete the account that somebody else asked for; whether it went whole.

    Of an account that was there before a chat asked for it, the PIN alone goes. Raises `LinkDead`.
    The caller commits.
    """
    entitlements.hold_list(db)  # An import at work holds people too: it is waited for first.
    asked = read_link(db, token, terms=terms)
    user = asked.user
    _claim(db, user, verified_at=None)
    pin = pins.of(db, user.id)
    if pin is None or pin.mark != asked.pin.mark:
        raise LinkDead
    pins.drop(db, user.id)
    audit.record(
        db, Event.SIGNUP_DISOWNED, origin, user_id=user.id, address=user.mailbox,
        through=asked.through,
    )  # fmt: skip
    return unopened.drop(db, [user.id], origin, why="disowned") == 1
