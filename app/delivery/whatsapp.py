"""Hands codes to Twilio, which carries them by WhatsApp; imported by the worker alone.

A message is an authentication template that WhatsApp approved, with the code as its variable 1:
https://www.twilio.com/docs/content/using-variables-with-content-api
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from requests import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from app import phones
from app.config import Settings
from app.core.carriers import FAILURES
from app.core.outbox import Receipt
from app.delivery.smtp import DeliveryFailed

CALLBACK = "/api/whatsapp/status"
LOOK_TIMEOUT = 5.0
"""Most seconds that a look at Twilio takes: somebody waits at a page for what it finds."""

OURS_TO_MEND = {401, 403, 404, 407, 408, 429}
"""Statuses that our own set-up, or our own haste, is answered with: they pass."""


def send(message_id: int, number: str, code: str, settings: Settings) -> Receipt:
    """Send one code. Raises `DeliveryFailed` in words without the code or the whole number."""
    sender = settings.TWILIO_WHATSAPP_FROM
    by_service = sender.startswith("MG")
    options = {"messaging_service_sid": sender} if by_service else {"from_": f"whatsapp:{sender}"}
    if settings.https:
        # Twilio signs the whole address, so that the number of our row cannot be altered.
        about = urlencode({"message": message_id})
        options["status_callback"] = f"{settings.PUBLIC_URL}{CALLBACK}?{about}"
    try:
        taken = _client(settings, settings.WHATSAPP_TIMEOUT).messages.create(
            to=f"whatsapp:{number}",
            content_sid=settings.TWILIO_CONTENT_SID,
            content_variables=json.dumps({"1": code}),
            **options,
        )
    except (TwilioException, RequestException, ValueError, TypeError, KeyError) as error:
        words = _words(error).replace(number, phones.masked(number)).replace(code, "••••••")
        raise DeliveryFailed(words, for_good=_is_for_good(error)) from None
    if not isinstance(taken.sid, str) or not taken.sid:
        raise DeliveryFailed("Twilio's answer names no message.", for_good=False)
    state = str(taken.status or "accepted")
    if state in FAILURES:
        raise DeliveryFailed(f"{state}: error {taken.error_code}", for_good=True)
    return Receipt(taken.sid[:64], state[:16])


def look(settings: Settings) -> str | None:
    """Ask for our own account: None where Twilio answers, else what went wrong, in words."""
    timeout = min(LOOK_TIMEOUT, settings.WHATSAPP_TIMEOUT)
    try:
        account = _client(settings, timeout).api.v2010.accounts(settings.TWILIO_ACCOUNT_SID).fetch()
    except (TwilioException, RequestException, ValueError, TypeError, KeyError) as error:
        return _words(error)
    status = str(account.status or "active")
    return None if status == "active" else f"The account is {status}."


def _client(settings: Settings, timeout: float) -> Client:
    client = Client(
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        # Threads of the worker share no connection; a silent Twilio holds none of them for ever.
        http_client=TwilioHttpClient(pool_connections=False, timeout=timeout),
    )
    client.api.base_url = settings.TWILIO_BASE_URL
    return client


def _words(error: Exception) -> str:
    # Never `str()` of a connection's error: it holds the address, with our account in it.
    if isinstance(error, TwilioRestException):
        return f"{error.status} ({error.code}): {error.msg}"
    if isinstance(error, TwilioServiceException):
        return f"{error.status} ({error.code}): {error.title} {error.detail or ''}".strip()
    return type(error).__name__


def _is_for_good(error: Exception) -> bool:
    status = getattr(error, "status", None)
    return isinstance(status, int) and 400 <= status < 500 and status not in OURS_TO_MEND
