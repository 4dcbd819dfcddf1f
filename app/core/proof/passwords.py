"""Which new passwords are taken, and why another is not (NIST SP 800-63B-4 §3.1.1.2).

Any Unicode counts, after NFC; no composition rules; the whole of a long password is used.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from zxcvbn_rs_py import zxcvbn

from app.core.errors import N_, PasswordRefused

MOST_BYTES = 4096
"""Bytes beyond which nothing is looked at: no person types that."""

JUDGED = 64
"""Characters that the estimator is given: its time grows with the square of them."""

GUESSABLE = 10**6
"""Guesses within which a password counts as common."""


def check_new(password: str, *, least: int, known_words: Sequence[str]) -> str:
    """The password in NFC, fit to be hashed.

    `least` is in characters. `known_words` are what an attacker would try first: what the person
    typed beside it and the name of the service, never what the roster knows. Raises
    `PasswordRefused` with the reason and a way to a better one.
    """
    if not password:
        raise PasswordRefused(N_("Enter a password."))
    try:
        size = len(password.encode("utf-8"))
    except UnicodeEncodeError:
        raise PasswordRefused(N_("This password has a broken character in it.")) from None
    if size > MOST_BYTES:
        raise PasswordRefused(
            N_("This password is too long: it can have %(most)s bytes."), most=MOST_BYTES
        )
    if "\0" in password:
        raise PasswordRefused(N_("This password has a broken character in it."))
    password = unicodedata.normalize("NFC", password)
    if len(password) < least:
        raise too_short(password, least)
    _refuse_guessable(password, known_words)
    return password


def too_short(password: str, least: int) -> PasswordRefused:
    """The refusal of a password of fewer than `least` characters."""
    words = N_("A password needs %(least)s characters; this one has %(length)s.")
    return PasswordRefused(words, least=least, length=len(password))


def _refuse_guessable(password: str, known_words: Sequence[str]) -> None:
    plain = password.lower()
    words = [word.lower() for word in known_words if len(word) >= 3]
    for word in words:
        rest = plain.replace(word, "")
        if word in plain and len(rest) < 6:
            raise PasswordRefused(
                N_(
                    "It is little more than your name, your address or the name of this site."
                    " Three unrelated words make a good one."
                )
            )
    if zxcvbn(password[:JUDGED], words).guesses < GUESSABLE:
        raise PasswordRefused(
            N_(
                "This password is on lists of common ones, or close to one."
                " Three unrelated words make a good one."
            )
        )
