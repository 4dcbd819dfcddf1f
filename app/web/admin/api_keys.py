"""API keys: which programs may ask, with what scope; made, shown once, and revoked."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, NumberRange, Optional

from app.core import clock
from app.core.entry import keys as api_keys
from app.core.entry.keys import BadKey, KeyScope
from app.core.errors import N_
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted
from app.edge.ours import ours
from app.models.access import ApiKey
from app.web.admin import bp

MOST_DAYS = 3650
KEY = f"/api-keys/<int(max={LAST_ID}):key_id>"
SCOPES = {
    KeyScope.GPT.value: N_("Custom GPT: sign people in, save and read their conversations"),
    KeyScope.SIGNUP.value: N_("Sign-up in a chat: make accounts with a PIN"),
}
NO_NAME = _l("Give the key a name of up to 64 characters")


class KeyForm(FlaskForm):
    """A key that is to be made."""

    name = StringField(_l("Name"), [DataRequired(NO_NAME)], id="key-name")
    # Its id is that of its first box, where the link of the problem leads.
    scopes = SelectMultipleField(
        _l("What it opens"),
        [DataRequired(_l("Tick at least one thing that the key opens"))],
        choices=[each.value for each in KeyScope],
        id=f"scope-{KeyScope.GPT.value}",
    )
    days = IntegerField(
        _l("Days until it runs out"),
        [
            Optional(),
            NumberRange(1, MOST_DAYS, _l("Choose from 1 to 3650 days, or leave it blank")),
        ],
        id="key-days",
    )


@bp.get("/api-keys")
@permitted(Permission.KEYS_READ)
def keys() -> ResponseReturnValue:
    """Every key by its first characters; no key is here to be seen whole."""
    return render_template(
        "admin/keys.html", keys=api_keys.listing(db), scopes=SCOPES, state_of=state_of,
        may_write=Permission.KEYS_WRITE.value in identity.permissions(),
        home=ours().settings.PUBLIC_URL,
    )  # fmt: skip


@bp.route("/api-keys/new", methods=["GET", "POST"])
@permitted(Permission.KEYS_WRITE)
@freshly_proven
def keys_make() -> ResponseReturnValue:
    """Make a key, and show it this once: the answer to the form holds it, and nothing else does."""
    form = KeyForm(data={"scopes": [KeyScope.GPT.value]})
    if form.validate_on_submit():
        until = clock.now() + timedelta(days=form.days.data) if form.days.data else None
        chosen = [each for each in KeyScope if each.value in (form.scopes.data or [])]
        try:
            row, text = api_keys.create(
                db, form.name.data or "", chosen, expires_at=until, by=identity.user().id,
                origin=identity.origin(),
            )  # fmt: skip
        except BadKey:
            form.name.errors = [NO_NAME]
        else:
            commit()
            return render_template("admin/keys_made.html", row=row, text=text, scopes=SCOPES)
    page = render_template("admin/keys_new.html", form=form, scopes=SCOPES)
    return page, 422 if form.errors else 200


@bp.route(f"{KEY}/revoke", methods=["GET", "POST"])
@permitted(Permission.KEYS_WRITE)
@freshly_proven
def keys_revoke(key_id: int) -> ResponseReturnValue:
    """Ask once more, then revoke it for good."""
    row = api_keys.get(db, key_id)
    if FlaskForm().validate_on_submit():
        api_keys.revoke(db, key_id, by=identity.user().id, origin=identity.origin())
        commit()
        flash(_("“%(name)s” is revoked: it opens nothing any more.", name=row.name), "success")
        return redirect(url_for("admin.keys"), 303)
    return render_template("admin/keys_revoke.html", row=row)


def state_of(row: ApiKey) -> tuple[str, str]:
    """How a key stands, in words, and the tone of it."""
    if row.revoked_at is not None:
        return _("Revoked"), "calm"
    if row.expires_at is not None and row.expires_at <= clock.now():
        return _("Run out"), "warn"
    return _("Works"), "good"
