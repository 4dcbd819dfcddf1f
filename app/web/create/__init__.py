"""Create an account, where anybody may: name, address and password first, then the mailed proof."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from wtforms import StringField, ValidationError

from app.addresses import BadAddress, canonical
from app.core.entry import creating
from app.core.entry.creating import Wish
from app.core.errors import Busy, CodesAway, NotFound, Refusal, TooManyTries
from app.core.people import names
from app.core.people.names import NoFullName
from app.edge import devices, identity, lanes
from app.edge.db import commit, db
from app.edge.fields import (
    NO_ADDRESS,
    DoorForm,
    email_field,
    new_password_field,
    remember_field,
)
from app.edge.limits import at_fixed_time, door
from app.edge.ours import ours, terms
from app.edge.refusals import headers_of
from app.edge.words import say

bp = Blueprint("create", __name__)


class AccountForm(DoorForm):
    """Who somebody says they are, and the password to be; everything wrong is said at once."""

    full_name = StringField(_l("Full name"), id="full-name")
    email = email_field("create-email")
    password = new_password_field()
    remember = remember_field()

    def validate_full_name(self, field: Any) -> None:
        """Whether it is a name."""
        try:
            names.checked_full_name(field.data or "")
        except NoFullName as refusal:
            raise ValidationError(say(refusal)) from None

    def validate_email(self, field: Any) -> None:
        """Whether it is an address."""
        try:
            canonical(field.data)
        except BadAddress:
            raise ValidationError(NO_ADDRESS) from None

    def validate_password(self, field: Any) -> None:
        """Whether it may be taken, by what was typed alone."""
        typed = (self.email.data or "").strip(), (self.full_name.data or "").strip()
        unfit = creating.problem_for(field.data, *typed, terms())
        if unfit is not None:
            raise ValidationError(say(unfit))


def is_open() -> bool:
    """Whether the settings have anybody come, who is on no list."""
    return bool(ours().settings.REGISTRATION != "roster")


@bp.route("/create-account", methods=["GET", "POST"])
@door
@at_fixed_time
def begin() -> ResponseReturnValue:
    """Take a name, an address and a password; the answer is the same whoever has the address."""
    if not is_open():
        raise NotFound
    if identity.presence() is not None:
        return redirect(url_for("programs.select"), 303)
    form = AccountForm()
    refusal: Refusal | None = None
    if form.validate_on_submit():
        try:
            return _begin(form)
        except (Busy, CodesAway, TooManyTries) as problem:
            refusal = problem
            form.form_errors.append(say(refusal))
    page = render_template("create/begin.html", form=form, password_floor=terms().open_least)
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}


def _begin(form: AccountForm) -> ResponseReturnValue:
    email, remember = form.email.data, form.remember.data
    known = devices.known_since(email) is not None
    lane = lanes.friends if known else lanes.strangers
    hashed = creating.hash_of(db, form.password.data, terms=terms(lane=lane))
    name = names.checked_full_name(form.full_name.data)
    token = creating.begin(
        db, Wish(name, email, hashed, remember=remember),
        is_open=True, terms=terms(), origin=identity.origin(),
    )  # fmt: skip
    commit()
    looks = ours().settings.LIMITED_SESSION == "look"
    target = url_for("programs.select" if looks else "create.code")
    return identity.look_around(token, target, remember=remember)
