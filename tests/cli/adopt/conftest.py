"""A legacy database with all its dirt, and `flask rollcall adopt` as a maintainer calls it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cli.adopt.ground import Adopt, Adopted, forget_backups
from tests.copies import Copies
from tests.legacy import variants


@pytest.fixture
def variant() -> str:
    """The legacy database that a test stands on, where it does not say another."""
    return "V11"


@pytest.fixture(scope="session")
def adopted() -> dict[tuple[str, ...], Adopted]:
    """What the adoptions told that were made once for several tests of this process."""
    return {}


@pytest.fixture
def database_url(
    request: pytest.FixtureRequest,
    variant: str,
    ground: dict[str, Any],
    own_folder: Path,
    copies: Copies,
) -> str:
    """A legacy database with all its dirt; the app of this test stands on it."""
    if request.node.callspec.params.get("engine") == "postgresql":
        url: str = ground["postgres"].replace("DATABASE", f"adopt_{os.getpid()}")
    else:
        url = f"sqlite:///{own_folder / 'rollcall.db'}"
    if not copies.has(variant, url):
        copies.clear(url)
        variants.build(variant, url)
        copies.keep(variant, url)
    copies.bring(variant, url)
    return url


@pytest.fixture
def adopt(
    app: Flask,
    database_url: str,
    variant: str,
    tmp_path: Path,
    copies: Copies,
    adopted: dict[tuple[str, ...], Adopted],
) -> Adopt:
    """The command, where no backup was written yet."""
    forget_backups(app)
    return Adopt(app, database_url, tmp_path, variant, copies, adopted)
