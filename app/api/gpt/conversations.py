"""Saving conversations, and finding them again."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, current_app

from app.api.gpt import REFUSALS, SECURITY, bp, document, guarding, shapes, words
from app.api.gpt.shapes import Failure
from app.core.entry.in_gpt import NobodyLeft
from app.core.learning import keeping, memory, seeking, transcripts
from app.core.learning.content import Text
from app.core.learning.pieces import MOST_ANSWERED, Conversation, length, written
from app.core.learning.wanted import read_terms
from app.edge import identity
from app.edge.db import commit, db

MISSING = REFUSALS | {404: Failure}


@bp.post("/conversations")
@document.operation(
    "addConversation",
    body=shapes.Save,
    answers=REFUSALS | {201: shapes.Row, 409: Failure},
    security=SECURITY,
    consequential=False,
)
@guarding.keyed
def add() -> Response:
    """Save the conversation.

    Stores a summary and every line of the session, the person's and yours. The same content sent
    again within 10 minutes, or under the same idempotency_key, is not stored twice.
    """
    bearer, body = guarding.asked(shapes.Save)
    user = bearer.user
    try:
        row = keeping.save(
            db, user.id, Text(body.summary, body.raw_text, body.title or None),
            key=body.idempotency_key, client=bearer.client, origin=identity.program_origin(),
        )  # fmt: skip
    except NobodyLeft:
        raise words.UserGone from None
    commit()
    return answered(memory.shown(user, row), 201)


@bp.post("/conversations/list")
@document.operation(
    "listConversations",
    body=shapes.List,
    answers=MISSING | {200: shapes.Rows},
    security=SECURITY,
    consequential=False,
)
@guarding.keyed
def listed() -> Response:
    """List the person's conversations, newest first.

    As many as fit into one answer, those held on the site among them. For older ones ask again
    with the id of the last one as `before`, until the list is empty.
    """
    bearer, body = guarding.asked(shapes.List)
    page = memory.page(db, bearer.user, limit=body.limit or memory.MOST, before=body.before or None)
    return answered(page)


@bp.post("/conversations/get")
@document.operation(
    "getConversation",
    body=shapes.Get,
    answers=MISSING | {200: shapes.Whole},
    security=SECURITY,
    consequential=False,
)
@guarding.keyed
def got() -> Response:
    """Read one conversation whole.

    A long one comes in parts: ask for part 2, 3 and so on, up to `parts`.
    """
    bearer, body = guarding.asked(shapes.Get)
    return answered(memory.get(db, bearer.user, body.id, body.part))


@bp.post("/conversations/update")
@document.operation(
    "updateConversation",
    body=shapes.Update,
    answers=MISSING | {200: shapes.Row, 409: Failure},
    security=SECURITY,
    consequential=True,
)
@guarding.keyed
def updated() -> Response:
    """Change a saved conversation.

    What is left out stays as it is; raw_text replaces all lines. Conversations of the site cannot
    be changed.
    """
    bearer, body = guarding.asked(shapes.Update)
    row = memory.change(
        db, bearer.user, body.id, title=body.title, summary=body.summary, lines=body.raw_text,
        origin=identity.program_origin(),
    )  # fmt: skip
    commit()
    return answered(row)


@bp.post("/conversations/delete")
@document.operation(
    "deleteConversation",
    body=shapes.Delete,
    answers=MISSING | {200: shapes.Deleted},
    security=SECURITY,
    consequential=True,
)
@guarding.keyed
def deleted() -> Response:
    """Delete a conversation.

    A saved one is deleted for good. One of the site is cleared from the person's chat. Ask the
    person first.
    """
    bearer, body = guarding.asked(shapes.Delete)
    memory.forget(db, bearer.user.id, body.id, origin=identity.program_origin())
    commit()
    return answered({"message": "Conversation deleted", "id": body.id})


@bp.post("/conversations/search")
@document.operation(
    "searchConversations",
    body=shapes.Search,
    answers=MISSING | {200: shapes.Hits},
    security=SECURITY,
    consequential=False,
)
@guarding.keyed
def searched() -> Response:
    """Search the person's conversations.

    Finds those with all the words, newest first. Where `next` is given there may be more: ask
    again with it as `before`.
    """
    bearer, body = guarding.asked(shapes.Search)
    found = seeking.search(
        db, bearer.user, body.query, limit=body.limit, before=body.before or None
    )
    terms = read_terms(body.query) or ()
    hits = list[dict[str, Any]]()
    further, left = found.further, MOST_ANSWERED
    for each in found.conversations:
        hit = _hit(each, terms)
        left -= length(hit)
        if left < 0:
            further = hits[-1]["id"]
            break
        hits.append(hit)
    return answered({"conversations": hits, "next": further})


def _hit(found: Conversation, terms: tuple[str, ...]) -> dict[str, Any]:
    folded = [term.casefold() for term in terms]
    first = next(
        (line for line in found.lines if any(each in line.casefold() for each in folded)), ""
    )
    excerpt = "".join(piece for piece, _is_term in transcripts.excerpt(first, terms))
    return {
        "id": found.id,
        "title": found.title,
        "summary": found.summary,
        "excerpt": excerpt[:400],
        "source": found.source.value,
        "created_at": written(found.created_at),
        "updated_at": written(found.updated_at),
    }


def answered(value: Any, status: int = 200) -> Response:
    """The value as JSON in which every character is one, as its length was counted."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    answer: Response = current_app.response_class(text, status, mimetype="application/json")
    return answer
