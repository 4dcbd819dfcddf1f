"""Hands mails to the SMTP server through Flask-Mail, with a time-out and checked certificates."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.utils import parseaddr
from types import TracebackType

from email_validator import validate_email
from flask import current_app
from flask_mail import BadHeaderError, Connection, Mail, Message

from app.config import Settings
from app.delivery.render import Mail as Rendered
from app.models.records import OutgoingMessage

mail = Mail()


class DeliveryFailed(Exception):
    """The server did not take it; `for_good` says whether trying again is of no use."""

    def __init__(self, words: str, *, for_good: bool) -> None:
        super().__init__(words)
        self.for_good = for_good


class OutOfReach(ValueError):
    """An address with letters beyond ASCII before the @, which few servers take (RFC 6531)."""


class TimedConnection(Connection):
    """Flask-Mail's connection with a time-out, without which a silent server holds us for ever."""

    def __init__(self, timeout: float) -> None:
        super().__init__(current_app.extensions["mail"])
        self.timeout = timeout

    def configure_host(self) -> smtplib.SMTP:
        """Connect, protect and sign in, as the settings say."""
        host: smtplib.SMTP
        if self.mail.use_ssl:
            host = smtplib.SMTP_SSL(
                self.mail.server,
                self.mail.port,
                timeout=self.timeout,
                context=ssl.create_default_context(),
            )
        else:
            host = smtplib.SMTP(self.mail.server, self.mail.port, timeout=self.timeout)
        try:
            if self.mail.use_tls:
                host.starttls(context=ssl.create_default_context())
            if self.mail.username and self.mail.password:
                host.login(self.mail.username, self.mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Say goodbye; how the server takes that changes nothing about what it said before."""
        if self.host is not None:
            with suppress(OSError, smtplib.SMTPException):
                self.host.quit()
            self.host.close()


def compose(message: OutgoingMessage, rendered: Rendered, settings: Settings) -> Message:
    """The mail with its headers; the same message has the same Message-ID at every try.

    Raises `OutOfReach`.
    """
    domain = parseaddr(settings.MAIL_DEFAULT_SENDER)[1].rpartition("@")[2] or "localhost"
    composed = Message(
        subject=rendered.subject,
        recipients=[_wire_form(message.recipient)],
        body=rendered.text,
        html=rendered.html,
        reply_to=settings.CONTACT_EMAIL,
        date=message.created_at.timestamp(),
        extra_headers={
            # RFC 3834 §5: so that nobody's holiday note answers us.
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "Content-Language": rendered.locale,
        },
    )
    moment = message.created_at.strftime("%Y%m%d%H%M%S%f")
    composed.msgId = f"<rollcall.{message.id}.{moment}@{domain}>"
    return composed


def send(composed: Message, settings: Settings) -> None:
    """Deliver one mail. Raises `DeliveryFailed` with the server's own words."""
    try:
        with TimedConnection(settings.MAIL_TIMEOUT) as connection:
            connection.send(composed)
    except smtplib.SMTPRecipientsRefused as error:
        code, words = next(iter(error.recipients.values()))
        raise DeliveryFailed(_words(code, words), for_good=500 <= code < 600) from error
    except smtplib.SMTPResponseException as error:
        # A refused sender or sign-in is our own set-up: once it is mended, the mail must go.
        for_good = isinstance(error, smtplib.SMTPDataError) and 500 <= error.smtp_code < 600
        raise DeliveryFailed(
            _words(error.smtp_code, error.smtp_error), for_good=for_good
        ) from error
    except (OSError, smtplib.SMTPException, BadHeaderError, ValueError) as error:
        raise DeliveryFailed(f"{type(error).__name__}: {error}", for_good=False) from error


def _wire_form(address: str) -> str:
    # Flask-Mail reads a domain by IDNA 2003, which makes another domain of straße.example.
    checked = validate_email(address, check_deliverability=False, test_environment=True)
    if checked.ascii_email is None:
        raise OutOfReach("the address has letters that mail servers do not take")
    return checked.ascii_email


def _words(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {text}"
