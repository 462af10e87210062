"""Markdown that grows: finished blocks are parsed once, and a new piece of text costs only the block at the end.

A boundary is final when nothing that may still come can move it: behind an empty line, behind a closed heading, rule,
fence or formula, or before a line that opens a block by itself, that line being complete. An open fence that stands in
no list or quote is not parsed at all but read line by line. What is shown is the same however the text was cut.

Knows text and blocks; control characters are taken out on the way in. Knows no toolkit.
"""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rushlight.assistant.safety.plain import PlainStream
from rushlight.ui.desk.blocks import (
    Align,
    Block,
    CodeBlock,
    Container,
    FormulaBlock,
    Place,
    RuleBlock,
    Span,
    Spans,
    TableBlock,
    TextBlock,
    spans_text,
)
from rushlight.ui.desk.markdown_grammar import grammar
from rushlight.ui.desk.markdown_spans import literal, spans_of

if TYPE_CHECKING:
    from markdown_it.token import Token

WINDOW = 32_768  # characters that are parsed at once; text without any boundary is cut there
MAX_TEXT_BLOCK = 4_000  # characters of one text block, so that one paragraph cannot make a frame late
MAX_COLUMNS = 40
MAX_CELLS = 4_000
_MAX_LANGUAGE = 30

_FENCE = re.compile(r"(`{3,})([^`\n]*)\n|(~{3,})([^\n]*)\n")
_CLOSED = {"heading_close", "hr", "fence", "formula_block"}
_OPENS_ITSELF = {"fence", "hr", "bullet_list_open", "ordered_list_open", "blockquote_open"}


def parse(text: str) -> tuple[Block, ...]:
    """The blocks of a finished text."""
    document = MarkdownDocument()
    document.feed(text)
    document.close()
    return tuple(document.blocks)


