"""Correcting one person's account: a form, and what stands in its way beside each field."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError
from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, StringField
from wtforms.validators import Length, Optional, ValidationError

from app.addresses import BadAddress
from app.core.desk.people import editing, guarding
from app.core.desk.people.editing import Edit, WouldClear
from app.core.desk.people.standing import PastDate
from app.core.errors import AddressTaken
from app.core.people.names import NoName, OddId
from app.core.people.roles import Permission
from app.core.roster.columns import split_ids
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import NO_ADDRESS, email_field, last_name_field
from app.edge.guards import freshly_proven, permitted
from app.edge.words import say
from app.web.admin import bp


class EditForm(FlaskForm):
    """What an account is to be."""

    last_name = last_name_field(_l("Enter the last name"))
    email = email_field("person-email")
    expires_on = DateField(_l("Good until"), [Optional()])
    locale = StringField(_l("Language"), [Length(max=35, message=_l("Enter a code like en or nl"))])
    lo_root_ids = StringField(_l("LO Root IDs given by hand"))
    may_clear = BooleanField(_l("Take away all LO Root IDs that were given by hand"))

    def validate_locale(self, field: StringField) -> None:
        """Let past a language that there is; blank is the one of the service."""
        try:
            Locale.parse((field.data or "en").strip(), sep="-")
        except (UnknownLocaleError, ValueError):
            raise ValidationError(_("Enter a code like en or nl")) from None


@bp.route("/people/<int:user_id>/edit", methods=["GET", "POST"])
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def people_edit(user_id: int) -> ResponseReturnValue:
    """Correct name, address, dates and what was given by hand."""
    user = guarding.check(db, user_id, by=identity.user().id)
    held = editing.given_by_hand(db, user_id)
    form = EditForm(
        last_name=user.last_name, email=user.email, locale=user.locale or "",
        expires_on=user.expiry_date.date() if user.expiry_date else None,
        lo_root_ids="; ".join(held),
    )  # fmt: skip
    if form.validate_on_submit() and _edit(user_id, form):
        return redirect(url_for("admin.people_person", user_id=user_id), 303)
    page = render_template("admin/person_edit.html", form=form, user_id=user_id, held=held)
    return page, 422 if form.errors else 200


def _edit(user_id: int, form: EditForm) -> bool:
    """Whether it was done; what stood in the way is beside its field otherwise."""
    wanted = Edit(
        last_name=form.last_name.data or "",
        email=form.email.data or "",
        expires_on=form.expires_on.data,
        locale=(form.locale.data or "").strip() or None,
        lo_root_ids=split_ids(form.lo_root_ids.data or ""),
        may_clear=bool(form.may_clear.data),
    )
    fields = {
        AddressTaken: form.email, NoName: form.last_name, OddId: form.lo_root_ids,
        PastDate: form.expires_on, WouldClear: form.may_clear,
    }  # fmt: skip
    me = identity.user().id
    try:
        changed = editing.edit(db, user_id, wanted, by=me, origin=identity.origin())
    except BadAddress:
        form.email.errors = [NO_ADDRESS]
        return False
    except (AddressTaken, NoName, OddId, PastDate, WouldClear) as refusal:
        db.rollback()
        fields[type(refusal)].errors = [say(refusal)]
        return False
    commit()
    flash(_edited(changed), "success" if changed else "info")
    return True


def _edited(changed: list[str]) -> str:
    if "address" in changed or "email" in changed:
        words: str = _("Saved. If the mailbox is another one, both were told, and links ended.")
    else:
        words = _("Saved.") if changed else _("Nothing was changed.")
    return words
