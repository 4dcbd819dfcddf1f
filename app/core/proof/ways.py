"""How somebody can sign in to the site, and that the last of these ways stays.

A PIN is none of them: it tells a chat who is there, and opens no page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.errors import N_, Refusal
from app.models.access import Credential, CredentialKind
from app.models.people import User

PROVIDERS = (CredentialKind.GOOGLE, CredentialKind.GITHUB, CredentialKind.OIDC)
"""Who vouches for people elsewhere, in the order in which the page has them."""

PROVIDER_NAMES = {
    CredentialKind.GOOGLE: "Google",
    CredentialKind.GITHUB: "GitHub",
    CredentialKind.OIDC: "OpenID Connect",
}
"""What people call each of them, where no setting says otherwise."""

OPENING = (CredentialKind.PHONE, *PROVIDERS)
"""The kinds of credentials that sign somebody in on the site."""


@dataclass(frozen=True)
class Doors:
    """Which doors of the site stand open here, as its settings say.

    `by_code` is for mailed codes; without `roles_by_code` neither they nor codes by WhatsApp let
    in who has a role. `providers` are the kinds whose client is set up. `is_open` lets people
    create an account who are on no list.
    """

    by_code: bool = False
    roles_by_code: bool = False
    whatsapp: bool = False
    providers: Collection[str] = ()
    oidc_name: str = ""
    is_open: bool = False

    def code_opens(self, *, has_role: bool) -> bool:
        """Whether a mailed code lets in who has a role, or who has none."""
        return self.by_code and (self.roles_by_code or not has_role)

    def closed(self, *, has_role: bool) -> set[CredentialKind]:
        """The kinds that open nothing now: switched off, or not for people with a role."""
        found = {each for each in PROVIDERS if each not in self.providers}
        if not self.whatsapp or (has_role and not self.roles_by_code):
            found.add(CredentialKind.PHONE)
        return found

    def name_of(self, provider: CredentialKind) -> str:
        """What people here call a provider."""
        own = self.oidc_name if provider is CredentialKind.OIDC else ""
        return own or PROVIDER_NAMES[provider]


NO_DOORS = Doors()
"""Nothing but passwords, for the people of a list: where nobody says what the settings are."""


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
