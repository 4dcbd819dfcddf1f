"""What programs can ask, for the people who build them: a page of each contract, and the steps.

The pages are drawn from the OpenAPI documents as they are served, so that they cannot say anything
else. They are our own, for every viewer that could be vendored needs script to show a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, abort, current_app, render_template, url_for
from flask.typing import ResponseReturnValue

from app.edge.ours import ours
from app.web.docs import reading
from app.web.docs.reading import Contract
from app.web.docs.samples import ADDRESS

bp = Blueprint("docs", __name__)

PLACE = "/openapi/"
"""Below it stand the documents, and each is served by a view without arguments."""

CHECKER = "docs/check_token.py"
"""The example of how a module checks a token, as a file of `static`; a test runs it."""

EMBED = "/embed"
"""Where the widget shows itself."""

WIDGET = "widget/rollcall-sign-in.js"


@bp.get("/docs")
def overview() -> ResponseReturnValue:
    """Say what there is for programs, and how a module of one's own is connected."""
    return render_template(
        "docs/overview.html",
        contracts=[_read(name) for name in _names()],
        server=ours().settings.PUBLIC_URL,
        somebody=ADDRESS,
        code_minutes=int(ours().settings.API_CODE_LIFETIME // 60),
        checker=_static(CHECKER).read_text("utf-8"),
        checker_url=url_for("static", filename=CHECKER),
        widget=ours().settings.PUBLIC_URL + url_for("static", filename=WIDGET),
        embed=EMBED if EMBED in _addresses() else None,
    )


@bp.get("/docs/<contract>")
def contract(contract: str) -> ResponseReturnValue:
    """Show every operation of a contract: what it takes, what it answers, and an example."""
    if contract not in _names():
        abort(404)
    texts = [each for each in _addresses() if each.startswith(f"{PLACE}{contract}-")]
    return render_template("docs/contract.html", contract=_read(contract), texts=texts)


def _names() -> list[str]:
    found = [each for each in _addresses() if each.startswith(PLACE) and each.endswith(".json")]
    return sorted(each[len(PLACE) : -len(".json")] for each in found)


def _read(name: str) -> Contract:
    """The contract of this name, from the very answer that a program gets."""
    address, there = f"{PLACE}{name}.json", _addresses()
    answer: Any = current_app.view_functions[there[address]]()
    document: dict[str, Any] = current_app.make_response(answer).get_json()
    # JSON of ours is sorted by name; the code has the operations in the order of a journey. What
    # the contract shares with others, like the page on privacy, comes last.
    own = there[address].partition(".")[0]
    order = sorted(there, key=lambda each: there[each].partition(".")[0] != own)
    return reading.read(name, address, document, order=order)


def _addresses() -> dict[str, str]:
    """The endpoint at each address, in the order in which they were made."""
    return {rule.rule: rule.endpoint for rule in current_app.url_map.iter_rules()}


def _static(name: str) -> Path:
    return Path(str(current_app.static_folder)) / name
