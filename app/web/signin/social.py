"""Sign in with Google, GitHub or another provider: sent there, and back with who one is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.core.entry import by_provider, signin
from app.core.entry.by_provider import Asked, Waiting
from app.core.errors import N_, Refusal
from app.core.proof.social import Claim
from app.edge import identity, providers
from app.edge.db import commit, db
from app.edge.guards import safe_next
from app.edge.lanes import Hall
from app.edge.limits import DOOR, limiter, wait_from
from app.edge.ours import ours, terms
from app.edge.providers import Attempt, Link, Provider
from app.edge.refusals import headers_of
from app.edge.welcome import come_in, home_of
from app.edge.words import say
from app.web.signin import bp, visits
from app.web.signin.visits import ProviderFails

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_WAY = 500
"""Characters of the page that was wanted: browsers drop a cookie of more than 4096 bytes."""

away = Hall()
"""Who waits for a provider holds a thread: no more than a quarter of them do at once."""


class Declined(Refusal):
    """Somebody did not let the provider tell us who they are."""

    code = "declined"
    status = 403
    words = N_("You did not go on at %(provider)s, so nothing was changed here.")


class LostAttempt(Refusal):
    """An answer that belongs to no visit which this browser began, or to one that is over."""

    code = "lost_attempt"
    status = 400
    words = N_(
        "This answer from %(provider)s fits no sign-in that began in this browser. It may have been"
        " used already, or begun elsewhere or too long ago. Begin again here."
    )


def limited(view: Callable[P, R]) -> Callable[P, R]:
    """Limit how often one address asks: each of these requests may make us call a provider."""
    return cast(Callable[P, R], limiter.limit(DOOR)(view))


@bp.get("/login/<provider>")
@limited
def to_provider(provider: str) -> ResponseReturnValue:
    """Send the browser to the provider; what it wanted here waits in its cookie."""
    chosen = providers.get(provider)
    target = safe_next(request.args.get("next")) or ""
    here = identity.presence()
    linking = None
    if request.args.get("link"):
        intent = Link.find(chosen)
        if here is None or intent is None or intent.session_id != here.session_id:
            return redirect(url_for("account.page"), 303)
        linking = here.session_id
    elif here is not None:
        return redirect(target or url_for("programs.select"), 303)
    target = target if len(target) <= LONGEST_WAY else ""
    remember = bool(request.args.get("remember"))
    try:
        db.rollback()  # Nobody waits for a provider with a connection in hand.
        with away(max(1, ours().settings.WEB_THREADS // 4)):
            place = visits.send(
                chosen, target=target, remember=remember, linking=linking,
                choose=bool(linking or request.args.get("choose")),
            )  # fmt: skip
    except Refusal as refusal:
        return _explain(refusal, chosen, linking)
    return redirect(place, 302)


@bp.get("/login/<provider>/callback")
@limited
def from_provider(provider: str) -> ResponseReturnValue:
    """Take somebody back from the provider, and let in who they are."""
    chosen = providers.get(provider)
    attempt = Attempt.take(chosen, _one("state") or "")
    try:
        claim = _claimed(chosen, attempt)
        assert attempt is not None  # Else nothing would have been claimed.
        return _link(claim, chosen) if attempt.linking else _let_in(claim, attempt)
    except Refusal as refusal:
        return _explain(refusal, chosen, attempt.linking if attempt else None)


def _claimed(provider: Provider, attempt: Attempt | None) -> Claim:
    origin = identity.origin()
    try:
        declined = _one("error") == "access_denied"
        if declined and (attempt is not None or "state" not in request.args):
            # Some leave the state out where nothing was granted; nothing is done here either.
            raise Declined(provider=provider.name)
        if attempt is None or not _is_still_here(attempt):
            raise LostAttempt(provider=provider.name)
        db.rollback()  # Nobody waits for a provider with a connection in hand.
        with away(max(1, ours().settings.WEB_THREADS // 4)):
            visits.check_issuer(provider, _one("iss"))
            code = _one("code")
            if not code or "error" in request.args:
                raise ProviderFails(provider=provider.name)
            return visits.who(provider, attempt, code)
    except Refusal as refusal:
        signin.refuse(db, refusal, provider.word, origin)


def _is_still_here(attempt: Attempt) -> bool:
    if attempt.linking is None:
        return True
    here = identity.presence()
    return here is not None and here.session_id == attempt.linking


def _let_in(claim: Claim, attempt: Attempt) -> ResponseReturnValue:
    asked = Asked(
        claim,
        is_open=ours().settings.REGISTRATION != "roster",
        for_roles=ours().settings.CODE_SIGN_IN_ROLES,
        remember=attempt.remember,
        terms=terms(),
        origin=identity.origin(),
    )
    began = time.monotonic()
    found = by_provider.come_in(db, asked)
    if isinstance(found, Waiting):
        commit()
        target = url_for("create.code")
        response = identity.look_around(found.token, target, remember=attempt.remember)
        wait_from(began)  # Else the time it took would tell whether the address has an account.
        return response
    return come_in(found, safe_next(attempt.next) or home_of(found.user.id))


def _link(claim: Claim, provider: Provider) -> ResponseReturnValue:
    intent = Link.find(provider)
    if intent is None:
        raise LostAttempt(provider=provider.name)
    intent.met(claim.identifier, claim.shown).keep()
    return redirect(url_for("account.link_met", provider=provider.word), 303)


def _one(name: str) -> str | None:
    """What the query has under this name; None where it has it twice, which no provider sends."""
    found = request.args.getlist(name)
    return found[0] if len(found) == 1 else None


def _explain(refusal: Refusal, provider: Provider, linking: int | None) -> ResponseReturnValue:
    page = render_template(
        "signin/provider_refused.html",
        words=say(refusal),
        provider=provider,
        code=refusal.code,
        linking=linking is not None,
    )
    # The address of this page has a code in it, which is nobody else's business.
    return page, refusal.status, headers_of(refusal) | {"Referrer-Policy": "no-referrer"}
