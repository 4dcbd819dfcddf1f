"""The lists behind the numbers of an import: people, problem lines, two imports side by side."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core.errors import N_
from app.core.people.roles import Permission
from app.core.roster import imports
from app.core.roster.comparing import CAME, CHANGED, WENT, CannotCompare
from app.core.roster.listing import Fields, Person
from app.core.taken import Taken
from app.edge.db import db
from app.edge.guards import permitted, row_id
from app.edge.words import say
from app.models.rosters import RosterImport
from app.web.admin import bp
from app.web.admin.downloads import csv_answer
from app.web.admin.roster_parts import COLUMN_WORDS, LISTS, WAITING, names_of

PAGE = 50
"""Rows on one page of a list."""

DIFFERENCES = {CAME: N_("Came"), WENT: N_("Went"), CHANGED: N_("Changed in between")}
"""How two lists may differ, in words."""


@bp.get("/roster/<int:import_id>/people")
@permitted(Permission.ROSTER_READ)
def roster_people(import_id: int) -> ResponseReturnValue:
    """The people of one `kind`, those whom `q` finds, beyond the one of `name` and `after`."""
    found = imports.get(db, import_id)
    kind, q = asked_kind()
    place = _place()
    rows = imports.list_changes(db, import_id, kind, search=q, after=place, limit=PAGE + 1)
    people = rows[:PAGE]
    addresses = [each.address for each in people]
    here: dict[str, Any] = {"import_id": import_id, "kind": kind, "q": q or None}
    return render_template(
        "admin/roster_people.html",
        upload=found,
        kind=kind,
        lists=LISTS,
        knows_unchanged=imports.knows_unchanged(db, found),
        q=q,
        people=people,
        fields=_fields(found, people) if kind == "changed" else {},
        columns=COLUMN_WORDS,
        **(_by_hand(found, addresses) if kind == "edited" else {}),
        first_url=url_for("admin.roster_people", **here) if place else None,
        next_url=_after("admin.roster_people", people[-1], here) if len(rows) > PAGE else None,
    )


@bp.get("/roster/<int:import_id>/problems")
@permitted(Permission.ROSTER_READ)
def roster_problems(import_id: int) -> ResponseReturnValue:
    """The problem lines by number, or with `remarks` what was noticed about good lines."""
    found = imports.get(db, import_id)
    remarks = request.args.get("remarks") == "1"
    reason = request.args.get("reason") or None
    line, row = row_id("line"), row_id("after")
    place = (line, row) if line is not None and row is not None else None
    rows = imports.list_problems(
        db, import_id, remarks=remarks, reason=reason, after=place, limit=PAGE + 1
    )
    problems = rows[:PAGE]
    here: dict[str, Any] = {"import_id": import_id, "reason": reason}
    if remarks:
        here["remarks"] = 1
    following: dict[str, Any] = (
        {"line": problems[-1].line, "after": problems[-1].id} if problems else {}
    )
    return render_template(
        "admin/roster_problems.html",
        upload=found,
        remarks=remarks,
        reason=reason,
        problems=problems,
        columns=COLUMN_WORDS,
        first_url=url_for("admin.roster_problems", **here) if place else None,
        next_url=url_for("admin.roster_problems", **here, **following)
        if len(rows) > PAGE
        else None,
    )


@bp.get("/roster/<int:import_id>/problems.csv")
@permitted(Permission.ROSTER_READ)
def roster_problems_download(import_id: int) -> ResponseReturnValue:
    """The problem lines as they were written, with what is wrong, to be mended and uploaded."""
    imports.get(db, import_id)
    found, name = imports.write_problems(db, import_id), f"problems-{import_id}.csv"
    return csv_answer(found, name, Taken.PROBLEMS, import_id=import_id)


@bp.get("/roster/compare")
@permitted(Permission.ROSTER_READ)
def roster_compare() -> ResponseReturnValue:
    """Two imports side by side: each `pick` names one of them, `kind` who is listed."""
    picked = sorted({pick for pick in request.args.getlist("pick", type=int) if pick > 0})
    if len(picked) != 2:
        return render_template("admin/roster_compare.html", pair=None, why=None), 422
    kind = request.args.get("kind", CAME)
    kind = kind if kind in DIFFERENCES else CAME
    place = _place()
    one, other = picked
    try:
        compared = imports.compare(db, one, other)
    except CannotCompare as refusal:
        page = render_template("admin/roster_compare.html", pair=None, why=say(refusal))
        return page, refusal.status
    rows = imports.list_compared(db, one, other, kind, after=place, limit=PAGE + 1)
    people = rows[:PAGE]
    here: dict[str, Any] = {"pick": picked, "kind": kind}
    return render_template(
        "admin/roster_compare.html",
        pair=picked,
        compared=compared,
        names=names_of([compared.one, compared.other]),
        kinds=DIFFERENCES,
        kind=kind,
        people=people,
        first_url=url_for("admin.roster_compare", **here) if place else None,
        next_url=_after("admin.roster_compare", people[-1], here) if len(rows) > PAGE else None,
    )


def asked_kind() -> tuple[str, str]:
    """Which list of an import the address names, and what is looked for in it."""
    kind = request.args.get("kind", "")
    return kind if kind in LISTS else "added", request.args.get("q", "")[:200].strip()


def _place() -> tuple[str, str] | None:
    """Where the page before this one ended: last name and address."""
    name, address = request.args.get("name"), request.args.get("after")
    return (name, address) if name is not None and address else None


def _after(endpoint: str, last: Person, here: dict[str, Any]) -> str:
    return url_for(endpoint, **here, name=last.last_name, after=last.address)


def _by_hand(found: RosterImport, addresses: list[str]) -> dict[str, Any]:
    """What admins set by hand for these people: what stays, what could give way, what did."""
    is_open = found.state in WAITING
    return {
        "kept": imports.kept_of(db, addresses),
        "could": imports.could_yield(db, found.id, addresses) if is_open else {},
        "yielded": imports.yielded_of(db, found.id, addresses),
    }


def _fields(found: RosterImport, people: list[Person]) -> dict[str, list[Fields]]:
    """What else changes than LO Root IDs: known until an import is applied."""
    if found.state not in WAITING:
        return {}
    return imports.changed_fields(db, found.id, [each.address for each in people])
