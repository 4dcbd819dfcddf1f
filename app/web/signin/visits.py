"""Visits to providers elsewhere: where somebody is sent, and who they are when they come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import requests
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import current_app
from flask.sansio.blueprints import BlueprintSetupState
from joserfc.errors import JoseError

from app.core.errors import N_, Refusal
from app.core.proof import social
from app.core.proof.social import Claim
from app.edge.ours import Ours, ours
from app.edge.providers import Attempt, Provider
from app.models.access import CredentialKind
from app.web.signin import bp
from app.web.signin.client import Client, Unfit

log = structlog.get_logger("rollcall")

CLIENTS = "rollcall.providers"
OPENID = "openid email profile"
VERIFIED = {"email_verified", "xms_edov"}

FAULTS = (
    AuthlibBaseError, JoseError, requests.RequestException, ArithmeticError, AttributeError,
    LookupError, RecursionError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What the libraries raise about whatever a provider may answer."""


class ProviderFails(Refusal):
    """A provider is away, or what it answered cannot be believed; its own words are not shown."""

    code = "provider_fails"
    status = 502
    words = N_(
        "%(provider)s does not answer as it should, so we cannot tell who you are. Try again in a"
        " minute, or use another way to sign in."
    )


def register(state: BlueprintSetupState) -> None:
    """Make the clients of the providers that are set up in this application."""
    parts: Ours = state.app.extensions["rollcall"]
    settings = parts.settings
    clients = OAuth(state.app)  # Without a cache, so that nothing of a visit is kept on our side.
    openid, pkce = {"scope": OPENID}, {"code_challenge_method": "S256"}
    if settings.google:
        clients.register(
            "google", client_cls=Client, client_id=settings.GOOGLE_CLIENT_ID,
            client_secret=settings.GOOGLE_CLIENT_SECRET, client_kwargs=openid | pkce,
            server_metadata_url=settings.GOOGLE_DISCOVERY_URL,
        )  # fmt: skip
    if settings.github:
        home = settings.GITHUB_BASE_URL + "/login/oauth"
        clients.register(
            "github", client_cls=Client, client_id=settings.GITHUB_CLIENT_ID,
            client_secret=settings.GITHUB_CLIENT_SECRET, authorize_url=f"{home}/authorize",
            access_token_url=f"{home}/access_token",
            client_kwargs={
                "scope": "user:email", "token_endpoint_auth_method": "client_secret_post",
            } | pkce,
        )  # fmt: skip
    if settings.oidc:
        clients.register(
            "oidc", client_cls=Client, client_id=settings.OIDC_CLIENT_ID,
            client_secret=settings.OIDC_CLIENT_SECRET, with_nonce=settings.OIDC_NONCE,
            client_auth=settings.OIDC_CLIENT_AUTH,
            client_kwargs=openid | (pkce if settings.OIDC_PKCE else {}),
            server_metadata_url=settings.OIDC_DISCOVERY_URL,
        )  # fmt: skip
    state.app.extensions[CLIENTS] = clients


bp.record(register)


def send(
    provider: Provider, *, target: str, remember: bool, linking: int | None, choose: bool
) -> str:
    """Remember a new attempt in the cookie; where the browser is to go.

    `choose` has people choose among their accounts there, even if there is but one. Raises
    `ProviderFails`.
    """
    # Not every provider knows the word, and one that does not may refuse it.
    asks = choose and provider.kind is not CredentialKind.OIDC
    more = {"prompt": "select_account"} if asks else {}
    with _blamed_on(provider):
        made = _client(provider).create_authorization_url(_callback(provider), **more)
    Attempt(
        provider.word, state=made["state"], nonce=made.get("nonce"),
        verifier=made.get("code_verifier"), next=target, remember=remember, linking=linking,
    ).keep()  # fmt: skip
    return str(made["url"])


def check_issuer(provider: Provider, sent: str | None) -> None:
    """Refuse an answer that names another provider, or none where it should (RFC 9207).

    Raises `ProviderFails`.
    """
    with _blamed_on(provider):
        if provider.kind is CredentialKind.GITHUB:
            home = ours().settings.GITHUB_BASE_URL
            fits = sent in {None, home, f"{home}/login/oauth"}
        else:
            client = _client(provider)
            may_lack = not client.load_server_metadata()["says_iss"]
            fits = sent == client.issuer or (sent is None and may_lack)
        if not fits:
            raise Unfit("another issuer in the answer")


def who(provider: Provider, attempt: Attempt, code: str) -> Claim:
    """Who somebody is who came back with this code. Raises `ProviderFails` or `NoSubject`."""
    with _blamed_on(provider):
        client = _client(provider)
        proof = {"code_verifier": attempt.verifier} if attempt.verifier else {}
        token = client.fetch_access_token(_callback(provider), code=code, **proof)
        if provider.kind is CredentialKind.GITHUB:
            return _of_github(provider, client, token)
        claims = client.parse_id_token(token, attempt.nonce)
        return _of_openid(provider, client, token, dict(claims))


def _of_openid(provider: Provider, client: Client, token: Any, claims: dict[str, Any]) -> Claim:
    more = client.load_server_metadata().get("userinfo_endpoint")
    if "email" not in claims and more:
        told = client.ask(more, token)
        if told.get("sub") != claims.get("sub"):
            raise Unfit("another subject")
        # What is said of an address counts for the one beside it alone.
        claims = {name: claims[name] for name in claims if name not in VERIFIED} | told
    return social.of_openid(provider.kind, provider.name, client.issuer, claims)


def _of_github(provider: Provider, client: Client, token: Any) -> Claim:
    settings = ours().settings
    api = settings.GITHUB_API_URL.rstrip("/")
    account = client.ask(f"{api}/user", token)
    try:
        emails = client.ask_any(f"{api}/user/emails", token)
    except Unfit:
        emails = None  # Somebody may have kept their addresses to themselves.
    return social.of_github(provider.name, settings.GITHUB_BASE_URL, account, emails)


@contextmanager
def _blamed_on(provider: Provider) -> Iterator[None]:
    try:
        yield
    except (*FAULTS, Unfit) as error:
        # What a provider wrote may be anything; the log has its kind, and our own words of it.
        said = str(error) if isinstance(error, Unfit) else ""
        log.warning("provider", provider=provider.word, error=type(error).__name__, said=said)
        raise ProviderFails(provider=provider.name) from None


def _client(provider: Provider) -> Client:
    clients: OAuth = current_app.extensions[CLIENTS]
    return cast(Client, clients.create_client(provider.word))


def _callback(provider: Provider) -> str:
    return f"{ours().settings.PUBLIC_URL}/login/{provider.word}/callback"
