"""The ways to sign in that somebody has here, as their account page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.people.sessions import Presence
from app.core.proof import ways
from app.edge import providers
from app.edge.db import db
from app.edge.ours import ours
from app.edge.ways import code_opens, doors
from app.models.access import Credential, CredentialKind


@dataclass(frozen=True)
class Provider:
    """Somebody elsewhere who vouches for people: what this person has there, oldest first."""

    kind: CredentialKind
    name: str
    held: list[Credential]
    is_last: bool
    may_connect: bool
    may_part: bool


@dataclass(frozen=True)
class Owned:
    """All ways at once; `whatsapp` says that codes by it can be had here."""

    by_code: bool
    whatsapp: bool
    phone: Credential | None
    phone_is_last: bool
    providers: list[Provider]


def ways_of(here: Presence) -> Owned:
    """What lets this person in, and what of it is the last; the password aside."""
    settings = ours().settings
    by_code = code_opens(has_role=here.has_role)
    held = ways.of(db, here.user.id)
    phones = held[CredentialKind.PHONE]
    sole = {
        kind: ways.is_last(held, here.user, kind, by_code=by_code, closed=closed(here))
        for kind in ways.OPENING
    }
    known = providers.known().values()
    named = [_way(each, list(held[each.kind]), is_last=sole[each.kind]) for each in known]
    return Owned(
        by_code=by_code,
        whatsapp=settings.whatsapp,
        phone=phones[0] if phones else None,
        phone_is_last=sole[CredentialKind.PHONE],
        providers=[each for each in named if each.held or each.may_connect],
    )


def closed(here: Presence) -> set[CredentialKind]:
    """The kinds that open nothing here now: switched off, or not for people with a role."""
    return doors().closed(has_role=here.has_role)


def _way(elsewhere: providers.Provider, held: list[Credential], *, is_last: bool) -> Provider:
    return Provider(
        kind=elsewhere.kind,
        name=elsewhere.name,
        held=held,
        is_last=bool(held) and is_last,
        may_connect=not held and elsewhere in providers.offered(),
        may_part=bool(held),
    )
