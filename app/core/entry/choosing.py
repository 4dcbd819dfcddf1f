"""A mailed code and a new password, given together: both are judged, both problems are said."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.core import throttle
from app.core.audit import Origin
from app.core.entry import signin
from app.core.entry.terms import Terms
from app.core.errors import CodeRanOut, PasswordRefused, Refusal
from app.core.proof import codes, passwords
from app.core.proof.codes import Fitting
from app.models.access import Purpose


class NotBoth(Refusal):
    """The code, the password, or both cannot be taken; each problem stands by its field."""

    code = "not_both"
    status = 422

    def __init__(self, code: Refusal | None, password: Refusal | None) -> None:
        super().__init__()
        self.by_field = {
            name: refusal
            for name, refusal in (("code", code), ("password", password))
            if refusal is not None
        }
        self.status = max(refusal.status for refusal in self.by_field.values())
        self.until = getattr(code, "until", None)


def prove(
    db: Session,
    purpose: Purpose,
    address: str,
    code: str,
    password: str,
    *,
    counted_as: str | None = None,
    send_again: Callable[[Purpose], None],
    terms: Terms,
    origin: Origin,
) -> Fitting:
    """The code that fits, if the password may be taken too; neither is used up.

    Any code that a mail to who asked may carry is taken; `purpose` is the page's own.
    `address` is what the code is bound to, `counted_as` its canonical form where they differ.
    `send_again` mails a fresh code to who typed one that just ran out. Raises `NotBoth`.
    """
    method = purpose.value
    unfit = password_problem(password, address, terms)
    try:
        found = codes.check_any(
            db, codes.BY_MAIL, address, code, counted_as=counted_as, keys=terms.keys
        )
    except codes.RanOut as late:
        # Only who has the mail can know the digits, so a new mail tells nothing to a stranger.
        send_again(late.purpose)
        refusal = NotBoth(CodeRanOut(address=address), unfit)
        signin.refuse(db, refusal, method, origin, address=address, why="ran_out")
    except Refusal as wrong:
        signin.refuse(db, NotBoth(wrong, unfit), method, origin, address=address, why=wrong.code)
    if unfit is not None:
        refuse_password(db, purpose, counted_as or address, unfit, origin)
    return found


def refuse_password(
    db: Session, purpose: Purpose, address: str, unfit: PasswordRefused, origin: Origin
) -> None:
    """Refuse the password of somebody whose code was right. Raises `NotBoth`."""
    # The code was right, so this was no guess: the count starts over.
    throttle.clear(db, codes.scope(purpose), address)
    signin.refuse(db, NotBoth(None, unfit), purpose.value, origin, address=address, why=unfit.code)


def password_problem(
    password: str, address: str, terms: Terms, *more: str
) -> PasswordRefused | None:
    """Why this new password is not taken; None if it is. `more` are words that were typed too."""
    typed = [*more, address, address.partition("@")[0], *terms.service_words]
    try:
        passwords.check_new(password, least=terms.least, known_words=typed)
    except PasswordRefused as refusal:
        return refusal
    return None
