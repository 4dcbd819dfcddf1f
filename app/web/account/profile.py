"""Who one is, in one's own words: full name, language, country."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField

from app.core.people import profile as profiles
from app.core.people.locales import BadLocale
from app.core.people.names import NoFullName
from app.core.people.profile import UnknownCountry
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import signed_in
from app.edge.words import say
from app.web.account import bp, naming, present


class ProfileForm(FlaskForm):
    """What somebody says of themselves; whether it can be is the core's to say."""

    full_name = StringField(_l("Full name"), id="full-name")
    locale = SelectField(_l("Language"), id="profile-locale", validate_choice=False)
    country = SelectField(_l("Country"), id="profile-country", validate_choice=False)


@bp.route("/account/profile", methods=["GET", "POST"])
@signed_in
def profile() -> ResponseReturnValue:
    """Show what is said, and take it over as it is typed."""
    user = present().user
    said = profiles.of(db, user)
    form = ProfileForm(
        full_name=said.full_name or "", locale=said.locale or "", country=said.country or ""
    )
    form.locale.choices = [("", _("As this service has it")), *naming.languages(said.locale)]
    form.country.choices = [("", _("Not said")), *naming.countries()]
    if form.validate_on_submit() and _save(form):
        return redirect(url_for("account.page"), 303)
    page = render_template("account/profile.html", form=form, user=user)
    return page, 422 if form.errors else 200


def _save(form: ProfileForm) -> bool:
    """Whether it was saved; what stood in the way is beside its field otherwise."""
    fields = {NoFullName: form.full_name, BadLocale: form.locale, UnknownCountry: form.country}
    try:
        changed = profiles.save(
            db, present().user, form.full_name.data or "", form.locale.data or "",
            form.country.data or "", origin=identity.origin(),
        )  # fmt: skip
    except (BadLocale, NoFullName, UnknownCountry) as refusal:
        fields[type(refusal)].errors = [say(refusal)]
        return False
    commit()
    flash(_("Your profile is saved.") if changed else _("Nothing was changed."), "success")
    return True
