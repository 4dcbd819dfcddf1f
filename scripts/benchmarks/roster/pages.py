"""How long the lists behind the numbers of an import take: their first, middle and last page."""

from __future__ import annotations

from functools import partial

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.roster import imports
from app.core.roster.comparing import KINDS as DIFFERENCES
from app.core.roster.listing import KINDS
from app.database import make_engine, make_sessions
from app.models.rosters import RosterChange
from scripts.benchmarks.console.looks import page
from scripts.benchmarks.figures import Chapter, Figure

PAGE = 51
SEARCHES = {
    "everybody": "learn.example", "few": "9999@", "nobody": "zzz nobody", "a letter": "a",
    "two of nobody": "qq",
}  # fmt: skip
"""What is looked for, by who has it in a name or an address; for nobody all are looked through."""


def measure(url: str, title: str, lines: int) -> Chapter:
    """The time of each list of the two newest imports, and of the two side by side."""
    engine = make_engine(url)
    figures: list[Figure] = []
    with make_sessions(engine)() as db:
        newest, former = [each.id for each in imports.history(db, limit=2)]
        for import_id in (former, newest):
            for kind in KINDS:
                figures += _lists(db, import_id, kind, lines)
            look = partial(imports.list_problems, db, import_id, limit=PAGE)
            figures.append(page(f"{import_id}: problems", db, lines, look))
        look = partial(imports.compare, db, former, newest)
        figures.append(page("compared", db, lines, look))
        for kind in DIFFERENCES:
            look = partial(imports.list_compared, db, former, newest, kind, limit=PAGE)
            figures.append(page(f"compared: {kind}", db, lines, look))
    engine.dispose()
    return Chapter(f"{title}: lists of imports", figures, [])


def _lists(db: Session, import_id: int, kind: str, lines: int) -> list[Figure]:
    look = partial(imports.list_changes, db, import_id, kind, limit=PAGE)
    last = _last(db, import_id)
    named = f"{import_id}: {kind}"
    figures = [
        page(f"{named}, first", db, lines, look),
        page(f"{named}, last", db, lines, partial(look, after=last)),
    ]
    for whom, search in SEARCHES.items():
        searched = partial(look, search=search)
        figures.append(page(f"{named}, search: {whom}", db, lines, searched))
    searched = partial(look, search=SEARCHES["everybody"], after=last)
    return [*figures, page(f"{named}, search: everybody, last", db, lines, searched)]


def _last(db: Session, import_id: int) -> tuple[str, str]:
    address = db.scalar(
        select(func.max(RosterChange.address)).where(RosterChange.import_id == import_id)
    )
    return "", (address or "")[:-1]
