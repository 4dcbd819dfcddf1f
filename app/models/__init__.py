"""What is remembered: the tables, without rules. Importing this package registers them all."""

from app.models import (
    access,
    conversations,
    edits,
    invitations,
    ledger,
    moves,
    oauth,
    people,
    predecessors,
    programs,
    proposals,
    records,
    rosters,
)

__all__ = [
    "access", "conversations", "edits", "invitations", "ledger", "moves", "oauth", "people",
    "predecessors", "programs", "proposals", "records", "rosters",
]  # fmt: skip
