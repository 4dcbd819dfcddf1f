"""How to put the sign-in widget into a page: options, a live preview, the snippet, a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from markupsafe import escape

from app.core.oauth import clients
from app.core.oauth.clients import BadOrigin, Verdict
from app.core.people.roles import Permission
from app.edge import identity
from app.edge.db import db
from app.edge.ours import ours
from app.edge.words import say

bp = Blueprint("embed", __name__)

SCRIPT = "/static/widget/rollcall-sign-in.js"
CHANNELS = {
    "email": _l("Email"), "email whatsapp": _l("Email or WhatsApp"), "whatsapp": _l("WhatsApp")
}  # fmt: skip
LANGUAGES = {"": _l("As the page"), "en": "English", "de": "Deutsch", "es": "Español"}
THEMES = {"auto": _l("As the reader's system"), "light": _l("Light"), "dark": _l("Dark")}
EXCHANGE = """\
import { challengeOf, exchange, makeVerifier } from "HOME/static/widget/pkce.js";

const widget = document.querySelector("rollcall-sign-in");
const verifier = makeVerifier();
widget.setAttribute("code-challenge", await challengeOf(verifier));
widget.addEventListener("rollcall-success", async (event) => {
  const tokens = await exchange(widget, event.detail.code, verifier);
  // tokens.access_token, tokens.refresh_token, tokens.user
});"""
REACT = """\
<RollcallSignIn
  api="HOME"
  clientId="CLIENT_ID"
  onTokens={(tokens) => setTokens(tokens)}
/>"""

LONGEST = 64
"""Characters of an option that is typed."""


@dataclass(frozen=True)
class Options:
    """What the form was filled in with; what is not among the choices is the first one."""

    client_id: str
    label: str
    channels: str
    lang: str
    theme: str
    shadow: bool
    origin: str

    def attributes(self, api: str) -> dict[str, str]:
        """The attributes of the element in a page of others."""
        named = {"api": api, "client-id": self.client_id or "CLIENT_ID"} | self.looks
        return {name: value for name, value in named.items() if value}

    @property
    def looks(self) -> dict[str, str | None]:
        """What it looks like, whosever page it stands in; what is as usual is left out."""
        return {
            "channels": self.channels if self.channels != "email" else None,
            "lang": self.lang or None,
            "theme": self.theme if self.theme != "auto" else None,
            "label": self.label or None,
        }


@bp.get("/embed")
def page() -> ResponseReturnValue:
    """Show the widget as the options in the query make it, and what to copy for that."""
    options = read_options(request.args)
    home = ours().settings.PUBLIC_URL
    return render_template(
        "embed/page.html",
        options=options,
        channels=CHANNELS,
        languages=LANGUAGES,
        themes=THEMES,
        script=SCRIPT,
        home=home,
        snippet=snippet_of(options, home),
        script_of_exchange=EXCHANGE.replace("HOME", home),
        react=REACT.replace("HOME", home).replace("CLIENT_ID", options.client_id or "CLIENT_ID"),
        preview=options.looks,
        check=_check(options),
        may_write=Permission.KEYS_WRITE.value in identity.permissions(),
    )


def read_options(asked: Mapping[str, str]) -> Options:
    """The options that a query names."""

    def typed(name: str, longest: int = LONGEST) -> str:
        text = asked.get(name, "").strip()[:longest]
        return text if text.isprintable() else ""

    def chosen(name: str, choices: Mapping[str, Any]) -> str:
        value = asked.get(name, "")
        return value if value in choices else next(iter(choices))

    return Options(
        client_id=typed("client_id"),
        label=typed("label"),
        channels=chosen("channels", CHANNELS),
        lang=chosen("lang", LANGUAGES),
        theme=chosen("theme", THEMES),
        shadow="shadow" in asked,
        origin=typed("origin", clients.LONGEST_ORIGIN),
    )


def snippet_of(options: Options, home: str) -> str:
    """The HTML to copy, with every value escaped for it."""
    lines = [f'  {name}="{escape(value)}"' for name, value in options.attributes(home).items()]
    if options.shadow:
        lines.append("  shadow")
    words = escape(options.label or _("Sign in"))
    return "\n".join(
        [
            f'<script type="module" src="{escape(home)}{SCRIPT}"></script>',
            "<rollcall-sign-in",
            *lines,
            f'><a href="{escape(home)}/login">{words}</a></rollcall-sign-in>',
        ]
    )


@dataclass(frozen=True)
class Check:
    """What the check of an origin found: its words and tone, and the verdict if there is one."""

    words: str
    tone: str
    verdict: Verdict | None = None


def _check(options: Options) -> Check | None:
    if not options.origin:
        return None
    try:
        verdict = clients.judge(db, options.client_id, options.origin)
    except BadOrigin as refusal:
        return Check(say(refusal), "bad")
    if verdict.client is None:
        return Check(_("No open client has this id."), "bad", verdict)
    if verdict.is_allowed:
        words = _("%(origin)s is allowed for this client.", origin=verdict.origin)
        return Check(words, "good", verdict)
    words = _("%(origin)s is not allowed for this client: add it.", origin=verdict.origin)
    return Check(words, "warn", verdict)
