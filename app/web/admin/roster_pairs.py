"""Who may be the same person with a new address: an admin says of each pair which it is."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core.people.roles import Permission
from app.core.roster import imports
from app.core.taken import Taken
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import permitted
from app.models.rosters import RosterImport
from app.web.admin import bp
from app.web.admin.downloads import csv_answer
from app.web.admin.roster_hold import limits
from app.web.admin.roster_parts import WAITING, may_write

PAGE = 50
"""Pairs on one page, and so as many as can be ticked."""

SAME, ALL, TWO = "same", "all", "two"
"""What the buttons say: those ticked are one person, all that fit are, those ticked are two."""


class PairsForm(FlaskForm):
    """Which pairs are meant comes with it, as ticks; `say` is the button that was pressed."""

    say = StringField()


@bp.get("/roster/<int:import_id>/pairs")
@permitted(Permission.ROSTER_READ)
def roster_pairs(import_id: int) -> ResponseReturnValue:
    """The pairs that `q` finds, beyond the one of `after`."""
    return _show(imports.get(db, import_id))


@bp.post("/roster/<int:import_id>/pairs")
@permitted(Permission.ROSTER_WRITE)
def roster_pairs_settle(import_id: int) -> ResponseReturnValue:
    """Say of the ticked pairs, or of all that fit, whether they are the same person."""
    found = imports.get(db, import_id)
    say = PairsForm().say.data
    ticked = request.form.getlist("former")[:PAGE]
    if say not in {SAME, ALL, TWO} or (say != ALL and not ticked):
        # A press without a tick must not mean everybody.
        return _show(found, error=_("Tick who is meant first.")), 422
    count = imports.settle_pairs(
        db,
        import_id,
        None if say == ALL else ticked,
        same=say != TWO,
        search=_sought(),
        by=identity.user().id,
        origin=identity.origin(),
        limits=limits(),
    )
    commit()
    _tell(count, same=say != TWO)
    here: dict[str, Any] = {"q": _sought() or None, "after": _place() or None}
    return redirect(url_for("admin.roster_pairs", import_id=import_id, **here), 303)


@bp.get("/roster/<int:import_id>/pairs.csv")
@permitted(Permission.ROSTER_READ)
def roster_pairs_export(import_id: int) -> ResponseReturnValue:
    """The pairs that fit, as a file."""
    found = imports.write_pairs(db, import_id, search=_sought())
    name = f"import-{import_id}-addresses.csv"
    return csv_answer(found, name, Taken.PAIRS, import_id=import_id, search=_sought())


def _sought() -> str:
    """What is looked for: the address of the page says it, or the form that was sent from there."""
    return str(request.values.get("q", ""))[:200].strip()


def _place() -> str:
    """The old address with which the page before this one ended."""
    return str(request.values.get("after", ""))[:254]


def _tell(count: int, *, same: bool) -> None:
    if not count:
        flash(_("That was said of them before."), "info")
    elif same:
        words = ngettext(
            "Confirmed for %(count)s person. Their account moves once this is applied.",
            "Confirmed for %(count)s people. Their accounts move once this is applied.",
            count, count=format_decimal(count),
        )  # fmt: skip
        flash(words, "success")
    else:
        words = ngettext(
            "%(count)s pair is two people again: one goes, one comes.",
            "%(count)s pairs are two people each again: one goes, one comes.",
            count, count=format_decimal(count),
        )  # fmt: skip
        flash(words, "info")


def _show(found: RosterImport, error: str | None = None) -> str:
    q, place = _sought(), _place()
    rows = imports.list_pairs(db, found.id, search=q, after=place, limit=PAGE + 1)
    pairs = rows[:PAGE]
    here: dict[str, Any] = {"import_id": found.id, "q": q or None}
    is_open = found.state in WAITING and found.compared_with == imports.in_force(db)
    last = pairs[-1].former if len(rows) > PAGE else None
    return render_template(
        "admin/roster_pairs.html",
        upload=found,
        pairs=pairs,
        q=q,
        place=place,
        can_settle=is_open and may_write(),
        is_open=is_open,
        error=error,
        first_url=url_for("admin.roster_pairs", **here) if place else None,
        next_url=url_for("admin.roster_pairs", **here, after=last) if last else None,
    )
