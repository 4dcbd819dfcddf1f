"""What the benchmark serves: Rollcall with an empty view beside its own, and Flask with nothing.

The empty view passes through all that every request passes here: the log, the headers, the limits.
"""

from __future__ import annotations

from flask import Flask

from app import create_app

app = create_app()
app.add_url_rule("/empty", view_func=lambda: "")

bare = Flask("bare")
bare.add_url_rule("/", view_func=lambda: "")
