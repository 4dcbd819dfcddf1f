"""A message that has no carrier here, as text that `/dev/mailbox` can show."""

from __future__ import annotations

from email.message import EmailMessage

from app.delivery.render import Mail
from app.models.records import OutgoingMessage


def as_text(message: OutgoingMessage, rendered: Mail) -> str:
    """The whole message in the form of a mail (RFC 5322), which needs no address to go to."""
    made = EmailMessage()
    made["Subject"] = rendered.subject
    made["To"] = message.recipient
    made["Date"] = message.created_at
    made["X-Channel"] = message.channel
    made.set_content(rendered.text)
    made.add_alternative(rendered.html, subtype="html")
    return made.as_string()
