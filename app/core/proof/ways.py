"""How somebody can sign in to the site, and that the last of these ways stays.

A PIN is none of them: it tells a chat who is there, and opens no page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.errors import N_, Refusal
from app.models.access import Credential, CredentialKind
from app.models.people import User

PROVIDERS = (CredentialKind.GOOGLE, CredentialKind.GITHUB, CredentialKind.OIDC)
"""Who vouches for people elsewhere, in the order in which the page has them."""

OPENING = (CredentialKind.PHONE, *PROVIDERS)
"""The kinds of credentials that sign somebody in on the site."""


class LastWay(Refusal):
    """Without it nothing would let its person in any more."""

    code = "last_way"
    status = 409
    words = N_("This is your only way to sign in, so it stays. Add another one first.")


Held = Mapping[CredentialKind, Sequence[Credential]]
"""What somebody has of each kind that opens the site."""


def of(db: Session, user_id: int) -> Held:
    """What this person has of each kind that opens the site, oldest first; one query."""
    rows = db.scalars(
        select(Credential)
        .where(Credential.user_id == user_id)
        .where(Credential.kind.in_([each.value for each in OPENING]))
        .order_by(Credential.id)
    ).all()
    return {kind: [row for row in rows if row.kind == kind.value] for kind in OPENING}


def is_last(
    held: Held,
    user: User,
    kind: CredentialKind,
    *,
    by_code: bool,
    closed: Collection[CredentialKind] = (),
) -> bool:
    """Whether nothing but `kind` lets this person in, who has `held` as `of` says it.

    `by_code` says that a mailed code does too; `closed` are the kinds that open nothing here now,
    because whatever they need is switched off.
    """
    others = set(OPENING) - {kind} - set(closed)
    return not (by_code or user.has_password() or any(held[each] for each in others))


def check_not_last(
    db: Session,
    user: User,
    kind: CredentialKind,
    *,
    by_code: bool,
    closed: Collection[CredentialKind] = (),
) -> None:
    """Let past who keeps a way in without `kind`. Raises `LastWay`; otherwise as `is_last`.

    Holds the person's row: of the last two ways, removed at once in two browsers, one stays.
    """
    # A write, because SQLite lets two readers look before either of them changes anything.
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(verified_at=User.verified_at)
        .execution_options(synchronize_session=False)
    )
    held = of(db, user.id)
    if held[kind] and is_last(held, user, kind, by_code=by_code, closed=closed):
        raise LastWay
