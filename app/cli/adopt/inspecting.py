"""What a legacy database holds and what is to be done about it, found out without a trace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext

from app.cli import ground
from app.core.desk.adopt import adopting, findings, listing, prints, repairs
from app.core.desk.adopt.choices import Choices, UnfitChoice
from app.core.desk.adopt.findings import Finding
from app.core.desk.adopt.legacy import Legacy
from app.core.desk.adopt.listing import Listed
from app.core.desk.adopt.prints import Print
from app.core.desk.looking import looking
from app.core.errors import Refusal


@dataclass(frozen=True)
class Wish:
    """What the maintainer asked for."""

    choices: Choices
    roster: Path | None
    encoding: str | None
    by_inspection: bool


@dataclass
class Report:
    """What was found."""

    stamps: list[str]
    strange: list[str]
    """Stamps that no revision of ours has."""
    tables: dict[str, int]
    findings: list[Finding]
    listed: Listed | None
    """The list that is to become the first one; None where there is none to bring over."""
    remark: str
    """Why the table authorized_users is no list, and what to do; empty if nothing is wrong."""
    has_work: bool

    @property
    def owes_status(self) -> bool:
        """Whether people would be shut out, so that a choice is owed."""
        return any(finding.name == "shut_out" for finding in self.findings)

    def about_list(self) -> dict[str, Any] | None:
        """The list that comes, in figures."""
        if self.listed is None:
            return None
        return {
            "file_name": self.listed.file_name,
            "lines": self.listed.lines,
            "people": len(self.listed.granted),
            "problems": self.listed.problems,
        }


def look(url: str, wish: Wish) -> Report:
    """Look at the database at `url`.

    Raises `NoDatabase`, `UnfitChoice`, and the refusals of a list file.
    """
    script = ground.revisions()
    with looking(url) as engine, engine.connect() as connection:
        stamps = list(MigrationContext.configure(connection).get_current_heads())
        legacy = Legacy(connection)
        repairs.check_choices(legacy, wish.choices)
        listed, remark = _find_list(legacy, wish)
        granted = listed.granted if listed else listing.granted_in_force(legacy) or None
        at_head = stamps == script.get_heads()
        return Report(
            stamps=stamps,
            strange=sorted(set(stamps) - {each.revision for each in script.walk_revisions()}),
            tables={name: legacy.count(name) for name in legacy.columns},
            findings=findings.find_all(legacy, wish.choices, granted),
            listed=listed,
            remark=remark,
            has_work=not at_head or adopting.has_work(legacy, wish.choices, listed),
        )


def take_print(url: str) -> dict[str, Print]:
    """The print of every legacy table of the database at `url`."""
    with looking(url) as engine, engine.connect() as connection:
        return prints.take(connection)


def _find_list(legacy: Legacy, wish: Wish) -> tuple[Listed | None, str]:
    force = listing.in_force(legacy)
    if wish.roster is not None:
        listed = listing.read_file(wish.roster.read_bytes(), wish.roster.name, wish.encoding)
        if force is None:
            return listed, ""
        if force == listed.sha256:
            return None, ""
        raise UnfitChoice(
            "--roster: there is a list in force already. Replace it by:"
            f" flask rollcall roster import {wish.roster} --apply"
        )
    if force is not None or not legacy.has(listing.TABLE):
        return None, ""
    try:
        return listing.read_table(legacy), ""
    except Refusal as refusal:
        return None, (
            f"The table {listing.TABLE} cannot be the list: {refusal.message} Nobody can register"
            " until a list is there: flask rollcall roster import FILE --apply"
        )
