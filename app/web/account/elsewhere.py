"""Accounts elsewhere that sign one in here: connected with a proof on both sides, and removed."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.core.entry import linking, own_phone
from app.core.entry.linking import OtherLinked
from app.core.entry.own_phone import AddressFirst
from app.core.errors import NotFound, Refusal
from app.core.proof.credentials import NotFree
from app.core.proof.ways import LastWay
from app.edge import identity, providers
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, signed_in
from app.edge.providers import Link
from app.edge.ways import code_opens
from app.edge.words import say
from app.web.account import bp, owned, present


class PressForm(FlaskForm):
    """A button and its CSRF token."""


@bp.post("/account/ways/<provider>")
@signed_in
@freshly_proven
def connect(provider: str) -> ResponseReturnValue:
    """Note in the cookie that this person wants to link an account there."""
    chosen = providers.get(provider)
    here = present()
    try:
        own_phone.check_address(here.user)
    except AddressFirst as refusal:
        return _refused(refusal, _("Connect %(provider)s", provider=chosen.name))
    Link(chosen.word, session_id=here.session_id).keep()
    return redirect(url_for("account.link_out", provider=chosen.word), 303)


@bp.get("/account/ways/<provider>")
@signed_in
def link_out(provider: str) -> ResponseReturnValue:
    """Show the way to the provider: a form may not lead off the site, a link may."""
    chosen = providers.get(provider)
    if not _intends(Link.find(chosen)):
        return redirect(url_for("account.page"), 303)
    return render_template("account/link_out.html", provider=chosen, email=present().user.email)


@bp.route("/account/ways/<provider>/confirm", methods=["GET", "POST"])
@signed_in
@freshly_proven
def link_met(provider: str) -> ResponseReturnValue:
    """Name both accounts, and link them at a press."""
    chosen = providers.get(provider)
    intent = Link.find(chosen)
    if not _intends(intent) or intent is None or intent.identifier is None:
        return redirect(url_for("account.page"), 303)
    user = present().user
    form = PressForm()
    if not form.validate_on_submit():
        return render_template(
            "account/link_met.html", form=form, provider=chosen, shown=intent.shown,
            email=user.email,
        )  # fmt: skip
    Link.forget()
    try:
        linking.link(
            db, user, chosen.kind, intent.identifier, provider=chosen.name, shown=intent.shown,
            origin=identity.origin(),
        )  # fmt: skip
    except (AddressFirst, NotFree, OtherLinked) as refusal:
        return _refused(refusal, _("%(provider)s is not connected", provider=chosen.name))
    commit()
    words = _("%(provider)s signs you in from now on. A mail to you says so too.",
              provider=chosen.name)  # fmt: skip
    flash(words, "success")
    return redirect(url_for("account.page"), 303)


@bp.post("/account/ways/<provider>/remove")
@signed_in
@freshly_proven
def disconnect(provider: str) -> ResponseReturnValue:
    """Take the account there away, also where that provider is no longer offered."""
    chosen = providers.known().get(provider)
    if chosen is None:
        raise NotFound
    here = present()
    try:
        linking.unlink(
            db, here.user, chosen.kind, provider=chosen.name, closed=owned.closed(here),
            by_code=code_opens(has_role=here.has_role),
            but_session=here.session_id, origin=identity.origin(),
        )  # fmt: skip
    except LastWay as refusal:
        return _refused(refusal, _("%(provider)s stays connected", provider=chosen.name))
    commit()
    words = _("%(provider)s signs you in no more. A mail to you says so too.",
              provider=chosen.name)  # fmt: skip
    flash(words, "success")
    return redirect(url_for("account.page"), 303)


def _refused(refusal: Refusal, heading: str) -> ResponseReturnValue:
    db.rollback()  # Who is there is asked by the page, and what was refused must not stand.
    page = render_template(
        "account/link_refused.html", heading=heading, words=say(refusal),
        mailbox_first=isinstance(refusal, AddressFirst),
    )  # fmt: skip
    return page, refusal.status


def _intends(intent: Link | None) -> bool:
    return intent is not None and intent.session_id == present().session_id
