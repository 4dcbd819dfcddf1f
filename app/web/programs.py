"""Choose a program: what this person's LO Root IDs open."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.core.learning import chat, programs
from app.edge import identity
from app.edge.db import db
from app.edge.guards import signed_in
from app.edge.ours import ours

bp = Blueprint("programs", __name__)


@bp.get("/")
def home() -> ResponseReturnValue:
    """Go where this visitor belongs."""
    if identity.limited() is not None:
        return redirect(url_for("programs.select"))
    if identity.presence() is not None:
        return redirect(url_for("admin.home" if identity.has_role() else "programs.select"))
    if "signed_out" in g:
        raise g.signed_out  # Why it ended is said on the sign-in page.
    return redirect(url_for("signin.login"))


@bp.get("/index")
@bp.get("/switch_program")
def old_home() -> ResponseReturnValue:
    """Lead old bookmarks to the list."""
    return redirect(url_for("programs.select"))


@bp.get("/program_select")
def select() -> ResponseReturnValue:
    """Show the programs that are open to this person, searched and sorted by category.

    Who has yet to prove an address sees which ones are open to everybody, if the settings let them.
    """
    if identity.limited() is not None:
        return _look_around()
    user = identity.user()
    q, category = request.args.get("q", "")[:200], request.args.get("category", "")
    listing = programs.listing(db, user.id, search=q, category=category)
    last = chat.last_program(db, user.id)
    return render_template(
        "programs/select.html",
        listing=listing,
        last=programs.called(listing.all_open, last),
        categories=[("", _("All")), *((code, _(label)) for code, label in listing.categories)],
        category=category,
        is_new=programs.is_new,
        label_of=lambda kind: _(programs.CATEGORIES.get(kind or "standard", kind)),
        q=q,
    )


def _look_around() -> ResponseReturnValue:
    if ours().settings.LIMITED_SESSION != "look":
        return redirect(url_for("create.code"), 303)
    return render_template(
        "programs/look.html",
        programs=programs.open_to_all(db),
        intro_of=programs.intro_of,
        is_new=programs.is_new,
        label_of=lambda kind: _(programs.CATEGORIES.get(kind or "standard", kind)),
    )


@bp.get("/index_generic/<code>")
@bp.get("/set_program/<code>")
@signed_in
def choose(code: str) -> ResponseReturnValue:
    """Check that a program is open and go to its chat; nothing is granted by it."""
    program = programs.enter_program(db, identity.user().id, code)
    session["program"] = program.code  # What a script asks that names no program.
    return redirect(url_for("chat.page", code=program.code))


@bp.get("/index_bcc")
@bp.get("/index_mi")
@bp.get("/index_safety")
def old_program() -> ResponseReturnValue:
    """Lead the bookmarks of the three founding programs to their chats."""
    return choose(request.path.removeprefix("/index_"))
