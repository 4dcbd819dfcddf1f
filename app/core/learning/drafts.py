"""What an admin writes about a program, the rules it goes by, and what differs between two."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from app.core.errors import N_, Refusal
from app.core.learning import extraction, programs
from app.core.people.names import OddId, check_ids
from app.models.programs import Program

CODE = re.compile(r"[A-Z0-9][A-Z0-9&._-]*")
CODE_LENGTH, NAME_LENGTH = 50, 100
QUOTA = (1, 100)
"""Questions a day, least and most (the legacy application's range)."""
CHAR_LIMIT = (1_000, 200_000)
"""What `char_limit` may be: characters of content, least and most."""
DEFAULT_CHAR_LIMIT, DEFAULT_QUOTA = 50_000, 3
MOST_IDS, ID_LENGTH = 100, 200
LONGEST = {
    "description": 2_000,
    "intro_message": 2_000,
    "system_prompt_role": 10_000,
    "system_prompt_guidelines": 20_000,
    "disclaimer_text": 20_000,
}
"""Characters that each text may have, beside `content`, whose limit is the program's own."""
KINDS = tuple(kind for kind in programs.CATEGORIES if kind != "new")
SHORT = 120
"""Characters of a value that the audit log shows as it is; of a longer one it keeps the hash."""


class BadField(Refusal):
    """One field that cannot be taken; `field` is its name."""

    code = "bad_field"
    status = 422

    def __init__(self, field: str, words: str, **values: object) -> None:
        super().__init__(**values)
        self.field = field
        self.words = words


class ProgramRefused(Refusal):
    """A program that cannot be kept as it was written; `problems` are all of them."""

    code = "program_refused"
    status = 422

    def __init__(self, problems: list[BadField]) -> None:
        super().__init__()
        self.problems = problems
        self.words = problems[0].words
        self.values = problems[0].values


@dataclass(frozen=True)
class Draft:
    """A program as an admin writes it, by the names of its columns."""

    code: str = ""
    name: str = ""
    description: str = ""
    category: str = "standard"
    is_active: bool = True
    lo_root_ids: tuple[str, ...] = ()
    quota: int = DEFAULT_QUOTA
    char_limit: int = DEFAULT_CHAR_LIMIT
    intro_message: str = ""
    content: str = ""
    system_prompt_role: str = ""
    system_prompt_guidelines: str = ""
    disclaimer_text: str = ""
    disclaimer_required: bool = True

    def tidied(self) -> Draft:
        """The same without what no page shows: outer blanks, control characters, odd line ends."""
        texts: dict[str, Any] = {
            name: extraction.tidy(getattr(self, name)) for name in ("content", *LONGEST)
        }
        ids = tuple(dict.fromkeys(each.strip() for each in self.lo_root_ids if each.strip()))
        return replace(
            self,
            code=self.code.strip().upper(),
            name=" ".join(extraction.tidy(self.name).split()),
            lo_root_ids=ids,
            **texts,
        )


FIELDS = tuple(each.name for each in fields(Draft))


def draft_of(program: Program) -> Draft:
    """A program as it stands, where a legacy row has nothing with what that means (T12)."""
    return Draft(
        code=program.code,
        name=program.name,
        description=program.description or "",
        category=program.category or "standard",
        is_active=bool(program.is_active),
        lo_root_ids=tuple(each.lo_root_id for each in program.lo_root_ids),
        quota=program.quota,
        char_limit=program.char_limit or DEFAULT_CHAR_LIMIT,
        intro_message=program.intro_message or "",
        content=program.content,
        system_prompt_role=program.system_prompt_role or "",
        system_prompt_guidelines=program.system_prompt_guidelines or "",
        disclaimer_text=program.disclaimer_text or "",
        disclaimer_required=bool(program.disclaimer_required),
    )


def differing(one: Draft, other: Draft) -> list[str]:
    """The names of the fields in which two drafts differ; the order of LO Root IDs is none."""

    def value(draft: Draft, name: str) -> object:
        found = getattr(draft, name)
        if isinstance(found, tuple):
            return sorted(found)
        return extraction.tidy(found) if isinstance(found, str) else found

    return [name for name in FIELDS if value(one, name) != value(other, name)]


def check(draft: Draft, before: Draft | None, *, open_to_all: bool) -> None:
    """Let past what can be kept. Raises `ProgramRefused` with everything that is wrong.

    Where the program is there already (`before`), only what changes is held to the rules: a row
    of the legacy application must not be mended as a whole to get a new quota. `open_to_all` is
    the word that a program without LO Root IDs is meant to be open to everybody.
    """
    changed = FIELDS if before is None else differing(draft, before)
    found = [
        problem
        for problem in (*_names(draft, before), *_figures(draft), *_texts(draft))
        if problem.field in changed
        or (problem.field == "content" and {"char_limit", "content"} & set(changed))
    ]
    if "lo_root_ids" in changed:
        found += _ids(draft, open_to_all)
    if found:
        raise ProgramRefused(found)


def _names(draft: Draft, before: Draft | None) -> Iterator[BadField]:
    if before is not None:
        if draft.code != before.code:
            yield BadField("code", N_("The code of a program never changes."))
    elif not draft.code:
        yield BadField("code", N_("Enter a code, like BCC"))
    elif len(draft.code) > CODE_LENGTH:
        words = N_("A code can have %(limit)s characters; this one has %(length)s.")
        yield BadField("code", words, limit=CODE_LENGTH, length=len(draft.code))
    elif not CODE.fullmatch(draft.code):
        words = N_("A code has letters from A to Z, digits, and & . _ - between them, no blanks.")
        yield BadField("code", words)
    if not draft.name:
        yield BadField("name", N_("Enter a name"))
    elif len(draft.name) > NAME_LENGTH:
        words = N_("A name can have %(limit)s characters; this one has %(length)s.")
        yield BadField("name", words, limit=NAME_LENGTH, length=len(draft.name))
    if draft.category not in KINDS:
        yield BadField("category", N_("Choose a category"))


def _figures(draft: Draft) -> Iterator[BadField]:
    for field, (least, most), words in (
        ("quota", QUOTA, N_("Questions a day are a number from %(least)s to %(most)s.")),
        ("char_limit", CHAR_LIMIT, N_("The limit is a number from %(least)s to %(most)s.")),
    ):
        if not least <= getattr(draft, field) <= most:
            yield BadField(field, words, least=f"{least:,}", most=f"{most:,}")


def _texts(draft: Draft) -> Iterator[BadField]:
    if not draft.content.strip():
        yield BadField("content", N_("Enter the content, or choose a file that has it"))
    elif len(draft.content) > draft.char_limit:
        words = N_(
            "The content has %(length)s characters, and the limit is %(limit)s. Shorten it, or"
            " raise the limit."
        )
        length = f"{len(draft.content):,}"
        yield BadField("content", words, length=length, limit=f"{draft.char_limit:,}")
    if not draft.intro_message.strip():
        yield BadField("intro_message", N_("Enter what learners read first"))
    for field, most in LONGEST.items():
        if (characters := len(getattr(draft, field))) > most:
            words = N_("This text can have %(limit)s characters; it has %(length)s.")
            yield BadField(field, words, limit=f"{most:,}", length=f"{characters:,}")


def _ids(draft: Draft, open_to_all: bool) -> Iterator[BadField]:
    ids = draft.lo_root_ids
    if not ids and not open_to_all:
        words = N_("Name LO Root IDs, or tick that everybody who is signed in may open it.")
        yield BadField("lo_root_ids", words)
    if ids and open_to_all:
        words = N_("It cannot be open to everybody and ask for LO Root IDs: take one away.")
        yield BadField("lo_root_ids", words)
    if len(ids) > MOST_IDS:
        words = N_("A program can have %(limit)s LO Root IDs; these are %(length)s.")
        yield BadField("lo_root_ids", words, limit=MOST_IDS, length=len(ids))
    if any(len(each) > ID_LENGTH for each in ids):
        words = N_("An LO Root ID can have %(limit)s characters.")
        yield BadField("lo_root_ids", words, limit=ID_LENGTH)
    try:
        check_ids(ids)
    except OddId as refusal:
        yield BadField("lo_root_ids", refusal.words)


def told(before: Draft, after: Draft) -> dict[str, Any]:
    """What changed, field by field, as the audit log keeps it: old → new where both are short."""
    return {
        name: f"{_in_short(name, before)} → {_in_short(name, after)}"
        for name in differing(before, after)
    }


def _in_short(name: str, draft: Draft) -> str:
    value = getattr(draft, name)
    text = "; ".join(value) if isinstance(value, tuple) else str(value)
    if name != "content" and len(text) <= SHORT:
        return text or "–"
    return f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()}"
