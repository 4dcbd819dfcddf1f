"""What a mailed link that works no more is answered with, on every page that takes one."""

from __future__ import annotations

from typing import Any

import structlog
from flask import render_template, request
from flask.typing import ResponseReturnValue

from app.core.entry import recovery
from app.core.errors import LinkDead
from app.edge import refusals
from app.edge.db import db
from app.edge.ours import terms
from app.edge.words import say

log = structlog.get_logger("rollcall")


def answer_dead(
    refusal: LinkDead,
    token: str | None,
    *,
    ask_at: str,
    template: str = "recovery/dead.html",
    **facts: Any,
) -> ResponseReturnValue:
    """The page of a dead link: a button that asks for a new mail, if we signed the `token`.

    `ask_at` is the address of the form where anybody asks; a `template` of one's own may have that
    form in it, and gets `facts` for that. The log is told the route alone.
    """
    db.rollback()  # What the journey began before it was refused must not stand.
    route = request.url_rule.rule if request.url_rule else "none"
    log.info("refused", refusal=refusal.code, status=refusal.status, route=route)
    if refusals.wants_json():
        return refusals.answer(refusal.status, say(refusal), refusal.code)
    page = render_template(
        template,
        token=token if token is not None and _is_ours(token) else None,
        again=ask_at,
        why=say(refusal) if type(refusal) is not LinkDead else None,
        **facts,
    )
    return page, refusal.status


def _is_ours(token: str) -> bool:
    try:
        recovery.signed(token, terms=terms())
    except LinkDead:
        return False
    return True
