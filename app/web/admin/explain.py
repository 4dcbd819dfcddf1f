"""“Why can't this person get in?”: one field, the answer, the evidence, and what mends it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest

from app.addresses import BadAddress, canonical
from app.core.desk import explain as explaining
from app.core.desk import invitations
from app.core.desk.case import SETTLED
from app.core.desk.finding import About, Mend
from app.core.desk.nearest import Near
from app.core.desk.people import standing
from app.core.errors import N_
from app.core.people.roles import Permission
from app.core.roster import imports
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import LAST_ID, freshly_proven, permitted, row_id
from app.edge.ours import terms
from app.edge.ways import doors
from app.edge.words import say, tell
from app.models.rosters import RosterImport
from app.web.admin import bp

HEADINGS = {
    About.LIST: N_("List"),
    About.LINE: N_("Line"),
    About.ACCOUNT: N_("Account"),
    About.STATUS: N_("Status and expiry"),
    About.PAUSE: N_("Pause"),
    About.WAYS: N_("Ways in"),
    About.TRIES: N_("Last tries"),
    About.MAILS: N_("Mails"),
    About.PROGRAMS: N_("Programs"),
}
NEARNESS = {
    Near.ALIKE: N_("a similar address"),
    Near.ANOTHER_DOMAIN: N_("another domain"),
    Near.ONE_LETTER: N_("one letter differs"),
    Near.SAME_NAME: N_("the last name fits"),
}


@bp.get("/explain")
@permitted(Permission.PEOPLE_READ)
def explain() -> ResponseReturnValue:
    """Ask for somebody, and say why they can or cannot get in; that one looked is recorded."""
    typed = request.args.get("q", "")[:254].strip()
    import_id = row_id("import_id")
    found = None
    if typed:
        me = identity.user().id
        found = explaining.explain(db, typed, import_id=import_id, doors=doors(), by=me)
        explaining.note(db, found, by=me, origin=identity.origin())
        commit()
    return render_template(
        "admin/explain.html",
        typed=typed,
        import_id=import_id,
        waiting=_waiting(),
        found=found,
        groups=_groups(found) if found else [],
        nearness=NEARNESS,
        held=identity.permissions(),
        Mend=Mend,
        tell=tell,
    )


@bp.post("/explain/send")
@permitted(Permission.PEOPLE_HELP)
def explain_send() -> ResponseReturnValue:
    """Mail somebody the way in that they need."""
    address = _address()
    admin = identity.user().id
    try:
        invitations.invite_one(db, address, by=admin, terms=terms(), origin=identity.origin())
    except invitations.NotToBeInvited as refusal:
        db.rollback()
        flash(say(refusal), "error")
    else:
        commit()
        flash(_("A mail to %(address)s is on its way.", address=address), "success")
    return _back()


@bp.post("/explain/lift")
@permitted(Permission.PEOPLE_HELP)
def explain_lift() -> ResponseReturnValue:
    """End a pause."""
    standing.lift_pause_of(db, _address(), by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("The pause is lifted."), "success")
    return _back()


@bp.post("/explain/restore")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def explain_restore() -> ResponseReturnValue:
    """End a suspension."""
    standing.restore(db, _user_id(), by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("The suspension is over."), "success")
    return _back()


@bp.post("/explain/extend")
@permitted(Permission.PEOPLE_WRITE)
@freshly_proven
def explain_extend() -> ResponseReturnValue:
    """Let an account be good for another term."""
    until = standing.extend(db, _user_id(), by=identity.user().id, origin=identity.origin())
    commit()
    flash(_("The account is good through %(day)s.", day=format_date(until, "medium")), "success")
    return _back()


def _groups(found: explaining.Explanation) -> list[tuple[str, list[Any]]]:
    """The evidence by what it is about, in the order of the door."""
    order = list(About)
    by_place = sorted(found.findings, key=lambda each: order.index(each.about))
    return [
        (_(HEADINGS[about]), list(each)) for about, each in groupby(by_place, key=lambda f: f.about)
    ]


def _waiting() -> list[RosterImport]:
    """The files that were checked and are not applied, newest first."""
    return [each for each in imports.history(db) if each.state not in SETTLED]


def _back() -> ResponseReturnValue:
    q, import_id = request.form.get("q", "")[:254], request.form.get("import_id", type=int)
    return redirect(url_for("admin.explain", q=q, import_id=import_id), 303)


def _address() -> str:
    try:
        return canonical(request.form.get("address", ""))
    except BadAddress:
        raise BadRequest from None


def _user_id() -> int:
    number = request.form.get("user_id", type=int)
    if number is None or not 0 < number <= LAST_ID:
        raise BadRequest
    return number
