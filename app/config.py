"""Every setting of Rollcall, once: name, type, default, meaning; and what makes it unsafe.

`load()` reads the environment over the defaults and names everything that is missing, malformed
or unsafe in one error, without printing a value that could be a secret.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import maxminddb
import phonenumbers

ROOT = Path(__file__).resolve().parent.parent
OPENAI_URL = "https://api.openai.com/v1"
"""Which model server a key alone stands for."""

SECRET_LENGTH = 32
"""Characters that a secret needs in production."""

TELLTALES = ("changeme", "change-me", "change_me", "your-secure", "in tests alone")
"""What stands in a secret that was copied from a document or a test; strangers know it too."""


TWILIO = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_FROM", "TWILIO_CONTENT_SID")
"""What sending by WhatsApp needs, all of it."""

PROVIDERS = {
    "Google": ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"),
    "GitHub": ("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"),
    "the other provider": (
        "OIDC_NAME",
        "OIDC_CLIENT_ID",
        "OIDC_CLIENT_SECRET",
        "OIDC_DISCOVERY_URL",
    ),
}
"""What signing in through each of them needs, all of it."""

PROVIDER_ADDRESSES = (
    "GOOGLE_DISCOVERY_URL",
    "GITHUB_BASE_URL",
    "GITHUB_API_URL",
    "OIDC_DISCOVERY_URL",
)

DISCOVERY = "/.well-known/openid-configuration"
"""How the address of every provider's description ends (OpenID Connect Discovery 1.0 §4)."""


class BadSettings(Exception):
    """Settings with which Rollcall must not start; `problems` names all of them at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Rollcall cannot start:\n" + "\n".join(f"  - {line}" for line in problems))
        self.problems = problems


class Settings(SimpleNamespace):
    """The settings as attributes, by their names in the environment."""

    @property
    def production(self) -> bool:
        """Whether this is a live installation, where unsafe settings are refused."""
        return bool(self.ROLLCALL_ENV == "production")

    @property
    def https(self) -> bool:
        """Whether people reach us over https, so that cookies can be bound to it."""
        return str(self.PUBLIC_URL).startswith("https://")

    @property
    def model_url(self) -> str | None:
        """The server whose model answers in the chat; None where no question leaves us."""
        if self.OPENAI_BASE_URL or self.OPENAI_API_KEY:
            return str(self.OPENAI_BASE_URL or OPENAI_URL)
        return None

    @property
    def twilio(self) -> bool:
        """Whether WhatsApp messages leave through Twilio."""
        return all(getattr(self, name) for name in TWILIO)

    @property
    def google(self) -> bool:
        """Whether people sign in with Google."""
        return bool(self.GOOGLE_CLIENT_ID)

    @property
    def github(self) -> bool:
        """Whether people sign in with GitHub."""
        return bool(self.GITHUB_CLIENT_ID)

    @property
    def oidc(self) -> bool:
        """Whether people sign in with the other provider."""
        return bool(self.OIDC_CLIENT_ID)

    @property
    def mailbox(self) -> bool:
        """Whether what has no carrier is shown at `/dev/mailbox`."""
        return not self.production and not self.MAIL_SERVER

    @property
    def whatsapp(self) -> bool:
        """Whether codes are offered by WhatsApp: there is Twilio, or a mailbox to show them in."""
        return self.twilio or self.mailbox

    @property
    def doors(self) -> dict[str, Any]:
        """Which doors of the site stand open, as `core.proof.ways.Doors` takes them."""
        return {
            "by_code": self.CODE_SIGN_IN,
            "roles_by_code": self.CODE_SIGN_IN_ROLES,
            "whatsapp": self.whatsapp,
            "providers": [each for each in ("google", "github", "oidc") if getattr(self, each)],
            "oidc_name": self.OIDC_NAME or "",
            "is_open": self.REGISTRATION != "roster",
        }

    def __repr__(self) -> str:
        """No values: they hold secrets."""
        return "<Settings>"


@dataclass(frozen=True)
class Setting:
    """One setting: how to read it, what it is when unset, and what it means."""

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str


def flag(text: str) -> bool:
    """A yes or a no, as people write them in an environment."""
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("is neither true nor false")


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError("is not a whole number") from None
        if not least <= number <= most:
            raise ValueError(f"is not between {least} and {most}")
        return number

    return read


def seconds(text: str) -> float:
    """A time span in seconds, at least 0."""
    try:
        span = float(text)
    except ValueError:
        raise ValueError("is not a number of seconds") from None
    if not 0 <= span < float("inf"):
        raise ValueError("is not a sensible number of seconds")
    return span


def span(least: float, most: float) -> Callable[[str], float]:
    """A reader of time spans from `least` to `most` seconds."""

    def read(text: str) -> float:
        number = seconds(text)
        if not least <= number <= most:
            raise ValueError(f"is not between {least:g} and {most:g} seconds")
        return number

    return read


def one_of(*words: str) -> Callable[[str], str]:
    """A reader of one of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError("is none of " + ", ".join(words))
        return text

    return read


