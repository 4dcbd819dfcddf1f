"""Write a program: add one or edit one, with its text typed or read from a file, and previewed."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField

from app.core.errors import Busy
from app.core.learning import drafts, editing, extraction
from app.core.learning import programs as learning
from app.core.learning.drafts import Draft, ProgramRefused
from app.core.learning.editing import InTrash, ProgramChanged
from app.core.learning.extraction import Extract, Unreadable
from app.core.people.roles import Permission
from app.core.roster.columns import split_ids
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import permitted
from app.edge.words import say
from app.models.programs import Program
from app.web.admin import bp
from app.web.admin.programs import page_of, preview_of

SHOWN = 1_200
"""Characters of a long text that are shown of where two versions differ."""
PREVIEW, SAVE = "preview", "save"


class ProgramForm(FlaskForm):
    """A program as it is written; the names are those of its columns."""

    code = StringField(_l("Code"))
    name = StringField(_l("Name"))
    description = TextAreaField(_l("Description"))
    category = SelectField(_l("Category"), choices=[], validate_choice=False)
    is_active = BooleanField(_l("Open to learners"))
    lo_root_ids = TextAreaField(_l("LO Root IDs"))
    open_to_all = BooleanField(_l("Everybody who is signed in may open it"))
    quota = StringField(_l("Questions a day"))
    intro_message = TextAreaField(_l("Welcome"))
    file = FileField(_l("Read the content from a file"))
    append = BooleanField(_l("Put the file's text after the text below, instead of in its place"))
    content = TextAreaField(_l("Content"))
    char_limit = StringField(_l("Characters that the content may have"))
    system_prompt_role = TextAreaField(_l("Role"))
    system_prompt_guidelines = TextAreaField(_l("Guidelines"))
    disclaimer_text = TextAreaField(_l("Text to accept"))
    disclaimer_required = BooleanField(_l("The chat waits until it is accepted"))
    version = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.category.choices = [(kind, _(learning.CATEGORIES[kind])) for kind in drafts.KINDS]

    def draft(self, code: str | None = None) -> Draft:
        """What was typed; `code` is that of a program which is there already."""
        return Draft(
            code=self.code.data or "" if code is None else code,
            name=self.name.data or "",
            description=self.description.data or "",
            category=self.category.data or "",
            is_active=bool(self.is_active.data),
            lo_root_ids=split_ids((self.lo_root_ids.data or "").replace("\n", ";")),
            quota=_number(self.quota.data),
            char_limit=_number(self.char_limit.data),
            intro_message=self.intro_message.data or "",
            content=self.content.data or "",
            system_prompt_role=self.system_prompt_role.data or "",
            system_prompt_guidelines=self.system_prompt_guidelines.data or "",
            disclaimer_text=self.disclaimer_text.data or "",
            disclaimer_required=bool(self.disclaimer_required.data),
        ).tidied()

    def show(self, refused: ProgramRefused) -> None:
        """Put each problem to its field."""
        for problem in refused.problems:
            field = self[problem.field]
            field.errors = [*field.errors, say(problem)]


@bp.route("/programs/add", methods=["GET", "POST"])
@permitted(Permission.PROGRAMS_WRITE)
def programs_add() -> ResponseReturnValue:
    """Make a program."""
    if request.method == "GET":
        return _shown(ProgramForm(data=_values(Draft())), None)
    return _answered(ProgramForm(), None)


@bp.route("/programs/<int:program_id>/edit", methods=["GET", "POST"])
@permitted(Permission.PROGRAMS_WRITE)
def programs_edit(program_id: int) -> ResponseReturnValue:
    """Change a program, unless somebody else did so since the form was opened."""
    program = editing.get(db, program_id)
    if program.deleted_at is not None:
        raise InTrash
    if request.method == "GET":
        data = _values(drafts.draft_of(program)) | {"version": str(program.version)}
        data["open_to_all"] = not program.lo_root_ids
        return _shown(ProgramForm(data=data), program)
    return _answered(ProgramForm(), program)


def _answered(form: ProgramForm, program: Program | None) -> ResponseReturnValue:
    """What a press on the form leads to: the file read, a preview, or the program saved."""
    if not form.validate():
        return _shown(form, program), 422
    if form.file.data:
        return _read_file(form, program)
    draft = form.draft(program.code if program else None)
    if request.form.get("action") == PREVIEW:
        before = drafts.draft_of(program) if program else None
        try:
            drafts.check(draft, before, open_to_all=bool(form.open_to_all.data))
        except ProgramRefused as refused:
            form.show(refused)
            return _shown(form, program), 422
        return _shown(form, program, preview=preview_of(draft))
    return _saved(form, program, draft)


def _saved(form: ProgramForm, program: Program | None, draft: Draft) -> ResponseReturnValue:
    known: dict[str, Any] = {
        "open_to_all": bool(form.open_to_all.data),
        "by": identity.user().id,
        "origin": identity.origin(),
    }
    try:
        if program is None:
            program = editing.add(db, draft, **known)
            words = _("%(name)s is there.", name=draft.name)
        else:
            version = _number(form.version.data)
            changed = editing.change(db, program.id, draft, version=version, **known)
            words = _("Saved.") if changed else _("Nothing was changed, so there was none to save.")
    except ProgramRefused as refused:
        db.rollback()
        form.show(refused)
        return _shown(form, program), 422
    except ProgramChanged as refusal:
        return _overtaken(form, refusal, draft), refusal.status
    commit()
    flash(words, "success")
    return redirect(page_of(program), 303)


def _read_file(form: ProgramForm, program: Program | None) -> ResponseReturnValue:
    """Put a file's text into the form and show it: nothing is saved that nobody has seen."""
    file = form.file.data
    db.rollback()  # No transaction waits for a file to be read.
    try:
        found = extraction.extract(file.stream, file.filename or "")
    except (Unreadable, Busy) as refusal:
        form.file.errors = [say(refusal)]
        return _shown(form, program), refusal.status
    before = (form.content.data or "").strip()
    form.content.data = f"{before}\n\n{found.text}" if before and form.append.data else found.text
    return _shown(form, program, found=found)


