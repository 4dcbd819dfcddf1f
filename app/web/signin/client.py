"""Our client of one provider elsewhere: Authlib's, with bounds, and nothing believed by default.

Authlib speaks the protocols. What it leaves to the application is here: the issuer is the one that
the settings name, descriptions and keys are kept for an hour, and only asymmetric algorithms count.
"""

from __future__ import annotations

import time
from typing import Any

from authlib.integrations.flask_client import FlaskOAuth2App
from joserfc.errors import BadSignatureError

from app.web.signin import calls

KEPT_FOR = 3600.0
"""Seconds that what a provider says of itself, and its keys, are used again."""

LEEWAY = 60
"""Seconds that a provider's clock may differ from ours."""

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
    "EdDSA",
)  # fmt: skip
"""What an ID token may be signed with: none of them lets our own secret be a key."""

DISCOVERY = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Unfit(Exception):
    """An answer that does not fit the protocol; its text says how, for the log."""


class Client(FlaskOAuth2App):
    """Authlib's client of one provider, with bounded calls, and nothing believed by default."""

    def __init__(
        self,
        framework: Any,
        name: str,
        *,
        with_nonce: bool = True,
        client_auth: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(framework, name, **kwargs)
        self._with_nonce = with_nonce
        self._client_auth = client_auth
        self._known: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None

    @property
    def issuer(self) -> str:
        """Who signs its ID tokens, exactly as it writes itself."""
        return str(self.load_server_metadata()["issuer"])

    def load_server_metadata(self) -> dict[str, Any]:
        """What the provider says of itself, as far as we use it; none of one without OpenID."""
        if self._server_metadata_url is None:
            return {}
        if self._known is None or time.monotonic() - self._known[0] > KEPT_FOR:
            self._known = (time.monotonic(), self._checked(self.ask(self._server_metadata_url)))
        return self._known[1]

    def fetch_jwk_set(self, force: bool = False) -> dict[str, Any]:
        """Its public keys; `force` asks for them anew, where a token names one we do not know."""
        if force or self._keys is None or time.monotonic() - self._keys[0] > KEPT_FOR:
            found = self.ask(self.load_server_metadata()["jwks_uri"]).get("keys")
            # A key of a kind that is not ours would have the library refuse all of them.
            usable = [key for key in _dicts(found) if key.get("kty") in {"RSA", "EC", "OKP"}]
            self._keys = (time.monotonic(), {"keys": usable})
        return self._keys[1]

    def parse_id_token(self, token: Any, nonce: str | None, **options: Any) -> Any:
        """The claims of its ID token: signed by it, for us alone, in answer to this attempt."""
        ours_alone = {"essential": True, "value": self.client_id}
        options["claims_options"] = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": ours_alone,
        }
        options |= {"nonce": nonce if self._with_nonce else None, "leeway": LEEWAY}
        try:
            claims = super().parse_id_token(token, **options)
        except BadSignatureError:
            # A key that has no name, or the name of the one before it, may be new.
            self.fetch_jwk_set(force=True)
            claims = super().parse_id_token(token, **options)
        if claims is None or claims["aud"] not in (self.client_id, [self.client_id]):
            raise Unfit("no ID token for us alone")
        return claims

    def ask(self, url: str, token: Any = None) -> dict[str, Any]:
        """The JSON object at `url`, asked for with `token` where one is given."""
        found = self.ask_any(url, token)
        if not isinstance(found, dict):
            raise Unfit("no JSON object")
        return found

    def ask_any(self, url: str, token: Any = None) -> Any:
        """The JSON at `url`. Raises `Unfit` for every status but 200."""
        with self._get_session() if token is None else self._get_oauth_client() as session:
            session.token = token
            answer = session.request("GET", url, withhold_token=token is None)
        if answer.status_code != 200:
            raise Unfit(f"status {answer.status_code}")
        return answer.json()

    def _get_session(self) -> Any:
        session = super()._get_session()
        calls.bound(session)
        return session

    def _get_oauth_client(self, **metadata: Any) -> Any:
        session = super()._get_oauth_client(**metadata)
        calls.bound(session)
        return session

    def _checked(self, found: dict[str, Any]) -> dict[str, Any]:
        pinned = self._server_metadata_url.removesuffix(DISCOVERY)
        issuer = found.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != pinned.rstrip("/"):
            raise Unfit("another issuer")
        scheme = pinned.partition("://")[0]
        kept = {"issuer": issuer}
        for name in (*ENDPOINTS, "userinfo_endpoint"):
            place = found.get(name)
            if isinstance(place, str) and place.startswith((f"{scheme}://", "https://")):
                kept[name] = place
            elif name in ENDPOINTS:
                raise Unfit(f"no {name}")
        signs = found.get("id_token_signing_alg_values_supported", ["RS256"])
        proves = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = "client_secret_basic" if "client_secret_basic" in proves else "client_secret_post"
        return kept | {
            "id_token_signing_alg_values_supported": [each for each in ALGORITHMS if each in signs],
            "token_endpoint_auth_method": self._client_auth or auth,
            "says_iss": found.get("authorization_response_iss_parameter_supported") is True,
        }


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
