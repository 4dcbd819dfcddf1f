"""The audit log: who did what, when, and from where."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any, cast

from flask import jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core import clock
from app.core.desk import entries
from app.core.desk.entries import Filters
from app.core.people.roles import Permission
from app.core.taken import Taken
from app.edge.db import db
from app.edge.guards import LAST_ID, permitted, row_id
from app.web.admin import bp
from app.web.admin.downloads import csv_answer
from app.web.admin.events import area_of, name_of

PAGE = 50


@bp.get("/audit")
@permitted(Permission.AUDIT_READ)
def audit() -> ResponseReturnValue:
    """List the entries that fit, newest first."""
    filters, odd = _filters()
    before = row_id("before")
    newest = entries.newest_id(db)  # Before the search: what comes between is new to the tail.
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
        last=shown[0].id if shown else newest,
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
    """The entries that fit and came after the one that is named, as rows of the page's table.

    The oldest of them first, a page at a time: `last` is where to go on, at once if there is
    `more`. What is `missing` before it, and comes late, is brought by asking for it along with
    what is new.
    """
    filters, _odd = _filters()
    after = row_id("after") or 0
    found = entries.search(db, filters, after=after, limit=PAGE + 1)
    shown = found[-PAGE:]
    last = shown[0].id if shown else after
    gaps = entries.missing(db, after, last) if shown else []
    wanted = _ids("missing")
    late = entries.search(db, filters, among=wanted, limit=len(wanted)) if wanted else []
    rows = [*shown, *late]
    return jsonify(
        rows=render_template(
            "admin/audit_rows.html",
            entries=rows, people=entries.people_in(db, rows), name_of=name_of,
        ),
        count=len(rows),
        last=last,
        more=len(found) > PAGE,
        missing=gaps,
    )  # fmt: skip


@bp.get("/audit/export")
@permitted(Permission.AUDIT_READ)
def audit_export() -> ResponseReturnValue:
    """All entries that fit, as a CSV file that is written while it is read."""
    filters, _odd = _filters()
    name = f"audit-{clock.today().isoformat()}.csv"
    return csv_answer(entries.write_csv(db, filters), name, Taken.AUDIT, **asdict(filters))


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


def _ids(name: str) -> list[int]:
    """The row ids that the query names, between commas: as many as a tail waits for."""
    texts = request.args.get(name, "")[:4000].split(",")
    ids = {int(each) for each in texts if each.isascii() and each.isdigit() and len(each) < 12}
    return sorted(each for each in ids if 0 < each <= LAST_ID)[: entries.LATE]


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
