"""Rollcall: sign-in for a chatbot whose learners are on a list.

`create_app()` wires the rooms together, in order, and does nothing else. This file alone may
import from every room.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import maxminddb
from flask import Flask, has_request_context, request
from flask_babel import (
    Babel,
    format_date,
    format_decimal,
    format_time,
    format_timedelta,
    get_locale,
    gettext,
)
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from app import answers, api, config, jobs, web
from app.cli import commands
from app.config import ROOT, Settings
from app.core import clock
from app.core.desk.people import proposing
from app.core.learning import extraction
from app.core.people.places import Places
from app.core.people.roles import Permission
from app.core.proof import redis_shelf, shelves
from app.core.proof.shelves import Shelf
from app.database import make_engine, make_sessions
from app.delivery.smtp import mail
from app.edge import db, gate, headers, identity, logs, refusals
from app.edge.limits import limiter
from app.edge.ours import Ours

LANGUAGES = ["en"]
BODY_LIMIT = 256 * 1024
"""Bytes that a request may have, but for the uploads of somebody who may do that."""
TEXT_LIMIT = 6_000_000
"""Bytes of the fields of a form with an upload: a program's content, as a browser encodes it."""
PROGRAM_LIMIT = extraction.FILE_LIMIT + TEXT_LIMIT
PEOPLE_LIMIT = proposing.MOST_BYTES + BODY_LIMIT
PROGRAM_UPLOADS = [
    "admin.programs_add",
    "admin.programs_edit",
    "admin_legacy.program_content",
    "admin_legacy.program_preview",
    "admin_legacy.program_upload",
]
"""Where a program's content comes in, typed or as a file."""


def create_app(settings: Settings | None = None) -> Flask:
    """The application, made of `settings`, or of the environment's. Raises `BadSettings`."""
    settings = settings or config.load()
    app = Flask(__name__, root_path=str(ROOT), instance_path=str(settings.DATA_DIR))
    app.config.update(flask_settings(settings))
    logs.configure(settings)

    engine = make_engine(settings.DATABASE_URL, pool_size=min(16, settings.WEB_THREADS))
    sessions = make_sessions(engine, {shelves.ON: code_shelf(settings)})
    queue = jobs.make_jobs(settings, sessions)
    answer = answers.choose(settings)
    app.extensions["rollcall"] = Ours(settings, sessions, answer, queue.wake, open_map(settings))
    app.extensions["rollcall.jobs"] = queue

    logs.init_app(app)
    db.init_app(app)
    refusals.init_app(app)
    headers.init_app(app, settings)
    allow_uploads(app, settings)
    limiter.init_app(app)  # Before the check of tokens: who has none is counted too.
    CSRFProtect(app)
    Babel(app, locale_selector=reader_language)
    identity.init_app(app)
    mail.init_app(app)
    dress_pages(app, settings)
    web.init_app(app, show_mail=not settings.MAIL_SERVER and not settings.production)
    api.init_app(app)
    app.cli.add_command(commands)
    gate.init_app(app, settings)
    if settings.TRUSTED_PROXIES:
        hops = settings.TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    return app


def code_shelf(settings: Settings) -> Shelf:
    """Where codes wait: beside all else, or in Redis where several machines share one."""
    return redis_shelf.at(settings.REDIS_URL) if settings.REDIS_URL else shelves.IN_DATABASE


def open_map(settings: Settings) -> Places | None:
    """The file that tells where a network is, if there is one."""
    path = settings.GEOIP_DATABASE
    return maxminddb.open_database(path) if path else None


def reader_language() -> str | None:
    """The language of ours that the browser likes best; None for the default one."""
    return request.accept_languages.best_match(LANGUAGES) if has_request_context() else None


