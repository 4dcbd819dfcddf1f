"""What `scripts/test_auth_system.py` runs with everything installed: the checks of the doctor.

The application itself is not made, because making it makes a job queue in `DATA_DIR`.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dotenv import load_dotenv  # noqa: E402 - the root is on the path only now
from flask import Flask  # noqa: E402

from app import flask_settings  # noqa: E402
from app.cli.doctor import Check, look, show  # noqa: E402
from app.config import BadSettings, load  # noqa: E402
from app.delivery.smtp import mail  # noqa: E402


def checks() -> Iterator[Check]:
    """Every check that can be made in the state in which the installation is."""
    folder = Path(os.environ.get("DATA_DIR") or ROOT / "instance").expanduser()
    if not folder.is_dir():
        # Reading the settings would make it.
        yield Check(
            "settings", False, f"there is no folder {folder} (DATA_DIR)", "Run: scripts/run"
        )
        return
    environment = dict(os.environ)
    live = environment.get("ROLLCALL_ENV") == "production"
    if (
        not live
        and not environment.get("FLASK_SECRET_KEY")
        and not (folder / "secret.key").exists()
    ):
        yield Check("secret", False, "there is none yet", "Run: scripts/run, which makes one")
        environment["FLASK_SECRET_KEY"] = secrets.token_urlsafe(48)
    try:
        settings = load(environment)
    except BadSettings as bad:
        for problem in bad.problems:
            yield Check("settings", False, problem, "Mend it in .env or in the environment.")
        return
    bare = Flask("rollcall")
    bare.config.update(flask_settings(settings))
    mail.init_app(bare)
    with bare.app_context():
        yield from look(settings)


def main() -> int:
    """Print the checks; the exit code."""
    load_dotenv(ROOT / ".env")
    return 0 if show(list(checks()), as_json="--json" in sys.argv[1:]) else 1


sys.exit(main())
