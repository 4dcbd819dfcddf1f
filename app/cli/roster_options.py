"""What `flask rollcall roster import` is told about a file: its columns, and where to put what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from sqlalchemy.orm import Session

from app.core.roster import imports
from app.core.roster.columns import COLUMNS


def _read_columns(_context: click.Context, _option: Any, texts: tuple[str, ...]) -> dict[str, str]:
    """The columns that were named, by our own. Raises `BadParameter`."""
    asked: dict[str, str] = {}
    for text in texts:
        name, equals, column = text.partition("=")
        if not equals or not column.strip():
            raise click.BadParameter(f"“{text}” is not FIELD=COLUMN.")
        if name not in COLUMNS:
            raise click.BadParameter(f"“{name}” is none of {', '.join(COLUMNS)}.")
        if name in asked:
            raise click.BadParameter(f"“{name}” is said twice.")
        asked[name] = column.strip()
    return asked


def _is_new(_context: click.Context, _option: Any, path: Path | None) -> Path | None:
    if path is not None and path.exists():
        raise click.BadParameter(f"“{path}” is there already.")
    return path


columns_option = click.option(
    "--map",
    "asked",
    multiple=True,
    metavar="FIELD=COLUMN",
    callback=_read_columns,
    help="Which column of FILE is meant, by its name or its number from 1; can be repeated.",
)
problems_option = click.option(
    "--problems",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_is_new,
    help="Write the problem lines to a new CSV file, to be mended and imported.",
)


def write_problems(db: Session, import_id: int, path: Path) -> None:
    """Write the problem lines of an import to a new file. Raises `UsageError` where it cannot."""
    db.flush()  # Whoever reads the import's row anew must find in it what was counted.
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.writelines(imports.write_problems(db, import_id))
    except OSError as error:
        raise click.UsageError(f"“{path}” cannot be written: {error.strerror}.") from None
