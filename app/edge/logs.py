"""The log: one line per event, a reference per request, and nothing secret in it."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from typing import Any

import structlog
from flask import Flask, g, request
from structlog.types import EventDict
from werkzeug.wrappers import Response

from app.config import Settings

SECRET_NAMES = re.compile(
    r"password|passphrase|token|secret|code\b|digits|cookie|authorization|csrf|key\b"
)
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LONGEST = 500
log = structlog.get_logger("rollcall")


def configure(settings: Settings) -> None:
    """Send every log line, the libraries' too, to `LOG_FILE` or standard error.

    JSON in production or in a file, readable on a terminal.
    """
    pretty = not settings.LOG_FILE and not settings.production and sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: Any = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            last,
        ],
    )
    handler: logging.Handler = (
        logging.FileHandler(settings.LOG_FILE) if settings.LOG_FILE else logging.StreamHandler()
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.LOG_LEVEL.upper())
    for chatty in ("authlib", "huey", "httpx", "openai", "alembic", "twilio", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def redact(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Blank what is secret by its name, and cut what is long."""
    for name, value in event.items():
        if SECRET_NAMES.search(name.lower()):
            event[name] = "***"
        elif isinstance(value, str) and name != "exception" and len(value) > LONGEST:
            event[name] = value[:LONGEST]
    return event


def init_app(app: Flask) -> None:
    """Give each request a reference, and log how it ended: the route, never its tokens."""

    @app.before_request
    def begin() -> None:
        g.started = time.monotonic()
        letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
        g.reference = f"{letters[:4]}-{letters[4:]}"
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(reference=g.reference)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.get("reference", "")
        if request.endpoint not in {"static", "health.alive"}:
            log.info(
                "request",
                method=request.method,
                # The pattern of the route: a path itself may hold the token of a link.
                route=request.url_rule.rule if request.url_rule else "none",
                status=response.status_code,
                milliseconds=round((time.monotonic() - g.get("started", 0)) * 1000),
                ip=request.remote_addr,
            )
        return response
