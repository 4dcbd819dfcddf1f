"""Which providers elsewhere people sign in with, and what this browser's cookie has of a visit."""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from flask import session

from app.core import clock
from app.core.errors import NotFound
from app.core.proof.ways import PROVIDERS, Doors
from app.edge.ours import ours
from app.models.access import CredentialKind

GONE_FOR = timedelta(minutes=15)
"""How long a visit to a provider may take."""


@dataclass(frozen=True)
class Provider:
    """A provider, and what people call it."""

    kind: CredentialKind
    name: str

    @property
    def word(self) -> str:
        """How our addresses name it."""
        return self.kind.value


def known() -> dict[str, Provider]:
    """Every kind of provider by its word, whether or not it is offered here, in their order."""
    own = Doors(oidc_name=ours().settings.OIDC_NAME or "")
    return {kind.value: Provider(kind, own.name_of(kind)) for kind in PROVIDERS}


def offered() -> list[Provider]:
    """Those whose client is set up; what is switched off is absent."""
    settings = ours().settings
    return [each for each in known().values() if getattr(settings, each.word)]


def get(word: str) -> Provider:
    """The one of this word that is offered. Raises `NotFound`."""
    for each in offered():
        if each.word == word:
            return each
    raise NotFound


@dataclass(frozen=True)
class Kept:
    """Something about one visit that the cookie has for a while; one at a time."""

    provider: str
    at: str = field(default_factory=lambda: clock.now().isoformat(timespec="seconds"))

    def keep(self) -> None:
        """Put it into the cookie, in place of an earlier one."""
        session[type(self).__name__] = asdict(self)

    @classmethod
    def forget(cls) -> None:
        """Take it out of the cookie."""
        session.pop(cls.__name__, None)

    @classmethod
    def find(cls, provider: Provider) -> Self | None:
        """What the cookie has about this provider, unless that was too long ago."""
        found: dict[str, Any] = session.get(cls.__name__) or {}
        if found.get("provider") != provider.word:
            return None
        kept = cls(**found)
        return kept if clock.now() - datetime.fromisoformat(kept.at) <= GONE_FOR else None


@dataclass(frozen=True)
class Attempt(Kept):
    """That this browser was sent to a provider, and with what it must come back.

    `linking` is the id of the session whose person wants to link the account there; None for who
    wants to come in.
    """

    state: str = ""
    nonce: str | None = None
    verifier: str | None = None
    next: str = ""
    remember: bool = False
    linking: int | None = None

    @classmethod
    def take(cls, provider: Provider, state: str) -> Self | None:
        """The attempt that this state belongs to, which is over with it; None for no such one.

        A wrong state leaves it alone: anybody can have a browser open an address.
        """
        found = cls.find(provider)
        if found is None or not hmac.compare_digest(found.state.encode(), state.encode()):
            return None
        cls.forget()
        return found


@dataclass(frozen=True)
class Link(Kept):
    """That somebody, in the session of this id, is linking an account elsewhere to theirs.

    Once they were there, `identifier` is who they are there, and `shown` how a page names it.
    """

    session_id: int = 0
    identifier: str | None = None
    shown: str = ""

    def met(self, identifier: str, shown: str) -> Link:
        """The same, after the visit."""
        return replace(self, identifier=identifier, shown=shown)
