"""The database session of a request: opened at first use, rolled back unless committed."""

from __future__ import annotations

from typing import cast

from flask import Flask, g
from sqlalchemy.orm import Session
from werkzeug.local import LocalProxy

from app.edge.ours import ours


def _current() -> Session:
    if "db" not in g:
        g.db = ours().sessions()
    return cast(Session, g.db)


db = cast(Session, LocalProxy(_current))


def commit() -> None:
    """Commit what the core did, and wake the worker if something waits for it."""
    db.commit()
    wake_if_wanted()


def wake_if_wanted() -> None:
    """Wake the worker if something waits for it, written by a refusal that committed it too."""
    if db.info.pop("worker_wanted", False):
        ours().wake()


def init_app(app: Flask) -> None:
    """Close the session when the request, or the command, is over."""

    @app.teardown_appcontext
    def close(_error: BaseException | None) -> None:
        session = g.pop("db", None)
        if session is not None:
            if session.info.pop("worker_wanted", False):
                # A refusal committed the message by itself; a wake too many does no harm.
                ours().wake()
            session.close()
