"""A test mail that somebody sends to themselves from a chat: it goes to their own mailbox alone."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.core import clock, outbox, throttle
from app.core.errors import N_, Refusal, TooManyTries
from app.core.outbox import Cap, Kind
from app.core.throttle import Limit
from app.models.people import User

MOST_SUBJECT, MOST_MESSAGE = 100, 1000
"""Characters of what a person may write into it."""

MOST_SENT = Limit(tries=5, window=timedelta(hours=1))


class TooLong(Refusal):
    """A subject or a message beyond its limit."""

    code = "too_long"
    status = 422
    words = N_("The subject can have %(subject)s characters, and the message %(message)s.")


def check(subject: str | None, message: str | None) -> None:
    """Raises `TooLong`."""
    if len(subject or "") > MOST_SUBJECT or len(message or "") > MOST_MESSAGE:
        raise TooLong(subject=MOST_SUBJECT, message=MOST_MESSAGE)


def send(
    db: Session, user: User, subject: str | None, message: str | None, *, through: str
) -> None:
    """Write the mail, in which their own words are marked as theirs. The caller commits.

    Raises `TooManyTries` beyond `MOST_SENT`.
    """
    if not throttle.take(db, "test_mail", str(user.id), MOST_SENT):
        raise TooManyTries(throttle.until(db, "test_mail", str(user.id)) or clock.now())
    outbox.queue(
        db, Kind.CHAT_TEST, user.mailbox, user_id=user.id, locale=user.locale, cap=Cap.NONE,
        title=_plain(subject).replace("\n", " "), message=_plain(message), through=through,
    )  # fmt: skip


def _plain(text: str | None) -> str:
    # Lines are kept; whatever else steers a terminal or turns the writing round is not.
    kept = (
        each for each in (text or "").replace("\r\n", "\n") if each == "\n" or each.isprintable()
    )
    return "".join(kept).strip()
