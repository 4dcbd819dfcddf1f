"""How anybody asks for an account on our pages: a limited session at once, all else by mail.

Asking answers alike for free and taken addresses and writes the same rows; only the mailbox learns
more. What was asked for waits in the row of the limited session, and becomes the account's if the
address is proven there. Proven anywhere else it falls, because it may be a stranger's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app import hashing
from app.addresses import canonical
from app.core import clock, floods, throttle
from app.core.audit import Event, Origin
from app.core.entry import choosing, letters, opening, owning, renewing, signin
from app.core.entry.by_code import MOST_ASKED
from app.core.entry.choosing import NotBoth
from app.core.entry.owning import METHOD
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import (
    CodeRanOut,
    LinkDead,
    NoLongerListed,
    PasswordRefused,
    SignedOut,
    TooManyTries,
    WrongCode,
)
from app.core.outbox import Kind
from app.core.people import limited, names, users
from app.core.proof import codes, links, stamps
from app.core.proof.codes import RanOut
from app.core.proof.links import Link
from app.core.roster import entitlements
from app.models.access import CredentialKind, Purpose, Registration
from app.models.people import CameBy, User


@dataclass(frozen=True)
class Wish:
    """What somebody asks for, by whom nothing is proven yet.

    `way` is a way in from elsewhere, with its identifier, that waits for the same proof as the
    password does.
    """

    full_name: str
    email: str
    password_hash: str | None
    way: tuple[CredentialKind, str] | None = None
    remember: bool = False


def problem_for(
    password: str, address: str, full_name: str, terms: Terms
) -> PasswordRefused | None:
    """Why this password is not taken; None if it is. Nothing is looked up for that."""
    stricter = replace(terms, least=terms.open_least)
    return choosing.password_problem(password, address, stricter, full_name)


def hash_of(db: Session, password: str, *, terms: Terms) -> str:
    """The hash of a password that may be taken; ends the transaction. Raises `Busy`."""
    db.rollback()  # No transaction waits for bcrypt.
    with terms.lane():
        return hashing.hash_password(password, rounds=terms.rounds)


def begin(db: Session, wish: Wish, *, is_open: bool, terms: Terms, origin: Origin) -> str:
    """Answer the wish by mail, whatever the truth is; the token of the limited session.

    `is_open` takes who is on no list too. Where there is no account and may be one, it is opened,
    without a proof. Raises `BadAddress`, and `TooManyTries` or `CodesAway`, for free and taken
    addresses alike. The caller commits.
    """
    address = canonical(wish.email)
    _ask(db, address, wish, is_open, terms, origin)
    kind, identifier = wish.way or (None, None)
    return limited.begin(
        db,
        address=address,
        email=wish.email.strip(),
        full_name=wish.full_name,
        password_hash=wish.password_hash,
        kind=kind.value if kind else None,
        identifier=identifier,
        remember=wish.remember,
        lifetimes=terms.lifetimes,
    )


def send_again(db: Session, token: str, *, is_open: bool, terms: Terms, origin: Origin) -> None:
    """Answer the wish of a limited session once more. Raises `SignedOut`, and as `begin` does."""
    row = _registration(db, token)
    _ask(db, row.address, _wish_of(row), is_open, terms, origin)


def prove_by_code(db: Session, token: str, typed: str, *, terms: Terms, origin: Origin) -> Entered:
    """Let in whoever has the mailed code, in the session that registered; what waited is theirs.

    Raises `SignedOut` where that session is over; `NotSixDigits`, `CodesAway`; and `TooManyTries`,
    `CodeRanOut` or `WrongCode`, which are committed as refused.
    """
    row = _registration(db, token)
    found = users.find(db, row.address, row.email)
    mailbox = found[0].mailbox if found else row.address
    try:
        code_id = codes.check(
            db, Purpose.CREATE, mailbox, typed, counted_as=row.address, keys=terms.keys
        )
    except RanOut:
        # Only who has the mail can know the digits, so a new mail tells nothing to a stranger.
        _ask(db, row.address, _wish_of(row), False, terms, origin)
        late = CodeRanOut(address=row.email)
        signin.refuse(db, late, METHOD, origin, address=row.address, why="ran_out")
    except (TooManyTries, WrongCode) as refusal:
        signin.refuse(db, refusal, METHOD, origin, address=row.address)
    if found is None:
        signin.refuse(db, WrongCode(), METHOD, origin, address=row.address, why="gone")
    return owning.enter(db, token, row, found, WrongCode(), code_id, terms, origin)


@dataclass(frozen=True)
class Linked:
    """Whose mailbox a link proves, and the registration of the browser that it is opened in.

    That is None in any other browser than the one that asked.
    """

    user: User
    listed: bool
    here: Registration | None

    @property
    def takes_password(self) -> bool:
        """Whether a new password is asked for: elsewhere, for an account that nobody opened."""
        return self.here is None and self.user.verified_at is None and not self.user.has_password()


def read_link(db: Session, link: str, token: str | None, *, terms: Terms) -> Linked:
    """What a mailed link proves; `token` is of the browser's limited session, if it has one.

    Raises `LinkDead`; looking uses nothing up.
    """
    lifetime = letters.lifetime_of(Purpose.CREATE, terms)
    facts = links.read(Link.CREATE, link, lifetime=lifetime, keys=terms.keys)
    found = users.find_by_id(db, facts["user"])
    if found is None or stamps.stamp_of(found[0]) != facts["stamp"]:
        raise LinkDead
    user, listed = found
    row = limited.find(db, token) if token is not None else None
    asked_for = users.find(db, row.address, row.email) if row else None
    is_theirs = asked_for is not None and asked_for[0].id == user.id
    return Linked(user, listed, row if is_theirs else None)


def prove_by_link(
    db: Session,
    link: str,
    token: str | None,
    password: str | None,
    *,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Let in whoever has the mailed link. In the session that registered, what waited is theirs.

    Elsewhere `password` becomes the account's, and nothing of what was asked for. Raises
    `LinkDead`, or `NotBoth` with what is wrong with the password.
    """
    linked = read_link(db, link, token, terms=terms)
    if linked.here is not None and token is not None:
        found = (linked.user, linked.listed)
        return owning.enter(db, token, linked.here, found, LinkDead(), None, terms, origin)
    if not linked.takes_password or password is None:
        raise LinkDead
    user = linked.user
    owning.keep_out(db, user, linked.listed, LinkDead(), terms, origin)
    user = renewing.as_read(db, user)
    unfit = problem_for(password, user.mailbox, "", terms)
    unfit = unfit or renewing.problem_for(db, user, password, terms)
    if unfit is not None:
        raise NotBoth(None, unfit)
    renewing.renew(
        db, user, password, method=METHOD, proves_mailbox=True, terms=terms, origin=origin
    )
    return owning.admit(db, user, terms, origin, is_first=True, remember=terms.remember)


