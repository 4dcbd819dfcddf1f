"""What a GPT asks for people, with its key: an account, a test mail, a link to the profile."""

from __future__ import annotations

from flask import Response, g

from app.addresses import BadAddress
from app.api.signup import (
    DOCUMENT,
    GUARDED,
    PREFIX,
    REFUSALS,
    Answers,
    answer,
    bp,
    guard,
    hints_of,
    read,
)
from app.api.signup.bodies import (
    Failure,
    PlainAnswer,
    Result,
    SignUpAnswer,
    SignUpInit,
    TestEmail,
    UpdateInit,
)
from app.core.entry import by_pin, chat_mail, chat_profile, chat_signup
from app.core.entry.chat_mail import TooLong
from app.core.entry.chat_profile import NobodyNamed
from app.core.entry.chat_signup import Wish
from app.core.errors import CannotSignIn, LinkDead, PasswordRefused, TooManyTries
from app.core.people.locales import BadLocale
from app.core.proof import pins
from app.edge.bodies import BadField
from app.edge.db import commit, db
from app.edge.identity import program_origin
from app.edge.lanes import programs
from app.edge.limits import at_fixed_time
from app.edge.ours import ours, terms
from app.edge.words import say
from app.models.access import ApiKey

FORBIDDEN: Answers = REFUSALS | {403: Failure}


@bp.post(f"{PREFIX}SignUp_Init")
@DOCUMENT.operation(
    "userSignUpInit", body=SignUpInit, answers=FORBIDDEN | {200: SignUpAnswer}, security=GUARDED,
    consequential=True,
)  # fmt: skip
@at_fixed_time
def sign_up() -> Response:
    """Ask for an account for a person.

    Needs their consent, e-mail address and a passphrase. Gives a PIN at once, which works after
    the person opened the link in their mail.
    """
    key = guard()
    try:
        sent = read(SignUpInit, {"isConsent": "consent", "passPhrase": "passphrase"})
        if not sent.isConsent:
            return _no_consent()
        pin = chat_signup.ask(db, _wish(sent, key), terms=terms(programs), origin=program_origin())
    except BadField as refusal:
        return _unfit(refusal)
    except BadAddress:
        words = "The e-mail address is not one. Ask the person for it again."
        return answer(Result.INVALID_INPUT, words, pin=None)
    except (BadLocale, PasswordRefused) as refusal:
        return answer(Result.INVALID_INPUT, say(refusal), pin=None)
    except LinkDead:
        # Others asked for the same address at the same time, again and again.
        return answer(Result.SERVER_ERROR, "That did not work. Try again in a moment.", pin=None)
    commit()
    if pin is None:
        words = "This address has an account already. The person can ask for a link to its profile."
        return answer(Result.EMAIL_ALREADY_REGISTERED, words, pin=None)
    words = "Open the link we mailed to finish. Keep this PIN with your passphrase."
    return answer(Result.SUCCESS, words, pin=pin)


def _wish(sent: SignUpInit, key: ApiKey) -> Wish:
    settings = ours().settings
    return Wish(
        email=sent.email,
        passphrase=sent.passPhrase,
        locale=sent.locale,
        through=key.name,
        key_id=key.id,
        is_open=settings.REGISTRATION != "roster",
        tells=settings.SIGNUP_TELLS_REGISTERED,
        hints=hints_of(key),
    )


def _unfit(refusal: BadField) -> Response:
    if refusal.field == "isConsent":
        return _no_consent()
    # A chat reads it out, in the words that the site has for it too.
    length = PasswordRefused(pins.LENGTH, least=pins.LEAST, most=pins.MOST)
    words = say(length if refusal.field == "passPhrase" else refusal)
    return answer(Result.INVALID_INPUT, words, pin=None)


def _no_consent() -> Response:
    g.answer_at_once = True  # Nobody was looked up.
    words = "Nothing was stored. Agree to the data terms to continue."
    return answer(Result.CONSENT_REQUIRED, words, pin=None)


@bp.post(f"{PREFIX}Test_Email")
@DOCUMENT.operation(
    "emailTestSend", body=TestEmail, answers=FORBIDDEN | {200: PlainAnswer}, security=GUARDED,
    consequential=True,
)  # fmt: skip
@at_fixed_time
def test_email() -> Response:
    """Send a person a test mail, to their own mailbox alone.

    PIN and passphrase say who they are.
    """
    key = guard()
    try:
        sent = read(TestEmail, {"passPhrase": "passphrase"})
        chat_mail.check(sent.subject, sent.message)
    except (BadField, TooLong) as refusal:
        return answer(Result.INVALID_INPUT, say(refusal))
    digits = pins.read_digits(sent.pin)
    if digits is None or not sent.passPhrase:
        return _not_known()
    try:
        user = by_pin.prove(
            db, digits, sent.passPhrase, terms=terms(programs), origin=program_origin(),
            **hints_of(key),
        )  # fmt: skip
    except TooManyTries as refusal:
        return answer(Result.UNAUTHENTICATED, say(refusal))
    except CannotSignIn:
        return _not_known()
    try:
        chat_mail.send(db, user, sent.subject, sent.message, through=key.name)
    except TooManyTries as refusal:
        commit()
        return answer(Result.SERVICE_ERROR, say(refusal))
    commit()
    return answer(Result.SUCCESS, "The mail is on its way to the person's own mailbox.")


def _not_known() -> Response:
    words = "PIN and passphrase do not match an active account."
    return answer(Result.UNAUTHENTICATED, words)


@bp.post(f"{PREFIX}Update_Init")
@DOCUMENT.operation(
    "userProfileUpdateInit", body=UpdateInit, answers=FORBIDDEN | {200: PlainAnswer},
    security=GUARDED, consequential=True,
)  # fmt: skip
@at_fixed_time
def update_init() -> Response:
    """Mail a person a link to their profile.

    By it they see their PIN, and change language and passphrase. The answer does not say whether
    there is such an account.
    """
    key = guard()
    try:
        sent = read(UpdateInit)
        chat_profile.ask(
            db, sent.email, pins.read_digits(sent.pin), through=key.name, hints=hints_of(key),
            terms=terms(programs), origin=program_origin(),
        )  # fmt: skip
    except (BadField, NobodyNamed) as refusal:
        return answer(Result.INVALID_INPUT, say(refusal))
    commit()
    return answer(Result.SUCCESS, "If that account exists, a link is on its way.")
