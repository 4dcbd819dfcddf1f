"""What programs are told of somebody: who they are, what they may do, and what they may open.

One statement looks at everything, because modules ask with each request of theirs. It is put into
words once for each database: doing that takes longer than its answer, which is one JSON text, as
columns are dearer to take apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, TypedDict, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    select,
)
from sqlalchemy import cast as as_type
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core import clock
from app.core.entry import access_tokens, signing
from app.core.entry.access_tokens import Audience, InvalidToken, Issuer
from app.core.learning import programs
from app.core.people import sessions, users
from app.database import UtcDateTime
from app.models.access import Credential, CredentialKind, SigningKey, SignInSession
from app.models.people import Profile, Role, RoleGrant, User
from app.models.programs import Program

NO_ROLE = "learner"
"""The `role` of who has none."""

_TURN = Lock()
"""SQLite answers in microseconds, and its driver lets other threads go on several times meanwhile:
to come back from each of them takes longer than to wait for one's turn."""

Fact = ColumnElement[Any] | InstrumentedAttribute[Any]


class OpenProgram(TypedDict):
    """A program that somebody may open."""

    code: str
    name: str


class Facts(TypedDict):
    """Somebody, as a program reads it."""

    id: str
    email: str
    email_verified: bool
    phone: str | None
    country: str | None
    role: str
    roles: list[str]
    locale: str | None
    name: str
    programs: list[OpenProgram]


@dataclass(frozen=True)
class Here:
    """Whom a token stands for, by which session, and whether its use is to be written again."""

    user_id: int
    session_id: int
    facts: Facts
    is_to_note: bool


def of(db: Session, user_id: int) -> Facts:
    """This person, as programs are told of them."""
    connection = db.connection()
    said = _question(connection.dialect, by_session=False).ask(connection, user_id=user_id)
    return _facts(cast(dict[str, Any], said))


def of_bearer(engine: Engine, token: str, audience: Audience, *, issuer: Issuer) -> Here:
    """Whom this token stands for, in one query once its key is known.

    That the session lives and its person may be here is in the same query, which stands outside
    any transaction, so that no other round trip begins or ends one. Raises `InvalidToken`.
    """
    with _reading(engine) as connection:
        claim = access_tokens.read(connection, token, audience, issuer=issuer)
        said = _question(connection.dialect, by_session=True).ask(
            connection,
            user_id=claim.user_id,
            session_id=claim.session_id,
            audience=audience.value,
            kid=claim.kid,
        )
    if said is None:
        raise InvalidToken
    return Here(claim.user_id, claim.session_id, _facts(said), bool(said["is_to_note"]))


def _facts(said: dict[str, Any]) -> Facts:
    roles = [name for _, name in sorted(said["roles"])]
    opened = sorted(said["programs"], key=lambda each: (each[1].lower(), each[0]))
    return {
        "id": f"u_{said['id']}",
        "email": said["address"] or said["email"].strip(),
        "email_verified": bool(said["is_verified"]),
        "phone": said["phone"],
        "country": said["country"],
        "role": roles[0] if roles else NO_ROLE,
        "roles": roles,
        "locale": said["locale"],
        "name": said["full_name"] or said["last_name"],
        "programs": [{"code": code, "name": name} for code, name in opened],
    }


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    """A connection outside any transaction; SQLite begins none before the first write."""
    is_local = engine.dialect.name == "sqlite"
    with _TURN if is_local else nullcontext(), engine.connect() as connection:
        if not is_local:
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


