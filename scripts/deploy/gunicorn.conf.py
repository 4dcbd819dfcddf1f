"""How gunicorn serves Rollcall; every value comes from the settings."""

import gc
import sys
from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

# Nothing that is imported becomes garbage, and looking for it doubles the time of a start.
gc.disable()

from app.config import load  # noqa: E402 - the root is on the path only now

gc.enable()

load_dotenv(ROOT / ".env")
settings = load()

bind = f"{settings.HOST}:{settings.PORT}"
workers = settings.WEB_WORKERS
worker_class = "gthread"
threads = settings.WEB_THREADS
# Without it one process often takes all connections.
reuse_port = settings.WEB_WORKERS > 1
control_socket_disable = True
graceful_timeout = 10
# A thread may wait for a chat answer; the answerer has a time-out of its own.
timeout = 120
keepalive = 5
# Only the proxies that are configured may speak about addresses; Rollcall reads their headers.
forwarded_allow_ips = ""
loglevel = "warning"


def when_ready(_server: object) -> None:
    """Say where to go, once connections are taken."""
    print(f"Rollcall is at {settings.PUBLIC_URL}")
    if not settings.MAIL_SERVER and not settings.production:
        print(f"Mail can be read at {settings.PUBLIC_URL}/dev/mailbox")
    sys.stdout.flush()
