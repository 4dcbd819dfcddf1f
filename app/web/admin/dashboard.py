"""Insight: how sign-ins, accounts, mails and programs go, as charts with a table under each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date, format_decimal, format_percent, format_time
from flask_babel import gettext as _

from app.core.audit import Event
from app.core.desk import trends
from app.core.desk.insight import MOST
from app.core.desk.trends import Span, Trends
from app.core.errors import N_
from app.core.people.roles import Permission
from app.edge.db import db
from app.edge.guards import permitted
from app.web.admin import bp
from app.web.admin.charts import BAD, Chart, Series, fold

SPANS = {Span.DAY: N_("Day"), Span.WEEK: N_("Week"), Span.MONTH: N_("Month")}
METHODS = {
    "api": N_("Code, in a program"),
    "code": N_("Code by mail"),
    "sign_in": N_("Code by mail"),
    "refresh": N_("Renewed, in a program"),
    "github": N_("GitHub"),
    "google": N_("Google"),
    "gpt": N_("Code, in ChatGPT"),
    "oidc": N_("Account elsewhere"),
    "password": N_("Password"),
    "pin": N_("PIN, in a chat"),
    "registration": N_("Registration"),
    "reset": N_("Reset"),
    "setup": N_("First password"),
    "first_admin": N_("Set-up link"),
    "confirm": N_("Password asked again"),
    "whatsapp": N_("Code by WhatsApp"),
    "phone": N_("Code to add a number"),
    "client": N_("Page of a widget’s client"),
    "token": N_("Token of a program"),
    "unpause": N_("Code to lift a pause"),
}
REASONS = {
    "wrong": N_("Wrong password, or nobody of that address"),
    "too_many_tries": N_("Too many tries"),
    "suspended": N_("Suspended"),
    "expired": N_("Expired"),
    "off_list": N_("Off the list"),
}


@dataclass(frozen=True)
class Tile:
    """A number, what it is, and how it was before."""

    number: int
    label: str
    detail: str = ""
    tone: str | None = None


@bp.get("/insight")
@permitted(Permission.INSIGHT_READ)
def insight() -> ResponseReturnValue:
    """What happened in the last day, week or month."""
    asked = request.args.get("span", "")
    span = Span(asked) if asked in {each.value for each in Span} else Span.WEEK
    found = trends.read(db, span)
    return render_template(
        "admin/insight.html",
        span=span.value,
        spans={each.value: _(words) for each, words in SPANS.items()},
        sentence=_sentence(found),
        tiles=_tiles(found),
        charts=[*_charts(found), _waiting(found), _asked_most(found)],
        reasons=[(_named(REASONS, reason), count) for reason, count in found.reasons],
    )


def _sentence(found: Trends) -> str:
    """What changed most for whoever reads nothing else: sign-ins, against the span before."""
    now = found.total(Event.SIGN_IN_ADMITTED)
    before = found.before.get(Event.SIGN_IN_ADMITTED, 0)
    within, earlier = {
        Span.DAY: (_("in the last 24 hours"), _("in the 24 hours before")),
        Span.WEEK: (_("this week"), _("in the week before")),
        Span.MONTH: (_("in the last 30 days"), _("in the 30 days before")),
    }[found.span]
    values = {"now": format_decimal(now), "before": format_decimal(before)}
    values |= {"within": within, "earlier": earlier}
    share = abs(now - before) / before if before else 0.0
    values["change"] = format_percent(share)
    if not now and not before:
        words = _("Nobody signed in %(within)s.", **values)
    elif not before:
        words = _("Sign-ins %(within)s: %(now)s, and none %(earlier)s.", **values)
    elif share < 0.005:
        words = _("Sign-ins are as many as before: %(now)s %(within)s.", **values)
    elif now < before:
        words = _("Sign-ins fell %(change)s %(within)s: %(now)s, after %(before)s %(earlier)s.",
                  **values)  # fmt: skip
    else:
        words = _("Sign-ins rose %(change)s %(within)s: %(now)s, after %(before)s %(earlier)s.",
                  **values)  # fmt: skip
    return str(words)


def _tiles(found: Trends) -> list[Tile]:
    def compared(event: Event) -> str:
        return str(_("%(number)s before", number=format_decimal(found.before.get(event, 0))))

    def tile(event: Event, label: str, tone: str | None = None) -> Tile:
        number = found.total(event)
        return Tile(number, label, compared(event), tone if number else None)

    return [
        tile(Event.SIGN_IN_ADMITTED, _("Sign-ins"), "good"),
        tile(Event.SIGN_IN_REFUSED, _("Refused"), "warn"),
        tile(Event.ACCOUNT_OPENED, _("New accounts"), "good"),
        tile(Event.PASSWORD_CHANGED, _("Passwords set anew")),
        tile(Event.PAUSE_BEGAN, _("Locks"), "warn"),
        Tile(found.active["day"], _("Active people"), _(
            "%(week)s since Monday, %(month)s this month",
            week=format_decimal(found.active["week"]), month=format_decimal(found.active["month"]),
        )),
        Tile(found.waiting_mails, _("Mails waiting")),
        Tile(found.failed_mails, _("Failed mails"), "", "bad" if found.failed_mails else None),
    ]  # fmt: skip


def _charts(found: Trends) -> list[Chart]:
    labels = _labels(found)

    def chart(name: str, title: str, message: str, series: list[Series]) -> Chart:
        return Chart(name, title, message, _column(found), labels, fold(series, _("Others")))

    def by_method(event: Event) -> list[Series]:
        kinds = found.kinds(event) or {"": found.counts(event)}
        return [Series(_named(METHODS, kind), counts) for kind, counts in kinds.items()]

    def together(*parts: tuple[Event, str]) -> list[Series]:
        return [Series(words, found.counts(event)) for event, words in parts]

    return [
        chart("sign-ins", _("Sign-ins"), _said(found, Event.SIGN_IN_ADMITTED, _("sign-ins")),
              by_method(Event.SIGN_IN_ADMITTED)),
        chart("refused", _("Refused sign-ins"), _said(found, Event.SIGN_IN_REFUSED, _("refusals")),
              by_method(Event.SIGN_IN_REFUSED)),
        _active(found),
        chart("accounts", _("New accounts"), _("Opened by their people, or added by an admin."),
              together((Event.ACCOUNT_OPENED, _("Opened")), (Event.ACCOUNT_ADDED, _("Added")))),
        chart("recovery", _("Resets and locks"),
              _("Help asked for by mail, passwords set anew, and pauses after wrong passwords."),
              together((Event.RECOVERY_ASKED, _("Help asked for")),
                       (Event.PASSWORD_CHANGED, _("Passwords set anew")),
                       (Event.PAUSE_BEGAN, _("Locks")))),
        chart("mails", _("Mails"), _("What left, and what failed for good."),
              [Series(_("Sent"), found.counts(Event.MAIL_SENT)),
               Series(_("Failed"), found.counts(Event.MAIL_FAILED), BAD)]),
    ]  # fmt: skip


def _waiting(found: Trends) -> Chart:
    most = {"most": format_decimal(max(found.waiting)), "limit": format_decimal(MOST)}
    words = _("At most %(most)s waited at once, counted each minute and no further than %(limit)s.",
              **most)  # fmt: skip
    if not any(found.waiting):
        words = _("None waited longer than the worker took.")
    series = [Series(_("Waiting at once"), found.waiting)]
    return Chart("waiting", _("Mails waiting"), str(words), _column(found), _labels(found), series)


def _asked_most(found: Trends) -> Chart:
    named = [f"{name} ({format_decimal(count)})" for name, count in found.programs]
    words = _("Questions that learners asked: %(programs)s.", programs=", ".join(named))
    if not named:
        words = _("Nobody asked a program anything.")
    series = [Series(name, counts) for name, counts in found.questions.items()]
    return Chart("programs", _("Top programs"), str(words), _column(found), _labels(found), series)


def _active(found: Trends) -> Chart:
    labels = [_label(day, Span.WEEK) for day, _count in found.active_days]
    series = [Series(_("Active people"), [count for _day, count in found.active_days])]
    message = _("Each person counts once a day.")
    return Chart("active", _("Active people"), message, _("Day (UTC)"), labels, series)


def _labels(found: Trends) -> list[str]:
    return [_label(begin, found.span) for begin in found.begins]


def _column(found: Trends) -> str:
    return str(_("Hour (UTC)") if found.span is Span.DAY else _("Day (UTC)"))


def _said(found: Trends, event: Event, things: str) -> str:
    counts = found.counts(event)
    most = max(counts)
    values = {"total": format_decimal(sum(counts)), "most": format_decimal(most)}
    values |= {"things": things, "when": _label(found.begins[counts.index(most)], found.span)}
    if not most:
        words = _("There were no %(things)s.", things=things)
    elif found.span is Span.DAY:
        words = _(
            "%(total)s %(things)s in all; most of them, %(most)s, from %(when)s on.", **values
        )
    else:
        words = _("%(total)s %(things)s in all; most of them, %(most)s, on %(when)s.", **values)
    return str(words)


def _label(begin: datetime, span: Span) -> str:
    return str(format_time(begin, "HH:mm") if span is Span.DAY else format_date(begin, "EEE d MMM"))


def _named(words: dict[str, str], name: str) -> str:
    known = words.get(name)
    return str(_(known)) if known else name.replace("_", " ").capitalize() or str(_("Others"))
