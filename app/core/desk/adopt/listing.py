"""The list of a legacy installation: a file `authorized_users.csv`, or the table of that name.

It is read ahead, before anything is changed, so that a list that would be refused is refused then.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.core.desk.adopt.legacy import Legacy
from app.core.errors import ListRefused
from app.core.roster import files
from app.core.roster.columns import COLUMNS, TWO_NAMES
from app.models.people import Entitlement, Source
from app.models.rosters import ListInForce, RosterImport, RosterLine

TABLE = "authorized_users"


@dataclass
class Listed:
    """A list that can be taken: who is active on it, what it grants them, and its bad lines."""

    file_name: str
    data: bytes
    encoding: str | None
    lines: int = 0
    sha256: str = ""
    granted: dict[str, set[str]] = field(default_factory=dict)
    """The LO Root IDs of each active person, by canonical address."""
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Lines that are left out, with the reason."""

    def stream(self) -> BinaryIO:
        """The file, from its beginning."""
        return io.BytesIO(self.data)


def read_file(data: bytes, file_name: str, encoding: str | None) -> Listed:
    """Read a list ahead. Raises `FileRefused` or `ListRefused`, as an import of it would."""
    listed = Listed(file_name, data, encoding)
    file = files.open_file(listed.stream(), encoding=encoding)
    lines: dict[str, list[files.Line]] = defaultdict(list)
    for each in file:
        if isinstance(each, files.Line):
            lines[each.address].append(each)
            listed.lines += 1
        elif isinstance(each, files.Problem):
            listed.problems.append((each.number, each.reason))
            listed.lines += 1
    listed.sha256 = file.sha256
    for address, theirs in lines.items():
        if len({line.surname_key for line in theirs}) > 1:
            listed.problems += [(line.number, TWO_NAMES) for line in theirs]
        elif any(line.active for line in theirs):
            listed.granted[address] = {
                lo for line in theirs if line.active for lo in line.lo_root_ids
            }
    listed.problems.sort()
    if not listed.granted:
        raise ListRefused
    return listed


def read_table(legacy: Legacy) -> Listed | None:
    """The list that stands in the legacy table; None where it has no rows.

    Raises `ListRefused` where nobody on it is active.
    """
    text = io.StringIO(newline="")
    written = csv.writer(text)
    written.writerow(COLUMNS)
    names = [*COLUMNS[:-1], "lo_root_ids"]
    rows = [["" if cell is None else cell for cell in row] for row in legacy.rows(TABLE, *names)]
    written.writerows(rows)
    if not rows:
        return None
    return read_file(text.getvalue().encode("utf-8", "replace"), f"{TABLE} (table)", None)


def in_force(legacy: Legacy) -> str | None:
    """The SHA-256 of the list in force; None where there is none."""
    if not legacy.has("list_in_force"):
        return None
    query = select(RosterImport.sha256).join(ListInForce, ListInForce.import_id == RosterImport.id)
    return legacy.connection.scalar(query)


def granted_in_force(legacy: Legacy) -> dict[str, set[str]]:
    """What the list in force grants its active people, by canonical address."""
    granted: dict[str, set[str]] = defaultdict(set)
    if legacy.has("roster_lines"):
        query = select(RosterLine.address, RosterLine.lo_root_id).where(RosterLine.active.is_(True))
        for address, lo_root_id in legacy.connection.execute(query):
            granted[address] |= {lo_root_id} - {""}
    return granted


def unexplained(
    legacy: Legacy, granted: dict[str, set[str]], held: set[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """Of what people hold, what no line of the list grants them: perhaps got by opening (T8)."""
    for user_id, lo_root_id in sorted(held):
        form = legacy.forms.get(user_id)
        if form is None or form in legacy.sharing or lo_root_id not in granted.get(form, set()):
            yield user_id, lo_root_id


def hand_over(db: Session) -> None:
    """Make the roster's alone what came with the database and the list in force explains."""
    by_list = exists(
        select(1)
        .select_from(other := Entitlement.__table__.alias())
        .where(
            other.c.user_id == Entitlement.user_id,
            other.c.lo_root_id == Entitlement.lo_root_id,
            other.c.source == Source.ROSTER.value,
        )
    )
    db.execute(
        delete(Entitlement)
        .where(Entitlement.source == Source.LEGACY.value, by_list)
        .execution_options(synchronize_session=False)
    )
