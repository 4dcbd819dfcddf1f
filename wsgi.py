"""What a web server serves: `wsgi:app`."""

import sys

from dotenv import load_dotenv

from app import create_app
from app.config import ROOT, BadSettings

load_dotenv(ROOT / ".env")
try:
    app = create_app()
except BadSettings as error:
    sys.exit(str(error))
