"""What a program asks to be accepted before the chat, and who accepted which version of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, insert, literal, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import DisclaimerChanged, DisclaimerNotAccepted
from app.core.learning import programs
from app.models.people import User
from app.models.programs import DisclaimerAcceptance, Program


@dataclass(frozen=True)
class Disclaimer:
    """A program's text, as it stands for one person.

    `accepted` is about this very version; `renewed` says that another version was accepted.
    """

    text: str
    version: int
    required: bool
    accepted: bool
    renewed: bool

    @property
    def blocks(self) -> bool:
        """Whether the chat waits for it."""
        return self.required and not self.accepted


def disclaimer_of(db: Session, user_id: int, program: Program) -> Disclaimer | None:
    """What this program asks of this person; None where it has no text.

    What was accepted in the legacy application counts as what was accepted here.
    """
    text = (program.disclaimer_text or "").strip()
    if not text:
        return None
    versions = set(
        db.scalars(
            select(DisclaimerAcceptance.accepted_version).where(
                DisclaimerAcceptance.user_id == user_id,
                DisclaimerAcceptance.chatbot_code.in_(programs.spellings_of(program)),
            )
        )
    )
    return Disclaimer(
        text=text,
        version=program.disclaimer_version,
        required=program.disclaimer_required,
        accepted=program.disclaimer_version in versions,
        renewed=bool(versions - {program.disclaimer_version}),
    )


def check(db: Session, user_id: int, program: Program) -> None:
    """Let past who owes nothing to this program. Raises `DisclaimerNotAccepted`."""
    found = disclaimer_of(db, user_id, program)
    if found is not None and found.blocks:
        raise DisclaimerNotAccepted(program=program.name)


def accept(db: Session, user: User, program: Program, *, version: int | None = None) -> None:
    """Keep, word by word, what this person accepts; the caller commits.

    `version` is what they read, None for whatever stands now; another than today's raises
    `DisclaimerChanged`. Accepting twice writes one row, and a program without a text none.
    """
    found = disclaimer_of(db, user.id, program)
    if found is None:
        return
    if version not in {None, found.version}:
        raise DisclaimerChanged
    # Of two presses at once the second waits here, and then finds the row of the first.
    # (SQLite has one writer at a time anyway.)
    db.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))
    row = {
        "user_id": user.id,
        "user_email": user.email,
        "user_last_name": user.last_name,
        "chatbot_code": program.code,
        "program_name": program.name,
        "accepted_version": found.version,
        "disclaimer_text_snapshot": program.disclaimer_text,
        "accepted_at": clock.now(),
    }
    table = DisclaimerAcceptance.__table__
    there = exists().where(
        DisclaimerAcceptance.user_id == user.id,
        DisclaimerAcceptance.chatbot_code.in_(programs.spellings_of(program)),
        DisclaimerAcceptance.accepted_version == found.version,
    )
    values = select(*(literal(value, table.c[name].type) for name, value in row.items()))
    db.execute(insert(DisclaimerAcceptance).from_select(list(row), values.where(~there)))
