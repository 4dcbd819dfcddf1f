"""What `adopt` prints: words and counts for people, one object for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from app.cli.adopt.inspecting import Report
from app.core.desk.adopt.adopting import Adopted
from app.core.desk.adopt.findings import Finding
from app.core.desk.adopt.proof import Line

SHOWN = 20
"""Cases of a finding that people are shown; `--json` has all."""


class Printer:
    """Prints as it goes, or gathers everything for one JSON object at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.found: dict[str, Any] = {}

    def say(self, words: str) -> None:
        """A message beside the data: it goes to standard error."""
        click.echo(words, err=True)

    def report(self, report: Report) -> None:
        """What was found, before anything is changed."""
        self.found |= {
            "revision": report.stamps,
            "tables": report.tables,
            "findings": {each.name: asdict(each) for each in report.findings},
            "list": report.about_list(),
            "list_refused": report.remark or None,
        }
        if self.as_json:
            return
        click.echo(f"Revision: {', '.join(report.stamps) or 'none'}")
        click.echo("Tables:")
        for name, count in report.tables.items():
            click.echo(f"  {name:<32}{count:>10,}")
        click.echo("Found:" if report.findings else "Found nothing odd.")
        for finding in report.findings:
            show(finding)
        if about := report.about_list():
            click.echo(f"The list: {about['people']:,} people of {about['file_name']}")
            for line, reason in about["problems"][:SHOWN]:
                click.echo(f"    line {line} is left out: {reason}")
            _say_more(len(about["problems"]))

    def proof(self, done: Adopted, *, tried: bool) -> None:
        """What was done, and the proof of it; `tried` where it was done to a copy."""
        self.found |= {"changes": done.counts, "proof": [asdict(line) for line in done.lines]}
        if self.as_json:
            return
        click.echo("Would change:" if tried else "Changed:")
        for words, count in done.counts.items():
            click.echo(f"  {count:>10,}  {words}")
        click.echo(f"Proof:{'rows before':>37}{'upgraded':>12}{'after':>12}  checksum")
        for line in done.lines:
            click.echo(_proof_line(line))
            for words in line.differences:
                click.echo(f"    NOT CHOSEN: {words}")

    def end(self, outcome: str, words: str, code: int) -> int:
        """The last word; gives back the exit code."""
        if self.as_json:
            told = self.found | {"outcome": outcome, "message": words}
            click.echo(json.dumps(told, ensure_ascii=False, default=str))
        self.say(words)
        return code


def show(finding: Finding) -> None:
    """Print a finding with its first cases."""
    click.echo(f"  {finding.count:>10,}  {finding.words}")
    for row in finding.rows[:SHOWN]:
        cells = (f"{name} {_cell(value)}" for name, value in row.items() if value is not None)
        click.echo("              " + ", ".join(cells))
    _say_more(len(finding.rows))


def _say_more(count: int) -> None:
    if count > SHOWN:
        click.echo(f"              and {count - SHOWN:,} more (all with --json)")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        # What a person typed must not steer the terminal.
        return repr(value) if not value.isprintable() or value != value.strip() else value
    return json.dumps(value, ensure_ascii=False)


def _proof_line(line: Line) -> str:
    agree = line.expected if line.expected == line.found else f"{line.expected} ≠ {line.found}"
    rows = f"{line.before:>11,}{line.upgraded:>12,}{line.after:>12,}"
    return f"  {line.table:<30}{rows}  {agree or 'dropped, as chosen'}"
