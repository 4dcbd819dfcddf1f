"""What a builder of a GPT imports: the document of the operations, and an instruction text."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, render_template

from app.api.gpt import bp, document
from app.edge.ours import ours

POLICY: dict[str, Any] = {
    "operationId": "getPrivacyPolicy",
    "summary": "Read the privacy policy.",
    "description": "A page for people: what is stored, why, and for how long.",
    "security": [],
    "responses": {
        "200": {
            "description": "The page.",
            "content": {"text/html": {"schema": {"type": "string", "maxLength": 90_000}}},
        }
    },
}


@bp.get("/openapi/gpt.json")
def openapi() -> Response:
    """The document, with this installation's own address."""
    made = document.published()
    made["paths"]["/privacy-policy"] = {"get": POLICY}
    return jsonify(made)


@bp.get("/openapi/gpt-instructions.txt")
def instructions() -> Response:
    """A text to begin a GPT's instructions with."""
    text = render_template("openapi/gpt-instructions.txt", name=ours().settings.SERVICE_NAME)
    return Response(text, mimetype="text/plain")
