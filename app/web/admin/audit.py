"""The audit log: who did what, when, and from where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Any, cast

from flask import Response, jsonify, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.core import clock
from app.core.desk import entries
from app.core.desk.entries import Filters
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted, row_id
from app.web.admin import bp
from app.web.admin.events import area_of, name_of

PAGE = 50


@bp.get("/audit")
@permitted(Permission.AUDIT_READ)
def audit() -> ResponseReturnValue:
    """List the entries that fit, newest first."""
    filters, odd = _filters()
    before = row_id("before")
    found = entries.search(db, filters, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    asked = _query(filters)
    kinds = {
        area: (area_of(area), [(each.value, name_of(each.value)) for each in events])
        for area, events in entries.areas().items()
    }
    more = len(found) > PAGE
    return render_template(
        "admin/audit.html",
        filters=filters,
        odd=odd,
        entries=shown,
        people=entries.people_in(db, shown),
        name_of=name_of,
        kinds=kinds,
        head=entries.head(db),
        again_url=url_for("admin.audit", **asked),
        export_url=url_for("admin.audit_export", **asked),
        tail_url=None if before else url_for("admin.audit_tail", **asked),
        next_url=url_for("admin.audit", before=shown[-1].id, **asked) if more else None,
    )


@bp.get("/audit/<int:entry_id>")
@permitted(Permission.AUDIT_READ)
def audit_entry(entry_id: int) -> ResponseReturnValue:
    """One entry with everything that it holds."""
    entry = entries.get(db, entry_id)
    return render_template(
        "admin/audit_entry.html",
        entry=entry,
        people=entries.people_in(db, [entry]),
        name_of=name_of,
        changed=_changed(entry.details),
    )


@bp.get("/audit/tail")
@permitted(Permission.AUDIT_READ)
def audit_tail() -> ResponseReturnValue:
    """The entries that fit and came after the one that is named, as rows of the page's table."""
    filters, _odd = _filters()
    found = entries.search(db, filters, after=row_id("after") or 0, limit=PAGE)
    people = entries.people_in(db, found)
    rows = render_template("admin/audit_rows.html", entries=found, people=people, name_of=name_of)
    last = found[0].id if found else row_id("after")
    return jsonify(rows=rows, count=len(found), last=last)


@bp.get("/audit/export")
@permitted(Permission.AUDIT_READ)
def audit_export() -> ResponseReturnValue:
    """All entries that fit, as a CSV file that is written while it is read."""
    filters, _odd = _filters()
    # The proxy asks for the request's session at each use; the file outlives the view.
    session = cast(Session, cast(Any, db)._get_current_object())
    pieces: Iterator[str] = stream_with_context(entries.write_csv(session, filters))
    name = f"audit-{clock.today().isoformat()}.csv"
    response = Response(pieces, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _filters() -> tuple[Filters, list[str]]:
    """What the query asks for, and what in it is no date."""
    values = {name: _typed(name) for name in ("what", "person", "actor", "ip", "reference")}
    days: dict[str, date | None] = {}
    odd = []
    for name in ("since", "until"):
        text = _typed(name)
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError:
            odd.append(text)
    return Filters(**cast(Any, values | days)), odd


def _query(filters: Filters) -> dict[str, Any]:
    return {name: str(value) for name, value in asdict(filters).items() if value}


def _typed(name: str) -> str:
    return request.args.get(name, "").replace("\0", "").strip()[:254]


def _changed(details: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What an edit changed: field, old and new value."""
    changed = details.get("changed")
    if not isinstance(changed, dict):
        return []
    return [
        (field, *pair)
        for field, pair in changed.items()
        if isinstance(pair, list) and len(pair) == 2
    ]
