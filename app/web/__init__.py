"""The pages: one blueprint for each thing that a person comes to do."""

from __future__ import annotations

from flask import Flask

from app.web import admin, chat, health, mailbox, programs, recovery, register, setup, signin
from app.web.admin import audit, outbox, people, roster
from app.web.admin import programs as admin_programs
from app.web.signin import leaving, password

BLUEPRINTS = [
    health.bp,
    programs.bp,
    chat.bp,
    signin.bp,
    register.bp,
    recovery.bp,
    setup.bp,
    admin.bp,
]
"""Every page of a live installation; the routes of a package stand in its modules."""

ROUTES = [admin_programs, audit, leaving, outbox, password, people, roster]
"""Modules that add their routes to their package's blueprint when they are imported."""


def init_app(app: Flask, *, show_mail: bool) -> None:
    """Register the pages; the mailbox only where `show_mail` says that there is no mail server."""
    for bp in BLUEPRINTS:
        app.register_blueprint(bp)
    if show_mail:
        app.register_blueprint(mailbox.bp)
