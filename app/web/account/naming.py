"""Languages and countries by name, in the reader's own language."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers
from flask_babel import get_locale

from app.core.people import profile

Choices = list[tuple[str, str]]
"""Pairs of a code and its name, as a reader finds them: by name."""


def language(code: str | None) -> str | None:
    """A language in the reader's own; None where none was chosen."""
    if not code:
        return None
    try:
        return Locale.parse(code.replace("_", "-"), sep="-").get_display_name(_reader()) or code
    except (UnknownLocaleError, ValueError):
        return code  # What another application wrote there once.


def country(code: str | None) -> str | None:
    """A country in the reader's language; None where none was said."""
    return Locale.parse(_reader()).territories.get(code, code) if code else None


def languages(own: str | None) -> Choices:
    """The languages that there are, and the one that somebody has, if it is a region's."""
    known = _languages(_reader())
    if own and own not in {code for code, _name in known}:
        return [(own, language(own) or own), *known]
    return known


def countries() -> Choices:
    """The countries of ISO 3166-1."""
    return _countries(_reader())


def _reader() -> str:
    return str(get_locale() or "en")


@lru_cache(maxsize=8)
def _languages(reader: str) -> Choices:
    names = Locale.parse(reader).languages
    codes = [each for each in locale_identifiers() if "_" not in each and each in names]
    return sorted(((code, names[code]) for code in codes), key=lambda pair: pair[1].casefold())


@lru_cache(maxsize=8)
def _countries(reader: str) -> Choices:
    names = Locale.parse(reader).territories
    found = [(code, names.get(code, code)) for code in profile.countries()]
    return sorted(found, key=lambda pair: pair[1].casefold())
