"""Files that leave the console: each is written down before its first row is read.

A GET takes a file and leaves an entry that it did. It stays a GET: the former application's
addresses are GETs, the password that is asked for first leads on by one, and the entry tells the
truth about a press of a link on another site too: what it made leave went to this browser alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, AnyStr

from flask import Response
from flask import stream_with_context as in_request
from werkzeug.wrappers import Response as Answer

from app.core import taken
from app.core.taken import OF_NOBODY, Taken
from app.edge import identity
from app.edge.db import commit, db
from app.edge.guards import ask_again

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def csv_answer(pieces: Iterable[str], name: str, what: Taken, /, **filters: Any) -> Answer:
    """A list as a CSV file, narrowed by `filters`, written down, and sent as it is read.

    Where people stand on it, the password is asked for first, however narrow the filters are:
    one that everybody meets would be a way around it. Nothing of `pieces` may be read before.
    """
    way = None if what in OF_NOBODY else ask_again(for_file=True)
    if way is not None:
        return way
    taken.note(db, what, by=identity.user().id, origin=identity.origin(), **filters)
    commit()
    return file_answer(pieces, name, CSV)


def file_answer(
    pieces: Iterable[AnyStr], name: str, mimetype: str, more: Mapping[str, str] | None = None
) -> Response:
    """A file to be saved, sent piece by piece, of what is no list or was written down by core.

    `more` are headers beside those of every file.
    """
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **(more or {})}
    return Response(in_request(iter(pieces)), mimetype=mimetype, headers=headers)
