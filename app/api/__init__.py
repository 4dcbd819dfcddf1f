"""The ways in for programs: one file for each contract. None reads or sets the cookie."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask

from app.api import auth, gpt, signup, whatsapp
from app.api.auth import exchanging
from app.api.gpt import conversations as gpt_conversations
from app.api.gpt import published as gpt_published
from app.api.gpt import words as gpt_words
from app.api.signup import by_key, by_link
from app.edge import problems
from app.edge.problems import Voice

BLUEPRINTS: Sequence[Blueprint] = [auth.bp, gpt.bp, signup.bp, whatsapp.bp]
"""Every contract."""

ROUTES = [by_key, by_link, exchanging, gpt_conversations, gpt_published]
"""Modules that add their routes to their package's blueprint when they are imported."""

VOICES: dict[str, Voice] = {
    "/api/": problems.problem,
    "/.well-known/": problems.problem,
    "/openapi/": problems.problem,
    "/auth/": gpt_words.voice,
    "/conversations": gpt_words.voice,
    signup.BASE: signup.voice,
}
"""How each contract says "no", by the beginning of its paths."""


def init_app(app: Flask) -> None:
    """Register the contracts, without tokens against forged forms: there is no cookie to misuse."""
    problems.speak(app, VOICES)
    for bp in BLUEPRINTS:
        app.register_blueprint(bp)
        app.extensions["csrf"].exempt(bp)