class _Question:
    """A statement in the words of a database, whose answer is one JSON text."""

    def __init__(self, asked: Select[*tuple[Any, ...]], dialect: Dialect) -> None:
        compiled = asked.compile(dialect=dialect)
        self._words = str(compiled)
        self._order: list[str] | None = getattr(compiled, "positiontup", None)
        self._fixed: Mapping[str, Any] = compiled.params
        self._away: type[Exception] = dialect.loaded_dbapi.OperationalError
        self._moment: Any = UtcDateTime().dialect_impl(dialect).bind_processor(dialect)

    def ask(self, connection: Connection, **values: Any) -> dict[str, Any] | None:
        """What is known of the one person who meets `values`; None for nobody."""
        now = clock.now()
        moments = {
            "now": now,
            "today": users.beginning_of_today(),
            "due": now - sessions.SEEN_EVERY,
            "kept_since": now - signing.KEPT,
        }
        said = {name: self._moment(value) for name, value in moments.items()}
        every: dict[str, Any] = {**self._fixed, **said, **values}
        given = every if self._order is None else tuple([every[name] for name in self._order])
        found = self._fetch(connection, given)
        return None if found is None else cast(dict[str, Any], json.loads(found[0]))

    def _fetch(self, connection: Connection, given: Any) -> Any:
        # What is put around an answer for the sake of other questions takes longer than this one.
        try:
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(self._words, given)
                return cursor.fetchone()
        except self._away as error:
            raise OperationalError(None, None, error) from error


@lru_cache(maxsize=16)
def _question(dialect: Dialect, *, by_session: bool) -> _Question:
    user_id: ColumnElement[int] = bindparam("user_id")
    facts = _about(dialect.name, user_id)
    if by_session:
        facts["is_to_note"] = SignInSession.last_seen_at <= _moment("due")
    asked = (
        select(_object(dialect.name, facts))
        .select_from(User)
        .outerjoin(Profile, Profile.user_id == User.id)
        .where(User.id == user_id)
    )
    if by_session:
        asked = asked.join(SignInSession, SignInSession.user_id == User.id).where(
            SignInSession.id == bindparam("session_id"),
            SignInSession.audience == bindparam("audience"),
            SignInSession.ended_at.is_(None),
            SignInSession.expires_at > _moment("now"),
            users.is_open(_moment("today")),
            users.on_list(),
            # A key that was taken out, or replaced long ago, verifies nothing any more.
            exists().where(
                SigningKey.kid == bindparam("kid"), signing.verifies(_moment("kept_since"))
            ),
        )
    return _Question(asked, dialect)


def _about(dialect: str, user_id: ColumnElement[int]) -> dict[str, Fact]:
    granted = and_(RoleGrant.role_id == Role.id, RoleGrant.user_id == user_id)
    phone = (
        select(Credential.identifier)
        .where(Credential.user_id == user_id, Credential.kind == CredentialKind.PHONE.value)
        .order_by(Credential.id.desc())
        .limit(1)
    )
    opened = and_(*programs.on_shelf(), programs.opened_to(user_id, now=_moment("now")))
    return {
        "id": User.id,
        "email": User.email,
        "address": User.address,
        "last_name": User.last_name,
        "locale": User.locale,
        "full_name": Profile.full_name,
        "country": Profile.country,
        "is_verified": User.verified_at.is_not(None),
        "phone": phone.scalar_subquery(),
        "roles": _pairs(dialect, Role.id, Role.name, granted),
        "programs": _pairs(dialect, Program.code, Program.name, opened),
    }


def _object(dialect: str, facts: Mapping[str, Fact]) -> ColumnElement[str]:
    """These as the text of one JSON object."""
    named = [part for name, fact in facts.items() for part in (literal_column(f"'{name}'"), fact)]
    built = func.json_build_object if dialect == "postgresql" else func.json_object
    return as_type(built(*named), Text)


def _pairs(
    dialect: str, first: Fact, second: Fact, where: ColumnElement[bool]
) -> ColumnElement[Any]:
    """Two columns of the rows that meet `where`, as a JSON list of pairs, in no order."""
    if dialect == "postgresql":
        several = func.json_agg(func.json_build_array(first, second))
        some = func.coalesce(several, func.json_build_array())
        return select(some).where(where).scalar_subquery()
    several = func.json_group_array(func.json_array(first, second))
    return func.json(select(several).where(where).scalar_subquery())


def _moment(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=UtcDateTime())
