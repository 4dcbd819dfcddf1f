"""Digests of passphrases wrapped in the slow hash, on every core, and kept as they are made.

A digest of SHA-256 is guessed a billion times a second; wrapped, as slowly as a password. It takes
a quarter of a second for each, so that who is interrupted goes on where they were: what was made
stands in a file until all of it is in the database.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from typing import TextIO

from app import hashing

Progress = Callable[[int, int], None]
"""Told how many of how many are made."""


class Wrappings:
    """Slow hashes of digests by digest, with the file that remembers them."""

    def __init__(self, path: Path, *, key: str, rounds: int) -> None:
        self.path = path
        self.key = key.encode()
        self.rounds = rounds
        self.made: dict[str, str] = {}
        self.writing = Lock()

    def make(self, digests: Collection[str], told: Progress) -> dict[str, str]:
        """The slow hash of each digest; those that the file has are not made again.

        The same digest of two people (which takes the same salt) has one hash.
        """
        names = {self._name(each): each for each in digests}
        self.made = {name: text for name, text in self._read().items() if name in names}
        owed = [name for name in names if name not in self.made]
        if owed:
            self._make_all({name: names[name] for name in owed}, told)
        return {digest: self.made[name] for name, digest in names.items()}

    def forget(self) -> None:
        """Take the file away: all of it is where it belongs."""
        self.path.unlink(missing_ok=True)

    def _make_all(self, owed: dict[str, str], told: Progress) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
        with os.fdopen(opened, "w") as file:
            try:
                at_work = [pool.submit(self._make_one, *each, file) for each in owed.items()]
                for number, done in enumerate(as_completed(at_work), start=1):
                    done.result()
                    told(number, len(owed))
            finally:
                # Who interrupts this does not wait for all that was to be made.
                pool.shutdown(cancel_futures=True)

    def _make_one(self, name: str, digest: str, file: TextIO) -> None:
        text = hashing.hash_password(digest, rounds=self.rounds)
        with self.writing:
            self.made[name] = text
            file.write(f"{name} {text}\n")
            file.flush()

    def _name(self, digest: str) -> str:
        # A key of ours, so that the file is no list of digests that can be guessed quickly.
        data = f"{self.rounds} {digest}".encode()
        return hmac.digest(self.key, data, hashlib.sha256).hex()

    def _read(self) -> dict[str, str]:
        if not self.path.is_file():
            return {}
        lines = (line.split(" ") for line in self.path.read_text().splitlines())
        # A line that was cut off by the interruption is made again.
        return {
            parts[0]: parts[1]
            for parts in lines
            if len(parts) == 2 and hashing.OURS.fullmatch(parts[1])
        }
