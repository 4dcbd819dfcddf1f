"""The people who have an account: a plain list, and a page to add one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.exceptions import BadRequest
from wtforms import StringField

from app.addresses import BadAddress
from app.core.entry import adding
from app.core.errors import N_, AddressTaken
from app.core.people import roles, users
from app.core.people.names import NoName, OddId
from app.core.people.roles import Permission
from app.core.roster.columns import split_ids
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import NO_ADDRESS, email_field, last_name_field
from app.edge.guards import permitted, row_id
from app.edge.ours import terms
from app.edge.words import say
from app.models.people import User
from app.web.admin import bp

PAGE = 50
STATES = {
    None: (N_("May enter"), "good"),
    "expired": (N_("Expired"), "warn"),
    "off_list": (N_("Off the list"), "warn"),
    "suspended": (N_("Suspended"), "bad"),
}


@bp.get("/people")
@permitted(Permission.PEOPLE_READ)
def people() -> ResponseReturnValue:
    """List people, newest first, or those with some words in name or address."""
    q = request.args.get("q", "")[:200]
    before = row_id("before")
    found = users.latest(db, search=q, before=before, limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return render_template(
        "admin/people.html",
        q=q,
        count=users.count(db),
        people=shown,
        roles=roles.names_of(db, [row.user.id for row in shown]),
        states=STATES,
        next_url=url_for("admin.people", q=q or None, before=shown[-1].user.id) if more else None,
    )


class PersonForm(FlaskForm):
    """Whom to add."""

    last_name = last_name_field(_l("Enter the last name"))
    email = email_field("person-email")
    lo_root_ids = StringField(_l("LO Root IDs"))


@bp.route("/people/add", methods=["GET", "POST"])
@permitted(Permission.PEOPLE_WRITE)
def people_add() -> ResponseReturnValue:
    """Ask who is to be added, and mail them a link to set their password."""
    form = PersonForm()
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
