"""What becomes of an account when its address is proven in the session that registered."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.entry import claiming, letters, linking, renewing, signin
from app.core.entry.opening import Opened
from app.core.entry.signin import Entered
from app.core.entry.terms import Terms
from app.core.errors import Refusal, WrongCode
from app.core.outbox import Kind
from app.core.people import limited, names, roles, users
from app.core.proof import codes, credentials, stamps
from app.core.proof.credentials import NotFree
from app.models.access import CredentialKind, Purpose, Registration
from app.models.people import CameBy, Profile, User

METHOD = "registration"
PROVIDERS = {
    CredentialKind.GITHUB: "GitHub",
    CredentialKind.GOOGLE: "Google",
    CredentialKind.OIDC: "OpenID Connect",
}
"""What ways in from elsewhere are called in mails."""


def enter(
    db: Session,
    token: str,
    row: Registration,
    found: tuple[User, bool],
    refusal: Refusal,
    code_id: int | None,
    terms: Terms,
    origin: Origin,
) -> Entered:
    """Give the account what waited in the session that registered, and let its owner in.

    Raises `refusal` where the truth changed since the mail went, or another request was first.
    """
    user, listed = found
    keep_out(db, user, listed, refusal, terms, origin)
    is_first = user.verified_at is None
    user = renewing.as_read(db, user)
    try:
        _claim(db, user, row, is_first)
        if code_id is not None:
            codes.use(db, Purpose.CREATE, user.mailbox, code_id, counted_as=user.counted_as)
        if not limited.end(db, token):
            raise WrongCode
    except WrongCode:
        db.rollback()
        signin.refuse(db, refusal, METHOD, origin, user_id=user.id, why="late")
    renewing.end_mailed(db, user)
    if is_first:
        name(db, user.id, row.full_name)
        claiming.drop_all(db, user, "password_changed")
    _add_way(db, user, row, is_first, origin)
    audit.record(db, Event.REGISTRATION_PROVEN, origin, user_id=user.id, actor_id=user.id)
    return admit(db, user, terms, origin, is_first=is_first, remember=row.remember)


def keep_out(
    db: Session, user: User, listed: bool, refusal: Refusal, terms: Terms, origin: Origin
) -> None:
    """Raise `refusal`, and say why by mail, to who was shut out after the mail went.

    It is asked before anything is set.
    """
    reason = users.shut_out_reason(user, listed=listed)
    if reason is not None:
        letters.send(db, Kind.SHUT_OUT, user.email, terms=terms)
        signin.refuse(db, refusal, METHOD, origin, user_id=user.id, why=reason)


def _claim(db: Session, user: User, row: Registration, is_first: bool) -> None:
    """Hold the person's row, which comes first in every journey. Raises `WrongCode` if it moved.

    The first proof of the mailbox makes the account its owner's: the password that waited takes
    the place of one that anybody may have set. After that a way in may join it, but for who has a
    role.
    """
    if roles.has_any(db, user.id) or not (is_first or row.kind):
        raise WrongCode
    values: dict[str, object] = {"verified_at": User.verified_at}
    if is_first:
        values = {"verified_at": clock.now(), "password_hash": row.password_hash}
        if user.came_by == CameBy.OPEN.value and row.full_name:
            values["last_name"] = names.last_word(row.full_name)
    claimed = db.scalar(
        update(User)
        .where(stamps.unmoved(user))
        .values(**values)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if claimed is None:
        raise WrongCode


def name(db: Session, user_id: int, full_name: str) -> None:
    """Keep the full name of this person, if they gave one."""
    if full_name:
        db.merge(Profile(user_id=user_id, full_name=full_name))
        db.flush()


def _add_way(db: Session, user: User, row: Registration, is_first: bool, origin: Origin) -> None:
    if row.kind is None or row.identifier is None:
        return
    kind = CredentialKind(row.kind)
    if credentials.of(db, user.id, kind):
        return  # There is one of each kind, and the owner chose another one.
    try:
        credentials.add(db, user.id, kind, row.identifier)
    except NotFree:
        return  # Another account has it by now.
    if is_first and not user.has_password():
        whose = {"user_id": user.id, "actor_id": user.id}
        audit.record(db, Event.WAY_ADDED, origin, **whose, kind=kind.value)
        return  # An account that begins with it has nothing to be told.
    linking.tell_added(
        db, user, kind, provider=PROVIDERS.get(kind, kind.value), shown="", origin=origin,
        claimed=is_first,
    )  # fmt: skip


def admit(
    db: Session, user: User, terms: Terms, origin: Origin, *, is_first: bool, remember: bool
) -> Entered:
    entered = signin.admit(
        db, user.id, METHOD, origin, remember=remember, lifetimes=terms.lifetimes
    )
    if not is_first:
        return entered
    return Opened(entered.user, entered.token, entered.remember, entered.session_id)