def names(text: str) -> list[str]:
    """A list of words, separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def web_address(text: str) -> str:
    """An http or https address without path, question or blank."""
    parts = urlsplit(text.strip().rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.path:
        raise ValueError("is not an address like https://learn.agency.example")
    return text.strip().rstrip("/")


# One entry after the other reads as a table, which the formatter would pull apart.
# fmt: off
def database_address(text: str) -> str:
    """The address of a SQLite or PostgreSQL database."""
    if not re.match(r"sqlite://|postgres(ql)?(\+psycopg)?://.", text):
        raise ValueError("is not an address like sqlite:///… or postgresql://…")
    return text


def redis_address(text: str) -> str:
    """The address of a Redis server."""
    if urlsplit(text).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("is not an address like redis://host:6379/0")
    return text


def model_address(text: str) -> str:
    """An http or https address, with a path or without."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an address like https://models.agency.example/v1")
    return text


def discovery_address(text: str) -> str:
    """The address of the description of an OpenID Connect provider."""
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError("is not an address like https://id.agency.example" + DISCOVERY)
    if not parts.path.endswith(DISCOVERY):
        raise ValueError(f"does not end in {DISCOVERY}")
    return text.strip()


def mailbox(text: str) -> str:
    """An email address, with a name before it or without."""
    if not re.search(r"[^\s@]+@[^\s@]+", parseaddr(text)[1]) or re.search(r"[\r\n]", text):
        raise ValueError("is no email address")
    return text


def hosts(text: str) -> list[str]:
    """Host names, separated by commas; one that begins with a dot stands for all below it."""
    found = names(text)
    if not all(re.fullmatch(r"\.?[A-Za-z0-9.-]+", each) for each in found):
        raise ValueError("is not a list of host names")
    return found


def log_file(text: str) -> str:
    """A file in a folder that is there."""
    if not Path(text).expanduser().parent.is_dir():
        raise ValueError("is in a folder that does not exist")
    return text


def map_file(text: str) -> str:
    """A file of places by network, in MaxMind's format."""
    try:
        maxminddb.open_database(Path(text).expanduser()).close()
    except FileNotFoundError:
        raise ValueError("is a file that is not there") from None
    except (OSError, ValueError, maxminddb.InvalidDatabaseError):
        raise ValueError("is no MMDB file that can be read") from None
    return str(Path(text).expanduser())


def twilio_id(prefix: str) -> Callable[[str], str]:
    """A reader of a Twilio SID that begins with `prefix`."""

    def read(text: str) -> str:
        if not re.fullmatch(prefix + "[0-9a-fA-F]{32}", text.strip()):
            raise ValueError(f"is not an SID that begins with {prefix}")
        return text.strip()

    return read


def whatsapp_sender(text: str) -> str:
    """A number in E.164, or the SID of a messaging service."""
    found = text.strip().removeprefix("whatsapp:")
    if not re.fullmatch(r"\+[0-9]{7,15}|MG[0-9a-fA-F]{32}", found):
        raise ValueError("is neither a number like +14155238886 nor an SID that begins with MG")
    return found


