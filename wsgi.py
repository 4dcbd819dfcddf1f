"""What a web server serves: `wsgi:app`."""

from dotenv import load_dotenv

from app import create_app
from app.config import ROOT

load_dotenv(ROOT / ".env")
app = create_app()
