"""The security headers of every answer, errors and static files included."""

from __future__ import annotations

from flask import Flask, request
from werkzeug.wrappers import Response

from app.config import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
"""No inline script or style anywhere, so no nonce either."""

MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)
"""For the HTML of a mail in a frame of ours: its own styles, and nothing that acts."""

ONE_YEAR = 31_536_000

WIDGET = "/static/widget/"
"""Where the files are that anybody's page may load."""


def fixed(settings: Settings) -> dict[str, str]:
    """What every answer carries, whatever it is about."""
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": (
            "publickey-credentials-get=(self), publickey-credentials-create=(self)"
        ),
    }
    if settings.https:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}; includeSubDomains"
    return headers


def init_app(app: Flask, settings: Settings) -> None:
    """Add the headers after each request; what a view set itself stays."""
    always = fixed(settings)

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        if "token" in (request.view_args or {}) or "token" in request.args:
            # The address of this page is a secret until it is used.
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("X-Robots-Tag", "noindex")
        headers.setdefault("Referrer-Policy", "same-origin")
        if request.endpoint == "static" and request.path.startswith(WIDGET):
            # Modules load under CORS, and these stand in pages of others.
            headers.setdefault("Access-Control-Allow-Origin", "*")
        if request.endpoint != "static":
            # Every page may name a person, carry a token or be about one.
            headers.setdefault("Cache-Control", "no-store")
        for name, value in always.items():
            headers.setdefault(name, value)
        return response
