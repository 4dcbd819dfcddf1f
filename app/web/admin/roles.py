"""Roles: what each lets people do, who has it, and what a change takes away before it is saved."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SelectMultipleField, StringField

from app.core.errors import BadRole, EmptyRole, FixedRole
from app.core.people import rolebook, shaping
from app.core.people.roles import AREAS, OWNER, WORDS, Permission
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.words import say
from app.models.people import Role
from app.web.admin import bp

PAGE = 50
ROLE = "/roles/<int(max=2147483647):role_id>"
GROUPS = [
    (words, [each for each in WORDS if each.value.startswith(f"{area}:")])
    for area, words in AREAS.items()
]
"""The permissions, area by area, as the forms show them."""


class RoleForm(FlaskForm):
    """A role's name and permissions; `version` as it was when the page was made."""

    name = StringField(_l("Name"), id="role-name")
    permissions = SelectMultipleField(
        _l("What it lets people do"), choices=[each.value for each in Permission]
    )
    version = IntegerField(id="role-version")
    sure = HiddenField()


class SureForm(FlaskForm):
    """That the effect was read, of the role as it was then."""

    version = IntegerField(id="role-version")


@bp.get("/roles")
@permitted(Permission.ROLES_READ)
def roles() -> ResponseReturnValue:
    """Every role, how many have it, and what it lets them do."""
    return render_template(
        "admin/roles.html", roles=rolebook.all_roles(db), groups=GROUPS, words=WORDS,
        may_write=may_write(),
    )  # fmt: skip


@bp.route("/roles/new", methods=["GET", "POST"])
@permitted(Permission.ROLES_WRITE)
@freshly_proven
def roles_make() -> ResponseReturnValue:
    """Make a role out of permissions that one holds oneself."""
    form = RoleForm()
    if form.validate_on_submit():
        chosen = _chosen(form)
        try:
            role = shaping.make(
                db, form.name.data or "", chosen, by=identity.user().id, origin=identity.origin()
            )
        except BadRole as refusal:
            _put(form, refusal)
        else:
            commit()
            flash(_("“%(role)s” was made. Nobody has it yet.", role=role.name), "success")
            return redirect(url_for("admin.roles_show", role_id=role.id), 303)
    return _form(form, None)


@bp.route(f"{ROLE}/change", methods=["GET", "POST"])
@permitted(Permission.ROLES_WRITE)
@freshly_proven
def roles_change(role_id: int) -> ResponseReturnValue:
    """Change a role: first what that gives and takes, then the change."""
    role = _open_to_change(role_id)
    form = RoleForm(
        data={"name": role.name, "permissions": role.permissions, "version": role.version}
    )
    if not form.validate_on_submit():
        return _form(form, role)
    chosen = _chosen(form) | _kept(role)
    effect = _effect(role, {each.value for each in chosen})
    if chosen and effect["holders"] and (effect["gained"] or effect["lost"]) and not form.sure.data:
        return render_template("admin/roles_sure.html", role=role, form=form, **effect)
    try:
        shaping.change(
            db, role_id, form.name.data or "", chosen,
            version=_version(form), by=identity.user().id, origin=identity.origin(),
        )  # fmt: skip
    except BadRole as refusal:
        _put(form, refusal)
        return _form(form, role)
    commit()
    flash(_("Saved. It counts from now on."), "success")
    return redirect(url_for("admin.roles_show", role_id=role_id), 303)


@bp.route(f"{ROLE}/delete", methods=["GET", "POST"])
@permitted(Permission.ROLES_WRITE)
@freshly_proven
def roles_delete(role_id: int) -> ResponseReturnValue:
    """Say what deleting a role takes away, then delete it."""
    role = _open_to_change(role_id)
    form = SureForm(data={"version": role.version})
    if form.validate_on_submit():
        name = shaping.remove(
            db,
            role_id,
            version=_version(form),
            by=identity.user().id,
            origin=identity.origin(),
        )
        commit()
        flash(_("“%(role)s” was deleted.", role=name), "success")
        return redirect(url_for("admin.roles"), 303)
    return render_template("admin/roles_delete.html", role=role, form=form, **_effect(role, set()))


def _form(form: RoleForm, role: Role | None) -> ResponseReturnValue:
    page = render_template(
        "admin/roles_form.html",
        form=form,
        role=role,
        groups=GROUPS,
        words=WORDS,
        chosen=set(form.permissions.data or []),
        held=identity.permissions(),
    )
    return page, 422 if form.errors else 200


def _open_to_change(role_id: int) -> Role:
    role = rolebook.get(db, role_id)
    if role.name == OWNER:
        raise FixedRole
    return role


def _chosen(form: RoleForm) -> set[Permission]:
    # What one does not hold oneself is not for one to tick.
    held = identity.permissions()
    return {Permission(each) for each in form.permissions.data or [] if each in held}


def _kept(role: Role) -> set[Permission]:
    held = identity.permissions()
    return {each for each in Permission if each.value in role.permissions and each not in held}


def _effect(role: Role, permissions: set[str]) -> dict[str, Any]:
    """How many have the role, what they would gain, and what so many of them would lose."""
    now = set(role.permissions)
    standing = next(each for each in rolebook.all_roles(db) if each.role.id == role.id)
    lost = rolebook.would_lose(db, role, now - permissions)
    return {
        "holders": standing.holders,
        "gained": sentences(permissions - now),
        "lost": [(WORDS[each], lost[each.value]) for each in WORDS if each.value in lost],
        "removed": sentences(now - permissions),
    }


def sentences(permissions: Collection[str]) -> list[str]:
    """What these permissions let people do, a sentence each."""
    return [words for each, words in WORDS.items() if each.value in permissions]


def _put(form: RoleForm, refusal: BadRole) -> None:
    db.rollback()
    field = form.permissions if isinstance(refusal, EmptyRole) else form.name
    field.errors = [say(refusal)]


def _version(form: RoleForm | SureForm) -> int:
    version: int | None = form.version.data
    return -1 if version is None else version


def may_write() -> bool:
    """Whether the person who asks may change roles."""
    return Permission.ROLES_WRITE.value in identity.permissions()
