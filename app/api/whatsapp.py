"""What Twilio reports of the WhatsApp messages it took: `POST /api/whatsapp/status`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from app import phones
from app.core import carriers
from app.core.errors import N_, Refusal
from app.edge.db import commit, db
from app.edge.guards import LAST_ID
from app.edge.ours import ours

bp = Blueprint("whatsapp", __name__)


class BadSignature(Refusal):
    """A report that is not signed with the auth token of our account."""

    code = "bad_signature"
    status = 403
    words = N_("The signature of this report does not fit.")


@bp.post("/api/whatsapp/status")
def status() -> ResponseReturnValue:
    """Write down where a message is; what is not known, or is no news, gets 204 as well."""
    form = request.form
    settings = ours().settings
    query = request.query_string.decode("utf-8", "replace")
    address = f"{settings.PUBLIC_URL}{request.path}{'?' if query else ''}{query}"
    fields = [(name, value) for name in form for value in form.getlist(name)]
    given = request.headers.get("X-Twilio-Signature", "")
    if not is_signed(settings.TWILIO_AUTH_TOKEN, address, fields, given):
        raise BadSignature
    message_id = request.args.get("message", type=int)
    if message_id is not None and not 0 < message_id <= LAST_ID:
        message_id = None
    provider_id = form.get("MessageSid", "")[:64].replace("\0", "")
    state = form.get("MessageStatus", "")
    reason = f"{form.get('ErrorCode', '')} {form.get('ErrorMessage', '')}".strip()
    number = form.get("To", "").removeprefix("whatsapp:")
    if number:
        reason = reason.replace(number, phones.masked(number))
    error = f"{state}: {reason}" if reason else state
    if provider_id and carriers.note_report(
        db, message_id, provider_id, state, error.replace("\0", "")
    ):
        commit()
    return "", 204


def is_signed(
    token: str | None, address: str, fields: Iterable[tuple[str, str]], signature: str
) -> bool:
    """Whether Twilio signed a request to `address` with these form fields under our auth token.

    HMAC-SHA1 over the address and the sorted names and values, each right after the other
    (https://www.twilio.com/docs/usage/security#validating-requests); the port may be left out of
    the address, or be written though it is the usual one.
    """
    if not token:
        return False
    written = "".join(name + value for name, value in sorted(set(fields)))
    given = signature.encode("utf-8", "replace")
    found = [
        base64.b64encode(
            hmac.new(token.encode(), f"{each}{written}".encode(), hashlib.sha1).digest()
        )
        for each in _spellings(urlsplit(address))
    ]
    return any(hmac.compare_digest(each, given) for each in found)


def _spellings(address: SplitResult) -> list[str]:
    port = address.port or (443 if address.scheme == "https" else 80)
    host = address.netloc.rpartition(":")[0] if address.port else address.netloc
    return [address._replace(netloc=each).geturl() for each in (host, f"{host}:{port}")]
