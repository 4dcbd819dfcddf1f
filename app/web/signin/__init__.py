"""Signing in and out: one module for each way."""

from __future__ import annotations

from flask import Blueprint

from app.edge import providers
from app.edge.ours import ours
from app.edge.providers import Provider

bp = Blueprint("signin", __name__)


@bp.context_processor
def ways() -> dict[str, bool]:
    """Which ways in are open beside the password; what is switched off is absent."""
    return {"code_sign_in": ours().settings.CODE_SIGN_IN}


@bp.app_context_processor
def providers_here() -> dict[str, list[Provider]]:
    """Through which providers elsewhere people sign in, for every page that has their buttons."""
    return {"providers": providers.offered()}
