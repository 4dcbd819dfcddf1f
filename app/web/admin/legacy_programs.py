"""The addresses at which the legacy application made, changed and deleted programs.

Each takes the keys that it took there, as a form or as JSON, and answers a program with JSON that
has `success` and `error`; somebody at a browser is led to the page that does the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import jsonify, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core.learning import drafts, editing
from app.core.people.roles import Permission
from app.core.roster.columns import split_ids
from app.edge import identity
from app.edge.db import db
from app.edge.guards import permitted
from app.edge.refusals import wants_json
from app.models.programs import Program
from app.web.admin.legacy import bp
from app.web.admin.legacy_answers import (
    AskedAgain,
    OpensToAll,
    Sent,
    done,
    told,
)


def _change(program: Program, *, open_to_all: bool = False, **fields: Any) -> ResponseReturnValue:
    draft = replace(drafts.draft_of(program), **fields)
    editing.change(
        db,
        program.id,
        draft,
        version=None,
        open_to_all=open_to_all,
        by=identity.user().id,
        origin=identity.origin(),
    )
    return done(program, _("%(name)s was changed.", name=program.name))


@bp.post("/admin/delete_chatbot")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_delete() -> ResponseReturnValue:
    """Put a program into the trash."""
    program = Sent().program()
    editing.trash(db, program.id, by=identity.user().id, origin=identity.origin())
    return done(program, _("%(name)s is in the trash.", name=program.name))


@bp.post("/admin/restore_chatbot")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_restore() -> ResponseReturnValue:
    """Take a program out of the trash; one that the legacy application deleted is switched on."""
    program = Sent().program()
    by, origin = identity.user().id, identity.origin()
    if program.deleted_at is not None:
        program = editing.restore(db, program.id, by=by, origin=origin)
    if not program.is_active:
        # There deleting was switching off, and restoring was switching on.
        return _change(program, is_active=True)
    return done(program, _("%(name)s is back.", name=program.name))


@bp.post("/admin/permanent_delete_chatbot")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_purge() -> ResponseReturnValue:
    """Lead to the page that asks again: nothing is deleted for good by one request."""
    program = Sent().program()
    page = "admin.programs_purge" if program.deleted_at else "admin.programs_trash"
    address = url_for(page, program_id=program.id)
    if wants_json():
        raise AskedAgain(url=address)
    return redirect(address, 303)


@bp.post("/admin/update_description")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_description() -> ResponseReturnValue:
    """Change what the list of programs says about one."""
    sent = Sent()
    return _change(sent.program(), description=sent.text("description"))


@bp.post("/admin/update_category")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_category() -> ResponseReturnValue:
    """Put a program into another category."""
    sent = Sent()
    return _change(sent.program(), category=sent.text("category").strip().lower())


@bp.post("/admin/update_chatbot_content")
@bp.post("/update_chatbot_content")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_content() -> ResponseReturnValue:
    """Change the text that answers come from, and the limit of its length where one is sent."""
    sent = Sent()
    program = sent.program()
    fields: dict[str, Any] = {"content": sent.text("content")}
    if sent.text("char_limit", ""):
        fields["char_limit"] = sent.whole("char_limit")
    return _change(program, **fields)


@bp.get("/admin/get_chatbot_content/<code>")
@permitted(Permission.PROGRAMS_READ)
@told
def program_text(code: str) -> ResponseReturnValue:
    """A program's text as JSON."""
    return _content_of(editing.find(db, code))


@bp.post("/get_chatbot_content")
@permitted(Permission.PROGRAMS_READ)
@told
def program_text_by_form() -> ResponseReturnValue:
    """The same, for the program that the form names."""
    return _content_of(Sent().program())


@bp.post("/admin/update_lo_root_ids")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_ids() -> ResponseReturnValue:
    """Put other LO Root IDs in the place of those that open a program."""
    sent = Sent()
    program = sent.program()
    ids, to_all = split_ids(sent.text("lo_root_ids")), sent.is_yes("open_to_all")
    if not ids and program.lo_root_ids and not to_all:
        raise OpensToAll
    return _change(program, lo_root_ids=ids, open_to_all=to_all and not ids)


@bp.post("/update_intro_message")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_intro() -> ResponseReturnValue:
    """Change what learners read first."""
    sent = Sent()
    return _change(sent.program(), intro_message=sent.text("intro_message"))


@bp.post("/update_quota")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_quota() -> ResponseReturnValue:
    """Change how many questions a person may ask a day."""
    sent = Sent()
    return _change(sent.program(), quota=sent.whole("quota"))


def _content_of(program: Program) -> ResponseReturnValue:
    return jsonify(
        success=True,
        code=program.code,
        name=program.name,
        content=program.content,
        char_count=len(program.content),
        char_limit=program.char_limit or drafts.DEFAULT_CHAR_LIMIT,
    )
