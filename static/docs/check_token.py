"""Checks access tokens of Rollcall in a module of yours. Needs: pip install joserfc

In the module, make one checker and keep it:

    checker = Checker("https://learn.agency.example")
    person = checker.check(token)["sub"]      # raises NotSignedIn: answer 401

As a program it reads a token and prints what it says:

    ROLLCALL=https://learn.agency.example python3 check_token.py < token
"""

import json
import os
import sys
import time
from threading import Lock
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

KEEP_S = 300  # Keys are looked up anew after so long: one that was taken out must stop working.
WAIT_S = 5  # Nobody makes us ask more often than this by sending names of keys that never were.


class NotSignedIn(Exception):
    """This token is forged, was made for something else, or has run out."""


class Checker:
    """Checks tokens of the Rollcall at an address, and looks up its keys when it has to."""

    def __init__(self, address):
        self.address = address.rstrip("/")
        self.keys = {}
        self.looked = float("-inf")
        self.lock = Lock()

    def check(self, token):
        """What the token says: `sub` is the person, `sid` the session.

        Raises NotSignedIn, or OSError where the keys cannot be fetched: answer 503.
        """
        try:
            found = jwt.decode(token, self.key_of, algorithms=["ES256"])
            rules = jwt.JWTClaimsRegistry(
                leeway=5,
                iss={"essential": True, "value": self.address},
                aud={"essential": True, "value": f"{self.address}/api"},
                exp={"essential": True},
                sub={"essential": True},
            )
            rules.validate(found.claims)
        except (JoseError, ValueError) as error:
            raise NotSignedIn(str(error)) from error
        if found.header.get("typ") != "at+jwt":
            raise NotSignedIn("this is no access token")
        return found.claims

    def key_of(self, token):
        """The key that the token names, if Rollcall publishes it."""
        name = str(token.headers().get("kid"))
        with self.lock:
            age = time.monotonic() - self.looked
            if age > KEEP_S or (name not in self.keys and age > WAIT_S):
                self.look_up()
            if name not in self.keys:
                raise NotSignedIn("no such key")
            return self.keys[name]

    def look_up(self):
        """Fetch the keys that are published now."""
        # Also where it fails: no queue shall form before a server that is silent.
        self.looked = time.monotonic()
        with urlopen(f"{self.address}/.well-known/jwks.json", timeout=5) as answer:
            published = json.load(answer)["keys"]
        self.keys = {each["kid"]: ECKey.import_key(each) for each in published}


if __name__ == "__main__":
    try:
        print(json.dumps(Checker(os.environ["ROLLCALL"]).check(sys.stdin.read().strip())))
    except NotSignedIn as reason:
        sys.exit(f"not signed in: {reason}")
