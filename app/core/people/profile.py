"""What somebody says of themselves on their account page: full name, language, country."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import cast

from babel import Locale
from sqlalchemy import Table, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.core import audit
from app.core.audit import Event, Origin
from app.core.errors import N_, Refusal
from app.core.people import locales, names, users
from app.models.people import Profile, User

NO_COUNTRIES = frozenset(
    "AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK ZZ".split()  # noqa: SIM905 - a list of codes
)
"""Regions of two letters in CLDR that ISO 3166-1 does not have as countries."""


class UnknownCountry(Refusal):
    """A code that ISO 3166-1 does not have."""

    code = "unknown_country"
    status = 422
    words = N_("Choose a country from the list.")


@dataclass(frozen=True)
class Said:
    """What somebody says of themselves; None for what they do not say."""

    full_name: str | None
    locale: str | None
    country: str | None


@cache
def countries() -> frozenset[str]:
    """The codes of countries (ISO 3166-1 alpha-2)."""
    known = map(str, Locale("en").territories)
    return frozenset(code for code in known if len(code) == 2 and code.isalpha()) - NO_COUNTRIES


def of(db: Session, user: User) -> Said:
    """What this person said up to now."""
    row = db.get(Profile, user.id, populate_existing=True)
    if row is None:
        return Said(None, user.locale, None)
    return Said(row.full_name, user.locale, row.country)


def save(
    db: Session, user: User, full_name: str, locale: str, country: str, *, origin: Origin
) -> list[str]:
    """Take over what is typed, blank for what is not said; the names of what changed.

    Only a name that was never given may stay blank. The last name of who stands on no list, and
    was added by nobody, follows the full one. Raises `NoFullName`, `BadLocale` or
    `UnknownCountry`. The caller commits.
    """
    users.hold(db, user.id)
    before = of(db, user)
    wanted = _checked(before, full_name, locale, country)
    old, new = asdict(before), asdict(wanted)
    changed = {name: [old[name], new[name]] for name in new if new[name] != old[name]}
    if not changed:
        return []
    _write(db, user.id, wanted)
    values = {"locale": wanted.locale}
    if "full_name" in changed and user.came_by is not None and not user.from_roster:
        values["last_name"] = names.last_word(wanted.full_name or "")
    db.execute(
        update(User)
        .where(User.id == user.id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        db, Event.PROFILE_CHANGED, origin, user_id=user.id, actor_id=user.id, changed=changed
    )
    return list(changed)


def _checked(before: Said, full_name: str, locale: str, country: str) -> Said:
    is_said = full_name.strip() or before.full_name
    name = names.checked_full_name(full_name) if is_said else None
    if country and country not in countries():
        raise UnknownCountry
    language = locales.canonical(locale) if locale.strip() else None
    return Said(name, language, country or None)


def _write(db: Session, user_id: int, wanted: Said) -> None:
    values = {"full_name": wanted.full_name, "country": wanted.country}
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = insert(cast(Table, Profile.__table__)).values(user_id=user_id, **values)
    db.execute(row.on_conflict_do_update(index_elements=["user_id"], set_=values))