def region(text: str) -> str:
    """A country that has phone numbers (ISO 3166-1 alpha-2)."""
    found = text.strip().upper()
    if found not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("is no country like NL")
    return found


SETTINGS = [
    Setting("ROLLCALL_ENV", one_of("development", "production"), "development",
            "`production` for a live installation: unsafe settings are then refused at start."),
    Setting("FLASK_SECRET_KEY", str, None,
            "Signs cookies and mailed links. Made in `DATA_DIR` at first run; needed in"
            " production."),
    Setting("SECRET_KEY_FALLBACKS", names, [],
            "Former secret keys, comma-separated, that still verify but never sign."),
    Setting("PUBLIC_URL", web_address, None,
            "The address people use, for links in mail. Default `http://HOST:PORT`; https in"
            " production."),
    Setting("TRUSTED_HOSTS", hosts, [],
            "Further host names that are ours, comma-separated; others get 400."),
    Setting("TRUSTED_PROXIES", whole(0, 10), 0,
            "How many proxies in front of us set `X-Forwarded-*`; 0 ignores these headers."),
    Setting("HOST", str, "127.0.0.1", "The address `scripts/run` listens on."),
    Setting("PORT", whole(1, 65535), 5000, "The port `scripts/run` listens on."),
    Setting("WEB_WORKERS", whole(1, 64), 1, "Web server processes."),
    Setting("WEB_THREADS", whole(2, 256), 32, "Threads of each web server process."),
    Setting("DATA_DIR", Path, ROOT / "instance",
            "Where the embedded database, the job queue and the made secret live."),
    Setting("DATABASE_URL", database_address, None,
            "`sqlite:///…` or `postgresql://…`. Default: `rollcall.db` in `DATA_DIR`."),
    Setting("REDIS_URL", redis_address, None,
            "Redis for jobs, rate limits and mailed codes, where several machines share them."),
    Setting("MAIL_SERVER", str, None,
            "SMTP server. Unset: mail is shown at `/dev/mailbox` (never in production)."),
    Setting("MAIL_PORT", whole(1, 65535), 587, "SMTP port."),
    Setting("MAIL_USE_TLS", flag, None, "STARTTLS. Default: yes at port 587, no elsewhere."),
    Setting("MAIL_USE_SSL", flag, False, "TLS from the first byte (port 465)."),
    Setting("MAIL_USERNAME", str, None, "SMTP user name."),
    Setting("MAIL_PASSWORD", str, None, "SMTP password."),
    Setting("MAIL_DEFAULT_SENDER", mailbox, "rollcall@localhost",
            "The From address of every mail."),
    Setting("MAIL_TIMEOUT", span(0.1, 60), 20.0, "Seconds an SMTP server may stay silent."),
    Setting("TWILIO_ACCOUNT_SID", twilio_id("AC"), None,
            "Twilio account for codes by WhatsApp. Unset: in development they are shown at"
            " `/dev/mailbox`, in production the way is not offered."),
    Setting("TWILIO_AUTH_TOKEN", str, None,
            "The auth token of that account; its status reports are signed with it too."),
    Setting("TWILIO_WHATSAPP_FROM", whatsapp_sender, None,
            "The WhatsApp sender, a number like +14155238886, or the SID of a messaging service."),
    Setting("TWILIO_CONTENT_SID", twilio_id("HX"), None,
            "The approved authentication template, with the code as its variable 1."),
    Setting("TWILIO_BASE_URL", web_address, "https://api.twilio.com", "Where Twilio's API is."),
    Setting("WHATSAPP_TIMEOUT", span(0.1, 60), 10.0, "Seconds that Twilio may stay silent."),
    Setting("PHONE_REGION", region, None,
            "The country (like NL) of numbers that are typed without one. Unset: they need a +."),
    Setting("SERVICE_NAME", str, "Rollcall", "What pages and mails call this service."),
    Setting("ORGANISATION", str, "our organisation", "Whose list it is, as mails say it."),
    Setting("CONTACT", str, "your training coordinator", "Whom people can ask, in words."),
    Setting("CONTACT_EMAIL", mailbox, None, "An address for that contact; becomes Reply-To."),
    Setting("OPERATOR_NAME", str, None,
            "Who runs this service and answers for it, as `/privacy-policy` and `/terms` name them."
            " Unset: `SERVICE_NAME`."),
    Setting("OPERATOR_ADDRESS", str, None, "The operator's postal address, on one line."),
    Setting("PRIVACY_CONTACT", str, None,
            "Whom people can ask about their data: an address, or words. Unset: `CONTACT_EMAIL`,"
            " else `CONTACT`."),
    Setting("BCRYPT_LOG_ROUNDS", whole(4, 16), 12, "bcrypt's cost; at least 12 in production."),
    Setting("PASSWORD_MIN_LENGTH", whole(8, 64), 8,
            "Least characters of a listed person's password."),
    Setting("ROLE_PASSWORD_MIN_LENGTH", whole(8, 64), 12,
            "Least characters of the password of somebody with a role."),
    Setting("OPEN_PASSWORD_MIN_LENGTH", whole(8, 64), 12,
            "Least characters of the password of somebody who created their account themselves."),
    Setting("SESSION_IDLE", span(900, 366 * 86400), 12 * 3600.0,
            "Seconds without a request that end a session."),
    Setting("SESSION_LIFETIME", span(900, 366 * 86400), 24 * 3600.0,
            "Seconds after which a session ends anyway."),
    Setting("REMEMBERED_LIFETIME", span(900, 366 * 86400), 30 * 86400.0,
            "Seconds a remembered session lives; it has no idle end."),
    Setting("CODE_LIFETIME", span(60, 86400), 900.0, "Seconds a mailed code works."),
    Setting("REGISTRATION", one_of("roster", "open", "both"), "roster",
            "Who may come: `roster` lets in who is on the list or has an account, `open` and `both`"
            " anybody with a mailbox."),
    Setting("LIMITED_SESSION", one_of("look", "nothing"), "look",
            "What who created an account may do until the address is proven: `look` around, or"
            " `nothing`. More would tell who is registered."),
    Setting("CODE_SIGN_IN", flag, True,
            "Whether a mailed code or its button signs in on the site, without the password."),
    Setting("CODE_SIGN_IN_ROLES", flag, False,
            "Whether it does so for people with a role too; they sign in by password otherwise."),
    Setting("GOOGLE_CLIENT_ID", str, None,
            "The OAuth client at Google. Unset: nobody signs in with Google. Its redirect URI is"
            " `PUBLIC_URL` + `/login/google/callback`."),
    Setting("GOOGLE_CLIENT_SECRET", str, None, "The secret of that client."),
    Setting("GOOGLE_DISCOVERY_URL", discovery_address, "https://accounts.google.com" + DISCOVERY,
            "Where Google describes itself."),
    Setting("GITHUB_CLIENT_ID", str, None,
            "The OAuth app at GitHub. Unset: nobody signs in with GitHub. Its callback URL is"
            " `PUBLIC_URL` + `/login/github/callback`."),
    Setting("GITHUB_CLIENT_SECRET", str, None, "The secret of that app."),
    Setting("GITHUB_BASE_URL", web_address, "https://github.com",
            "Where GitHub is; another one for GitHub Enterprise."),
    Setting("GITHUB_API_URL", model_address, "https://api.github.com", "Where its API is."),
    Setting("OIDC_NAME", str, None,
            "What people call another OpenID Connect provider, as its button says it."),
    Setting("OIDC_CLIENT_ID", str, None,
            "The client there. Unset: there is no such button. Its redirect URI is `PUBLIC_URL` +"
            " `/login/oidc/callback`."),
    Setting("OIDC_CLIENT_SECRET", str, None, "The secret of that client."),
    Setting("OIDC_DISCOVERY_URL", discovery_address, None,
            "Where that provider describes itself: its issuer and"
            " `/.well-known/openid-configuration`."),
    Setting("OIDC_CLIENT_AUTH", one_of("client_secret_basic", "client_secret_post"), None,
            "How our secret goes there: in a header, or in the body as LinkedIn wants it. Unset: as"
            " the provider says, else in a header."),
    Setting("OIDC_NONCE", flag, True,
            "Whether its ID tokens carry our nonce back, as they must; LinkedIn's do not."),
    Setting("OIDC_PKCE", flag, True,
            "Whether it takes PKCE, as it should; LinkedIn does so for some clients alone."),
    Setting("SIGNUP_TELLS_REGISTERED", flag, False,
            "Whether a GPT that signs people up is told that an address has an account already."
            " Otherwise the mailbox alone is told."),
    Setting("UNVERIFIED_KEEP_DAYS", whole(1, 365), 7,
            "Days that an account lives that was asked for, openly or in a chat, and never"
            " confirmed by mail."),
    Setting("API_CODE_LIFETIME", span(60, 3600), 300.0,
            "Seconds a code for `/api/auth` works."),
    Setting("API_SESSION_LIFETIME", span(900, 366 * 86400), 30 * 86400.0,
            "Seconds after which who came in by `/api/auth` has to prove again who they are."),
    Setting("ANSWER_TIME", seconds, None,
            "Seconds after which every door that could tell who exists answers. Default 0.4, and"
            " twice that for each step of `BCRYPT_LOG_ROUNDS` above 12."),
    Setting("RATELIMIT_ENABLED", flag, True,
            "Limits per network address. The counts per account are never switched off."),
    Setting("OPENAI_BASE_URL", model_address, None,
            "An OpenAI-compatible server for chat answers. Unset: passages of the program's text."),
    Setting("OPENAI_API_KEY", str, None, "The key for that server."),
    Setting("OPENAI_MODEL", str, "gpt-5-mini", "The model asked for."),
    Setting("OPENAI_TIMEOUT", seconds, 60.0, "Seconds that an answer may take in all."),
    Setting("QUESTION_LIMIT", whole(50, 20000), 2000, "Characters that a question may have."),
    Setting("UPLOAD_LIMIT", whole(1, 1024), 128, "Megabytes that a roster file may have."),
    Setting("AUDIT_KEEP_DAYS", whole(0, 36500), 0,
            "Days that entries of the audit log are kept; 0 keeps them for good."),
    Setting("SAVED_KEEP_DAYS", whole(0, 36500), 0,
            "Days that conversations are kept which people saved from ChatGPT; 0 keeps them until"
            " they or an admin delete them."),
    Setting("ROSTER_HOLD_REMOVED", whole(0, 100), 10,
            "An import that takes away more than this percentage of people is held."),
    Setting("ROSTER_HOLD_CHANGED", whole(0, 100), 75,
            "An import that changes more than this percentage of people is held."),
    Setting("ROSTER_HOLD_READDRESSED", whole(0, 100), 10,
            "An import that moves more than this percentage of those on both lists to another"
            " address is held."),
    Setting("ROSTER_TWO_PERSON", flag, False,
            "Whether a held import needs a second admin, who confirms it."),
    Setting("INVITE_RATE", whole(1, 6000), 60, "Invitations that are mailed in a minute."),
    Setting("GEOIP_DATABASE", map_file, None,
            "An MMDB file (GeoLite2 City, DB-IP Lite) that tells roughly where a sign-in came"
            " from. Unset: its network address."),
    Setting("LOG_FILE", log_file, None, "A file for the log. Unset: standard error."),
    Setting("LOG_LEVEL", one_of("debug", "info", "warning", "error"), "info",
            "How much is logged."),
]
# fmt: on


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (default: the process environment).

    A made secret is kept in `DATA_DIR` with mode 0600; the first process to make one wins.
    Raises `BadSettings` naming everything that is wrong.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = []
    settings = Settings(**dict(_read(environ, problems)))
    _derive(settings)
    problems += _half_set(settings)
    if settings.production:
        problems += _unsafe(settings)
        problems += _in_the_clear(settings)
        if environ.get("AUTHLIB_INSECURE_TRANSPORT"):
            problems.append(
                "AUTHLIB_INSECURE_TRANSPORT is set; it lets secrets travel unencrypted."
            )
    if not problems:
        settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.FLASK_SECRET_KEY:
            path = settings.DATA_DIR / "secret.key"
            settings.FLASK_SECRET_KEY = _made_secret(path)
            if len(settings.FLASK_SECRET_KEY) < SECRET_LENGTH:
                problems.append(f"{path} is damaged. Remove it, and a new secret is made.")
    if problems:
        raise BadSettings(problems)
    return settings


