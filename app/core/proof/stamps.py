"""The stamp that a mailed link carries: the state of the account it was issued for.

Choosing a password, proving or changing the address moves the state, and every link with the old
stamp is dead with it; nothing is stored for a link (see `proof.links`).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import ColumnElement, and_

from app.models.people import User


def stamp_of(user: User) -> str:
    """The stamp of this account as it stands now, in 22 letters."""
    moments: list[datetime | None] = [user.verified_at]
    parts = [str(user.id), user.password_hash or "", user.address or "", user.status]
    text = "\0".join(parts + [str(moment) for moment in moments])
    return hashlib.sha256(text.encode()).hexdigest()[:22]


def of_mailbox(user: User) -> str:
    """The stamp of what the owner alone can move, by mail: no new password changes it.

    Who got in with a stolen password must not be able to kill the link that shuts them out.
    """
    parts = [str(user.id), user.address or "", str(user.verified_at)]
    return hashlib.sha256("\0".join(["mailbox", *parts]).encode()).hexdigest()[:22]


def mailbox_unmoved(user: User) -> ColumnElement[bool]:
    """The SQL condition that goes with `of_mailbox`."""
    return and_(
        User.id == user.id,
        User.address.is_not_distinct_from(user.address),
        User.verified_at.is_not_distinct_from(user.verified_at),
    )


def unmoved(user: User) -> ColumnElement[bool]:
    """The SQL condition that the account is still as `user` was read: what one UPDATE claims."""
    return and_(
        User.id == user.id,
        User.password_hash.is_not_distinct_from(user.password_hash),
        User.address.is_not_distinct_from(user.address),
        User.verified_at.is_not_distinct_from(user.verified_at),
        User.status == user.status,
    )
