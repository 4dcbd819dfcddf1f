"""What the pages of the roster share: the words for states, lists and columns, and who did what."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from app.core.errors import N_
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import db
from app.models.people import User
from app.models.rosters import ImportState, RosterImport

STATES = {
    ImportState.UPLOADED.value: (N_("Uploaded"), "warn"),
    ImportState.CHECKING.value: (N_("Being checked"), "warn"),
    ImportState.CHECKED.value: (N_("Waiting"), "warn"),
    ImportState.HELD.value: (N_("Held"), "warn"),
    ImportState.APPLYING.value: (N_("Being applied"), "warn"),
    ImportState.APPLIED.value: (N_("Applied"), "good"),
    ImportState.UNDONE.value: (N_("Undone"), "calm"),
    ImportState.DISCARDED.value: (N_("Put aside"), "calm"),
    ImportState.FAILED.value: (N_("Failed"), "bad"),
}
"""The words and the tone of each state."""

AT_WORK = {ImportState.CHECKING.value, ImportState.APPLYING.value}
"""States in which the worker has the import."""

WAITING = {ImportState.CHECKED.value, ImportState.HELD.value}
"""States in which an import can be applied or put aside."""

LISTS = {
    "added": (N_("New people"), N_("New")),
    "back": (N_("People who come back"), N_("Back")),
    "changed": (N_("People who change"), N_("Changed")),
    "removed": (N_("People who go"), N_("Gone")),
    "unchanged": (N_("People who stay as they are"), N_("Unchanged")),
    "inactive": (N_("People with inactive lines alone"), N_("Inactive alone")),
    "losing_program": (N_("People who lose a program"), N_("Lose a program")),
    "losing_session": (N_("People who are signed out"), N_("Signed out")),
    "edited": (N_("What admins set by hand"), N_("Set by hand")),
}
"""The lists behind the numbers of an import, in order: the heading of each, and its short name."""

COLUMN_WORDS = {
    "user_code": N_("User code"),
    "last_name": N_("Last name"),
    "email": N_("Email"),
    "status": N_("Status"),
    "class_name": N_("Class"),
    "date": N_("Date"),
    "lo_root_id": N_("LO Root ID"),
}
"""Our seven columns, as pages name them."""

ENCODINGS = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}
"""What a file can be read as."""


def may_write() -> bool:
    """Whether who looks may change the list too: otherwise the page has no buttons for it."""
    return Permission.ROSTER_WRITE.value in identity.permissions()


def names_of(found: Iterable[RosterImport]) -> dict[int, str]:
    """The addresses of the admins who uploaded, applied or confirmed, by id, in one query."""
    ids = {
        admin
        for each in found
        for admin in (each.created_by, each.asked_by, each.confirmed_by, each.applied_by)
        if admin is not None
    }
    if not ids:
        return {}
    return dict(db.execute(select(User.id, User.email).where(User.id.in_(ids))).all())
