"""The pages: one blueprint for each thing that a person comes to do."""

from __future__ import annotations

from flask import Flask

from app.web import (
    account,
    admin,
    alarm,
    chat,
    chat_account,
    create,
    docs,
    embed,
    health,
    legal,
    mailbox,
    programs,
    recovery,
    register,
    setup,
    signin,
)
from app.web.account import address, confirm, elsewhere, pin, profile, sessions
from app.web.account import conversations as account_conversations
from app.web.account import password as account_password
from app.web.account import phone as account_phone
from app.web.admin import (
    api_keys,
    audit,
    clients,
    conversations,
    conversations_deleting,
    conversations_files,
    conversations_saved,
    dashboard,
    explain,
    files,
    grants,
    invitations,
    jobs,
    legacy,
    legacy_conversations,
    legacy_debug,
    legacy_lists,
    legacy_people,
    legacy_programs,
    legacy_uploads,
    outbox,
    people,
    people_bulk,
    people_file,
    people_invite,
    person,
    person_edit,
    person_phone,
    program_emergency,
    program_forms,
    roles,
    roster,
    roster_columns,
    roster_lists,
    roster_pairs,
    roster_wizard,
)
from app.web.admin import programs as admin_programs
from app.web.create import proof as account_proof
from app.web.signin import code, leaving, link, password, social, whatsapp, widget

BLUEPRINTS = [
    health.bp,
    legal.bp,
    docs.bp,
    embed.bp,
    programs.bp,
    chat.bp,
    chat_account.bp,
    signin.bp,
    register.bp,
    create.bp,
    recovery.bp,
    alarm.bp,
    setup.bp,
    account.bp,
    admin.bp,
    legacy.bp,
]
"""Every page of a live installation; the routes of a package stand in its modules."""

ROUTES = [
    account_conversations,
    account_password,
    account_phone,
    account_proof,
    address,
    admin_programs,
    api_keys,
    audit,
    clients,
    code,
    confirm,
    conversations,
    conversations_deleting,
    conversations_files,
    conversations_saved,
    dashboard,
    elsewhere,
    explain,
    files,
    grants,
    invitations,
    jobs,
    leaving,
    legacy_conversations,
    legacy_debug,
    legacy_lists,
    legacy_people,
    legacy_programs,
    legacy_uploads,
    link,
    outbox,
    password,
    people,
    people_bulk,
    people_file,
    people_invite,
    person,
    person_edit,
    person_phone,
    pin,
    profile,
    program_emergency,
    program_forms,
    roles,
    roster,
    roster_columns,
    roster_lists,
    roster_pairs,
    roster_wizard,
    sessions,
    social,
    whatsapp,
    widget,
]
"""Modules that add their routes to their package's blueprint when they are imported."""


def init_app(app: Flask, *, show_mail: bool) -> None:
    """Register the pages; the mailbox only where `show_mail` says that there is no mail server."""
    for bp in BLUEPRINTS:
        app.register_blueprint(bp)
    if show_mail:
        app.register_blueprint(mailbox.bp)
