"""The arithmetic of the audit chain: keys, hashes and signatures. It knows no database.

Each entry's link is an HMAC over the link before it, its number, its fields and the hash of its
details. That hash is keyed too, so that what was erased cannot be guessed from it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

BEGINNING = "0" * 64
"""What stands before the first link."""


class Signed(StrEnum):
    """What a signature is for: none can stand in another's place."""

    CHECKPOINT = "checkpoint"
    HEAD = "head"
    PRUNED = "pruned"


class Sealable(Protocol):
    """The fields of an entry that a seal covers."""

    @property
    def id(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def event(self) -> str: ...
    @property
    def actor_id(self) -> int | None: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def ip(self) -> str | None: ...
    @property
    def user_agent(self) -> str | None: ...
    @property
    def reference(self) -> str | None: ...
    @property
    def details(self) -> dict[str, Any]: ...
    @property
    def address(self) -> str | None: ...


@dataclass(frozen=True)
class Key:
    """A key that was derived from one of the service's secrets, and the name it goes by."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        """Its name alone."""
        return f"<Key {self.id}>"


def keys_of(secrets: Sequence[str]) -> list[Key]:
    """The keys that these secrets give, in their order: the first seals, all of them verify."""
    found = []
    for secret in secrets:
        derived = hmac.digest(secret.encode(), b"rollcall audit chain", "sha256")
        found.append(Key(hashlib.sha256(b"name of " + derived).hexdigest()[:8], derived))
    return found


def hash_details(key: Key, entry: Sealable) -> str:
    """The keyed hash of what an entry may lose later: details, address, ip and user agent."""
    erasable = [entry.id, entry.details, entry.address, entry.ip, entry.user_agent]
    return _mac(key, "details", erasable)


def link(key: Key, before: str, number: int, entry: Sealable, details_hash: str) -> str:
    """The link of `entry` as number `number` of the chain, after the link `before`."""
    at = entry.at.isoformat(timespec="microseconds")
    people = [entry.actor_id, entry.user_id]
    fields = [entry.id, at, entry.event, *people, entry.reference, details_hash]
    return _mac(key, "entry", [before, number, *fields])


def sign(key: Key, what: Signed, number: int, chain: str) -> str:
    """Sign that the chain stands at `chain` after `number` entries."""
    return _mac(key, what.value, [number, chain])


def is_signed(
    keys: Sequence[Key], key_id: str, signature: str, what: Signed, number: int, chain: str
) -> bool:
    """Whether one of our keys made this signature."""
    return any(
        hmac.compare_digest(sign(key, what, number, chain), signature)
        for key in keys
        if key.id == key_id
    )


def _mac(key: Key, label: str, values: list[Any]) -> str:
    text = json.dumps([label, *values], sort_keys=True, separators=(",", ":"))
    return hmac.digest(key.secret, text.encode(), "sha256").hex()
