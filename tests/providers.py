"""Providers elsewhere for the tests: a real one, one that lies as it is told, and a GitHub."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.servers import Process, free_port

CLIENT = "rollcall-at-the-provider"
DISCOVERY = "/.well-known/openid-configuration"


class Openid:
    """A real OpenID Connect provider, from a package, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://localhost:{port}"
        command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port)]
        command += ["-H", "localhost", "--require-nonce"]
        self.process = Process(command, folder / "openid.log", signal.SIGTERM)
        self.process.wait_until(self._answers)

    def stop(self) -> None:
        """End it."""
        self.process.stop()

    def settings(self, kind: str = "GOOGLE") -> dict[str, str]:
        """What makes Rollcall its client."""
        return {
            f"{kind}_CLIENT_ID": CLIENT,
            f"{kind}_CLIENT_SECRET": "known to both",
            f"{kind}_DISCOVERY_URL": self.url + DISCOVERY,
        }

    def know(self, subject: str, **claims: Any) -> None:
        """Have it know somebody, and what it says of them."""
        self._put(f"/users/{subject}", claims)

    def agree(self, place: str, subject: str) -> str:
        """Sign in there as `subject`, at the page that we sent to; where that leads back to."""
        answer = requests.post(place, data={"sub": subject}, allow_redirects=False, timeout=20)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def _put(self, path: str, body: dict[str, Any]) -> None:
        assert requests.put(self.url + path, json=body, timeout=20).ok

    def _answers(self) -> bool:
        try:
            return requests.get(self.url + DISCOVERY, timeout=1).ok
        except requests.RequestException:
            return False


class Liar:
    """An OpenID Connect provider that answers whatever a test wants, with keys of its own."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.key = new_key("first")
        self.published = [self.key]
        self.says: dict[str, Any] = {}
        """What its description says otherwise than it should; None leaves out."""
        self.userinfo: Any = {}
        self.token: Callable[[], Response] = lambda: Response("no token", 500)
        self.asked: list[str] = []
        server.expect_request(DISCOVERY).respond_with_handler(self._describe)
        server.expect_request("/keys").respond_with_handler(self._keys)
        server.expect_request("/token").respond_with_handler(self._token)
        server.expect_request("/userinfo").respond_with_handler(self._userinfo)

    def settings(self, kind: str = "OIDC") -> dict[str, str]:
        """What makes Rollcall its client."""
        return {
            f"{kind}_CLIENT_ID": CLIENT,
            f"{kind}_CLIENT_SECRET": "known to both",
            f"{kind}_DISCOVERY_URL": self.url + DISCOVERY,
            "OIDC_NAME": "Elsewhere",
        }

    def will_say(self, place: str, key: ECKey | None = None, alg: str = "ES256", **other: Any):
        """Answer with an ID token for who was sent to `place`; `other` claims, None for absent."""
        now = int(time.time())
        nonce = parse_qs(urlsplit(place).query).get("nonce", [""])[0]
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": "s-1", "exp": now + 300, "iat": now,
            "nonce": nonce, "email": "ada@learn.agency.example", "email_verified": True,
            "name": "Ada Lovelace",
        } | other  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        signed_by = key or self.key
        header = {"alg": alg, "kid": signed_by.kid}
        signed = jwt.encode(header, claims, signed_by, algorithms=[alg])
        self.will_send(id_token=signed)

    def will_send(self, **token: Any) -> None:
        """Answer with this at the token's address."""
        body = {"access_token": "a", "token_type": "Bearer", "expires_in": 300} | token
        self.token = lambda: json_of(body)

    def _describe(self, _request: Request) -> Response:
        told = {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        } | self.says  # fmt: skip
        return json_of({name: value for name, value in told.items() if value is not None})

    def _keys(self, _request: Request) -> Response:
        return json_of({"keys": [key.as_dict(private=False) for key in self.published]})

    def _token(self, request: Request) -> Response:
        self.asked.append(request.get_data(as_text=True))
        return self.token()

    def _userinfo(self, _request: Request) -> Response:
        return json_of(self.userinfo)


class Github:
    """What stands in for GitHub: its pages and its API, over real HTTP."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.account: Any = {"id": 583231, "login": "ada", "name": "Ada Lovelace"}
        self.emails: Any = []
        self.grants = True
        server.expect_request("/login/oauth/authorize").respond_with_handler(self._authorize)
        server.expect_request("/login/oauth/access_token").respond_with_handler(self._token)
        server.expect_request("/api/user").respond_with_handler(self._user)
        server.expect_request("/api/user/emails").respond_with_handler(self._emails)

    def settings(self) -> dict[str, str]:
        """What makes Rollcall its client."""
        return {
            "GITHUB_CLIENT_ID": CLIENT,
            "GITHUB_CLIENT_SECRET": "known to both",
            "GITHUB_BASE_URL": self.url,
            "GITHUB_API_URL": f"{self.url}/api",
        }

    def mail(self, email: str, *, verified: Any = True) -> None:
        """Say that this is the primary address."""
        self.emails = [
            {"email": "old@learn.agency.example", "primary": False, "verified": True},
            {"email": email, "primary": True, "verified": verified},
        ]

    def _authorize(self, request: Request) -> Response:
        asked = request.args
        assert asked["code_challenge_method"] == "S256"
        found = "code=c-1" if self.grants else "error=access_denied&error_description=<b>No</b>"
        back = f"{asked['redirect_uri']}?{found}&state={asked['state']}"
        return Response(status=302, headers={"Location": back})

    def _token(self, request: Request) -> Response:
        if request.form["code"] != "c-1" or not request.form["code_verifier"]:
            return json_of({"error": "bad_verification_code"})
        return json_of({"access_token": "a", "token_type": "bearer", "scope": "user:email"})

    def _user(self, request: Request) -> Response:
        assert request.headers["Authorization"] == "Bearer a"
        return json_of(self.account)

    def _emails(self, _request: Request) -> Response:
        return json_of(self.emails) if self.emails is not None else Response("{}", 404)


def new_key(kid: str) -> ECKey:
    """A key pair that signs ID tokens."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}, private=True)


def json_of(body: Any) -> Response:
    """An answer in JSON."""
    answer = Response(mimetype="application/json")
    answer.set_data(json.dumps(body))
    return answer