def _read(environ: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, Any]]:
    for setting in SETTINGS:
        text = environ.get(setting.name, "")
        value = setting.default
        if text.strip():
            try:
                value = setting.read(text)
            except ValueError as error:
                problems.append(f"{setting.name} {error}.")
        yield setting.name, value


def _derive(settings: Settings) -> None:
    settings.DATA_DIR = Path(settings.DATA_DIR).expanduser().resolve()
    if settings.DATABASE_URL is None:
        settings.DATABASE_URL = f"sqlite:///{settings.DATA_DIR / 'rollcall.db'}"
    if settings.ANSWER_TIME is None:
        # The moment lies well after the hash, whose time doubles with each step of its cost.
        settings.ANSWER_TIME = 0.4 * 2 ** max(0, settings.BCRYPT_LOG_ROUNDS - 12)
    if settings.MAIL_USE_TLS is None:
        settings.MAIL_USE_TLS = settings.MAIL_PORT == 587 and not settings.MAIL_USE_SSL
    settings.public_url_given = settings.PUBLIC_URL is not None
    if settings.PUBLIC_URL is None:
        host = "127.0.0.1" if settings.HOST in {"0.0.0.0", "::"} else settings.HOST  # noqa: S104
        settings.PUBLIC_URL = f"http://{host}:{settings.PORT}"


