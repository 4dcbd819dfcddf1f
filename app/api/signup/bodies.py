"""What the chat-native contract sends and gets: its bodies, as its document shows them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from app.edge.bodies import Body

EMAIL = Field(description="The person's e-mail address.", max_length=254)
PASSPHRASE = Field(
    description="The person's passphrase, 8 to 128 characters. Capitals do not count.",
    min_length=8,
    max_length=128,
)
LOCALE = Field(default=None, description="The language, like en or nl-NL.", max_length=35)
TOKEN = Field(
    description="The token of the mailed link.", max_length=2000, pattern="^[A-Za-z0-9_.~-]+$"
)
INSTRUCTIONS = Field(description="What to tell the person, or to do next.")
PIN = Field(default=None, description="The PIN: a public number, which names the person.")


class Result(StrEnum):
    """Every word of the family."""

    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    EMAIL_ALREADY_REGISTERED = "EMAIL_ALREADY_REGISTERED"
    INVALID_INPUT = "INVALID_INPUT"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105 - a word of the contract
    SERVER_ERROR = "SERVER_ERROR"
    SERVICE_ERROR = "SERVICE_ERROR"
    SUCCESS = "SUCCESS"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    USER_NOT_FOUND = "USER_NOT_FOUND"


class SignUpInit(Body):
    """Who wants an account. Consent stands first: without it nothing else is looked at."""

    isConsent: bool = Field(  # noqa: N815 - the contract's own name
        description="Whether the person agreed that these data are stored. Ask them first."
    )
    email: str = EMAIL
    passPhrase: str = PASSPHRASE  # noqa: N815 - the contract's own name
    locale: str | None = LOCALE


class TestEmail(Body):
    """Who wants a test mail in their own mailbox."""

    pin: int | str | None = Field(default=None, description="The person's PIN.")
    passPhrase: str | None = Field(  # noqa: N815 - the contract's own name
        default=None, description="The person's passphrase.", max_length=128
    )
    subject: str | None = Field(
        default=None, description="The person's own subject, up to 100 characters.", max_length=100
    )
    message: str | None = Field(
        default=None,
        description="The person's own message, up to 1000 characters.",
        max_length=1000,
    )


class UpdateInit(Body):
    """Whose profile is to be changed: one of the two is enough."""

    email: str | None = Field(
        default=None, description="The person's e-mail address; tried first.", max_length=254
    )
    pin: int | str | None = Field(default=None, description="The person's PIN.")


class Token(Body):
    """A token of a mailed link."""

    token: str = TOKEN


class UpdateSave(Token):
    """What is to be changed; what is missing or blank stays as it is."""

    locale: str | None = LOCALE
    passphrase: str | None = Field(
        default=None, description="A new passphrase, 8 to 128 characters.", max_length=128
    )


class Answer(BaseModel):
    """What became of it."""

    resultCode: Result = Field(description="What became of it, in one word.")  # noqa: N815
    instructions: str = INSTRUCTIONS


class PinAnswer(Answer):
    """What became of it, and the PIN."""

    pin: int | None = PIN


class ProfileAnswer(Answer):
    """What became of it, and who the person is; only where it is SUCCESS."""

    email: str | None = Field(default=None, description="The e-mail address.")
    pin: int | None = PIN
    locale: str | None = Field(default=None, description="The language.")
    status: str | None = Field(default=None, description="UNVERIFIED, ACTIVE or BLOCKED.")
    dateCreated: str | None = Field(  # noqa: N815 - the contract's own name
        default=None, description="When the account was made, in UTC."
    )


class SignUpAnswer(PinAnswer):
    """The answer to who wants an account; `data` says the same once more."""

    data: PinAnswer = Field(description="The same members once more.")


class PlainAnswer(Answer):
    """An answer in one word; `data` says the same once more."""

    data: Answer = Field(description="The same members once more.")


class ProfileRead(ProfileAnswer):
    """A profile; `data` says the same once more."""

    data: ProfileAnswer = Field(description="The same members once more.")


class Failure(BaseModel):
    """Why a request was not taken at all."""

    message: str = Field(description="Why, in words.")


class Broken(BaseModel):
    """A failure on our side, where the contract has no word for one."""

    error: str = Field(description="Why, in words.")
