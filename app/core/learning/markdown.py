"""Markdown of a model or a program as HTML that is safe to insert into a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

LONGEST = 20_000
"""Characters that are rendered; the rest is left out before any parsing."""

_TEXT_TAGS = {"a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "strong", "ul"}
_HEADING_TAGS = {"h2", "h3", "h4", "h5", "h6"}
_TABLE_TAGS = {"table", "tbody", "td", "th", "thead", "tr"}

_ALLOWED_LINK = re.compile(r"(?:https?://|mailto:)\S", re.IGNORECASE)


def to_html(markdown: str) -> str:
    """Return `markdown` (CommonMark with tables) as clean HTML; never raises for any text.

    Raw HTML comes out as text, images as their alternative text, links only to http, https and
    mailto; headings begin with the second rank. Input beyond `LONGEST` characters is dropped
    first, so that nothing takes long.
    """
    # A lone surrogate, which JSON can smuggle in, has no UTF-8 form and would stop the cleaner.
    text = markdown[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    return _cleaner.clean(_renderer.render(text))


def _image_as_text(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """An image from elsewhere would tell its server who reads this and when."""
    return escapeHtml(renderer.renderInlineAsText(tokens[index].children, options, env))


def _put_below_the_title(state: StateCore) -> None:
    """The one heading of the first rank on a page is the page's own."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"


def _make_renderer() -> MarkdownIt:
    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    renderer.add_render_rule("image", _image_as_text)
    renderer.core.ruler.push("headings", _put_below_the_title)
    # What is no allowed link stays the text that was typed, instead of a dead link.
    renderer.validateLink = lambda url: bool(_ALLOWED_LINK.match(url))  # type: ignore[method-assign]
    return renderer


_renderer = _make_renderer()

# The renderer already writes no other markup; the cleaner holds even where the renderer errs.
_cleaner = nh3.Cleaner(
    tags=_TEXT_TAGS | _HEADING_TAGS | _TABLE_TAGS,
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener nofollow",
)