def _overtaken(form: ProgramForm, refusal: ProgramChanged, draft: Draft) -> str:
    """The form as it was typed, beside what stands there now; one more press overwrites it."""
    now = drafts.draft_of(refusal.now)
    form.version.data = str(refusal.now.version)
    form.form_errors = [say(refusal)]
    differences = [
        (
            form[name].label.text,
            *_apart(_as_text(getattr(now, name)), _as_text(getattr(draft, name))),
        )
        for name in drafts.differing(now, draft)
    ]
    return _shown(form, refusal.now, differences=differences)


def _shown(
    form: ProgramForm,
    program: Program | None,
    *,
    preview: dict[str, Any] | None = None,
    found: Extract | None = None,
    differences: list[tuple[str, str, str]] | None = None,
) -> str:
    limits = {
        "file": extraction.FILE_LIMIT // 1_000_000,
        "pages": extraction.LIMITS["pages"],
        "seconds": extraction.SECONDS,
        "quota": drafts.QUOTA,
        "characters": drafts.CHAR_LIMIT,
    }
    return render_template(
        "admin/program_form.html",
        form=form,
        program=program,
        preview=preview,
        found=found,
        differences=differences,
        limits=limits,
        length=len((form.content.data or "").replace("\r\n", "\n")),
    )


def _values(draft: Draft) -> dict[str, Any]:
    values = {name: getattr(draft, name) for name in drafts.FIELDS}
    return values | {"lo_root_ids": "; ".join(draft.lo_root_ids)}


def _number(text: str | None) -> int:
    """A whole number as people type it; -1, which nothing takes, for everything else."""
    plain = (text or "").strip().replace(",", "").replace(" ", "")
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 10 else -1


def _as_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "; ".join(sorted(value))
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    return str(value)


def _apart(one: str, other: str) -> tuple[str, str]:
    """Where two texts differ: the lines that both begin and end with are left out."""
    old, new = one.split("\n"), other.split("\n")
    pairs = enumerate(zip(old, new, strict=False))
    same = next((place for place, (a, b) in pairs if a != b), min(len(old), len(new)))
    old, new = old[same:], new[same:]
    while old and new and old[-1] == new[-1]:
        old.pop()
        new.pop()
    return _clipped("\n".join(old)), _clipped("\n".join(new))


def _clipped(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
