"""The chat-native contract behind mailed links: what their pages call, with a token and no key."""

from __future__ import annotations

from datetime import UTC

from flask import Response, jsonify

from app.api.signup import DOCUMENT, PREFIX, REFUSALS, answer, bp, read
from app.api.signup.bodies import Broken, PlainAnswer, ProfileRead, Result, Token, UpdateSave
from app.core.entry import by_pin, chat_profile, chat_signup
from app.core.entry.chat_profile import NothingChanged
from app.core.errors import LinkDead, PasswordRefused
from app.core.people.locales import DEFAULT, BadLocale
from app.core.proof.pins import Found
from app.edge.bodies import BadField
from app.edge.db import commit, db
from app.edge.identity import program_origin
from app.edge.lanes import programs
from app.edge.limits import door
from app.edge.ours import terms
from app.edge.words import say


@bp.post(f"{PREFIX}SignUp_Verify")
@DOCUMENT.operation(
    "userSignUpVerify", body=Token, answers=REFUSALS | {200: ProfileRead, 500: Broken},
    consequential=False,
)  # fmt: skip
@door
def verify() -> Response:
    """Confirm an account by the token of its mail.

    For the page behind the mailed link; a chat never has the token.
    """
    try:
        sent = read(Token)
        pin = chat_signup.confirm(db, sent.token, terms=terms(), origin=program_origin())
    except (BadField, LinkDead):
        return _dead()
    commit()
    return _profile(pin, "The account is confirmed. PIN and passphrase work from now on.")


@bp.post(f"{PREFIX}Update_Load")
@DOCUMENT.operation(
    "userProfileUpdateLoad", body=Token, answers=REFUSALS | {200: ProfileRead},
    consequential=False,
)  # fmt: skip
@door
def update_load() -> Response:
    """Show the profile that a mailed token opens.

    For the page behind the mailed link; it uses nothing up.
    """
    try:
        sent = read(Token)
        pin = chat_profile.read_link(db, sent.token, terms=terms())
    except (BadField, LinkDead):
        return _dead()
    return _profile(pin, "Language and passphrase can be changed, once.")


@bp.post(f"{PREFIX}Update_Save")
@DOCUMENT.operation(
    "userProfileUpdateSave", body=UpdateSave, answers=REFUSALS | {200: PlainAnswer},
    consequential=False,
)  # fmt: skip
@door
def update_save() -> Response:
    """Change language or passphrase by a mailed token, which works once.

    For the page behind the mailed link.
    """
    try:
        sent = read(UpdateSave, {"passphrase": "passPhrase"})
        chat_profile.save(
            db, sent.token, sent.locale, sent.passphrase, terms=terms(programs),
            origin=program_origin(),
        )  # fmt: skip
    except BadField as refusal:
        if refusal.field == "token":
            return _dead()
        return answer(Result.INVALID_INPUT, say(refusal))
    except LinkDead:
        return _dead()
    except (BadLocale, NothingChanged, PasswordRefused) as refusal:
        return answer(Result.INVALID_INPUT, say(refusal))
    commit()
    return answer(Result.SUCCESS, "The profile is saved.")


@bp.get("/openapi/signup.json")
def document() -> Response:
    """The contract, for the builder of a GPT."""
    return jsonify(DOCUMENT.published())


def _dead() -> Response:
    db.rollback()  # What the journey began before it was refused must not stand.
    words = "This link no longer works: it was used, it ran out, or a newer one was mailed."
    return answer(Result.INVALID_TOKEN, words)


def _profile(pin: Found, words: str) -> Response:
    user = pin.user
    made = user.date_added or pin.created_at
    return answer(
        Result.SUCCESS,
        words,
        email=user.mailbox,
        pin=int(pin.digits),
        locale=user.locale or DEFAULT,
        status=by_pin.status(db, user),
        dateCreated=made.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