def flask_settings(settings: Settings) -> dict[str, object]:
    """What Flask and its extensions are told, from our settings."""
    hosts = [urlsplit(settings.PUBLIC_URL).hostname or "", *settings.TRUSTED_HOSTS]
    if not settings.production:
        hosts += ["localhost", "127.0.0.1"]
    return {
        "SECRET_KEY": settings.FLASK_SECRET_KEY,
        "SECRET_KEY_FALLBACKS": settings.SECRET_KEY_FALLBACKS or None,
        "TRUSTED_HOSTS": hosts,
        "MAX_CONTENT_LENGTH": BODY_LIMIT,
        "SESSION_COOKIE_NAME": "__Host-rollcall" if settings.https else "rollcall",
        "SESSION_COOKIE_SECURE": settings.https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": timedelta(seconds=settings.REMEMBERED_LIFETIME),
        # A token lives as long as the cookie it is bound to. A referrer is not asked for: our
        # own link pages send none.
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,
        "RATELIMIT_ENABLED": settings.RATELIMIT_ENABLED,
        "RATELIMIT_STORAGE_URI": settings.REDIS_URL or "memory://",
        "RATELIMIT_STORAGE_OPTIONS": (
            {"socket_connect_timeout": 1, "socket_timeout": 3} if settings.REDIS_URL else {}
        ),
        # With Redis gone each process limits by itself; what must never slip is counted in the
        # database.
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "BABEL_DEFAULT_TIMEZONE": "UTC",
        "MAIL_SERVER": settings.MAIL_SERVER or "localhost",
        "MAIL_PORT": settings.MAIL_PORT,
        "MAIL_USE_TLS": settings.MAIL_USE_TLS,
        "MAIL_USE_SSL": settings.MAIL_USE_SSL,
        "MAIL_USERNAME": settings.MAIL_USERNAME,
        "MAIL_PASSWORD": settings.MAIL_PASSWORD,
        "MAIL_DEFAULT_SENDER": settings.MAIL_DEFAULT_SENDER,
    }


def allow_uploads(app: Flask, settings: Settings) -> None:
    """Let the body of an upload be large, once it is known that its sender may upload it."""
    most = settings.UPLOAD_LIMIT * 1_000_000
    # A list may also be pasted, and is a field then and no file.
    uploads = {
        "admin.roster_upload": (Permission.ROSTER_WRITE, most, most),
        "admin.people_enrol": (Permission.PEOPLE_WRITE, most, BODY_LIMIT),
        "admin.people_file_take": (Permission.PEOPLE_WRITE, PEOPLE_LIMIT, PEOPLE_LIMIT),
    }
    of_programs = (Permission.PROGRAMS_WRITE, PROGRAM_LIMIT, TEXT_LIMIT)
    uploads |= dict.fromkeys(PROGRAM_UPLOADS, of_programs)

    @app.before_request
    def widen() -> None:
        asked, limit, text = uploads.get(request.endpoint or "", (None, 0, 0))
        if asked and request.method == "POST" and asked.value in identity.permissions():
            request.max_content_length = limit
            request.max_form_memory_size = text


def dress_pages(app: Flask, settings: Settings) -> None:
    """Give every template what the frame of the page needs."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.add_template_filter(moment)
    app.add_template_filter(ago)
    app.add_template_filter(format_date, "day")
    app.add_template_filter(format_decimal, "number")

    @app.context_processor
    def frame() -> dict[str, object]:
        if not has_request_context():
            return {}  # A mail has a frame of its own.
        locale = get_locale()
        theme = request.cookies.get("theme", "")
        return {
            "service_name": settings.SERVICE_NAME,
            "contact": settings.CONTACT_EMAIL or settings.CONTACT,
            "locale": str(locale).replace("_", "-") if locale else "en",
            "text_direction": locale.text_direction if locale else "ltr",
            "theme": theme if theme in {"light", "dark"} else "light",
            "can_admin": identity.has_role(),
            "limited": identity.limited(),
            "registration": settings.REGISTRATION,
            "organisation": settings.ORGANISATION,
        }


def moment(value: datetime) -> str:
    """A moment in the reader's words, in UTC."""
    return f"{format_date(value, 'medium')}, {format_time(value, 'HH:mm')} UTC"


def ago(value: datetime) -> str:
    """How long a moment is past, in the reader's words."""
    passed = clock.now() - value
    if passed < timedelta(minutes=1):
        words: str = gettext("just now")
    else:
        words = format_timedelta(-passed, threshold=1, add_direction=True)
    return words
