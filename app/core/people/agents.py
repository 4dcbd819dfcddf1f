"""Which browser on which system a request says it came from, in names that people know.

What a user agent says is hearsay and can be anything: a name that is not plain is dropped, so
that no stranger can write into our pages and mails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ua_parser import BasicResolver, Cache, CachingResolver, Domain, load_lazy_builtins
from ua_parser import Parser as Reader

from app.core.errors import N_

LONGEST = 400
"""Characters of a user agent that are looked at, and kept in a session's row."""

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 !'+-]{0,30}")
"""What a name may be made of: no dot and no slash, so that it is no address either."""

UNKNOWN = N_("An unknown browser")

BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile WebView": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "HeadlessChrome": "Headless Chrome",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mobile": "Opera",
}
SYSTEMS = {"Chrome OS": "ChromeOS", "Mac OS X": "macOS"}
"""The names of the library's list that people call otherwise."""


@dataclass(frozen=True)
class Agent:
    """A browser (or another program) and its system; None for what is not known."""

    browser: str | None
    system: str | None


def read(user_agent: str | None) -> Agent:
    """The browser and the system that a user agent names."""
    if not user_agent:
        return Agent(None, None)
    found = _reader()(user_agent[:LONGEST], Domain.USER_AGENT | Domain.OS)
    return Agent(
        _plain(found.user_agent.family, BROWSERS) if found.user_agent else None,
        _plain(found.os.family, SYSTEMS) if found.os else None,
    )


def describe(user_agent: str | None) -> str:
    """A user agent in English words: "Firefox on Windows", "Firefox", "An unknown browser"."""
    agent = read(user_agent)
    browser = agent.browser or UNKNOWN
    return f"{browser} on {agent.system}" if agent.system else browser


@cache
def _reader() -> Reader:
    # Its patterns are compiled at their first use, and what was read before is remembered.
    return Reader(CachingResolver(BasicResolver(load_lazy_builtins()), Cache(1000)))


def _plain(name: str, known: dict[str, str]) -> str | None:
    name = known.get(name, name).strip()
    return name if PLAIN.fullmatch(name) else None
