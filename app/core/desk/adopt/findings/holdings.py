"""What is found about LO Root IDs, held by people and asked for by programs."""

from __future__ import annotations

from collections import Counter

from app.core.desk.adopt import ids, listing
from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.findings.finding import Finding
from app.core.desk.adopt.legacy import Legacy

TAGS = {
    "INTERNAL_PORTAL", "EVALUATION", "PMO", "LMS", "LEARNING_OPERATION", "TAP",
    "BUDGET_AND_SCOPE", "COMMUNICATION",
}  # fmt: skip
"""LO Root IDs of programs that are no classes: who holds one got it by no list."""


def dirty_ids(legacy: Legacy) -> Finding:
    """T7: several LO Root IDs in one, blanks around one, and the text `nan`."""
    rows = [
        {"user": user_id, "lo_root_id": lo, "becomes": list(ids.cleaned(lo))}
        for user_id, lo in sorted(legacy.held - legacy.explained)
        if ids.cleaned(lo) != (lo,)
    ]
    rows += [
        {"program": program, "lo_root_id": lo, "becomes": list(ids.cleaned_of_program(lo))}
        for program, lo in sorted(legacy.asked)
        if legacy.is_new and ids.cleaned_of_program(lo) != (lo,)
    ]
    words = "LO Root IDs are joined, padded or `nan`; --lo-ids keep leaves them"
    return Finding.of("dirty_ids", words, rows)


def alike_ids(legacy: Legacy) -> Finding:
    """T7: `123.0` or `123` where a program asks for `00123`: proposed, never done by itself."""
    wanted = {part for _, lo in legacy.asked for part in ids.cleaned_of_program(lo)}
    held = Counter(part for _, lo in legacy.held for part in ids.cleaned(lo))
    rows = [
        {"lo_root_id": old, "proposed": new, "people": held[old]}
        for old in sorted(held)
        if (new := ids.proposed(old, wanted)) is not None
    ]
    words = "LO Root IDs look like a program's with zeros lost; accept one with --lo-id OLD=NEW"
    return Finding.of("alike_ids", words, rows)


def unexplained_ids(legacy: Legacy, choices: Choices, granted: dict[str, set[str]]) -> Finding:
    """T8: what people hold and no line of the list gives them."""
    held = ids.repaired(legacy.held, choices) if choices.repair_ids else legacy.held
    rows = [
        {"user": user_id, "lo_root_id": lo}
        for user_id, lo in listing.unexplained(legacy, granted, held)
    ]
    words = "LO Root IDs are explained by no line of the list; their people keep them as legacy"
    return Finding.of("unexplained_ids", words, rows)


def orphan_ids(legacy: Legacy) -> Finding:
    """T10: LO Root IDs of people who are no longer there."""
    known = {each.id for each in legacy.people}
    rows = [
        {"user": user, "lo_root_id": lo} for user, lo in sorted(legacy.held) if user not in known
    ]
    words = "LO Root IDs are of people who are gone; --orphans delete drops them"
    return Finding.of("orphan_ids", words, rows)


def tagged_programs(legacy: Legacy) -> Finding:
    """T13: programs that ask for a tag, which no class list gives."""
    codes = {each.id: each.code for each in legacy.programs}
    rows = [
        {"program": codes.get(program, program), "tag": lo}
        for program, lo in sorted(legacy.asked)
        if lo.strip() in TAGS
    ]
    words = "programs' LO Root IDs are tags, not classes; those of INTERNAL_PORTAL are not listed"
    return Finding.of("tagged_programs", words, rows)
