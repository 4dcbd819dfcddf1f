"""Sign in by a mailed code: the address first, then the six digits, in the browser that asked."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField

from app.addresses import BadAddress
from app.core import clock
from app.core.entry import by_code, signin
from app.core.errors import (
    CannotSignIn,
    CodeRanOut,
    CodesAway,
    NotFound,
    Refusal,
    TooManyTries,
    WrongCode,
)
from app.core.proof.codes import NotSixDigits, RanOut
from app.edge import identity
from app.edge.db import commit, db
from app.edge.fields import NO_ADDRESS, DoorForm, code_field, email_field, remember_field
from app.edge.guards import safe_next
from app.edge.limits import at_fixed_time, door
from app.edge.ours import code_door, lifetimes, ours, terms
from app.edge.refusals import headers_of
from app.edge.welcome import come_in, home_of
from app.edge.words import say
from app.models.access import Purpose
from app.web.signin import bp

P = ParamSpec("P")
R = TypeVar("R")

METHOD = "code"
ASKED = "code"
"""Under which name the cookie has what was asked for."""

RESEND_AFTER = timedelta(seconds=30)
LONGEST_WAY = 500
"""Characters of the page that was wanted: browsers drop a cookie of more than 4096 bytes."""


class AskForm(DoorForm):
    """Where the code is to go."""

    email = email_field("code-email")
    remember = remember_field()


class TypeForm(DoorForm):
    """The code from the mail; the address is the one that was asked for."""

    email = EmailField(_l("Email"), id="code-email")
    code = code_field()


@dataclass(frozen=True)
class Asked:
    """What this browser asked for, as its cookie carries it.

    `requester` names the browser at random: a code that it asked for fits in no other.
    """

    email: str
    requester: str
    remember: bool
    next: str
    at: str

    @property
    def waits(self) -> int:
        """Seconds until it may ask again."""
        waited = clock.now() - datetime.fromisoformat(self.at)
        return max(0, int((RESEND_AFTER - waited).total_seconds()))


def while_open(view: Callable[P, R]) -> Callable[P, R]:
    """Answer only while the settings have mailed codes sign in; `NotFound` otherwise."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not ours().settings.CODE_SIGN_IN:
            raise NotFound
        return view(*args, **kwargs)

    return guarded


def asked() -> Asked | None:
    """What this browser asked for; None if it asked for nothing."""
    found = session.get(ASKED)
    return Asked(**found) if found else None


@bp.route("/login/code", methods=["GET", "POST"])
@while_open
@door
@at_fixed_time
def ask_code() -> ResponseReturnValue:
    """Take an address; the answer is the same for everybody, the mail is not."""
    target = safe_next(request.form.get("next") or request.args.get("next"))
    if request.method == "GET" and identity.presence() is not None:
        return redirect(target or url_for("programs.select"))
    form = AskForm()
    status, headers = 200, {}
    if form.validate_on_submit():
        try:
            return _ask(form.email.data, remember=form.remember.data, target=target or "")
        except BadAddress:
            form.email.errors.append(NO_ADDRESS)
        except (CodesAway, TooManyTries) as refusal:
            form.form_errors.append(say(refusal))
            status, headers = refusal.status, headers_of(refusal)
    if form.errors and status == 200:
        status = 422
    return render_template("signin/ask_code.html", form=form, next=target or ""), status, headers


@bp.route("/login/code/enter", methods=["GET", "POST"])
@while_open
@door
@at_fixed_time
def enter_code() -> ResponseReturnValue:
    """Take the code, and let in whose it is."""
    mine = asked()
    if mine is None:
        return redirect(url_for("signin.ask_code"), 303)
    form = TypeForm()
    if not form.validate_on_submit():
        return _show(form, mine)
    try:
        user_id = by_code.prove(
            db,
            mine.email,
            form.code.data,
            code_door(Purpose.SIGN_IN, mine.requester),
            terms=terms(),
            origin=identity.origin(),
        )
        return admit(user_id, remember=mine.remember, target=mine.next)
    except RanOut:
        return _show(form, *_ask_anew(mine))
    except (CodesAway, NotSixDigits, TooManyTries, WrongCode) as refusal:
        return _show(form, mine, refusal)
    except CannotSignIn:
        # Shut out since the mail went: the page says no more than to a stranger.
        return _show(form, mine, WrongCode())


@bp.post("/login/code/resend")
@while_open
@door
@at_fixed_time
def resend_code() -> ResponseReturnValue:
    """Send what was asked for, again; what was sent before goes on working."""
    mine = asked()
    if mine is None:
        return redirect(url_for("signin.ask_code"), 303)
    try:
        answer = _ask(mine.email, remember=mine.remember, target=mine.next)
    except (CodesAway, TooManyTries) as refusal:
        return _show(TypeForm(formdata=None), mine, refusal)
    flash(_("A new mail is on its way, if one can be sent to this address now."), "success")
    return answer


def admit(user_id: int, *, remember: bool, target: str) -> ResponseReturnValue:
    """Sign this browser in as somebody whose mailbox was proven. Raises `CannotSignIn`."""
    entered = signin.admit(
        db, user_id, METHOD, identity.origin(), remember=remember, lifetimes=lifetimes()
    )
    return come_in(entered, safe_next(target) or home_of(user_id))


def _ask(email: str, *, remember: bool, target: str) -> ResponseReturnValue:
    former = asked()
    # The same browser stays the same requester, so that its earlier code works out its time.
    requester = former.requester if former else secrets.token_urlsafe(16)
    of_site = code_door(Purpose.SIGN_IN, requester)
    by_code.ask(db, email, of_site, terms=terms(), origin=identity.origin())
    commit()
    at = clock.now().isoformat(timespec="seconds")
    target = target if len(target) <= LONGEST_WAY else ""
    session[ASKED] = asdict(Asked(email.strip()[:254], requester, remember, target, at))
    return redirect(url_for("signin.enter_code"), 303)


def _ask_anew(mine: Asked) -> tuple[Asked, Refusal]:
    # Only who has the mail can know the digits, so a new mail tells nothing to a stranger.
    try:
        _ask(mine.email, remember=mine.remember, target=mine.next)
    except (CodesAway, TooManyTries) as refusal:
        return mine, refusal
    return replace(mine, at=session[ASKED]["at"]), CodeRanOut(address=mine.email)


def _show(form: TypeForm, mine: Asked, refusal: Refusal | None = None) -> ResponseReturnValue:
    form.email.data = mine.email
    if refusal is not None:
        form.code.errors = [*form.code.errors, say(refusal)]
    page = render_template(
        "signin/enter_code.html",
        form=form,
        email=mine.email,
        next=mine.next,
        minutes=int(ours().settings.CODE_LIFETIME // 60),
        sent_at=datetime.fromisoformat(mine.at),
        wait=mine.waits,
    )
    status = refusal.status if refusal else 422 if form.errors else 200
    return page, status, headers_of(refusal) if refusal else {}
