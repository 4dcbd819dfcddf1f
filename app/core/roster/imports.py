"""Imports of lists: all that a page, a command or the worker asks for, by one name.

A file is received, checked, perhaps held, applied or put aside, and perhaps taken back. Checking
writes what would change and moves nobody's access; applying is one transaction.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.roster.comparing import Comparison, compare, list_compared
from app.core.roster.edits import kept_of
from app.core.roster.holding import (
    HoldLimits,
    confirm,
    hold_rules,
    let_file_win,
    may_go,
    number_to_type,
    start_apply,
)
from app.core.roster.ledger import count_in_force, discard, get, history, in_force
from app.core.roster.listing import (
    Person,
    changed_fields,
    changes_anything,
    knows_unchanged,
    list_changes,
)
from app.core.roster.mapping import remembered_mapping
from app.core.roster.moving import count_moved
from app.core.roster.pairs import list_pairs, settle_pairs, write_pairs
from app.core.roster.problems import Group, list_problems, problem_groups, write_problems
from app.core.roster.starting import start_check, start_undo
from app.core.roster.tidying import LEFT_LYING, tidy
from app.core.roster.uploads import nothing_to_do, receive
from app.core.roster.yielded import could_yield, yielded_of
from app.models.rosters import Change, RosterChange, RosterProblem

if TYPE_CHECKING:
    from app.core.roster.applying import apply, apply_in_background
    from app.core.roster.background import check_in_background
    from app.core.roster.checking import check, check_undo

__all__ = [
    "LEFT_LYING",
    "Comparison",
    "Group",
    "HoldLimits",
    "Person",
    "apply",
    "apply_in_background",
    "changed_fields",
    "changes_anything",
    "changes_of",
    "check",
    "check_in_background",
    "check_undo",
    "compare",
    "confirm",
    "could_yield",
    "count_in_force",
    "count_moved",
    "discard",
    "get",
    "history",
    "hold_rules",
    "in_force",
    "kept_of",
    "knows_unchanged",
    "let_file_win",
    "list_changes",
    "list_compared",
    "list_pairs",
    "list_problems",
    "may_go",
    "nothing_to_do",
    "number_to_type",
    "problem_groups",
    "problems_of",
    "receive",
    "remembered_mapping",
    "settle_pairs",
    "start_apply",
    "start_check",
    "start_undo",
    "tidy",
    "write_pairs",
    "write_problems",
    "yielded_of",
]

_WITH_TABLES = {
    "apply": "applying",
    "apply_in_background": "applying",
    "check": "checking",
    "check_in_background": "background",
    "check_undo": "checking",
}

_FRUGAL = {
    "POLARS_MAX_THREADS": "2",
    "_RJEM_MALLOC_CONF": "narenas:1,dirty_decay_ms:100,muzzy_decay_ms:0",
}
"""How that library goes about: the other cores are for those who sign in, and memory that it lets
go is given back soon (jemalloc manual, TUNING)."""


def __getattr__(name: str) -> Any:
    """Load what goes through whole lists when it is first asked for (PEP 562).

    Its library of tables is a sixth of every start and 25 MB, and most processes see no list.
    """
    if name not in _WITH_TABLES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for setting, value in _FRUGAL.items():
        os.environ.setdefault(setting, value)
    return getattr(import_module(f"app.core.roster.{_WITH_TABLES[name]}"), name)


def problems_of(
    db: Session, import_id: int, *, remarks: bool = False, limit: int | None = None
) -> list[RosterProblem]:
    """The problem lines of an import, or the remarks about good ones, by line."""
    query = (
        select(RosterProblem)
        .where(RosterProblem.import_id == import_id, RosterProblem.is_remark.is_(remarks))
        .order_by(RosterProblem.line, RosterProblem.id)
    )
    return list(db.scalars(query.limit(limit) if limit else query))


def changes_of(
    db: Session, import_id: int, change: Change, *, limit: int | None = None
) -> list[RosterChange]:
    """The people to whom an import does `change`, by address."""
    query = (
        select(RosterChange)
        .where(RosterChange.import_id == import_id, RosterChange.change == change.value)
        .order_by(RosterChange.address)
    )
    return list(db.scalars(query.limit(limit) if limit else query))
