"""What an account leaves behind when it goes to another address: nothing that opens it there."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core.entry import renewing
from app.core.outbox import Kind
from app.models.people import User
from app.models.records import MessageState, OutgoingMessage

NOTICES = (Kind.ADDRESS_CHANGED.value, Kind.ADDRESS_MOVED.value)
"""What tells an old mailbox of a change: it leaves, however soon the next change comes."""


def leave(db: Session, before: User) -> None:
    """End the codes that went to the address that `before` had, and hold back the mails to it.

    A link is minted when its mail leaves: one that waits would open the account from the mailbox
    that is its own no more.
    """
    renewing.end_mailed(db, before)
    waits = [MessageState.QUEUED.value, MessageState.SENDING.value]
    db.execute(
        update(OutgoingMessage)
        .where(
            OutgoingMessage.user_id == before.id,
            OutgoingMessage.state.in_(waits),
            OutgoingMessage.kind.not_in(NOTICES),
        )
        .values(state=MessageState.HELD.value, sealed=None)
        .execution_options(synchronize_session=False)
    )
