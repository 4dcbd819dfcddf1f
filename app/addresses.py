"""The one canonical form of an email address: what is stored, compared and sent to."""

from __future__ import annotations

import re
import unicodedata

from email_validator import EmailNotValidError, validate_email

LONGEST_ADDRESS = 254
"""Characters of a whole address (RFC 5321 §4.5.3.1.3, RFC 3696 erratum 1690)."""

_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_RESERVED = r"(?i:arpa|invalid|local|localhost|onion|test)"

# The addresses that nearly everybody has: ASCII, no Punycode, no reserved ending. What this matches
# is in its normal form already, as a property test compares; all else is left to the library.
_PLAIN = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!{_RESERVED}\Z)[A-Za-z]{{2,63}}")


class BadAddress(ValueError):
    """Text that is no email address; `str()` of it says in words what is wrong."""


def canonical(address: str) -> str:
    """Return the one form of `address` that is stored and compared.

    Outer blanks go, the domain is read by IDNA, all is NFC and then `str.lower`, never `upper` or
    `casefold`, which make one mailbox of two. `canonical` of the result is the result.
    `.example` and `.test` (RFC 6761) are taken, other reserved names and domains without a dot not.
    Raises BadAddress, also for control, zero-width and bidi characters and lone surrogates.
    """
    address = address.strip()
    if len(address) > LONGEST_ADDRESS:
        raise BadAddress(f"An email address has at most {LONGEST_ADDRESS} characters.")
    if _PLAIN.fullmatch(address):
        return address.lower()
    lowered = _lowered(_validated(address))
    # Lower case can be longer than what it came from, so the result has to stand the check too.
    if _lowered(_validated(lowered)) != lowered:
        raise BadAddress("The email address has letters that cannot be compared safely.")
    return lowered


def _lowered(address: str) -> str:
    # Lower case can leave a letter and an accent apart that have one code point together.
    return unicodedata.normalize("NFC", address.lower())


def _validated(address: str) -> str:
    """Return the library's normal form; its `test_environment` is what admits `.test`."""
    if not address:
        raise BadAddress("The email address is blank.")
    try:
        checked = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise BadAddress(str(error)) from error
    if "." not in checked.domain:
        raise BadAddress("The part after the @-sign should have a period.")
    return checked.normalized
