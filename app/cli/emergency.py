"""`flask rollcall emergency …`: every program open to everybody who is signed in, for some hours.

Exit codes: 0 done, 1 refused and nothing changed, 2 wrong usage.
"""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup

from app.cli.ground import change, session
from app.core.audit import NOWHERE
from app.core.learning import emergency as switch
from app.core.learning.emergency import HOURS, MOST_HOURS

emergency = AppGroup("emergency", help="Opens all programs for some hours.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@emergency.command("on")
@click.option(
    "--hours", type=click.IntRange(1, MOST_HOURS), default=HOURS, show_default=True,
    help="It ends by itself after so many.",
)  # fmt: skip
@click.option("--reason", required=True, help="Why; it stands in the audit log.")
@as_json_option
def begin(hours: int, reason: str, as_json: bool) -> None:
    """Open every active program to everybody who is signed in."""
    with change(as_json=as_json) as db:
        switch.begin(db, hours=hours, reason=reason, by=None, origin=NOWHERE)
    _say(as_json=as_json)


@emergency.command("off")
@as_json_option
def end(as_json: bool) -> None:
    """End it now."""
    with change(as_json=as_json) as db:
        switch.end(db, by=None, origin=NOWHERE)
    _say(as_json=as_json)


@emergency.command("status")
@as_json_option
def status(as_json: bool) -> None:
    """Say whether it is on, until when, and why."""
    _say(as_json=as_json)


def _say(*, as_json: bool) -> None:
    with session() as db:
        found = switch.standing(db)
    facts = {
        "on": found is not None,
        "until": found.ends_at.isoformat() if found else None,
        "reason": found.reason if found else None,
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    elif found:
        until = found.ends_at.strftime("%Y-%m-%d %H:%M UTC")
        click.echo(f"On until {until}: {found.reason}")
    else:
        click.echo("Off: programs are open to those whose LO Root IDs open them.")
