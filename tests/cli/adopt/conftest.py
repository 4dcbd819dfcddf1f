"""A legacy database with all its dirt, and `flask rollcall adopt` as a maintainer calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask

from tests.cli.adopt.ground import Adopt
from tests.legacy import variants


@pytest.fixture
def variant() -> str:
    """The legacy database that a test stands on, where it does not say another."""
    return "V11"


@pytest.fixture
def server(request: pytest.FixtureRequest, ground: dict[str, Any]) -> Iterator[str]:
    """A PostgreSQL database without a table."""
    name = f"adopt_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    plain = ground["postgres"].replace("+psycopg", "").replace("DATABASE", "postgres")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield ground["postgres"].replace("DATABASE", name)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(request: pytest.FixtureRequest, variant: str, tmp_path: Path) -> str:
    """A legacy database with all its dirt; the app of this test stands on it."""
    if request.node.callspec.params.get("engine") == "postgresql":
        url: str = request.getfixturevalue("server")
    else:
        url = f"sqlite:///{tmp_path / 'legacy.db'}"
        (tmp_path / "legacy.db").touch()
    variants.build(variant, url)
    return url


@pytest.fixture
def adopt(app: Flask, database_url: str, tmp_path: Path) -> Adopt:
    return Adopt(app, database_url, tmp_path)


@pytest.fixture
def environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Backups go to a folder of this test's own."""
    return environment | {"DATA_DIR": str(tmp_path / "data")}
