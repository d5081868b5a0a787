"""The organizer's pages as HTML: rendered by markdown-it-py, and sanitised by nh3, whatever they were written in."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt

TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em"),
    *("figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "s"),
    *(
        "small",
        "span",
        "strong",
        "sub",
        "summary",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "u",
        "ul",
    ),
}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def render_page(name: str, data: bytes) -> str:
    """The page in the file ``name``: ``.md`` is Markdown, all else is HTML. No script, style or form is left."""
    text = data.decode("utf-8", "replace")
    html = _markdown().render(text) if PurePosixPath(name).suffix == ".md" else text
    return nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def render_text(text: str) -> str:
    """Markdown that somebody typed: without HTML and pictures."""
    html = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(text)
    tags = TAGS - {"img"}
    attributes = {tag: names for tag, names in ATTRIBUTES.items() if tag in tags}
    schemes = {"http", "https", "mailto"}
    return nh3.clean(
        html, tags=tags, attributes=attributes, url_schemes=schemes, link_rel="noopener noreferrer nofollow"
    )


def _filter(tag: str, attribute: str, value: str) -> str | None:
    """Pictures come from the kit alone: nobody else learns who reads a page."""
    if (tag, attribute) == ("img", "src"):
        try:
            parts = urlsplit(value)
        except ValueError:
            return None
        return None if parts.scheme or parts.netloc or value.startswith(("/", "\\")) else value
    return value
