"""Databases that are dear to make: made once in a process, and brought back as copies.

    copies = Copies(ground["postgres"], folder)
    copies.keep("V11 upgraded", url)
    copies.bring("V11 upgraded", url)

Nobody may be at work in a database that is kept; who is still connected is sent away.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psycopg

HAS_STRATEGIES = 15_00_00
"""The version of PostgreSQL that writes a copy to its log, unless it is told to copy the files."""


class Copies:
    """Copies of databases, by name and engine."""

    def __init__(self, server: str, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.kept: dict[tuple[str, bool], str] = {}
        """What holds each of them: a file of SQLite, or a database of PostgreSQL."""

    def has(self, name: str, url: str) -> bool:
        """Whether a copy of this name was kept for the engine of `url`."""
        return (name, url.startswith("sqlite")) in self.kept

    def keep(self, name: str, url: str) -> None:
        """Keep the database at `url` as it is."""
        place = self.kept[name, url.startswith("sqlite")] = self._place()
        if url.startswith("sqlite"):
            shutil.copy(_file(url), place)
        else:
            self._copy(_database(url), place)

    def bring(self, name: str, url: str) -> None:
        """Make the database at `url` what was kept, whether there is one or not."""
        place = self.kept[name, url.startswith("sqlite")]
        if url.startswith("sqlite"):
            self.clear(url)
            shutil.copy(place, _file(url))
        else:
            self._copy(place, _database(url))

    def clear(self, url: str) -> None:
        """Make the database at `url` an empty one, whether there is one or not."""
        if url.startswith("sqlite"):
            path = _file(url)
            for left in path.parent.glob(f"{path.name}*"):
                left.unlink()
            path.touch()
        else:
            self._copy("template0", _database(url))

    def _place(self) -> str:
        name = f"copy_{os.getpid()}_{len(self.kept)}"
        return str(self.folder / name)

    def _copy(self, source: str, target: str) -> None:
        source, target = (Path(each).name for each in (source, target))
        server = self.server.replace("+psycopg", "").replace("DATABASE", "postgres")
        with psycopg.connect(server, autocommit=True) as connection:
            by_files = connection.info.server_version >= HAS_STRATEGIES
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [source],
            )
            connection.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)'.encode())
            connection.execute(
                f'CREATE DATABASE "{target}" TEMPLATE "{source}"'
                f"{' STRATEGY FILE_COPY' if by_files else ''}".encode()
            )


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def _database(url: str) -> str:
    return url.rpartition("/")[2]
