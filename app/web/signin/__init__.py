"""Signing in and out: one module for each way."""

from __future__ import annotations

from flask import Blueprint

from app.edge.ours import ours

bp = Blueprint("signin", __name__)


@bp.context_processor
def ways() -> dict[str, bool]:
    """Which ways in are open beside the password; what is switched off is absent."""
    return {"code_sign_in": ours().settings.CODE_SIGN_IN}
