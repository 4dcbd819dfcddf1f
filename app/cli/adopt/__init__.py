"""`flask rollcall adopt`: one command that moves a legacy database over, and back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from flask.cli import with_appcontext

from app.cli import ground
from app.cli.adopt import bringing, moving, undoing
from app.cli.adopt.errands import Wish as Bringing
from app.cli.adopt.moving import Wish
from app.cli.adopt.report import Printer
from app.core.desk.adopt.choices import (
    Choices,
    OrphanChoice,
    StatusChoice,
    UnfitChoice,
    read_account,
)
from app.core.desk.adopt.predecessors.source import Kind

Values = dict[str, Any]
Reader = Callable[[click.Context, click.Parameter, tuple[str, ...]], Values]


def pairs(read: Callable[[str, str], tuple[str, Any]]) -> Reader:
    """A reader of options that look like NAME=VALUE and can be given several times."""

    def convert(
        _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
    ) -> Values:
        found: Values = {}
        for text in given:
            name, equals, value = text.partition("=")
            if not (equals and name.strip() and value.strip()):
                raise click.BadParameter(f"{text!r} does not look like NAME=VALUE.")
            try:
                key, meant = read(name.strip(), value.strip())
            except UnfitChoice as error:
                raise click.BadParameter(str(error)) from None
            if found.setdefault(key, meant) != meant:
                raise click.BadParameter(f"{name.strip()!r} is given twice.")
        return found

    return convert


OF_UNDO = {"undo", "backup", "yes", "as_json"}
"""The options that go with `--undo`; any other one says what to adopt."""

OF_BRINGING = {"source", "kind", "addresses", "backup", "dry_run", "as_json"}
"""The options that go with `--from`."""


def refuse_beside(words: str, fitting: set[str]) -> None:
    """Raise `UsageError` where an option was given that is none of `fitting`, as `words` say."""
    context = click.get_current_context()
    beside = [
        each.opts[0]
        for each in context.command.params
        if each.name not in fitting
        and context.get_parameter_source(str(each.name)) is not ParameterSource.DEFAULT
    ]
    if beside:
        raise click.UsageError(f"{words}: not {beside[0]}.")


def words(name: str, value: str) -> tuple[str, str]:
    """Both sides as they are."""
    return name, value


@click.command("adopt")
@click.option(
    "--status",
    type=click.Choice([each.value for each in StatusChoice]),
    help="What becomes of Inactive and expired people: `keep` leaves them closed,"
    " `activate-recent` opens those who asked something lately, `activate-all` all of them.",
)
@click.option(
    "--recent-days",
    type=click.IntRange(1, 3650),
    default=180,
    show_default=True,
    help="What `activate-recent` calls lately.",
)
@click.option(
    "--grace-days",
    type=click.IntRange(1, 3650),
    default=730,
    show_default=True,
    help="How long people who are activated and had expired may stay from today on.",
)
@click.option(
    "--orphans",
    type=click.Choice([each.value for each in OrphanChoice]),
    default=OrphanChoice.KEEP.value,
    show_default=True,
    help="What becomes of chats whose person is gone.",
)
@click.option(
    "--lo-ids",
    type=click.Choice(["repair", "keep"]),
    default="repair",
    show_default=True,
    help="Split, trim and clean LO Root IDs, or leave them.",
)
@click.option(
    "--lo-id",
    "id_changes",
    multiple=True,
    metavar="OLD=NEW",
    callback=pairs(words),
    help="Who holds OLD is to hold NEW, an LO Root ID of a program.",
)
@click.option(
    "--merge",
    "merges",
    multiple=True,
    metavar="ADDRESS=ID",
    callback=pairs(read_account),
    help="Of the accounts that share ADDRESS, ID stays and takes over the others.",
)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="CODE=PROGRAM",
    callback=pairs(words),
    help="Chats under CODE belong to PROGRAM.",
)
@click.option(
    "--roster",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The first list; without it the table authorized_users, if there is one.",
)
@click.option("--encoding", type=click.Choice(["cp1252"]), help="For a list that is not UTF-8.")
@click.option("--drop-leftovers", is_flag=True, help="Drop columns and tables of older versions.")
@click.option(
    "--by-inspection",
    is_flag=True,
    help="Upgrade by looking at the tables, where the revision is unknown.",
)
@click.option(
    "--backup",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write before anything is changed, or to undo from.",
)
@click.option(
    "--from",
    "source",
    metavar="URL",
    help="Bring over the database of a predecessor at URL (SQLite or PostgreSQL) instead.",
)
@click.option(
    "--kind",
    type=click.Choice([each.value for each in Kind]),
    help="Which predecessor it is of: flancer has people, PINs and passphrases, mrwillis"
    " conversations.",
)
@click.option(
    "--addresses",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For mrwillis: a CSV file of user_id,email that says whose conversations are whose.",
)
@click.option("--dry-run", is_flag=True, help="Try it on a copy, and tell what would change.")
@click.option("--undo", is_flag=True, help="Restore the database from its last backup.")
@click.option("--yes", is_flag=True, help="Do not ask; undo although something came since.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_appcontext
def adopt(**given: Any) -> None:
    """Move a legacy database over: report, backup, upgrade, repair, proof.

    Stop Rollcall and the legacy application first. Running it again does nothing. With --from and
    --kind it brings over what a predecessor kept instead.
    """
    printer = Printer(as_json=given["as_json"])
    url = ground.settings().DATABASE_URL
    if given["source"] or given["kind"] or given["addresses"]:
        sys.exit(_bring_over(url, printer, given))
    if given["undo"]:
        refuse_beside("--undo goes with --backup, --yes and --json", OF_UNDO)
        sys.exit(undoing.undo(url, given["backup"], printer, yes=given["yes"]))
    if given["encoding"] and not given["roster"]:
        raise click.UsageError("--encoding says how to read --roster, which is not given.")
    wish = Wish(
        choices=Choices(
            status=StatusChoice(given["status"]) if given["status"] else None,
            recent_days=given["recent_days"],
            grace_days=given["grace_days"],
            orphans=OrphanChoice(given["orphans"]),
            repair_ids=given["lo_ids"] == "repair",
            id_changes=given["id_changes"],
            merges=given["merges"],
            aliases=given["aliases"],
            drop_leftovers=given["drop_leftovers"],
        ),
        roster=given["roster"],
        encoding=given["encoding"],
        by_inspection=given["by_inspection"],
    )
    if given["dry_run"]:
        sys.exit(moving.rehearse(url, wish, printer))
    sys.exit(moving.move(url, wish, printer, backup=given["backup"]))


def _bring_over(url: str, printer: Printer, given: Values) -> int:
    words = "--from goes with --kind, --addresses, --backup, --dry-run and --json"
    refuse_beside(words, OF_BRINGING)
    if not (given["source"] and given["kind"]):
        raise click.UsageError("--from URL and --kind go together.")
    kind = Kind(given["kind"])
    if given["addresses"] and kind is not Kind.MRWILLIS:
        raise click.UsageError("--addresses goes with --kind mrwillis.")
    wish = Bringing(given["source"], kind, given["addresses"])
    return bringing.bring(url, wish, printer, backup=given["backup"], tried=given["dry_run"])
