"""What the benchmark serves: Rollcall with an empty view beside its own, and Flask with nothing.

The empty view passes through all that every request passes here: the log, the headers, the limits.
It is in a blueprint, as all the others are.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from app import create_app

app = create_app()
beside = Blueprint("beside", __name__)
beside.add_url_rule("/empty", "empty", view_func=lambda: "")
app.register_blueprint(beside)

bare = Flask("bare")
bare.add_url_rule("/", view_func=lambda: "")
