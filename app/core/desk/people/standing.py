"""Whether and for how long somebody may be here: suspending, restoring, extending, signing out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import audit, clock
from app.core.audit import Event, Origin
from app.core.desk.people import guarding
from app.core.entry import letters
from app.core.entry.terms import Terms
from app.core.errors import N_, NotFound, Refusal
from app.core.outbox import Kind
from app.core.people import sessions, users
from app.core.proof import guesses
from app.models.access import SignInSession
from app.models.people import Status, User

BY_ADMIN = "by_admin"
"""The reason of sessions that an admin ended."""


class HasPassword(Refusal):
    """A mail to set a first password, for somebody who has one."""

    code = "has_password"
    status = 409
    words = N_("They have a password. Whoever forgot it gets a new one at “Forgot your password?”.")


class ShutOut(Refusal):
    """A mail to set a password, for somebody whom it would not let in."""

    code = "shut_out"
    status = 409
    words = N_("They may not enter now, so the mail would be of no use. Let them in first.")


class NoPause(Refusal):
    """A pause to lift where none is."""

    code = "no_pause"
    status = 409
    words = N_("Their sign-in is not paused.")


class PastDate(Refusal):
    """An expiry date that lies behind us."""

    code = "past_date"
    status = 422
    words = N_("Choose a day that is still to come. To keep somebody out, suspend them.")


def suspend(db: Session, user_id: int, *, by: int | None, origin: Origin) -> None:
    """Keep somebody out until they are restored, and sign them out everywhere.

    What was mailed to them before opens nothing any more. The caller commits.
    """
    guarding.check(db, user_id, by=by, shuts_out=True)
    _set_status(db, user_id, Status.INACTIVE)
    sessions.end_all_of(db, SignInSession.user_id == user_id, BY_ADMIN)
    audit.record(db, Event.ACCOUNT_SUSPENDED, origin, user_id=user_id, actor_id=by)


def restore(db: Session, user_id: int, *, by: int | None, origin: Origin) -> None:
    """Let somebody in again who was suspended. The caller commits."""
    was = guarding.check(db, user_id, by=by).status
    _set_status(db, user_id, Status.ACTIVE)
    audit.record(db, Event.ACCOUNT_RESTORED, origin, user_id=user_id, actor_id=by, was=was)


def extend(
    db: Session, user_id: int, until: date | None = None, *, by: int | None, origin: Origin
) -> date:
    """Let the account be good through the day `until`, or for the usual term from now; that day.

    Raises `PastDate`. The caller commits.
    """
    user = guarding.check(db, user_id, by=by)
    before = user.expiry_date
    ends = good_until(until)
    db.execute(
        update(User)
        .where(User.id == user_id)
        .values(expiry_date=ends)
        .execution_options(synchronize_session=False)
    )
    was = before.date().isoformat() if before else None
    audit.record(
        db, Event.ACCOUNT_EXTENDED, origin, user_id=user_id, actor_id=by,
        was=was, until=ends.date().isoformat(),
    )  # fmt: skip
    return ends.date()


def good_until(day: date | None) -> datetime:
    """The moment to store for an account that is good through `day`; None is the usual term."""
    if day is None:
        return clock.now() + users.ACCOUNT_TERM
    if day < clock.today():
        raise PastDate
    return datetime.combine(day, time(), tzinfo=UTC)


def sign_out(
    db: Session, user_id: int, session_id: int | None = None, *, by: int | None, origin: Origin
) -> None:
    """End one session of somebody, or all. Raises `NotFound`. The caller commits."""
    guarding.check(db, user_id, by=by)
    whose = SignInSession.user_id == user_id
    if session_id is not None:
        whose = (SignInSession.id == session_id) & whose
        open_ = select(SignInSession.id).where(whose, SignInSession.ended_at.is_(None))
        if db.scalar(open_) is None:
            raise NotFound
    sessions.end_all_of(db, whose, BY_ADMIN)
    audit.record(
        db, Event.SESSION_ENDED, origin, user_id=user_id, actor_id=by, session=session_id or "all"
    )


def lift_pause(db: Session, user_id: int, *, by: int | None, origin: Origin) -> None:
    """End the pause after too many wrong passwords; raises as `lift_pause_of`.

    The caller commits.
    """
    user = guarding.person(db, user_id)
    lift_pause_of(db, user.counted_as, user_id=user_id, by=by, origin=origin)


def lift_pause_of(
    db: Session, address: str, *, user_id: int | None = None, by: int | None, origin: Origin
) -> None:
    """End the pause of a canonical address, which is nobody's perhaps, and that of its PIN.

    Raises `AboveYou` where `by` may not change everybody whom it counts for, and `NoPause`.
    """
    if not guarding.may_lift(db, address, by):
        raise guarding.AboveYou
    lifted = [guesses.lift(db, address, scope=each) for each in (guesses.ACCOUNT, guesses.PIN)]
    if not any(lifted):
        raise NoPause
    audit.record(db, Event.PAUSE_LIFTED, origin, user_id=user_id, actor_id=by, address=address)


def resend(db: Session, user_id: int, *, by: int | None, terms: Terms, origin: Origin) -> None:
    """Mail somebody who has no password yet a way to set one, anew. The caller commits.

    Raises `HasPassword` or `ShutOut`.
    """
    user = guarding.check(db, user_id, by=by)
    if user.has_password():
        raise HasPassword
    if users.shut_out_reason(user, listed=users.get(db, user_id)[1]) is not None:
        raise ShutOut
    letters.send(db, setup_kind(user), user.email, terms=terms)
    audit.record(db, Event.SETUP_RESENT, origin, user_id=user_id, actor_id=by)


def setup_kind(user: User) -> Kind:
    """Which mail asks for a first password: a welcome, until they proved that it reached them."""
    return Kind.WELCOME if user.verified_at is None else Kind.SETUP


def _set_status(db: Session, user_id: int, status: Status) -> None:
    # Whoever decides about somebody by hand wants it to count, also for a row that came along.
    db.execute(
        update(User)
        .where(User.id == user_id)
        .values(status=status.value, enforced=True)
        .execution_options(synchronize_session=False)
    )
