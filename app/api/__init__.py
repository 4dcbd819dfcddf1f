"""The ways in for programs: one file for each contract. None reads or sets the cookie."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask

from app.api import whatsapp
from app.edge import problems
from app.edge.problems import Voice

BLUEPRINTS: Sequence[Blueprint] = [whatsapp.bp]
"""Every contract."""

VOICES: dict[str, Voice] = {"/api/": problems.problem}
"""How each contract says "no", by the beginning of its paths."""


def init_app(app: Flask) -> None:
    """Register the contracts, without tokens against forged forms: there is no cookie to misuse."""
    problems.speak(app, VOICES)
    for bp in BLUEPRINTS:
        app.register_blueprint(bp)
        app.extensions["csrf"].exempt(bp)
