"""Which tests the same parallel process runs: those that share something dear to make."""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

OWN_PROGRAMS = {
    "test_console", "test_disclaimer", "test_import_wizard", "test_invitations", "test_journey",
    "test_whatsapp",
}  # fmt: skip
"""Journeys that start programs of their own, and have no use for the one that others share."""


class Together(LoadScopeScheduling):
    """Sends tests that share something dear to the same process, and every other one alone.

    The larger a group, the sooner it starts, so that none is left to one process at the end.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, name = nodeid.partition("::")
        if path.startswith("tests/browser/"):
            # One Chromium each, and one program that most journeys share. In one group they would
            # take longer than all other tests together.
            return "browser alone" if Path(path).stem in OWN_PROGRAMS else "browser"
        if path in {"tests/legacy/test_upgrade.py", "tests/legacy/test_old_chats.py"}:
            return f"{path}::{name.partition('[')[2]}"  # One upgrade of each database.
        if path.startswith("tests/cli/adopt/"):
            # Adoptions that several tests look at: one of each on each engine.
            return "adopt on PostgreSQL" if "postgresql" in name else "adopt on SQLite"
        return nodeid