def _ask(
    db: Session, address: str, wish: Wish, is_open: bool, terms: Terms, origin: Origin
) -> None:
    scope = f"ask:{Purpose.CREATE.value}"
    if not throttle.take(db, scope, address, MOST_ASKED):
        until = throttle.until(db, scope, address) or clock.now()
        signin.refuse(db, TooManyTries(until), METHOD, origin, address=address, why="asked")
    kind = _answer(db, address, wish, is_open, origin)
    way = wish.way[0].value if wish.way else None
    letters.send(db, kind, wish.email, terms=terms, way=way)
    floods.record(
        db, Event.REGISTRATION_ASKED, origin, address=address, answer=kind.value, openly=True,
        way=way,
    )  # fmt: skip


def _answer(db: Session, address: str, wish: Wish, is_open: bool, origin: Origin) -> Kind:
    for _ in range(3):
        # Everybody waits for an import at work: else the wait of those on the list would name them.
        entitlements.hold_list(db)
        kind = letters.to_create(db, wish.email, is_open=is_open, has_way=wish.way is not None)
        if kind is not Kind.CREATE_ACCOUNT or users.find(db, address, wish.email) is not None:
            return kind
        try:
            _open(db, address, wish, is_open, origin)
        except (LinkDead, NoLongerListed):
            # Another request opened it, or an import took the line away: look again.
            db.rollback()
        else:
            return kind
    raise LinkDead


def _open(db: Session, address: str, wish: Wish, is_open: bool, origin: Origin) -> None:
    try:
        user = opening.open_listed(db, address, origin, proven=False)
    except NoLongerListed:
        if not is_open:
            raise
        user = opening.open_unlisted(
            db, address, wish.email.strip(), CameBy.OPEN, origin,
            last_name=names.last_word(wish.full_name), proven=False,
        )  # fmt: skip
    owning.name(db, user.id, wish.full_name)


def _registration(db: Session, token: str) -> Registration:
    row = limited.find(db, token)
    if row is None:
        raise SignedOut
    return row


def _wish_of(row: Registration) -> Wish:
    way = (CredentialKind(row.kind), row.identifier) if row.kind and row.identifier else None
    return Wish(row.full_name, row.email, row.password_hash, way, row.remember)
