"""What the maintainer chooses about a legacy database; nothing of it is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from app.addresses import BadAddress, canonical
from app.core import clock


class UnfitChoice(Exception):
    """A choice that does not fit this database; `str()` of it says why."""


class ChoiceMissing(Exception):
    """A choice that has to be made before anything is changed; `str()` of it names the option."""


def read_account(address: str, number: str) -> tuple[str, int]:
    """The canonical address and the id of an account. Raises `UnfitChoice`."""
    try:
        return canonical(address), int(number)
    except BadAddress as error:
        raise UnfitChoice(f"{address!r} is no address: {error}") from None
    except ValueError:
        raise UnfitChoice(f"{number!r} is no account's id.") from None


class StatusChoice(StrEnum):
    """What becomes of people whom status or expiry date would shut out from now on."""

    KEEP = "keep"
    ACTIVATE_RECENT = "activate-recent"
    ACTIVATE_ALL = "activate-all"


class OrphanChoice(StrEnum):
    """What becomes of chats and LO Root IDs whose person is no longer there."""

    KEEP = "keep"
    DELETE = "delete"
    ANONYMISE = "anonymise"


@dataclass(frozen=True)
class Choices:
    """All choices. Without `status` nobody who is shut out may be there."""

    status: StatusChoice | None = None
    recent_days: int = 180
    """`activate-recent` means people who asked something within so many days."""
    grace_days: int = 730
    """A past expiry date of somebody who is activated moves so many days from today."""
    orphans: OrphanChoice = OrphanChoice.KEEP
    repair_ids: bool = True
    id_changes: Mapping[str, str] = field(default_factory=dict)
    """LO Root IDs that people hold, and what they are to be instead."""
    merges: Mapping[str, int] = field(default_factory=dict)
    """Canonical addresses that several accounts share, and the id of the one that stays."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Codes that chats stand under, and the code of the program that they mean."""
    drop_leftovers: bool = False

    def recent_since(self) -> datetime:
        """The moment (naive UTC, as it is stored) from which on a chat is a recent one."""
        return clock.now().replace(tzinfo=None) - timedelta(days=self.recent_days)
