"""Languages, as people and programs name them (BCP 47), in one spelling."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError

from app.core.errors import N_, Refusal

DEFAULT = "en"
LONGEST = 35


class BadLocale(Refusal):
    """What names no language that there is."""

    code = "bad_locale"
    status = 422
    words = N_("Name the language by a code like en or nl-NL.")


def canonical(typed: str) -> str:
    """The one spelling of a language: `nl-NL` for `NL_nl`. Raises `BadLocale`."""
    text = typed.strip().replace("_", "-")
    try:
        if len(text) > LONGEST:
            raise ValueError
        return str(Locale.parse(text, sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError, TypeError):
        raise BadLocale from None
