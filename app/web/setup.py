"""The first start: the console's one-time link makes the first admin."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField

from app.addresses import BadAddress
from app.core.entry import first_admin
from app.core.errors import AddressTaken, PasswordRefused
from app.core.people.names import NoName
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import NO_ADDRESS, email_field, last_name_field, new_password_field
from app.edge.limits import door
from app.edge.ours import keys, ours, terms
from app.edge.words import say

bp = Blueprint("setup", __name__)


class AdminForm(FlaskForm):
    """Who the first admin is."""

    email = email_field("admin-email")
    last_name = last_name_field()
    password = new_password_field()
    test_mail = BooleanField(_l("Send me a test mail"))


@bp.route("/setup/admin/<token>", methods=["GET", "POST"])
@door
def admin(token: str) -> ResponseReturnValue:
    """Ask who the first admin is; only the POST uses the link up."""
    first_admin.check_link(db, token, keys=keys())
    form = AdminForm()
    if form.validate_on_submit():
        try:
            entered = first_admin.enter(
                db,
                token,
                last_name=form.last_name.data,
                email=form.email.data,
                password=form.password.data,
                test_mail=form.test_mail.data,
                terms=terms(),
                origin=identity.origin(),
            )
        except BadAddress:
            form.email.errors = [NO_ADDRESS]
        except NoName as refusal:
            form.last_name.errors = [say(refusal)]
        except AddressTaken as refusal:
            form.email.errors = [say(refusal)]
        except PasswordRefused as refusal:
            form.password.errors = [say(refusal)]
        else:
            commit()
            response = identity.enter(entered, url_for("admin.home"))
            flash(_("You are the first admin here. Upload your list next."), "success")
            return response
    page = render_template(
        "setup/admin.html",
        form=form,
        action=request.path,
        password_floor=ours().settings.ROLE_PASSWORD_MIN_LENGTH,
    )
    return page, 422 if form.errors else 200
