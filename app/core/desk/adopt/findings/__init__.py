"""What is found in a legacy database: each finding is a function of it, and changes nothing.

The marks T1 to T14 are the data traps by which the legacy database is known.
"""

from __future__ import annotations

from app.core.desk.adopt.choices import Choices
from app.core.desk.adopt.findings import chats, holdings, leavings, people
from app.core.desk.adopt.findings.finding import Finding
from app.core.desk.adopt.legacy import Legacy

__all__ = ["Finding", "find_all"]


def find_all(
    legacy: Legacy, choices: Choices, granted: dict[str, set[str]] | None
) -> list[Finding]:
    """Every finding that has a case. `granted` is what the list gives; None if there is none."""
    found = [
        *_of_people(legacy, choices),
        holdings.dirty_ids(legacy),
        holdings.alike_ids(legacy),
        holdings.orphan_ids(legacy),
        holdings.tagged_programs(legacy),
        chats.code_spellings(legacy, choices),
        chats.unknown_codes(legacy, choices),
        chats.orphan_chats(legacy),
        chats.older_chats(legacy),
        chats.old_chat_shape(legacy),
        leavings.empty_values(legacy),
        leavings.odd_guidelines(legacy),
        leavings.leftovers(legacy),
    ]
    if granted is not None:
        found.append(holdings.unexplained_ids(legacy, choices, granted))
    return [each for each in found if each.count]


def _of_people(legacy: Legacy, choices: Choices) -> list[Finding]:
    return [
        people.shut_out(legacy, choices),
        people.status_spellings(legacy),
        people.unknown_statuses(legacy),
        people.missing_visits(legacy),
        people.shared_dates(legacy),
        people.unreadable_dates(legacy),
        people.shared_addresses(legacy),
        people.bad_addresses(legacy),
        people.odd_names(legacy),
        people.unreadable_hashes(legacy),
        people.without_password(legacy),
    ]
