"""Why an import is held, in words with the numbers, and what is to be typed to go on."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import format_decimal
from flask_babel import gettext as _

from app.core.roster.holding import (
    CHANGED,
    NOBODY,
    READDRESSED,
    REMOVED,
    HoldLimits,
    hold_rules,
    matched,
)
from app.edge.db import db
from app.edge.ours import ours
from app.models.rosters import RosterImport


@dataclass(frozen=True)
class Held:
    """The rules that stopped an import, a sentence each, and what the number field asks for."""

    reasons: list[str]
    label: str


def limits() -> HoldLimits:
    """From how many people on an import is held here."""
    settings = ours().settings
    return HoldLimits(
        settings.ROSTER_HOLD_REMOVED,
        settings.ROSTER_HOLD_CHANGED,
        settings.ROSTER_HOLD_READDRESSED,
    )


def held(found: RosterImport) -> Held | None:
    """What to say about an import that is held; None for one that is not."""
    rules = hold_rules(db, found, limits())
    if not rules:
        return None
    reasons = [_reason(found, rule) for rule in rules]
    if REMOVED in rules or NOBODY in rules:
        return Held(reasons, _("To go on, type how many people go"))
    if CHANGED in rules:
        return Held(reasons, _("To go on, type how many people change"))
    return Held(reasons, _("To go on, type how many people have a new address"))


def _reason(found: RosterImport, rule: str) -> str:
    if rule == NOBODY:
        return str(_("Nobody could enter any more: each line left is inactive."))
    everybody = found.people_before
    if rule == READDRESSED:
        count, limit, everybody = found.pairs_confirmed, limits().readdressed, matched(found)
        words = _(
            "%(count)s of the %(all)s people on both lists would move to a new address. More than"
            " %(limit)s %% is held."
        )
    elif rule == REMOVED:
        count, limit = found.removed, limits().removed
        words = _(
            "%(count)s of %(all)s people would go. What takes more than %(limit)s %% is held."
        )
    else:
        count, limit = found.changed, limits().changed
        words = _(
            "%(count)s of %(all)s people change. What changes more than %(limit)s %% is held."
        )
    values = {"count": count, "all": everybody, "limit": limit}
    return str(words) % {name: format_decimal(value) for name, value in values.items()}
