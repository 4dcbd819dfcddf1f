"""`/api/auth`: codes, tokens and the profile for other modules (seed 002)."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify
from flask.typing import ResponseReturnValue

from app import phones
from app.addresses import BadAddress, canonical
from app.api.auth import hearing
from app.api.auth.bodies import (
    Address,
    Asked,
    Code,
    KeySet,
    Person,
    Problem,
    Proven,
    Renewal,
    Tokens,
)
from app.api.auth.seats import let_in, tokens_of
from app.api.documents import Document
from app.core.entry import access_tokens, by_phone, refreshing, signing
from app.core.entry.access_tokens import Audience, InvalidToken
from app.core.entry.by_code import Door
from app.core.errors import N_, CannotSignIn, Refusal, WrongCode
from app.core.learning import profiles
from app.core.oauth import handing
from app.core.people import sessions
from app.core.proof.codes import NotSixDigits, RanOut
from app.edge import bearers, identity
from app.edge.bearers import issuer, token
from app.edge.bodies import BadField
from app.edge.callers import Page, by_page, let_pages_read, page_of
from app.edge.db import commit, db
from app.edge.limits import at_fixed_time, count_refused, door, wide_door
from app.edge.ours import code_door, ours, terms
from app.edge.ways import way
from app.models.access import Purpose

bp = Blueprint("api_auth", __name__)
let_pages_read(
    bp,
    by_client={"api_auth.request_otp", "api_auth.verify_otp", "api_auth.exchange"},
    by_token={"api_auth.user", "api_auth.refresh", "api_auth.logout"},
)

METHODS = {"email": Purpose.API.value, "phone": by_phone.METHOD}
"""What a session was opened by, by the member of the body that named its person."""

KEYS_FOR = 300
"""Seconds that anybody may keep the published keys; a new one signs at once, so not for long."""


class InvalidCode(Refusal):
    """A code that is wrong, was used, or has run out: which one is told to nobody."""

    code = "invalid_code"
    status = 400
    words = N_("This code is wrong, was used already, or has run out. Ask for a new one.")


document = Document(
    "Rollcall sign-in",
    "Codes by mail, tokens for modules, and who somebody is. Tokens are ES256; check them with the"
    " keys at /.well-known/jwks.json, or ask GET /api/auth/user, which also knows of a sign-out.",
    schemes={"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
    failure=Problem,
    failure_kind="application/problem+json",
)


@bp.post("/api/auth/request-otp")
@document.operation(
    "requestOtp",
    body=Address,
    answers=dict.fromkeys((400, 403, 413, 415, 429, 503), Problem) | {200: Asked},
)
@by_page
@door
def request_otp() -> ResponseReturnValue:
    """Ask for a code.

    Mails six digits to who may come in. The answer is the same for everybody, at the same moment.
    """
    body = hearing.read(Address)
    return _ask(body, page_of(body.client_id))


@at_fixed_time
def _ask(body: Address, page: Page | None) -> ResponseReturnValue:
    name, subject = _subject(body)
    try:
        way(name, subject).ask(
            db, subject, _door(page), terms=terms(), origin=identity.program_origin()
        )
    except BadAddress as error:
        g.answer_at_once = True
        hearing.refuse(BadField(name, str(error)), field=name)
    commit()
    return jsonify(status="sent", expires_in=int(ours().settings.API_CODE_LIFETIME))


@bp.post("/api/auth/verify-otp")
@document.operation(
    "verifyOtp",
    body=Code,
    answers=dict.fromkeys((400, 403, 413, 415, 429, 503), Problem) | {200: Proven},
)
@by_page
@door
def verify_otp() -> ResponseReturnValue:
    """Prove who somebody is by their code.

    A code is good once, where it was asked for. After five wrong ones nothing is accepted for
    this address for up to 15 minutes.
    """
    body = hearing.read(Code)
    return _prove(body, page_of(body.client_id))


@at_fixed_time
def _prove(body: Code, page: Page | None) -> ResponseReturnValue:
    name, subject = _subject(body)
    origin = identity.program_origin()
    try:
        user_id = way(name, subject).prove(
            db, subject, body.code, _door(page), terms=terms(), origin=origin
        )
        if page is None:
            return let_in(user_id, METHODS[name], origin)
    except BadAddress as error:
        g.answer_at_once = True
        hearing.refuse(BadField(name, str(error)), field=name)
    except NotSixDigits as refusal:
        hearing.refuse(InvalidCode(), METHODS[name], why=refusal.code, **_whom(name, subject))
    except (RanOut, WrongCode, CannotSignIn):
        raise InvalidCode from None
    code = handing.hand(
        db, page.client_id, user_id, web_origin=page.web_origin, challenge=body.code_challenge,
        method=METHODS[name], origin=origin,
    )  # fmt: skip
    commit()
    g.let_in = True
    return jsonify(code=code)


@bp.post("/api/auth/refresh")
@document.operation(
    "refresh",
    body=Renewal,
    answers=dict.fromkeys((400, 401, 413, 415, 429), Problem) | {200: Tokens},
)
@wide_door
def refresh() -> ResponseReturnValue:
    """Renew the tokens.

    Each refresh token is good once; one that comes twice ends the session, since two have it.
    """
    body = hearing.read(Renewal)
    try:
        user, session_id, refresh_token = refreshing.refresh(
            db, body.refresh_token, Audience.API, origin=identity.program_origin()
        )
    except InvalidToken:
        count_refused()
        raise
    answer = tokens_of(user, session_id, refresh_token)
    commit()
    return answer


@bp.post("/api/auth/logout")
@document.operation(
    "logout", security={"token": []}, answers={204: None, 401: Problem, 429: Problem}
)
@wide_door
def logout() -> ResponseReturnValue:
    """Sign out.

    The session ends: its tokens are refused here at once, and elsewhere once they run out.
    """
    try:
        bearer = access_tokens.verify(db, token(), Audience.API, issuer=issuer())
    except InvalidToken as refusal:
        count_refused()
        bearers.refuse(refusal)
    access_tokens.end(db, bearer, identity.program_origin())
    commit()
    return "", 204


@bp.get("/api/auth/user")
@document.operation("getUser", security={"token": []}, answers={200: Person, 401: Problem})
def user() -> ResponseReturnValue:
    """Read who is signed in.

    Asked each time, it is always true: an ended session or a closed account is 401 at once.
    """
    try:
        here = profiles.of_bearer(ours().engine, token(), Audience.API, issuer=issuer())
    except InvalidToken as refusal:
        bearers.refuse(refusal)
    answer = jsonify(here.facts)
    if here.is_to_note:
        sessions.note_seen_of(db, here.user_id, here.session_id)
        commit()
    return answer


@bp.get("/.well-known/jwks.json")
@document.operation("getKeys", answers={200: KeySet})
def jwks() -> Response:
    """Read the keys that tokens are signed with (RFC 7517)."""
    published = signing.published(db)
    answer = jsonify(published)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    if published["keys"]:
        answer.headers["Cache-Control"] = f"public, max-age={KEYS_FOR}"
    return answer


@bp.get("/openapi/auth.json")
def openapi() -> ResponseReturnValue:
    """This contract as an OpenAPI document."""
    answer = jsonify(document.published())
    answer.headers["Access-Control-Allow-Origin"] = "*"
    return answer


def _subject(body: Address) -> tuple[str, str]:
    """By which member of the body somebody is named, and the name."""
    return ("email", body.email) if body.email else ("phone", body.phone)


def _whom(name: str, subject: str) -> dict[str, str]:
    """The same, as the audit log has it."""
    if name == "email":
        return {"address": canonical(subject)}
    return {"phone": phones.masked(subject)}


def _door(page: Page | None) -> Door:
    if page is None:
        return code_door(Purpose.API)
    return code_door(Purpose.API, page.client_id, through=page.told)
