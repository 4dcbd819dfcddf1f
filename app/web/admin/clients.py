"""Widget clients: which pages of others our sign-in widget may stand in."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField

from app.core.errors import NotFound
from app.core.oauth import clients as known_clients
from app.core.oauth.clients import BadClient, BadOrigin, WrongOrigins
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted
from app.edge.words import say
from app.models.oauth import Client
from app.web.admin import bp

CLIENT = f"/clients/<int(max={LAST_ID}):client_row>"


class ClientForm(FlaskForm):
    """A client as it is to be: its name, and its origins, one a line."""

    name = StringField(_l("Name"), id="client-name")
    origins = TextAreaField(_l("Web origins, one a line"), id="client-origins")


@bp.get("/clients")
@permitted(Permission.KEYS_READ)
def clients() -> ResponseReturnValue:
    """Every client with its id and its origins."""
    return render_template(
        "admin/clients.html", clients=known_clients.listing(db),
        may_write=Permission.KEYS_WRITE.value in identity.permissions(),
    )  # fmt: skip


@bp.route("/clients/new", methods=["GET", "POST"])
@permitted(Permission.KEYS_WRITE)
@freshly_proven
def clients_make() -> ResponseReturnValue:
    """Make a client; its id is no secret, and stands in the list from then on."""
    form = ClientForm(data={"origins": request.args.get("origin", "")[:300]})
    if form.validate_on_submit() and _save(form, None):
        return redirect(url_for("admin.clients"), 303)
    page = render_template("admin/clients_form.html", form=form, row=None)
    return page, 422 if form.errors else 200


@bp.route(f"{CLIENT}/change", methods=["GET", "POST"])
@permitted(Permission.KEYS_WRITE)
@freshly_proven
def clients_change(client_row: int) -> ResponseReturnValue:
    """Give a client another name or other origins; `origin` in the query is to be added."""
    row = _open(client_row)
    origins = [*row.origins, request.args.get("origin", "")[:300]]
    form = ClientForm(data={"name": row.name, "origins": "\n".join(filter(None, origins))})
    if form.validate_on_submit() and _save(form, row):
        return redirect(url_for("admin.clients"), 303)
    page = render_template("admin/clients_form.html", form=form, row=row)
    return page, 422 if form.errors else 200


@bp.route(f"{CLIENT}/disable", methods=["GET", "POST"])
@permitted(Permission.KEYS_WRITE)
@freshly_proven
def clients_disable(client_row: int) -> ResponseReturnValue:
    """Ask once more, then close it for good."""
    row = _open(client_row)
    if FlaskForm().validate_on_submit():
        known_clients.disable(db, client_row, by=identity.user().id, origin=identity.origin())
        commit()
        flash(_("“%(name)s” is closed: no page of it may ask any more.", name=row.name), "success")
        return redirect(url_for("admin.clients"), 303)
    return render_template("admin/clients_disable.html", row=row)


def _open(client_row: int) -> Client:
    row = known_clients.get(db, client_row)
    if row.disabled_at is not None:
        raise NotFound
    return row


def _save(form: ClientForm, row: Client | None) -> bool:
    """Make or change a client as the form says; False, with the reason at its field."""
    name, origins = form.name.data or "", (form.origins.data or "").split()
    who: dict[str, Any] = {"by": identity.user().id, "origin": identity.origin()}
    try:
        if row is None:
            saved = known_clients.create(db, name, origins, **who)
        else:
            saved = known_clients.change(db, row.id, name, origins, **who)
    except BadClient as refusal:
        form.name.errors = [say(refusal)]
    except (BadOrigin, WrongOrigins) as refusal:
        form.origins.errors = [say(refusal)]
    else:
        flash(_("“%(name)s” is saved. It counts from now on.", name=saved.name), "success")
        commit()
        return True
    return False
