"""The one canonical form of a phone number: what is stored, compared and written to."""

from __future__ import annotations

import re

import phonenumbers

from app.addresses import BadAddress

LONGEST_NUMBER = 40
"""Characters that somebody may type: fifteen digits (E.164), and room for spaces and signs."""

SHOWN = 2
"""Digits at the end of a number that are shown where the whole of it is nobody's business."""

_TYPED = re.compile(r"[\d+＋\s()\[\]./\-‐-―−]+")


class BadNumber(BadAddress):
    """Text that is no phone number; `str()` of it says in words what is wrong."""


def canonical(number: str, region: str | None = None) -> str:
    """Return `number` in E.164, the one form that is stored, compared and written to.

    Spaces, brackets, dashes and foreign digits are forgiven, and `00` stands for `+`. A number
    without its country is read as one of `region` (ISO 3166-1 alpha-2), and refused without one.
    Whether somebody has it, only a message finds out: ranges open faster than any list of them,
    so that its length alone is checked. `canonical` of the result is the result. Raises BadNumber.
    """
    number = number.strip()
    if not number or len(number) > LONGEST_NUMBER or not _TYPED.fullmatch(number):
        raise BadNumber("A phone number has digits, and + and its country code before them.")
    if number.startswith("00"):
        number = f"+{number[2:]}"
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException as error:
        raise BadNumber(str(error)) from None
    if not phonenumbers.is_possible_number(parsed):
        raise BadNumber("A phone number of that country has another number of digits.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def masked(number: str) -> str:
    """`number` with all but its last digits hidden; always as long, whatever it is."""
    return f"••••••{number[-SHOWN:]}"
