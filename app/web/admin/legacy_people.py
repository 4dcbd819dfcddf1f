"""The addresses of the former application for people: files, JSON, editing and deleting."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from app.addresses import BadAddress, canonical
from app.core.desk.people import bulk, editing, guarding, removing, standing
from app.core.desk.people.bulk import Action, Choice
from app.core.desk.people.editing import Edit
from app.core.errors import Refusal
from app.core.people import directory, users
from app.core.people.orders import Order, Place
from app.core.people.roles import Permission
from app.core.people.wanted import Wanted
from app.core.roster.columns import split_ids
from app.core.roster.files import surname_key
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted, row_id
from app.edge.refusals import wants_json
from app.edge.words import say
from app.models.people import Status, User
from app.web.admin import bp as admin
from app.web.admin.legacy import bp
from app.web.admin.people import file_of

PAGE = 20
SORTS = {
    "last_name": "name",
    "email": "email",
    "date_added": "added",
    "expiry_date": "expiry",
    "last_seen": "seen",
}
"""What `sort_by` may name; everything else is the order of being added."""


@bp.get("/export")
@bp.get("/export_users")
@permitted(Permission.PEOPLE_READ)
def people_file() -> ResponseReturnValue:
    """Everybody as a file, with the header of the former application."""
    return file_of(Wanted.read(request.args), "users.csv")


@admin.get("/get_users")
@permitted(Permission.PEOPLE_READ)
def people_as_json() -> ResponseReturnValue:
    """A page of people as JSON; `next` is what to send as `after` for the one that follows."""
    given = request.args
    wanted = Wanted.read(given | {"q": given.get("search") or given.get("q", "")})
    down = {"asc": "up", "desc": "down"}.get(given.get("sort_order", ""), "")
    order = Order.read(SORTS.get(given.get("sort_by", ""), "added"), down)
    after = row_id("after")
    place = None if after is None else Place(after)
    page = directory.find(db, wanted, order, place, limit=PAGE)
    found = [_facts(row.user) for row in page.rows]
    following = page.rows[-1].user.id if page.has_next and page.rows else None
    return jsonify(success=True, users=found, total=page.count, per_page=PAGE, next=following)


def _facts(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "last_name": user.last_name,
        "email": user.email,
        "status": user.status,
        "visit_count": user.visit_count or 0,
        "date_added": user.date_added.isoformat() if user.date_added else None,
        "expiry_date": user.expiry_date.date().isoformat() if user.expiry_date else None,
    }


@bp.get("/delete_registration")
@permitted(Permission.PEOPLE_WRITE)
def registration() -> ResponseReturnValue:
    """Lead to the list, where somebody is found and deleted."""
    words = _("Find the person in the list, open their page, and delete the account there.")
    return render_template("admin/legacy.html", words=words, way_on=url_for("admin.people"))


@bp.post("/delete_registration")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def delete_registration() -> ResponseReturnValue:
    """Delete the account of this `email` if it has this `last_name` too."""
    given = _given()
    email, last_name = given.get("email", "").strip(), given.get("last_name", "").strip()
    if not email or not last_name:
        return _answer(_("Give the email and the last name."), 400)
    try:
        found = users.find(db, canonical(email), email)
    except BadAddress:
        return _answer(_("That is no email address."), 400)
    if found is None or surname_key(found[0].last_name) != surname_key(last_name):
        return _answer(_("Nobody has this email and this last name."), 404)
    return _delete(found[0].id)


@admin.post("/delete_user/<int:user_id>")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_delete_one(user_id: int) -> ResponseReturnValue:
    """Delete one account; `chats=delete` takes the conversations along."""
    return _delete(user_id)


@admin.post("/edit_user")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_edit_one() -> ResponseReturnValue:
    """Change what is named; LO Root IDs that are blank stay unless `clear_lo_root_ids` is set."""
    given = _given()
    number = given.get("user_id", "")
    if not number.isascii() or not number.isdigit() or not 0 < int(number) <= LAST_ID:
        return _answer(_("Say whom, by user_id."), 400)
    try:
        _edit(int(number), given)
    except (BadAddress, ValueError) as error:
        return _answer(str(error), 400)
    except Refusal as refusal:
        return _answer(say(refusal), refusal.status)
    commit()
    return _answer(_("Saved."), 200)


def _edit(user_id: int, given: dict[str, str]) -> None:
    by, origin = identity.user().id, identity.origin()
    user = guarding.person(db, user_id)
    ids = split_ids(given.get("lo_root_ids", ""))
    clears = given.get("clear_lo_root_ids", "").lower() in {"1", "true", "on"}
    day = given.get("expiry_date", "")
    kept = user.expiry_date.date() if user.expiry_date else None
    status = given.get("status", "").strip().casefold()
    was_active = user.status.strip().casefold() == Status.ACTIVE.casefold()
    wanted = Edit(
        last_name=given.get("last_name") or user.last_name,
        email=given.get("email") or user.email,
        expires_on=date.fromisoformat(day) if day else kept,
        locale=user.locale,
        lo_root_ids=ids if ids or clears else None,
        may_clear=clears,
    )
    editing.edit(db, user_id, wanted, by=by, origin=origin)
    if status and (status == Status.ACTIVE.casefold()) is not was_active:
        change = standing.suspend if was_active else standing.restore
        change(db, user_id, by=by, origin=origin)


@admin.post("/delete_selected_users")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_delete_selected() -> ResponseReturnValue:
    """Delete the accounts with these `user_ids`, in the background."""
    body = request.get_json(silent=True) if request.is_json else None
    named = body.get("user_ids", []) if isinstance(body, dict) else request.form.getlist("user_ids")
    texts = [str(each) for each in named] if isinstance(named, list) else []
    ids = [int(each) for each in texts if each.isascii() and each.isdigit() and len(each) < 10]
    if not ids:
        return _answer(_("Say whom, by user_ids."), 400)
    return _begin(Choice(Wanted(), ids), "")


@admin.post("/delete_all_users")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_delete_all() -> ResponseReturnValue:
    """Delete everybody but those who may hand out roles, if `confirm` is the number of people."""
    choice = Choice(Wanted())
    number, _left_out = bulk.count(db, choice, by=identity.user().id)
    if _given().get("confirm") != str(number):
        return _answer(
            _("To delete all %(number)s people, send that number as “confirm”.", number=number), 400
        )
    return _begin(choice, str(number))


def _begin(choice: Choice, typed: str) -> ResponseReturnValue:
    number, _left_out = bulk.count(db, choice, by=identity.user().id)
    try:
        job = bulk.begin(
            db, Action.DELETE, choice,
            typed=typed or str(number),
            keep_chats=_given().get("chats") != "delete",
            by=identity.user().id, origin=identity.origin(),
        )  # fmt: skip
    except Refusal as refusal:
        db.rollback()
        return _answer(say(refusal), refusal.status)
    commit()
    if wants_json():
        return jsonify(success=True, job_id=job.id, people=number), 202
    return redirect(url_for("admin.people_job", job_id=job.id), 303)


def _delete(user_id: int) -> ResponseReturnValue:
    keep = _given().get("chats") != "delete"
    me = identity.user().id
    try:
        removing.remove(db, user_id, keep_chats=keep, by=me, origin=identity.origin())
    except Refusal as refusal:
        db.rollback()
        return _answer(say(refusal), refusal.status)
    commit()
    return _answer(_("The account was deleted."), 200)


def _given() -> dict[str, str]:
    """The fields of a form, or of a JSON object, as text."""
    if not request.is_json:
        return request.form.to_dict()
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        return {}
    return {
        name: ";".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in body.items()
        if value is not None
    }


def _answer(words: str, status: int) -> ResponseReturnValue:
    """What the former application said: JSON for its scripts, a page for everybody else."""
    done = status < 400
    if wants_json():
        return jsonify(success=done, **{"message" if done else "error": words}), status
    if done:
        flash(words, "success")
        return redirect(url_for("admin.people"), 303)
    way_on = url_for("admin.people")
    return render_template("admin/legacy.html", words=words, way_on=way_on), status