class MarkdownDocument:
    """The blocks of a text that grows. `blocks[:n_final]` stay as they are."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.n_final = 0
        self._stream = PlainStream()
        self._tail = ""
        self._fence: _Fence | None = None
        self._spans: dict[str, Spans] = {}  # of the tail, so that a long list is not read again for each token

    def feed(self, text: str) -> None:
        """More text."""
        clean = self._stream.feed(text)
        if clean:
            self._tail += clean
            self._advance()

    def close(self) -> None:
        """The text is finished; what was held back as a possible escape sequence is shown."""
        rest = self._stream.close()
        if rest:
            self._tail += rest
            self._advance()

    def _advance(self) -> None:
        del self.blocks[self.n_final :]
        while True:
            if self._fence is not None:
                rest = self._fence.feed(self._tail)
                if rest is None:
                    self._tail = ""
                    self.blocks.append(self._fence.block(is_open=True))
                    return
                self._keep([self._fence.block(is_open=False)])
                self._fence, self._tail = None, rest
            self._skip_empty_lines()
            opened = _FENCE.match(self._tail)
            if opened is not None:
                marker, info = (opened[1], opened[2]) if opened[1] else (opened[3], opened[4])
                self._fence = _Fence(marker, language_of(info))
                self._tail = self._tail[opened.end() :]
                continue
            window = self._tail[:WINDOW]
            tokens = _tokens(window)
            end, n_tokens = _last_boundary(tokens, window)
            if end == 0 and len(self._tail) > WINDOW:
                end = window.rfind("\n") + 1 or WINDOW
                tokens = _tokens(window[:end])
                n_tokens = len(tokens)
            if end == 0:
                made, self._spans = self._flatten(tokens)
                self.blocks += made
                return
            self._keep(self._flatten(tokens[:n_tokens])[0])
            self._tail = self._tail[end:]

    def _keep(self, blocks: list[Block]) -> None:
        self.blocks += blocks
        self.n_final = len(self.blocks)

    def _skip_empty_lines(self) -> None:
        if self._tail[:1] in ("\n", " ", "\t"):
            rest = self._tail.lstrip(" \t\n")
            begun = len(self._tail) - len(rest)
            self._tail = self._tail[self._tail.rfind("\n", 0, begun) + 1 :]

    def _flatten(self, tokens: "list[Token]") -> tuple[list[Block], dict[str, Spans]]:
        flat = _Flattener(self._spans)
        flat.read(tokens)
        return flat.blocks, flat.spans


def literal_blocks(text: str) -> tuple[Block, ...]:
    """What a person typed: as it is, but fenced code as code."""
    blocks: list[Block] = []
    stream = PlainStream()
    rest = stream.feed(text) + stream.close()
    while rest:
        opened = next((m for m in _FENCE.finditer(rest) if m.start() == 0 or rest[m.start() - 1] == "\n"), None)
        before = rest if opened is None else rest[: opened.start()]
        if before.strip():
            blocks += _pieces(TextBlock(Place(), literal(before.strip("\n").rstrip())))
        if opened is None:
            break
        marker, info = (opened[1], opened[2]) if opened[1] else (opened[3], opened[4])
        fence = _Fence(marker, language_of(info))
        rest = fence.feed(rest[opened.end() :]) or ""
        blocks.append(fence.block(is_open=False))
    return tuple(blocks)


def language_of(info: str) -> str:
    """The language that a fence names, as it is shown."""
    words = info.split(maxsplit=1)
    return words[0].strip("{}.,")[:_MAX_LANGUAGE] if words else ""


class _Fence:
    """An open fence at the outermost level, without indentation."""

    def __init__(self, marker: str, language: str) -> None:
        self._language = language
        closing = rf"^ {{0,3}}{re.escape(marker[0])}{{{len(marker)},}}[ \t]*"
        self._closing = re.compile(closing + r"\n", re.MULTILINE)
        self._nearly_closing = re.compile(closing + r"\Z")
        self._text = ""
        self._looked_at = 0  # up to here, the start of a line, no line closes

    def feed(self, text: str) -> str | None:
        """What stands behind the closing fence, or None while it is open."""
        whole = self._text + text
        found = self._closing.search(whole, self._looked_at)
        if found is None:
            self._text = whole
            self._looked_at = whole.rfind("\n") + 1
            return None
        self._text = whole[: found.start()]
        self._looked_at = found.start()
        return whole[found.end() :]

    def block(self, is_open: bool) -> CodeBlock:
        text = self._text
        if self._nearly_closing.match(text[self._looked_at :]):
            text = text[: self._looked_at]
        return CodeBlock(Place(), text.removesuffix("\n"), self._language, is_open=is_open)


def _tokens(text: str) -> "list[Token]":
    parser = grammar()
    tokens: list[Token] = []
    parser.block.parse(text, parser, {}, tokens)
    return tokens


def _last_boundary(tokens: "list[Token]", text: str) -> tuple[int, int]:
    """(offset, number of tokens) of the last final boundary, or (0, 0)."""
    starts = [
        number
        for number, token in enumerate(tokens)
        if token.level == 0 and token.nesting >= 0 and token.map is not None
    ]
    if len(starts) < 2:
        return 0, 0
    offsets = [0]
    for row in text.split("\n"):
        offsets.append(offsets[-1] + len(row) + 1)
    for number in reversed(starts[1:]):
        token = tokens[number]
        assert token.map is not None
        line = token.map[0]
        if tokens[number - 1].type in _CLOSED:
            return offsets[line], number
        if offsets[line + 1] > len(text):  # the line may go on
            continue
        is_atx = token.type == "heading_open" and token.markup.startswith("#")
        if token.type in _OPENS_ITSELF or is_atx or not text[offsets[line - 1] : offsets[line]].strip():
            return offsets[line], number
    return 0, 0


class _Flattener:
    """Tokens, which are nested, into blocks in a row, each with its place."""

    def __init__(self, known: dict[str, Spans]) -> None:
        self.blocks: list[Block] = []
        self.spans: dict[str, Spans] = {}
        self._known = known
        self._containers: list[Container] = []
        self._marker = ""
        self._item_needs_block: list[bool] = []
        self._is_first_of_list = False

    def read(self, tokens: "list[Token]") -> None:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            match token.type:
                case "paragraph_open":
                    self._text(tokens[position + 1], token.hidden)
                    position += 2
                case "heading_open":
                    place = self._place(False)
                    spans = self._of(tokens[position + 1].content)
                    self.blocks.append(TextBlock(place, spans, int(token.tag[1:])))
                    position += 2
                case "fence" | "code_block":
                    self.blocks.append(
                        CodeBlock(self._place(False), token.content.removesuffix("\n"), language_of(token.info))
                    )
                case "hr":
                    self.blocks.append(RuleBlock(self._place(False)))
                case "formula_block":
                    self._formula(token)
                case "table_open":
                    position = self._table(tokens, position)
                case "blockquote_open":
                    self._containers.append("quote")
                case "blockquote_close":
                    self._containers.pop()
                case "bullet_list_open" | "ordered_list_open":
                    self._containers.append("list")
                    self._is_first_of_list = len([c for c in self._containers if c == "list"]) == 1
                case "bullet_list_close" | "ordered_list_close":
                    self._containers.pop()
                case "list_item_open":
                    if self._marker:  # an item that begins with a list
                        self.blocks.append(TextBlock(self._place(True), ()))
                    self._marker = f"{token.info[:9]}." if token.info else "•"
                case "list_item_close":
                    if self._marker:  # an item without content
                        self.blocks.append(TextBlock(self._place(True), ()))
                case _:
                    pass
            position += 1

    def _place(self, is_tight: bool) -> Place:
        place = Place(tuple(self._containers), self._marker, is_tight and not self._is_first_of_list)
        self._marker = ""
        self._is_first_of_list = False
        return place

    def _of(self, content: str) -> Spans:
        spans = self.spans.get(content)
        if spans is None:
            spans = self._known.get(content)
            if spans is None:
                spans = spans_of(content)
            self.spans[content] = spans
        return spans

    def _text(self, inline: "Token", is_tight: bool) -> None:
        content = inline.content
        if self._marker and content[:4].lower() in ("[ ] ", "[x] "):
            self._marker = content[:3].lower()
            content = content[4:]
        spans = self._of(content)
        if len(spans) == 1 and spans[0].is_display:
            self.blocks.append(FormulaBlock(self._place(is_tight), spans[0].formula, spans[0].text))
        else:
            self.blocks += _pieces(TextBlock(self._place(is_tight), spans))

    def _formula(self, token: "Token") -> None:
        source = token.content
        if token.info and source[2:-2].strip():
            self.blocks.append(FormulaBlock(self._place(False), source[2:-2].strip(), source))
        else:
            self.blocks.append(TextBlock(self._place(False), (Span(source, is_code=True),)))

    def _table(self, tokens: "list[Token]", position: int) -> int:
        rows: list[list[Spans]] = []
        aligns: list[Align] = []
        n_cells = 0
        while tokens[position].type != "table_close":
            token: Any = tokens[position]
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open") and len(rows[-1]) < MAX_COLUMNS and n_cells < MAX_CELLS:
                rows[-1].append(self._of(tokens[position + 1].content))
                n_cells += 1
                if token.type == "th_open":
                    aligns.append(token.attrs.get("style", "").removeprefix("text-align:"))
            position += 1
        width = len(rows[0])
        whole = tuple(tuple(row) for row in rows if len(row) == width)
        self.blocks.append(TableBlock(self._place(False), whole, tuple(aligns)))
        if len(whole) < len(rows):
            self.blocks.append(TextBlock(Place(tuple(self._containers)), literal("…")))
        return position


def _pieces(block: TextBlock) -> list[Block]:
    """A very long paragraph as several blocks, cut at the ends of lines or words."""
    if sum(len(span.text) for span in block.spans) <= MAX_TEXT_BLOCK:
        return [block]
    pieces: list[Block] = []
    current: list[Span] = []
    place, room = block.place, MAX_TEXT_BLOCK

    def finish() -> None:
        nonlocal place, current, room
        if spans_text(tuple(current)):
            pieces.append(TextBlock(place, tuple(current)))
            place = Place(place.containers, is_tight=True, is_continued=True)
        current, room = [], MAX_TEXT_BLOCK

    for span in block.spans:
        text = span.text
        while len(text) > room and not span.formula and not span.image:
            cut = text.rfind("\n", 0, room)
            if cut < room // 2:
                cut = max(cut, text.rfind(" ", 0, room))
            if cut < room // 2:
                cut = room - 1
            current.append(replace(span, text=text[: cut + 1].rstrip("\n")))
            text = text[cut + 1 :]
            finish()
        if text:
            current.append(replace(span, text=text))
            room -= len(text)
            if room <= 0:
                finish()
    finish()
    return pieces
