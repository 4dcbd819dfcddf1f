"""`flask rollcall explain …`: why somebody can or cannot get in, from the console."""

from __future__ import annotations

import json
import sys

import click
from flask.cli import with_appcontext

from app.cli.ground import session, settings
from app.core.audit import NOWHERE
from app.core.desk import explain as explaining
from app.core.desk.finding import Mend, Tone
from app.core.errors import Refusal
from app.core.proof.ways import Doors

MARKS = {Tone.BAD: "✗", Tone.CALM: " ", Tone.GOOD: "✓", Tone.WARN: "!"}

MENDS = {
    Mend.CORRECT_ADDRESS: "correct the address",
    Mend.EXTEND: "extend the account",
    Mend.GIVE_IDS: "give an LO Root ID",
    Mend.GO_TO_PROGRAM: "look at what the program asks for",
    Mend.LIFT_PAUSE: "lift the pause",
    Mend.LOOK_AT_ACCOUNTS: "look at these accounts",
    Mend.LOOK_AT_MAIL: "look at the message in the outbox",
    Mend.PUT_ON_LIST: "put them on the list",
    Mend.RESEND_MAIL: "send the message again",
    Mend.RESTORE: "end the suspension",
    Mend.SEND_MAIL: "mail them a way in",
}
"""What mends a finding, in words."""


@click.command("explain")
@click.argument("address")
@click.option("--import", "import_id", type=int, help="Once this checked import is applied.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def explain(address: str, import_id: int | None, as_json: bool) -> None:
    """Say why ADDRESS (or an account number, or a last name) can or cannot get in.

    Exit code 0: they can; 1: they cannot, or are not to be found.
    """
    with session() as db:
        try:
            found = explaining.explain(
                db, address, import_id=import_id, doors=Doors(**settings().doors)
            )
        except Refusal as refusal:
            raise click.ClickException(refusal.message) from None
        explaining.note(db, found, by=None, origin=NOWHERE)
        db.commit()
    if as_json:
        click.echo(json.dumps(explaining.facts(found), ensure_ascii=False))
    else:
        _print(found)
    sys.exit(0 if found.may_enter else 1)


def _print(found: explaining.Explanation) -> None:
    click.echo(found.text)
    for each in found.findings:
        click.echo(f"  {MARKS[each.tone]} {each.about.value:<9} {each.said.text}")
        if each.mends and each.tone in {Tone.BAD, Tone.WARN}:
            named = ", ".join(MENDS[mend] for mend in each.mends)
            click.echo(f"    {'':<9} what helps: {named}")
    for person in found.people:
        near = f" ({person.near.value.replace('_', ' ')})" if person.near else ""
        click.echo(f"  ? {person.last_name}, {person.address}{near}")
