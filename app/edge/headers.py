"""The security headers of every answer, errors and static files included."""

from __future__ import annotations

from flask import Flask, request
from werkzeug.wrappers import Response

from app.edge.ours import ours

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
"""No inline script or style anywhere, so no nonce either."""

ONE_YEAR = 31_536_000


def init_app(app: Flask) -> None:
    """Add the headers after each request; what a view set itself stays."""

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY)
        if "token" in (request.view_args or {}):
            # The address of this page is a secret until it is used.
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("X-Robots-Tag", "noindex")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault(
            "Permissions-Policy",
            "publickey-credentials-get=(self), publickey-credentials-create=(self)",
        )
        if request.endpoint != "static":
            # Every page may name a person, carry a token or be about one.
            headers.setdefault("Cache-Control", "no-store")
        if ours().settings.https:
            headers.setdefault(
                "Strict-Transport-Security", f"max-age={ONE_YEAR}; includeSubDomains"
            )
        return response
