"""People who have not registered: inviting some of the accounts, and a file of the list's."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core.desk import awaited, unregistered
from app.core.desk import invitations as inviting
from app.core.desk.awaited import LINK_LASTS, Scope
from app.core.desk.people.bulk import Choice
from app.core.people.roles import Permission
from app.core.taken import Taken
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import freshly_proven, permitted
from app.edge.ours import ours
from app.edge.words import say
from app.web.admin import bp
from app.web.admin.downloads import csv_answer
from app.web.admin.invitations import FEW, asked, takes
from app.web.admin.people_bulk import choice_of, fields_of


@bp.get("/people/invite")
@permitted(Permission.PEOPLE_HELP)
def people_invite() -> ResponseReturnValue:
    """Say whom a mail would reach; nothing is sent yet."""
    choice = choice_of(request.args)
    preview = awaited.preview(db, _scope(choice), limit=FEW)
    return render_template(
        "admin/people_invite.html",
        preview=preview,
        takes=takes(preview.waiting),
        rate=ours().settings.INVITE_RATE,
        hours=LINK_LASTS,
        fields=fields_of(choice),
        filter=choice.wanted,
        ticked=bool(choice.ids),
    )


@bp.post("/people/invite")
@permitted(Permission.PEOPLE_HELP)
@freshly_proven
def people_invite_send() -> ResponseReturnValue:
    """Begin to send."""
    choice = choice_of(request.form)
    scope = _scope(choice)
    try:
        job = inviting.start(db, scope, by=identity.user().id, origin=identity.origin())
    except inviting.NobodyToInvite as refusal:
        flash(say(refusal), "info")
        facts: dict[str, Any] = dict(choice.wanted.facts())
        return redirect(url_for("admin.people", **facts), 303)
    commit()
    return redirect(url_for("admin.invitations_sending", job_id=job.id), 303)


def _scope(choice: Choice) -> Scope:
    # Whoever is chosen here is meant by name: only a link that still works leaves them out.
    return Scope(chosen=choice.filter.facts(), ids=choice.ids, again_after=LINK_LASTS)


@bp.get("/people/unregistered.csv")
@permitted(Permission.PEOPLE_READ)
def people_unregistered() -> ResponseReturnValue:
    """Who is on the list and has no account, or no password, as a file."""
    scope = asked()
    return csv_answer(
        unregistered.write(db, scope), "not-registered.csv", Taken.UNREGISTERED,
        import_id=scope.import_id, class_name=scope.class_name, lo_root_id=scope.lo_root_id,
    )  # fmt: skip
