"""Which backups were written of which database: what `--undo` goes by.

A small file in `DATA_DIR` says so. It is no part of the database, because a backup also has to be
found where the upgrade or the proof failed, and after the database was restored.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from app.cli import ground
from app.core import clock
from app.core.desk.adopt import copies
from app.core.desk.adopt.copies import BadBackup

REGISTER = "backups.json"
"""The name of that file: a list, the newest backup last."""


@dataclass(frozen=True)
class Backup:
    """A backup that was written before an adoption."""

    path: str
    sha256: str
    database: str
    """The database that it was written of: no password stands in it."""
    at: str
    """The moment before it was written, in ISO 8601 and UTC."""

    def check(self) -> None:
        """Raise `BadBackup` where the file is not there any more, or not what was written."""
        if not Path(self.path).is_file():
            raise BadBackup(f"There is no backup at {self.path} any more.")
        if _sum_of(Path(self.path)) != self.sha256:
            raise BadBackup(f"{self.path} is not what was written: its checksum differs.")


def new_path(kind: str, url: str) -> Path:
    """A file of its own in `DATA_DIR`, named by the moment, for a backup of this database."""
    moment = clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    return _folder() / f"{kind}-{moment}{copies.suffix(url)}"


def write(url: str, path: Path) -> Backup:
    """Save the database at `url` into the new file `path`, and remember that."""
    at = clock.now().isoformat()
    copies.save(url, path)
    made = Backup(str(path.resolve()), _sum_of(path), _name_of(url), at)
    _keep([*_read(), made])
    return made


def last(url: str) -> Backup | None:
    """The newest backup of the database at `url` that was not restored yet; None if none is."""
    return next((each for each in reversed(_read()) if each.database == _name_of(url)), None)


def known(path: Path) -> Backup | None:
    """What is remembered of this file; None if nothing is."""
    return next((each for each in _read() if each.path == str(path.resolve())), None)


def forget_since(backup: Backup) -> None:
    """Take this backup and those of its database that are newer off the list, not the files."""
    found = _read()
    place = found.index(backup)
    _keep(
        [
            each
            for number, each in enumerate(found)
            if number < place or each.database != backup.database
        ]
    )


def _read() -> list[Backup]:
    path = _folder() / REGISTER
    return [Backup(**each) for each in json.loads(path.read_text())] if path.is_file() else []


def _keep(backups: list[Backup]) -> None:
    path = _folder() / REGISTER
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps([asdict(each) for each in backups], indent=2))
    # One step, so that a crash leaves the old list or the new one.
    os.replace(beside, path)


def _folder() -> Path:
    folder: Path = ground.settings().DATA_DIR
    return folder


def _name_of(url: str) -> str:
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return str(Path(address.database or "").resolve())
    return f"{address.host or ''}:{address.port or 5432}/{address.database or ''}"


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
