"""Who has a role: a page of them, giving it to somebody, and taking it away."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core.errors import NobodyThere, OwnRole, RoleHeld
from app.core.people import granting, rolebook
from app.core.people.roles import OWNER, Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import email_field
from app.edge.guards import freshly_proven, permitted, row_id
from app.edge.words import say
from app.models.people import Role
from app.web.admin import bp
from app.web.admin.roles import ROLE, may_write, sentences

PAGE = 50


class GrantForm(FlaskForm):
    """Who gets the role."""

    email = email_field("grant-email")


@bp.get(ROLE)
@permitted(Permission.ROLES_READ)
def roles_show(role_id: int) -> ResponseReturnValue:
    """One role: its permissions in words, and who has it."""
    return _show(rolebook.get(db, role_id), GrantForm())


@bp.post(f"{ROLE}/grant")
@permitted(Permission.ROLES_WRITE)
@freshly_proven
def roles_grant(role_id: int) -> ResponseReturnValue:
    """Give the role to whom an address names."""
    role = rolebook.get(db, role_id)
    form = GrantForm()
    if not form.validate_on_submit():
        return _show(role, form), 422
    try:
        user = granting.grant(
            db, role_id, form.email.data, by=identity.user().id, origin=identity.origin()
        )
    except (NobodyThere, OwnRole, RoleHeld) as refusal:
        form.email.errors = [say(refusal)]
    else:
        commit()
        words = _("%(person)s has the role now, and a mail is on its way.", person=user.email)
        flash(words, "success")
        return redirect(url_for("admin.roles_show", role_id=role_id), 303)
    db.rollback()
    return _show(role, form), 422


@bp.route(f"{ROLE}/withdraw/<int(max=2147483647):user_id>", methods=["GET", "POST"])
@permitted(Permission.ROLES_WRITE)
@freshly_proven
def roles_withdraw(role_id: int, user_id: int) -> ResponseReturnValue:
    """Say what somebody would lose with the role, then take it from them."""
    role = rolebook.get(db, role_id)
    person = rolebook.holder(db, role_id, user_id)
    form = FlaskForm()
    if form.validate_on_submit():
        granting.withdraw(db, role_id, user_id, by=identity.user().id, origin=identity.origin())
        commit()
        words = _("%(person)s no longer has the role.", person=person.email)
        flash(words, "success")
        return redirect(url_for("admin.roles_show", role_id=role_id), 303)
    lost = rolebook.would_lose(db, role, role.permissions, user_id=user_id)
    return render_template(
        "admin/roles_withdraw.html", role=role, person=person, lost=sentences(lost)
    )


def _show(role: Role, form: GrantForm) -> str:
    found = rolebook.holders(db, role.id, after=row_id("after"), limit=PAGE + 1)
    shown = found[:PAGE]
    more = len(found) > PAGE
    return render_template(
        "admin/roles_show.html",
        role=role,
        form=form,
        can=sentences(role.permissions),
        holders=shown,
        is_owner=role.name == OWNER,
        me=identity.user().id,
        may_give=may_write() and identity.permissions().issuperset(role.permissions),
        may_write=may_write(),
        next_url=url_for("admin.roles_show", role_id=role.id, after=shown[-1].user.id)
        if more
        else None,
    )
