"""What a web server serves: `wsgi:app`."""

import gc
import sys

# Nothing that is imported becomes garbage, and looking for it doubles the time of every start.
gc.disable()

from dotenv import load_dotenv  # noqa: E402

from app import create_app  # noqa: E402
from app.config import ROOT, BadSettings  # noqa: E402

load_dotenv(ROOT / ".env")
try:
    app = create_app()
except BadSettings as error:
    sys.exit(str(error))
# What is here now stays until the end, so that no later collection has to walk through it.
gc.freeze()
gc.enable()
