"""The text of a web page: what a reader sees, block by block. Scripts, styles and menus stay out."""

import re
from html.parser import HTMLParser

_LEFT_OUT = frozenset({"script", "style", "noscript", "template", "nav", "head", "svg", "form", "iframe", "select"})
_BLOCKS = frozenset({
    "p", "div", "br", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article",
    "blockquote", "pre", "header", "footer", "aside", "main", "dd", "dt", "figcaption", "hr", "title",
})  # fmt: skip


def html_text(page: str) -> str:
    """Lines of text, one a block."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    lines = (re.sub(r"\s+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._left_out = ""  # the element whose end is awaited, and how many of its kind are open
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":  # a page may leave its head open
            self._depth = 0
        if self._depth:
            self._depth += tag == self._left_out
        elif tag in _LEFT_OUT:
            self._left_out, self._depth = tag, 1
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._depth and tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if self._depth:
            self._depth -= tag == self._left_out
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._depth:
            # Line ends of the source are spaces; those of blocks are ours.
            self.parts.append(re.sub(r"\s+", " ", data))
