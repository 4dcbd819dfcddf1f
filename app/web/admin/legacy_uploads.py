"""The addresses at which the legacy application made a program, and read files for one."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from app.core.errors import N_, Refusal
from app.core.learning import drafts, editing, extraction
from app.core.learning.drafts import Draft
from app.core.learning.extraction import Extract
from app.core.people.roles import Permission
from app.core.roster.columns import split_ids
from app.edge import identity
from app.edge.db import db
from app.edge.guards import permitted
from app.web.admin.legacy import bp
from app.web.admin.legacy_answers import (
    MissingField,
    OpensToAll,
    Sent,
    TooManyFiles,
    done,
    refuse,
    told,
)

MOST_FILES = 10
INTRO = N_("Welcome to {program}! You can ask {quota} questions a day.")
"""What learners read first where whoever makes the program writes nothing."""


@bp.post("/admin/upload")
@permitted(Permission.PROGRAMS_WRITE)
@told
def program_upload() -> ResponseReturnValue:
    """Make a program, its content typed (`combined_content`) or in `files`."""
    sent = Sent()
    ids = split_ids(sent.text("lo_root_ids", ""))
    open_to_all = sent.is_yes("open_to_all")
    draft = Draft(
        code=sent.text("course_name"),
        name=sent.text("display_name", sent.text("course_name")),
        description=sent.text("description", ""),
        category=sent.text("category", "standard"),
        lo_root_ids=ids,
        quota=sent.whole("default_quota", drafts.DEFAULT_QUOTA),
        char_limit=sent.whole("char_limit", drafts.DEFAULT_CHAR_LIMIT),
        intro_message=sent.text("intro_message", "") or _(INTRO),
        content=sent.text("combined_content", "") or _combined(_read_files()),
        system_prompt_guidelines=sent.text("system_prompt_guidelines", ""),
    )
    if not ids and not open_to_all:
        raise OpensToAll
    made = editing.add(
        db, draft, open_to_all=open_to_all, by=identity.user().id, origin=identity.origin()
    )
    return done(made, _("%(name)s is there.", name=made.name))


@bp.post("/admin/preview_upload")
@permitted(Permission.PROGRAMS_WRITE)
def program_preview() -> ResponseReturnValue:
    """Read `files` and answer with their text as JSON; nothing is kept, nothing is shortened."""
    sent = Sent()
    limit = sent.whole("char_limit", drafts.DEFAULT_CHAR_LIMIT)
    try:
        found = _read_files()
        if not found:
            raise MissingField(field="files")
    except Refusal as refusal:
        return refuse(refusal)
    combined = _combined(found)
    exceeds = len(combined) > limit
    words = _(
        "The text has %(length)s characters, and the limit is %(limit)s. It is not shortened for"
        " you: take a part of it, or raise the limit.",
        length=f"{len(combined):,}",
        limit=f"{limit:,}",
    )
    return jsonify(
        success=True,
        files=[_described(each) for each in found],
        combined_preview=combined,
        total_char_count=len(combined),
        char_limit=limit,
        exceeds_limit=exceeds,
        warning=words if exceeds else None,
        was_summarized=False,
        summarization_stats=None,
    )


def _read_files() -> list[Extract]:
    files: list[FileStorage] = [each for each in request.files.getlist("files") if each.filename]
    if len(files) > MOST_FILES:
        raise TooManyFiles(limit=MOST_FILES)
    db.rollback()  # No transaction waits for a file to be read.
    return [extraction.extract(cast(BinaryIO, each.stream), each.filename or "") for each in files]


def _combined(found: list[Extract]) -> str:
    return "\n\n".join(each.text for each in found)


def _described(found: Extract) -> dict[str, Any]:
    return {
        "filename": found.name,
        "type": found.kind,
        "char_count": len(found.text),
        "pages": found.pages,
        "pages_without_text": list(found.without_text),
    }
