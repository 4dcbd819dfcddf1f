"""Who somebody is at a provider elsewhere: what it says of them, read with care.

Nothing that a provider sends is believed because of its look: a subject or an address of another
type than it must have is none, and only the boolean `true` says that an address was verified.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.addresses import BadAddress, canonical
from app.core.errors import N_, Refusal
from app.core.people import names
from app.core.people.names import NoFullName
from app.models.access import CredentialKind

HOMES = {
    CredentialKind.GOOGLE: "https://accounts.google.com",
    CredentialKind.GITHUB: "https://github.com",
}
"""The one issuer of each kind. The subjects of any other are kept apart by a mark of it, or whoever
moves an installation to another provider would let strangers of the same number in."""

LONGEST_SUBJECT = 200
LONGEST_NAME = 200
"""Characters that are taken."""

ENTRA = "https://login.microsoftonline.com/"
"""Microsoft's issuers begin so. They say `xms_edov` where the owner of an address's domain is
verified, and not `email_verified` (Microsoft identity platform, optional claims)."""


class NoSubject(Refusal):
    """A provider did not say who somebody is, in a form that could be kept."""

    code = "no_subject"
    status = 502
    words = N_("%(provider)s did not tell us who you are. Try again, or use another way.")


class NoAddress(Refusal):
    """Somebody whom nobody here knows yet, and whose address the provider does not tell."""

    code = "no_address"
    status = 422
    words = N_(
        "%(provider)s told us no email address of yours. Let it do so, or use another way to"
        " sign in."
    )


@dataclass(frozen=True)
class Claim:
    """What a provider says of somebody; `provider` is what people call it.

    `identifier` is what `credentials` knows them by. `vouched` says that the provider verified
    that `email` is theirs; `email` is None where it told none that could be one.
    """

    kind: CredentialKind
    identifier: str
    provider: str
    email: str | None
    vouched: bool
    full_name: str

    @property
    def address(self) -> str:
        """The canonical form of `email`, which must be there."""
        return canonical(self.email or "")

    @property
    def shown(self) -> str:
        """How a page or a mail names the account there."""
        return self.email or self.full_name or self.provider


def of_openid(kind: CredentialKind, provider: str, issuer: str, claims: Mapping[str, Any]) -> Claim:
    """Somebody by the claims of a checked ID token (OpenID Connect Core 1.0 §5.1).

    Raises `NoSubject`.
    """
    verified = claims.get("email_verified")
    if verified is None and issuer.startswith(ENTRA):
        verified = claims.get("xms_edov")
    parts = [claims.get("given_name"), claims.get("family_name")]
    name = _name(claims.get("name")) or _name(" ".join(p for p in parts if isinstance(p, str)))
    identifier = _identifier(kind, issuer, claims.get("sub"), provider)
    return _claim(kind, identifier, provider, claims.get("email"), verified, name)


def of_github(provider: str, home: str, account: Any, emails: Any) -> Claim:
    """Somebody by what GitHub's `/user` and `/user/emails` answered; None for no answer.

    The number is what names them: a login can be renamed, and taken by another. Of the addresses
    the primary one counts. Raises `NoSubject`.
    """
    found = account if isinstance(account, dict) else {}
    number = found.get("id")
    is_number = isinstance(number, int) and not isinstance(number, bool) and number > 0
    subject = str(number) if is_number else None
    listed = emails if isinstance(emails, list) else []
    primary = [each for each in listed if isinstance(each, dict) and each.get("primary") is True]
    mail = primary[0] if len(primary) == 1 else {}
    identifier = _identifier(CredentialKind.GITHUB, home, subject, provider)
    name = _name(found.get("name"))
    return _claim(
        CredentialKind.GITHUB, identifier, provider, mail.get("email"), mail.get("verified"), name
    )


def _claim(
    kind: CredentialKind, identifier: str, provider: str, email: Any, verified: Any, name: str
) -> Claim:
    read = _email(email)
    return Claim(kind, identifier, provider, read, read is not None and verified is True, name)


def _identifier(kind: CredentialKind, issuer: str, subject: Any, provider: str) -> str:
    if not isinstance(subject, str) or not subject.strip() or not _is_text(subject):
        raise NoSubject(provider=provider)
    if len(subject) > LONGEST_SUBJECT:
        raise NoSubject(provider=provider)
    if HOMES.get(kind) == issuer:
        return subject
    return f"{hashlib.sha256(issuer.encode()).hexdigest()[:16]}:{subject}"


def _email(found: Any) -> str | None:
    if not isinstance(found, str):
        return None
    try:
        canonical(found)
    except BadAddress:
        return None
    return found.strip()


def _name(found: Any) -> str:
    if not isinstance(found, str):
        return ""
    try:
        # What nobody may type as a name here must not come in by a provider, and reach our mails.
        return names.checked_full_name(" ".join(found.split())[:LONGEST_NAME])
    except NoFullName:
        return ""


def _is_text(text: str) -> bool:
    # Control characters, and halves of surrogate pairs, which no database can hold.
    return not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)
