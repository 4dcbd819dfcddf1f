"""The people who have an account: search, filters, order, a file of them, and one more by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.exceptions import BadRequest
from wtforms import StringField

from app.addresses import BadAddress
from app.core.desk import insight
from app.core.desk.people import exporting
from app.core.entry import adding
from app.core.errors import N_, AddressTaken
from app.core.people import directory, roles
from app.core.people.directory import Page
from app.core.people.names import NoName, OddId
from app.core.people.orders import Order, Place
from app.core.people.roles import Permission
from app.core.people.wanted import Wanted
from app.core.roster.columns import split_ids
from app.core.taken import Taken
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import NO_ADDRESS, email_field, last_name_field
from app.edge.guards import permitted, row_id
from app.edge.ours import terms
from app.edge.words import say
from app.models.people import Role, User
from app.web.admin import bp
from app.web.admin.downloads import csv_answer

PAGE = 50
STATES = {
    None: (N_("May enter"), "good"),
    "expired": (N_("Expired"), "warn"),
    "off_list": (N_("Off the list"), "warn"),
    "suspended": (N_("Suspended"), "bad"),
}
FILTERS = [
    ("status", N_("Status"), [("active", N_("Active")), ("suspended", N_("Suspended"))]),
    ("password", N_("Password"), [("yes", N_("Set")), ("no", N_("Not set yet"))]),
    (
        "roster",
        N_("Roster"),
        [
            ("listed", N_("On the list")),
            ("off", N_("Was on the list")),
            ("never", N_("Never on a list")),
        ],
    ),
    (
        "seen",
        N_("Last seen"),
        [
            ("30", N_("In the last 30 days")),
            ("not90", N_("Over 90 days ago")),
            ("never", N_("Never")),
        ],
    ),
    (
        "expiry",
        N_("Expiry"),
        [("soon", N_("Within 30 days")), ("expired", N_("Has expired"))],
    ),
]
"""The filters of few choices: name, label, and what each choice is called."""

SORTS = [
    ("name", N_("Name")),
    ("email", N_("Email")),
    ("added", N_("Added")),
    ("seen", N_("Last seen")),
    ("expiry", N_("Expires")),
]


@bp.get("/people")
@permitted(Permission.PEOPLE_READ)
def people() -> ResponseReturnValue:
    """List people: those who are wanted, in an order, a page at a time."""
    wanted = Wanted.read(request.args)
    order = Order.read(request.args.get("sort", ""), request.args.get("dir", ""))
    page = directory.find(db, wanted, order, _place(), limit=PAGE)
    if not page.rows and _place() is not None:
        page = directory.find(db, wanted, order, limit=PAGE)
    return render_template(
        "admin/people.html",
        wanted=wanted,
        asked=order,
        page=page,
        roles=roles.names_of(db, [row.user.id for row in page.rows]),
        role_names=list(db.scalars(select(Role.name).order_by(Role.name))),
        states=STATES,
        filters=FILTERS,
        sorts=SORTS,
        unregistered=_unregistered(wanted),
        to=_to(wanted, order),
        urls=_turns(page, wanted, order),
    )


@bp.get("/people/export")
@permitted(Permission.PEOPLE_READ)
def people_export() -> ResponseReturnValue:
    """Those who are wanted, as a CSV file."""
    return file_of(Wanted.read(request.args), "people.csv")


def file_of(wanted: Wanted, name: str) -> ResponseReturnValue:
    """The people who are wanted as a file, which is written while it is sent."""
    return csv_answer(exporting.write_people(db, wanted), name, Taken.PEOPLE, **wanted.facts())


def _unregistered(wanted: Wanted) -> int:
    """How many of the list have not registered, where somebody may be looking for them here."""
    looked_for = [Wanted(), Wanted(roster="listed"), Wanted(password="no")]  # noqa: S106 - a filter
    return insight.count_unregistered(db) if wanted in looked_for else 0


def _place() -> Place | None:
    if request.args.get("last"):
        return Place(None, backwards=True)
    if (before := row_id("before")) is not None:
        return Place(before, backwards=True)
    after = row_id("after")
    return None if after is None else Place(after)


def _to(wanted: Wanted, order: Order) -> Any:
    """What makes the address of this list with some of it changed."""
    facts: dict[str, Any] = dict(wanted.facts())
    if order != Order():
        facts |= {"sort": order.sort, "dir": "down" if order.down else "up"}

    def to(**changes: Any) -> str:
        return url_for("admin.people", **{**facts, **changes})

    return to


def _turns(page: Page, wanted: Wanted, order: Order) -> dict[str, str | None]:
    """The addresses of the first, previous, next and last page, where there are such."""
    to, rows = _to(wanted, order), page.rows
    return {
        "first": to() if page.has_previous else None,
        "previous": to(before=rows[0].user.id) if page.has_previous else None,
        "next": to(after=rows[-1].user.id) if page.has_next else None,
        "last": to(last=1) if page.has_next else None,
    }


class PersonForm(FlaskForm):
    """Whom to add."""

    last_name = last_name_field(_l("Enter the last name"))
    email = email_field("person-email")
    lo_root_ids = StringField(_l("LO Root IDs"))


@bp.route("/people/add", methods=["GET", "POST"])
@permitted(Permission.PEOPLE_WRITE)
def people_add() -> ResponseReturnValue:
    """Ask who is to be added, and mail them a link to set their password."""
    form = PersonForm(email=request.args.get("email", "")[:254])
    if form.validate_on_submit():
        try:
            ids = split_ids(form.lo_root_ids.data or "")
            user = _add(form.last_name.data, form.email.data, ids)
        except BadAddress:
            form.email.errors = [NO_ADDRESS]
        except AddressTaken as refusal:
            form.email.errors = [say(refusal)]
        except NoName as refusal:
            form.last_name.errors = [say(refusal)]
        except OddId as refusal:
            form.lo_root_ids.errors = [say(refusal)]
        else:
            words = _("%(name)s was added, and a mail is on its way.", name=user.last_name)
            flash(words, "success")
            return redirect(url_for("admin.people"), 303)
    return render_template("admin/people_add.html", form=form), 422 if form.errors else 200


@bp.post("/add_user")
@permitted(Permission.PEOPLE_WRITE)
def people_add_by_program() -> ResponseReturnValue:
    """The same for programs: JSON with `last_name`, `email` and `lo_root_ids`."""
    body = request.get_json()
    last_name, email, ids = _read(body)
    try:
        user = _add(last_name, email, ids)
    except BadAddress as error:
        return jsonify(success=False, error=str(error)), 400
    except AddressTaken as refusal:
        return jsonify(success=False, error=say(refusal)), refusal.status
    except (NoName, OddId) as refusal:
        return jsonify(success=False, error=say(refusal)), 400
    return jsonify(success=True, user_id=user.id, mail="queued"), 201


def _add(last_name: str, email: str, lo_root_ids: Sequence[str]) -> User:
    admin = identity.user().id
    user = adding.add_person(
        db, last_name, email, lo_root_ids, by=admin, terms=terms(), origin=identity.origin()
    )
    commit()
    return user


def _read(body: Any) -> tuple[str, str, Sequence[str]]:
    if not isinstance(body, dict):
        raise BadRequest
    last_name, email = body.get("last_name"), body.get("email")
    ids = body.get("lo_root_ids") or []
    if not isinstance(last_name, str) or not last_name.strip() or not isinstance(email, str):
        raise BadRequest
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise BadRequest
    # One text may hold several, as on the page: what no program asks for would open nothing.
    return last_name[:200], email, split_ids(";".join(ids))
