"""What the wiring handed over: settings, the chosen answerer, the way to wake the worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.config import Settings
from app.core.entry.by_code import Door
from app.core.entry.terms import Terms
from app.core.learning.questions import Answer
from app.core.people.places import Places
from app.core.people.sessions import Lifetimes
from app.edge.lanes import Lane, friends
from app.models.access import Purpose


@dataclass(frozen=True)
class Ours:
    """The parts of a running Rollcall, kept in `app.extensions["rollcall"]`."""

    settings: Settings
    sessions: sessionmaker[Session]
    answer: Answer
    wake: Callable[[], object]
    places: Places | None = None

    @property
    def engine(self) -> Engine:
        """The database, for what is asked outside any session."""
        bind: Engine = self.sessions.kw["bind"]
        return bind


def ours() -> Ours:
    """The parts that the current app was made of."""
    parts: Ours = current_app.extensions["rollcall"]
    return parts


def keys() -> list[str]:
    """The secrets to sign and encrypt with: the first makes, all of them verify."""
    settings = ours().settings
    return [settings.FLASK_SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def lifetimes() -> Lifetimes:
    """How long sessions live here."""
    settings = ours().settings
    return Lifetimes(
        idle=timedelta(seconds=settings.SESSION_IDLE),
        whole=timedelta(seconds=settings.SESSION_LIFETIME),
        remembered=timedelta(seconds=settings.REMEMBERED_LIFETIME),
    )


def terms(lane: Lane = friends, *, remember: bool = False) -> Terms:
    """What opening or mending an account goes by; its hashes are computed in `lane`.

    `remember` is the wish of the browser that a new password lets in.
    """
    settings = ours().settings
    return Terms(
        keys=keys(),
        code_lifetime=timedelta(seconds=settings.CODE_LIFETIME),
        lifetimes=lifetimes(),
        rounds=settings.BCRYPT_LOG_ROUNDS,
        least=settings.PASSWORD_MIN_LENGTH,
        role_least=settings.ROLE_PASSWORD_MIN_LENGTH,
        service_words=[settings.SERVICE_NAME],
        open_least=settings.OPEN_PASSWORD_MIN_LENGTH,
        lane=lane,
        remember=remember,
    )


def code_door(
    purpose: Purpose, requester: str = "", *, through: Mapping[str, str] | None = None
) -> Door:
    """The door that asks for codes of this purpose, as it stands here; see `by_code.Door`."""
    settings = ours().settings
    of_api = purpose is Purpose.API
    return Door(
        purpose,
        timedelta(seconds=settings.API_CODE_LIFETIME if of_api else settings.CODE_LIFETIME),
        requester,
        is_open=settings.REGISTRATION != "roster",
        # A program has no other way in; what its token opens is not the console.
        for_roles=purpose is not Purpose.SIGN_IN or settings.CODE_SIGN_IN_ROLES,
        through=through or {},
    )
