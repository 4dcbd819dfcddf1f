"""Every address at which a list leaves as a file, and what the audit log then says."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.core import clock
from app.core.audit import Event
from app.models.conversations import Exchange, FilePart
from app.models.records import Job


class Download(NamedTuple):
    """An address that was filled in, the event of its entry, and of a list which one it is."""

    path: str
    event: Event
    kind: str | None = None
    asks: bool = True
    """Whether the password is asked for again."""


def _list(path: str, kind: str, *, asks: bool = True) -> Download:
    return Download(path, Event.LIST_TAKEN, kind, asks)


BY_GET = {
    "/admin/audit/export": _list("/admin/audit/export?what=roster", "audit_log"),
    "/admin/conversations/files/<int:job_id>": Download(
        "/admin/conversations/files/2", Event.CONVERSATIONS_EXPORTED
    ),
    "/admin/download_authorized_users_csv": _list(
        "/admin/download_authorized_users_csv", "list_in_force"
    ),
    "/admin/export_data": Download("/admin/export_data", Event.CONVERSATIONS_EXPORTED),
    "/admin/invitations/<int:job_id>/people.csv": _list(
        "/admin/invitations/1/people.csv", "invited"
    ),
    "/admin/jobs/export": _list("/admin/jobs/export", "jobs", asks=False),
    "/admin/outbox/export": _list("/admin/outbox/export?from=2026-01-02", "outbox"),
    "/admin/people/export": _list("/admin/people/export?status=active", "people"),
    "/admin/people/unregistered.csv": _list(
        "/admin/people/unregistered.csv?class_name=A", "not_registered"
    ),
    "/admin/programs/<int:program_id>/people.csv": _list(
        "/admin/programs/1/people.csv", "people_of_program"
    ),
    "/admin/programs/export": _list("/admin/programs/export?state=open", "programs", asks=False),
    "/admin/roster/<int:import_id>/pairs.csv": _list(
        "/admin/roster/1/pairs.csv", "changed_addresses"
    ),
    "/admin/roster/<int:import_id>/people.csv": _list("/admin/roster/1/people.csv", "import"),
    "/admin/roster/<int:import_id>/problems.csv": _list(
        "/admin/roster/1/problems.csv", "problem_lines"
    ),
    "/admin/roster/download": _list("/admin/roster/download", "list_in_force"),
    "/export": _list("/export", "people"),
    "/export_users": _list("/export_users?q=ada", "people"),
}
"""The routes by GET."""

OWN = "/account/conversations.csv"
"""What people take of their own, which is written down too."""

EMPTY = {"/admin/roster/template", "/admin/people/add-file/template"}
"""Files with nobody in them, which are of no list."""

BY_POST = {
    "/admin/conversations/export": {"format": "csv"},
    "/admin/conversations/saved/export": {"person": "grace@agency.example"},
}
"""The routes by POST, and what their forms send; all leave `conversations:exported`."""


def furnish(people: Any, db: Session) -> None:
    """Put there what the addresses of `BY_GET` name: an import, a program, two jobs, a talk.

    Somebody must be there already, whose the talk is.
    """
    people.listed("Lovelace", "ada@learn.agency.example", "A1")
    people.program()
    done = {"state": "done", "created_at": clock.now(), "finished_at": clock.now()}
    db.add(Job(id=1, kind="invite", facts={"scope": {}}, **done))
    facts = {"asked": {"words": "kettle"}, "bytes": 3}
    db.add(Job(id=2, kind="conversations_export", facts=facts, **done))
    db.add(Exchange(user_id=1, program_code="BCC", user_message="Why?", bot_message="So."))
    db.flush()
    db.add(FilePart(job_id=2, part=0, data=b"PK!"))
    db.commit()
