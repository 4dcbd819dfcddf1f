"""What an import would change, or did, as `flask rollcall roster import` and `undo` say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from sqlalchemy.orm import Session

from app.core.roster import imports
from app.models.rosters import RosterImport, RosterProblem

BY_HAND = ("edited", "yielding", "file_wins", "yielded")
"""Of an import: for whom something was set by hand, for whom the file could win, whether it is to,
and for whom it did."""

COUNTS = ("lines", "people", "inactive", "added", "back", "removed", "changed", "unchanged")
LOSING = ("losing_program", "losing_session")
SHOWN = (
    "added", "back", "removed", "changed", "unchanged", "inactive", *LOSING, "readdressed",
)  # fmt: skip


def result_of(db: Session, found: RosterImport) -> dict[str, Any]:
    """All that is said about an import, by its keys in JSON."""
    result: dict[str, Any] = {name: getattr(found, name) for name in (*COUNTS, *LOSING)}
    result["readdressed"] = found.pairs
    result |= {name: getattr(found, name) for name in BY_HAND}
    result["problems"] = [_facts(each) for each in imports.problems_of(db, found.id)]
    result["remarks"] = [_facts(each) for each in imports.problems_of(db, found.id, remarks=True)]
    return result | {"held": found.held or [], "import_id": found.id}


def _facts(problem: RosterProblem) -> dict[str, Any]:
    return {"line": problem.line, "column": problem.column, "reason": problem.reason}


def print_result(result: Mapping[str, Any]) -> None:
    """Print the counts, and each problem line."""
    click.echo(f"{result['lines']} lines, {result['people']} people")
    for name in SHOWN:
        click.echo(f"  {name:<15}{result[name]:>7}")
    if result["edited"]:
        click.echo(say_what_stays(result))
    for problem in result["problems"]:
        where = f", {problem['column']}" if problem["column"] else ""
        click.echo(f"line {problem['line']}{where}: {problem['reason']}")


def say_what_stays(result: Mapping[str, Any]) -> str:
    """One sentence about an import that meets what admins set by hand."""
    kept = f"What admins set by hand stays for {result['edited']} people"
    if result["yielded"]:
        return f"The file won over what admins had set by hand for {result['yielded']} people."
    if not result["yielding"]:
        return f"{kept}."
    if result["file_wins"]:
        return f"The file wins over what admins set by hand for {result['yielding']} people."
    return f"{kept}; with --file-wins the file wins for {result['yielding']} of them."


def say_outcome(
    result: Mapping[str, Any], *, asked: bool, goes: bool, held: bool, as_json: bool
) -> None:
    """Say on standard error what was remarked, and what became of the import."""
    for remark in result["remarks"]:
        line = f"Note: line {remark['line']}, {remark['column']}: {remark['reason']}"
        click.echo(line, err=True)
    rules = ", ".join(result["held"])
    if goes and not as_json:
        left_out = len(result["problems"])
        click.echo(f"Applied{f', without {left_out} problem lines' if left_out else ''}.", err=True)
    elif held:
        click.echo(
            f"Held ({rules}): nothing was changed. An admin lets import {result['import_id']} go on"
            " the page Roster, or say --force.",
            err=True,
        )
    elif asked and not goes:
        click.echo("Nothing to do: this list is in force already.", err=True)
    elif not asked and not as_json:
        more = f" It would be held ({rules})." if rules else ""
        click.echo(
            f"Nothing was changed.{more} Add --apply to make it the list in force.", err=True
        )


def say_who_is_first(other: RosterImport | None) -> None:
    """Say on standard error for whom this import waits: one that the worker has, or anything."""
    who = f"Import {other.id} (“{other.file_name}”)" if other else "Another command or change"
    click.echo(f"{who} is at work with the list: this one waits for its turn.", err=True)
