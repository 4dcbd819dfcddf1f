"""The chat-native contract: a GPT signs people up, and a mailed link makes it true.

The paths and words are those of flancer64/gpt-user-auth, so that a GPT which speaks to it goes on
working. Every answer is 200 with a `resultCode`, and says in `instructions` what to tell the
person; 403 answers who has no valid bearer key, and 400 what is no JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from app.api.documents import Document
from app.api.signup.bodies import Failure, Result
from app.core.entry import keys, signin
from app.core.entry.keys import InvalidKey, KeyScope
from app.core.errors import N_, Refusal
from app.edge import bodies
from app.edge.bodies import BadField, BadJson, Body, WrongKind
from app.edge.db import db
from app.edge.identity import program_origin
from app.edge.limits import count_for_key, count_refused
from app.models.access import ApiKey

bp = Blueprint("api_signup", __name__)

BASE = "/web-api-service/"
PREFIX = f"{BASE}Fl64_Gpt_User_Shared_Web_Api_"
HINTS = {
    "gpt": "openai-gpt-id",
    "conversation": "openai-conversation-id",
    "ephemeral_user": "openai-ephemeral-user-id",
}
"""What ChatGPT says of a call, unsigned: it is noted, and nobody is known by it."""

DOCUMENT = Document(
    "Sign-up in chats",
    "People get an account, a PIN and a passphrase in a chat; a mailed link proves their mailbox.",
    schemes={"bearer": {"type": "http", "scheme": "bearer"}},
    failure=Failure,
)
GUARDED: dict[str, list[str]] = {"bearer": []}

Answers = dict[int, type[BaseModel] | None]
REFUSALS: Answers = {400: Failure, 413: Failure, 429: Failure}
"""What any operation may answer, without a word of the contract."""

Some = TypeVar("Some", bound=Body)


class NoBearer(Refusal):
    """No key, or one that is unknown, revoked, run out, or for something else."""

    code = "forbidden"
    status = 403
    words = N_("A valid bearer key is needed.")


def voice(status: int, words: str, _code: str, headers: Mapping[str, str]) -> ResponseReturnValue:
    """How what never reached an operation is answered, and what broke in one."""
    if status < 500:
        return jsonify(message=words), status, dict(headers)
    if request.path == f"{PREFIX}SignUp_Verify":
        # The contract has no word for it here.
        return jsonify(error=words), status, dict(headers)
    of_mail = request.path == f"{PREFIX}Test_Email"
    word = Result.SERVICE_ERROR if of_mail else Result.SERVER_ERROR
    return answer(word, words), 200, dict(headers)


def guard() -> ApiKey:
    """The key of this call. Raises `NoBearer`, which is remembered as refused.

    A network is only told to wait for what showed no right key: all people of a GPT come from a
    few. Raises `TooManyRequests` there, and where the key itself was used too often.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise InvalidKey
        key = keys.check(db, text.strip(), KeyScope.SIGNUP)
    except InvalidKey:
        g.answer_at_once = True  # Nobody was looked up.
        count_refused()
        signin.refuse(db, NoBearer(), "signup", program_origin(), path=request.path)
    db.commit()
    g.api_key = key
    count_for_key()
    return key


def hints_of(key: ApiKey) -> dict[str, str]:
    """What the audit log is told of a call: by which key, and what ChatGPT says of it."""
    said = {name: request.headers.get(header, "") for name, header in HINTS.items()}
    kept = {name: value[:100] for name, value in said.items() if value and value.isprintable()}
    return {"through": key.name} | kept


def read(model: type[Some], spellings: dict[str, str] | None = None) -> Some:
    """The body, where a member of ours may come by its other spelling; ours counts where both do.

    Raises `BadJson` or `BadField`.
    """
    others = spellings or {}
    try:
        sent = bodies.read_object({*model.model_fields, *others.values()})
    except WrongKind:
        raise BadJson from None
    except BadJson:
        if _is_object():
            raise BadField("body", N_("It holds what cannot be stored.")) from None
        raise
    respelled = {ours: sent[other] for ours, other in others.items() if other in sent}
    return bodies.check(model, respelled | sent)


def _is_object() -> bool:
    # The contract has 400 for what is none; an object with odd text in it gets its own word.
    try:
        return isinstance(json.loads(request.get_data(), parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)  # NaN and the infinities are Python's own, and no JSON.


def answer(result: Result, instructions: str, **members: Any) -> Response:
    """An answer of the contract: flat, with the same once more as `data`."""
    said = {"resultCode": result.value, "instructions": instructions} | members
    return jsonify(said | {"data": said})
