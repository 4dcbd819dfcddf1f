"""A database of a benchmark's own, migrated and empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config

from app.config import ROOT
from tests.servers import start_postgres


@contextmanager
def fresh(engine: str, folder: Path) -> Iterator[str]:
    """The address of one on `sqlite` or `postgresql`, in the new folder `folder`."""
    folder.mkdir()
    folder.chmod(0o755)  # PostgreSQL runs as another user than root.
    server = start_postgres(folder / "postgres") if engine == "postgresql" else None
    try:
        if server is not None:
            server.create("bench")
        url = server.url("bench") if server is not None else f"sqlite:///{folder / 'bench.db'}"
        alembic = Config(str(ROOT / "alembic.ini"))
        alembic.attributes["url"] = url
        command.upgrade(alembic, "head")
        yield url
    finally:
        if server is not None:
            server.stop()