def _half_set(settings: Settings) -> Iterator[str]:
    missing = [name for name in TWILIO if not getattr(settings, name)]
    if missing and len(missing) < len(TWILIO):
        yield f"{', '.join(missing)} missing: WhatsApp needs all of {', '.join(TWILIO)}."
    for provider, needed in PROVIDERS.items():
        missing = [name for name in needed if not getattr(settings, name)]
        if missing and len(missing) < len(needed):
            yield f"{', '.join(missing)} missing: {provider} needs all of {', '.join(needed)}."


def _unsafe(settings: Settings) -> Iterator[str]:
    secret = settings.FLASK_SECRET_KEY or ""
    if not secret:
        yield "FLASK_SECRET_KEY is missing."
    elif _is_weak(secret):
        yield f"FLASK_SECRET_KEY is weak: it needs {SECRET_LENGTH} random characters."
    if any(_is_weak(former) for former in settings.SECRET_KEY_FALLBACKS):
        yield "SECRET_KEY_FALLBACKS has a weak secret in it, which still verifies."
    if not settings.public_url_given:
        yield "PUBLIC_URL is missing."
    elif not settings.https:
        yield "PUBLIC_URL is plain http; people's passwords need https."
    if not settings.MAIL_SERVER:
        yield "MAIL_SERVER is missing."
    if settings.twilio and not settings.TWILIO_BASE_URL.startswith("https://"):
        yield "TWILIO_BASE_URL is plain http; the auth token needs https."
    if settings.BCRYPT_LOG_ROUNDS < 12:
        yield "BCRYPT_LOG_ROUNDS is below 12."


def _in_the_clear(settings: Settings) -> Iterator[str]:
    for name in PROVIDER_ADDRESSES:
        if str(getattr(settings, name) or "").startswith("http:"):
            yield f"{name} is plain http; the client's secret needs https."


def _is_weak(secret: str) -> bool:
    telling = any(word in secret.lower() for word in TELLTALES)
    return len(secret) < SECRET_LENGTH or len(set(secret)) < 8 or telling


def _made_secret(path: Path) -> str:
    if not path.exists():
        aside = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            # Linking fails where another process was first; its secret is then the one.
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return path.read_text().strip()
