"""The programs: the list, the page of each, who can open it, and the trash."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import StringField

from app.core.errors import N_
from app.core.learning import catalogue, drafts, editing, openers, retention
from app.core.learning import programs as learning
from app.core.learning.catalogue import Where
from app.core.learning.drafts import Draft
from app.core.learning.editing import InTrash, NotInTrash, WrongCode
from app.core.learning.markdown import LONGEST, to_html
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted, row_id
from app.edge.words import say
from app.models.programs import Program
from app.web.admin import bp

PAGE = 50
MANY = 10_000
"""Questions and answers that a page counts before it says that there are more."""
STATES = {
    Where.OPEN: (N_("Open"), "good"),
    Where.OFF: (N_("Switched off"), "calm"),
    Where.TRASH: (N_("In the trash"), "bad"),
}


class PurgeForm(FlaskForm):
    """The code of the program that is to go for good."""

    code = StringField(_l("Code of the program"))


@bp.get("/programs")
@permitted(Permission.PROGRAMS_READ)
def programs() -> ResponseReturnValue:
    """List programs by name, what opens each, and for how many people it is open."""
    asked = asked_for()
    q, category, where = asked.values()
    found = catalogue.listed(db, **asked, after=row_id("after"), limit=PAGE + 1)
    shown = found[:PAGE]
    kept: dict[str, Any] = {"q": q or None, "category": category or None, "state": where}
    last = shown[-1][0].id if len(found) > PAGE else None
    return render_template(
        "admin/programs.html",
        programs=[(program, catalogue.where_is(program), number) for program, number in shown],
        count=catalogue.count(db, **asked),
        states=STATES,
        categories=[(kind, _(learning.CATEGORIES[kind])) for kind in drafts.KINDS],
        label_of=label_of,
        kept=kept,
        filtered=bool(q or category or where),
        may_write=may(Permission.PROGRAMS_WRITE),
        next_url=url_for("admin.programs", **kept, after=last) if last else None,
    )


def asked_for() -> dict[str, Any]:
    """What the address narrows the list to, as `catalogue.listed` takes it."""
    where = next((each for each in Where if each == request.args.get("state")), None)
    q, category = request.args.get("q", "")[:200], request.args.get("category", "")
    return {"search": q, "category": category, "where": where}


@bp.get("/programs/<int:program_id>")
@permitted(Permission.PROGRAMS_READ)
def programs_page(program_id: int) -> ResponseReturnValue:
    """One program: how learners see it, what opens it, and what can be done with it."""
    program = editing.get(db, program_id)
    return render_template(
        "admin/program.html",
        program=program,
        where=catalogue.where_is(program),
        states=STATES,
        people=openers.count(db, program),
        unheld=openers.unheld(db, program),
        internal=learning.INTERNAL,
        preview=preview_of(drafts.draft_of(program)),
        length=len(program.content),
        char_limit=program.char_limit or drafts.DEFAULT_CHAR_LIMIT,
        may_write=may(Permission.PROGRAMS_WRITE),
        may_see_people=may(Permission.PEOPLE_READ),
    )


@bp.get("/programs/<int:program_id>/people")
@permitted(Permission.PROGRAMS_READ)
@permitted(Permission.PEOPLE_READ)
def programs_people(program_id: int) -> ResponseReturnValue:
    """List who can open a program, and by which of its LO Root IDs."""
    program = editing.get(db, program_id)
    found = openers.page(db, program, after=row_id("after"), limit=PAGE + 1)
    shown = found[:PAGE]
    last = shown[-1].user.id if len(found) > PAGE else None
    return render_template(
        "admin/program_people.html",
        program=program,
        people=shown,
        count=openers.count(db, program),
        unheld=openers.unheld(db, program),
        is_first=row_id("after") is None,
        next_url=url_for("admin.programs_people", program_id=program_id, after=last)
        if last
        else None,
    )


@bp.route("/programs/<int:program_id>/trash", methods=["GET", "POST"])
@permitted(Permission.PROGRAMS_WRITE)
def programs_trash(program_id: int) -> ResponseReturnValue:
    """Say what putting a program into the trash does, and do it."""
    if request.method == "POST":
        admin = identity.user().id
        program = editing.trash(db, program_id, by=admin, origin=identity.origin())
        commit()
        flash(_("%(name)s is in the trash, and closed to learners.", name=program.name), "success")
        return redirect(url_for("admin.programs_page", program_id=program_id), 303)
    program = editing.get(db, program_id)
    if program.deleted_at is not None:
        raise InTrash
    people = openers.count(db, program)
    return render_template("admin/program_trash.html", program=program, people=people)


@bp.post("/programs/<int:program_id>/restore")
@permitted(Permission.PROGRAMS_WRITE)
def programs_restore(program_id: int) -> ResponseReturnValue:
    """Take a program out of the trash, as it was."""
    program = editing.restore(db, program_id, by=identity.user().id, origin=identity.origin())
    commit()
    if program.is_active:
        words = _("%(name)s is back, and open to learners again.", name=program.name)
    else:
        words = _("%(name)s is back. It is switched off, as it was before.", name=program.name)
    flash(words, "success")
    return redirect(url_for("admin.programs_page", program_id=program_id), 303)


@bp.route("/programs/<int:program_id>/purge", methods=["GET", "POST"])
@permitted(Permission.PROGRAMS_WRITE)
@freshly_proven
def programs_purge(program_id: int) -> ResponseReturnValue:
    """Say what goes for good with a program, and delete it once its code is typed."""
    form = PurgeForm()
    if form.validate_on_submit():
        typed, by = form.code.data or "", identity.user().id
        try:
            name = editing.purge(db, program_id, typed=typed, by=by, origin=identity.origin())
        except WrongCode as refusal:
            form.code.errors = [say(refusal)]
        else:
            commit()
            flash(_("%(name)s is deleted for good.", name=name), "success")
            return redirect(url_for("admin.programs"), 303)
    program = editing.get(db, program_id)
    if program.deleted_at is None:
        raise NotInTrash
    page = render_template(
        "admin/program_purge.html", form=form, program=program, many=MANY,
        chats=retention.count_left(db, program, most=MANY),
        days=retention.find(db, program.code).days,
    )  # fmt: skip
    return page, 422 if form.errors else 200


def may(permission: Permission) -> bool:
    """Whether the reader of this page holds a permission: what they may not do is not offered."""
    return permission.value in identity.permissions()


def label_of(category: str | None) -> str:
    """A category in the reader's words."""
    kind = category or "standard"
    words: str = _(learning.CATEGORIES.get(kind, kind))
    return words


def preview_of(draft: Draft) -> dict[str, Any]:
    """A program as learners see it, and its content as answers quote it."""
    return {
        "code": draft.code,
        "name": draft.name,
        "description": draft.description.strip(),
        "category": label_of(draft.category),
        "quota": draft.quota,
        "intro": learning.filled(draft.intro_message, draft.name, draft.quota),
        "disclaimer": draft.disclaimer_text.strip(),
        "required": draft.disclaimer_required,
        "content": Markup(to_html(draft.content)),  # noqa: S704 - cleaned by core
        "cut": LONGEST if len(draft.content) > LONGEST else None,
    }


def page_of(program: Program) -> str:
    """The address of a program's page."""
    return url_for("admin.programs_page", program_id=program.id)
