"""What `/api/auth` takes and answers: the models that its document is made of."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from app.addresses import LONGEST_ADDRESS
from app.core.oauth import handing
from app.edge.bodies import Body

E164 = r"^\+[1-9][0-9]{6,14}$"
ONE_OF: dict[str, Any] = {"oneOf": [{"required": ["email"]}, {"required": ["phone"]}]}


class Address(Body):
    """Whom a code is for: an email address, or a phone number; one of the two."""

    model_config = ConfigDict(json_schema_extra=ONE_OF)

    email: str = Field(
        default_factory=str,
        min_length=3,
        max_length=LONGEST_ADDRESS,
        description="An email address, in any case.",
        json_schema_extra={"format": "email"},
    )
    phone: str = Field(
        default_factory=str,
        pattern=E164,
        description="A number that was proven on the account page, in E.164; by WhatsApp.",
    )

    client_id: str = Field(
        default_factory=str,
        min_length=1,
        max_length=64,
        description="Where a page of another origin asks: the client that it is of.",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if bool(self.email) == bool(self.phone):
            raise PydanticCustomError("one_of", "Send either email or phone.")
        return self


class Code(Address):
    """Whom a code was for, and its digits as they were typed."""

    model_config = ConfigDict(
        json_schema_extra=ONE_OF | {"dependentRequired": {"client_id": ["code_challenge"]}}
    )

    code: str = Field(min_length=6, max_length=32, description="Six digits; blanks do no harm.")
    code_challenge: str = Field(
        default_factory=str,
        pattern=handing.CHALLENGE,
        description="With client_id: SHA-256 of the verifier, in base64url (RFC 7636, S256).",
    )

    @model_validator(mode="after")
    def _has_challenge(self) -> Self:
        if self.client_id and not self.code_challenge:
            raise PydanticCustomError("challenge", "Send code_challenge with client_id.")
        return self


class Exchange(Body):
    """A code that a page of a client was handed, and the verifier of its challenge."""

    client_id: str = Field(min_length=1, max_length=64)
    code: str = Field(min_length=1, max_length=128)
    code_verifier: str = Field(pattern=handing.VERIFIER, description="RFC 7636 §4.1.")


class Renewal(Body):
    """The refresh token that was given last."""

    refresh_token: str = Field(min_length=1, max_length=4096)


class Asked(BaseModel):
    """The answer to everybody who asked."""

    status: Literal["sent"]
    expires_in: int = Field(description="Seconds that the code works.")


class OpenProgram(BaseModel):
    """A program that somebody may open."""

    code: str
    name: str


class Person(BaseModel):
    """Who somebody is."""

    id: str = Field(description="Stable, and never given to anybody else.")
    email: str
    email_verified: bool
    phone: str | None = Field(description="In E.164.")
    country: str | None = Field(description="ISO 3166-1 alpha-2.")
    role: str = Field(description="The first of the roles, or `learner`.")
    roles: list[str]
    locale: str | None = Field(description="BCP 47.")
    name: str
    programs: list[OpenProgram] = Field(description="What they may open, by name.")


class Tokens(BaseModel):
    """The tokens of a session, and whose it is."""

    access_token: str = Field(description="A JWT, signed with ES256; its `sid` is the session.")
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds that the access token works elsewhere.")
    refresh_token: str = Field(description="Good once.")
    user: Person


class Handed(BaseModel):
    """What a page of a client gets in place of tokens."""

    code: str = Field(description="Good once, for a minute, at /api/auth/token.")


class Proven(RootModel[Tokens | Handed]):
    """The tokens of a session; for a page of a client, the code to exchange for them."""


class Key(BaseModel):
    """A public key (RFC 7517)."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


class KeySet(BaseModel):
    """The keys whose tokens may still live, newest first."""

    keys: list[Key]


class Problem(BaseModel):
    """Why not (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What to say to a person.")
    code: str = Field(description="What to look at in a program.")
    reference: str | None = Field(description="What the log has it under.")
