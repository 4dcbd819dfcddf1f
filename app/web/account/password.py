"""A new password while signed in."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core.entry import changing
from app.core.errors import PasswordRefused
from app.edge import devices, identity
from app.edge.db import commit, db
from app.edge.fields import new_password_field
from app.edge.guards import freshly_proven, signed_in
from app.edge.limits import door
from app.edge.ours import terms
from app.edge.words import say
from app.web.account import bp, carry, present


class ChangeForm(FlaskForm):
    """The password to be."""

    password = new_password_field()


@bp.route("/account/password", methods=["GET", "POST"])
@door
@signed_in
@freshly_proven
def password() -> ResponseReturnValue:
    """Set a new password; this session goes on, all others end."""
    here = present()
    first = not here.user.has_password()
    form = ChangeForm()
    if form.validate_on_submit():
        try:
            fresh = changing.change(
                db,
                here,
                identity.token() or "",
                form.password.data,
                terms=terms(),
                origin=identity.origin(),
            )
        except PasswordRefused as refusal:
            form.password.errors = [say(refusal)]
        else:
            commit()
            carry(fresh)
            if first:
                words = _("Your password is set. All other devices were signed out.")
            else:
                words = _("Your password is changed. All other devices were signed out.")
            flash(words, "success")
            response = redirect(url_for("account.page"), 303)
            # Other browsers that knew the old password are strangers now; this one is not.
            devices.keep(response, here.user.counted_as)
            return response
    asked = terms()
    page = render_template(
        "account/password.html",
        form=form,
        email=here.user.email,
        first=first,
        password_floor=asked.role_least if here.has_role else asked.least,
    )
    return page, 422 if form.errors else 200
