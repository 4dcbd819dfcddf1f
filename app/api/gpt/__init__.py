"""The contract of custom GPTs (seed 001): codes, and what somebody saves and finds again.

A GPT shows an API key; its person's token travels in the body, because ChatGPT sends no header of
the model's own. Paths, operation ids, statuses and words are those that existing GPTs imported.
"""

from __future__ import annotations

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from app.addresses import BadAddress, canonical
from app.api.documents import Document
from app.api.gpt import guarding, shapes, words
from app.api.gpt.shapes import Failure
from app.core.entry import by_code, in_gpt, signin
from app.core.entry.by_code import Door
from app.core.errors import CannotSignIn, WrongCode
from app.core.proof.codes import NotSixDigits, RanOut
from app.edge import bearers, bodies, identity
from app.edge.bodies import BadField
from app.edge.db import commit, db
from app.edge.limits import at_fixed_time
from app.edge.ours import code_door, terms
from app.models.access import Purpose

bp = Blueprint("api_gpt", __name__)

REFUSALS = dict.fromkeys((400, 401, 413, 415, 429, 500, 503), Failure)

document = Document(
    "Rollcall for ChatGPT",
    "Sign in by a mailed code, then save conversations and find them again. What was saved, in"
    " ChatGPT or on the site, is one memory.",
    schemes={"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
    failure=Failure,
)
SECURITY: dict[str, list[str]] = {"key": []}


@bp.post("/auth/send-link")
@document.operation(
    "sendVerificationCode",
    body=shapes.SendCode,
    answers=REFUSALS | {200: shapes.Sent},
    security=SECURITY,
    consequential=False,
)
@guarding.keyed
@at_fixed_time
def send_link() -> ResponseReturnValue:
    """Mail a sign-in code to the person.

    Mails six digits that work for 15 minutes, through this GPT alone. The answer is the same for
    every address; the mail says the truth.
    """
    try:
        body = bodies.read(shapes.SendCode)
    except BadField:
        body = shapes.SendCode(email="")
    if not body.email.strip():
        g.answer_at_once = True
        raise words.EmailMissing
    try:
        address = by_code.ask(
            db, body.email, _door(), terms=terms(), origin=identity.program_origin()
        )
    except BadAddress:
        g.answer_at_once = True
        raise words.NoEmail from None
    commit()
    return jsonify(message="Verification code sent successfully", email=address)


@bp.post("/auth/verify-email")
@document.operation(
    "verifyCode",
    body=shapes.VerifyCode,
    answers=REFUSALS | {200: shapes.Verified},
    security=SECURITY,
    consequential=False,
)
@guarding.keyed
@at_fixed_time
def verify_email() -> ResponseReturnValue:
    """Check the mailed code and get a token.

    The token is good for a day. Send it, unchanged, as `token` with every other operation, and
    never show it. After five wrong codes no code works for some minutes.
    """
    try:
        body = bodies.read(shapes.VerifyCode)
    except BadField:
        body = shapes.VerifyCode(email="", code="")
    if not body.email.strip() or not body.code.strip():
        g.answer_at_once = True
        raise words.BothMissing
    try:
        let_in = in_gpt.enter(
            db, body.email, body.code, _door(), client=guarding.key().name, terms=terms(),
            issuer=bearers.issuer(), origin=identity.program_origin(),
        )  # fmt: skip
    except BadAddress:
        g.answer_at_once = True
        raise words.BadCode from None
    except NotSixDigits as refusal:
        g.answer_at_once = True
        signin.refuse(
            db, words.BadCode(), Purpose.GPT.value, identity.program_origin(),
            address=canonical(body.email), why=refusal.code,
        )  # fmt: skip
    except (WrongCode, RanOut, CannotSignIn):
        raise words.BadCode from None
    commit()
    g.let_in = True
    return jsonify(
        token=let_in.token, userId=let_in.user.public_id, message="Verification successful"
    )


def _door() -> Door:
    return code_door(Purpose.GPT, str(guarding.key().id))
